//! What a template can get wrong: fields that cannot be told apart, questions without an answer,
//! and facts that are to be something other than what they are.

use super::Lint;
use crate::{
    config::{Below, FieldRule, FieldType, HandoffType},
    stage::Stage,
};

/// Fields that a handoff knows too, and what they hold.
const FACTS: [(&str, FieldType); 3] =
    [("score", FieldType::Number), ("amount", FieldType::Money), ("meeting_at", FieldType::Time)];

/// The stages by which something can be wanted.
const STAGES: [Stage; 5] =
    [Stage::Opened, Stage::Assigned, Stage::Accepted, Stage::Engaged, Stage::Completed];

impl Lint<'_, '_> {
    /// Reports what is wrong with the template of a type.
    pub(super) fn fields(&mut self, key: &str, kind: &HandoffType) {
        for (index, field) in kind.fields.iter().enumerate() {
            let place = index.to_string();
            let path = ["types", key, "fields", &place];
            if kind.fields[..index].iter().any(|before| before.name == field.name) {
                let message = format!("Two fields are called `{}`.", field.name);
                let help = "Give each a name of its own.";
                self.report(&[&path[..], &["name"]].concat(), "same-name", message, help);
            }
            self.field(&path, field);
        }
        let Some(threshold) = kind.threshold else { return };
        let path = ["types", key, "threshold"];
        if threshold.percent > 100 {
            let message = format!("Nothing is ever {} % complete.", threshold.percent);
            self.report(&path, "no-percent", message, "Write `percent` from 1 to 100.");
        }
        if threshold.act == Below::Hold && threshold.span.is_zero() {
            let message = "One that is incomplete would be held for no time.".to_owned();
            let help = "Write `for = \"1h\"`, or `do = \"open\"`.";
            self.report(&path, "no-time", message, help);
        }
    }

    fn field(&mut self, path: &[&str], field: &FieldRule) {
        let name = field.name.as_str();
        if name.trim().is_empty() || field.label.trim().is_empty() {
            let message = "A field has no name, or no label.".to_owned();
            let help = "Write `name = \"budget\"`, by which it is kept, and `label = \"Budget\"`.";
            self.report(path, "no-name", message, help);
        }
        if field.kind == FieldType::Choice && field.choices.is_empty() {
            let message = format!("There is nothing to choose for `{name}`.");
            let help = "Add `choices = [\"one\", \"other\"]`.";
            self.report(path, "no-choices", message, help);
        }
        if field.kind != FieldType::Choice && !field.choices.is_empty() {
            let message = format!("`{name}` has choices and is no choice.");
            let help = "Write `type = \"choice\"`, or take `choices` out.";
            self.report(path, "needless-choices", message, help);
        }
        if !STAGES.contains(&field.by) {
            let stages = STAGES.map(|stage| stage.to_string()).join(", ");
            let message = format!("Nothing can be wanted by `{}`.", field.by);
            let help = format!("Write one of {stages}.");
            self.report(&[path, &["by"]].concat(), "wrong-stage", message, &help);
        }
        if field.from.is_empty() {
            let message = format!("Nobody can say what `{name}` is.");
            let help = "Write `from = [\"webhook\", \"form\"]`, or take `from` out.";
            self.report(&[path, &["from"]].concat(), "nobody-says", message, help);
        }
        let fact = FACTS.iter().find(|(fact, kind)| *fact == name && *kind != field.kind);
        if let Some((_, kind)) = fact {
            let message = format!("`{name}` holds {}, whatever it says here.", said(*kind));
            let help = format!("Write `type = \"{}\"`.", kind.word());
            self.report(path, "wrong-type", message, &help);
        }
    }
}

fn said(kind: FieldType) -> &'static str {
    match kind {
        FieldType::Number => "a number",
        FieldType::Money => "money",
        _ => "a time",
    }
}

#[cfg(test)]
mod tests {
    use crate::config::load;

    const SAMPLE: &str = include_str!("../../../../../infra/local/sample/organisation.toml");

    /// Writes something else in place of the last type's fields; checks the problems there are.
    fn check(fields: &str, expected: &[(&str, &str)]) {
        let start = SAMPLE.find("[types.expansion]").unwrap();
        let from = start + SAMPLE[start..].find("fields = [").unwrap();
        let to = from + SAMPLE[from..].find("\n]").unwrap() + 2;
        let text = format!("{}{fields}{}", &SAMPLE[..from], &SAMPLE[to..]);
        let problems = load(&text).err().unwrap_or_default();
        let told: Vec<_> = problems.iter().map(|one| (one.code, one.message.as_str())).collect();
        assert_eq!(told, expected, "{fields}");
        assert!(problems.iter().all(|one| !one.help.is_empty() && one.line > 100), "{problems:?}");
    }

    #[test]
    fn a_template_that_cannot_work_is_said() {
        let one = |more: &str| format!("fields = [{{ name = \"a\", label = \"A\"{more} }}]");
        check(&one(", type = \"link\", by = \"engaged\""), &[]);
        check(
            &one(", type = \"choice\""),
            &[("no-choices", "There is nothing to choose for `a`.")],
        );
        check(
            &one(", choices = [\"b\"]"),
            &[("needless-choices", "`a` has choices and is no choice.")],
        );
        check(
            &one(", by = \"returned\""),
            &[("wrong-stage", "Nothing can be wanted by `returned`.")],
        );
        check(&one(", from = []"), &[("nobody-says", "Nobody can say what `a` is.")]);
        check(
            "fields = [{ name = \"a\", label = \"A\" }, { name = \"a\", label = \"B\" }]",
            &[("same-name", "Two fields are called `a`.")],
        );
        check(
            "fields = [{ name = \"amount\", label = \"Amount\" }]",
            &[("wrong-type", "`amount` holds money, whatever it says here.")],
        );
        check(
            "fields = [{ name = \"a\", label = \" \" }]",
            &[("no-name", "A field has no name, or no label.")],
        );
        let held =
            format!("{}\nthreshold = {{ percent = 120, do = \"hold\", for = \"0s\" }}", one(""));
        check(
            &held,
            &[
                ("no-percent", "Nothing is ever 120 % complete."),
                ("no-time", "One that is incomplete would be held for no time."),
            ],
        );
    }
}
