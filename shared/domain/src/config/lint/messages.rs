//! What a message can get wrong: types nobody has, names nothing has, and templates that cannot be
//! filled in or never end.

use super::{Lint, keys};
use crate::{
    config::{HandoffType, MessageRule},
    handoff::Handoff,
    ids::TypeKey,
    message::{Known, fill, names, unknown_names},
    package::Package,
};

impl Lint<'_, '_> {
    /// Reports what is wrong with the messages.
    pub(super) fn messages(&mut self) {
        let config = self.config;
        for (key, rule) in &config.messages {
            let path = ["messages", key.as_str()];
            if rule.types.is_empty() {
                let message = format!("`{key}` is for no type.");
                let types = keys("", config.types.keys());
                self.report(&[&path[..], &["types"]].concat(), "no-types", message, &types);
            }
            if rule.text.trim().is_empty() {
                let message = format!("`{key}` says nothing.");
                let help = "Write its `text`.";
                self.report(&[&path[..], &["text"]].concat(), "no-text", message, help);
            }
            if let Some(name) = unknown_names(rule, config).first() {
                let message = format!("`{key}` names `{name}`, which none of its types has.");
                let help = keys(name, names(rule, config).into_iter());
                self.report(&[&path[..], &["text"]].concat(), "unknown-name", message, &help);
                continue;
            }
            let asks =
                |kind: &TypeKey| config.types.get(kind).is_some_and(|it| it.survey.is_some());
            if rule.text.contains("survey.link") && !rule.types.iter().any(asks) {
                let message =
                    format!("`{key}` has a survey's link, and none of its types a survey.");
                let help = "Write `survey = {}` at a type, or leave the link out.";
                self.report(&[&path[..], &["text"]].concat(), "no-survey", message, help);
            }
            for kind in &rule.types {
                match config.types.get(kind) {
                    Some(known) => self.filled(key, rule, (kind, known)),
                    None => {
                        let message = format!("There is no type `{kind}`.");
                        let types = keys(kind.as_str(), config.types.keys());
                        let path = [&path[..], &["types"]].concat();
                        self.report(&path, "unknown-type", message, &types);
                    }
                }
            }
        }
    }

    /// Fills it in for somebody of whom nothing is known.
    fn filled(&mut self, key: &str, rule: &MessageRule, (kind, known): (&TypeKey, &HandoffType)) {
        let path = ["messages", key, "text"];
        let config = self.config;
        let handoff = Handoff { kind: kind.clone(), ..Handoff::default() };
        let (package, zone) = (Package::default(), config.organisation.timezone);
        let template = known.fields.as_slice();
        let (handoff, package, survey_link) = (&handoff, &package, None);
        let known = Known { handoff, package, template, config, zone, survey_link };
        if let Err(why) = fill(rule, known) {
            let message = format!("`{key}` cannot be filled in: {why}.");
            let help = "Write plain text with names such as {{ lead.first_name }}.";
            self.report(&path, "wrong-template", message, help);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::load;

    const SAMPLE: &str = include_str!("../../../../../infra/local/sample/organisation.toml");

    fn check(more: &str, expected: &[(&str, &str)]) {
        let text = format!("{SAMPLE}\n[messages.ours]\nname = \"Ours\"\n{more}\n");
        let problems = load(&text).err().unwrap_or_default();
        let told: Vec<_> = problems.iter().map(|one| (one.code, one.message.as_str())).collect();
        assert_eq!(told, expected, "{more}");
        assert!(problems.iter().all(|one| !one.help.is_empty()), "{problems:?}");
    }

    #[test]
    fn a_message_that_cannot_be_filled_in_is_said() {
        let of = |text: &str| format!("types = [\"mql\"]\ntext = '{text}'");
        check(&of("Hello {{ lead.first_name }}, about {{ fields.engagement }}."), &[]);
        check(
            &of("{% if lead.company %}{{ fields.budgt }}{% endif %}"),
            &[("unknown-name", "`ours` names `fields.budgt`, which none of its types has.")],
        );
        check(
            &of("{% for i in [1,2,3] %}{{ i }}"),
            &[(
                "wrong-template",
                "`ours` cannot be filled in: unexpected end of input, expected end of block in its line 1.",
            )],
        );
        check(&of(" "), &[("no-text", "`ours` says nothing.")]);
        check("types = [\"mqll\"]\ntext = \"x\"", &[("unknown-type", "There is no type `mqll`.")]);
        check(
            &of("{{ survey.link }}"),
            &[("no-survey", "`ours` has a survey's link, and none of its types a survey.")],
        );
        check("types = []\ntext = \"x\"", &[("no-types", "`ours` is for no type.")]);
    }
}
