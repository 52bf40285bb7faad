//! Everything the owner should know before a meeting, as the mail says it.
//!
//! It is the one notice that holds personal data, because it is the handoff: so what it says stands
//! in the commit's erasable part, and nowhere else.

use crate::{config::FieldRule, digest::text::fold, package::Package, stage::Stage};
use serde::{Deserialize, Serialize};

/// How much of one value the mail shows, in characters; the page has it whole.
const VALUE_CHARS_MAX: usize = 600;

/// How many values the mail shows.
const VALUES_MAX: usize = 60;

/// What is known for a meeting, and what is not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Who it is about.
    pub title: String,
    /// Share of the package that is there, in percent.
    pub completeness: u8,
    /// Labels and values, the template's first, in its order.
    pub values: Vec<(String, String)>,
    /// Labels of what is required and missing.
    pub missing: Vec<String>,
}

impl Known {
    /// Reads what a package says, by its template.
    pub fn of(package: &Package, template: &[FieldRule], stage: Stage) -> Self {
        let completeness = package.completeness(template, stage);
        let label = |name: &str| {
            let field = template.iter().find(|field| field.name == name);
            field.map_or_else(|| name.replace('_', " "), |field| field.label.clone())
        };
        let asked = template.iter().map(|field| field.name.as_str());
        let is_asked = |name: &str| template.iter().any(|field| field.name == name);
        let others = package.values.keys().map(String::as_str).filter(|name| !is_asked(name));
        let values = asked.chain(others).filter_map(|name| {
            let value = match &package.values.get(name)?.value {
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            Some((label(name), shortened(&value)))
        });
        Self {
            title: shortened(&package.title()),
            completeness: completeness.percent,
            values: values.take(VALUES_MAX).collect(),
            missing: completeness.missing.iter().map(|name| label(name)).collect(),
        }
    }

    /// Writes it as lines of at most 72 columns.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = fold(&self.title, "");
        lines.extend(fold(&format!("The package is {} % complete.", self.completeness), ""));
        if !self.missing.is_empty() {
            lines.extend(fold(&format!("Missing: {}.", self.missing.join(", ")), ""));
        }
        lines.push(String::new());
        for (label, value) in &self.values {
            lines.extend(fold(&format!("{label}: {value}"), "  "));
        }
        lines
    }
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(VALUE_CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use std::collections::BTreeMap;

    #[test]
    fn the_template_comes_first_and_what_is_missing_is_named() {
        let field = |name: &str, label: &str| FieldRule {
            name: name.into(),
            label: label.into(),
            required: true,
            weight: 1,
            ..FieldRule::default()
        };
        let template = [field("need", "Need"), field("budget", "Budget")];
        let mut package = Package::default();
        package.subject.name = Some("Dana \u{202e}Hall".to_owned());
        let said = BTreeMap::from([
            ("added".to_owned(), "x".repeat(700).into()),
            ("need".to_owned(), "reports\nin a day".into()),
        ]);
        package.put(said, "amara", DateTime::UNIX_EPOCH);
        let known = Known::of(&package, &template, Stage::Assigned);
        assert_eq!(
            (known.completeness, known.missing.as_slice()),
            (50, &["Budget".to_owned()][..])
        );
        let lines = known.lines();
        assert_eq!(
            lines[..5],
            [
                "Dana Hall",
                "The package is 50 % complete.",
                "Missing: Budget.",
                "",
                "  Need: reports in a day",
            ]
        );
        assert!(lines.iter().all(|line| line.chars().count() <= 72), "{lines:?}");
    }
}
