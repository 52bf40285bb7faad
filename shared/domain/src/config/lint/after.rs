//! What follows a handoff and can be wrong: surveys nobody can answer, milestones nobody can reach
//! or tell apart, people nobody is.

use super::{Lint, keys};
use crate::config::{HandoffType, MilestoneRule};

impl Lint<'_, '_> {
    /// Reports what is wrong with the people a type involves, its survey and its milestones.
    pub(super) fn after(&mut self, key: &str, kind: &HandoffType) {
        self.involved(key, kind);
        if let Some(survey) = &kind.survey {
            let path = ["types", key, "survey"];
            if survey.open_for.is_zero() {
                let message = "The survey's link would be good for no time.".to_owned();
                let help = "Write `open_for = \"30d\"`.";
                self.report(&[&path[..], &["open_for"]].concat(), "no-time", message, help);
            }
            if survey.question.trim().is_empty() {
                let message = "The survey asks nothing.".to_owned();
                let help = "Write a `question`, or leave it out.";
                self.report(&[&path[..], &["question"]].concat(), "no-text", message, help);
            }
        }
        if !kind.milestones.is_empty() && kind.success.is_empty() {
            let message = "The milestones never begin: no outcome counts as success.".to_owned();
            let help = "Write `success`.";
            self.report(&["types", key, "milestones"], "no-outcomes", message, help);
        }
        for (index, rule) in kind.milestones.iter().enumerate() {
            let index_word = index.to_string();
            let path = ["types", key, "milestones", &index_word];
            self.milestone(&path, rule, &kind.milestones[..index]);
        }
    }

    fn involved(&mut self, key: &str, kind: &HandoffType) {
        for (index, rule) in kind.involve.iter().enumerate() {
            let index = index.to_string();
            let path = ["types", key, "involve", &index];
            let roles = &self.config.organisation.roles;
            if !roles.contains_key(&rule.who) {
                let message = format!("Nobody of the organisation has the role `{}`.", rule.who);
                let help = keys(&rule.who, roles.keys());
                self.report(&[&path[..], &["who"]].concat(), "unknown-role", message, &help);
            }
            self.clauses(&[&path[..], &["when"]].concat(), &rule.when);
        }
    }

    fn milestone(&mut self, path: &[&str], rule: &MilestoneRule, before: &[MilestoneRule]) {
        let name = rule.name.as_str();
        if before.iter().any(|earlier| earlier.name == rule.name) {
            let message = format!("Two milestones are called `{name}`.");
            let help = "Give each a name of its own.";
            self.report(&[path, &["name"]].concat(), "same-name", message, help);
        }
        for (field, span) in [("after", rule.after), ("within", rule.within)] {
            if span.is_zero() {
                let message = format!("Nobody has any time for `{name}`.");
                let help = "Write a time such as `365d`.";
                self.report(&[path, &[field]].concat(), "no-time", message, help);
            }
        }
        if rule.outcomes.is_empty() {
            let message = format!("Nothing can come of `{name}`.");
            let help = "Write its `outcomes`.";
            self.report(&[path, &["outcomes"]].concat(), "no-outcomes", message, help);
        }
        for outcome in rule.success.iter().filter(|outcome| !rule.outcomes.contains(outcome)) {
            let message = format!("`{outcome}` is a success but no outcome.");
            let help = keys(outcome, rule.outcomes.iter());
            self.report(&[path, &["success"]].concat(), "unknown-outcome", message, &help);
        }
        self.told_apart(path, rule, before);
    }

    /// Reports an outcome by which nobody could tell which milestone, or which handoff, was meant.
    fn told_apart(&mut self, path: &[&str], rule: &MilestoneRule, before: &[MilestoneRule]) {
        let of = path[1];
        let path = [path, &["outcomes"]].concat();
        let help = "Give each an outcome of its own, or nobody knows which was meant.";
        for outcome in &rule.outcomes {
            let has = |rules: &[MilestoneRule]| {
                rules.iter().any(|other| other.outcomes.contains(outcome))
            };
            let mut kinds = self.config.types.iter();
            let other = kinds.find(|(key, kind)| {
                kind.outcomes.contains(outcome) || (key.as_str() < of && has(&kind.milestones))
            });
            if let Some((key, _)) = other {
                let message = format!("`{outcome}` is an outcome of the type `{key}` too.");
                self.report(&path, "same-name", message, help);
            } else if has(before) {
                let message = format!("`{outcome}` is an outcome of two milestones.");
                self.report(&path, "same-name", message, help);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::load;

    const SAMPLE: &str = include_str!("../../../../../infra/local/sample/organisation.toml");

    fn check(part: &str, other: &str, code: &str, message: &str) {
        assert!(SAMPLE.contains(part), "the sample has {part}");
        let problems = load(&SAMPLE.replacen(part, other, 1)).err().unwrap_or_default();
        let told: Vec<_> = problems.iter().map(|one| (one.code, one.message.as_str())).collect();
        assert_eq!(told, [(code, message)]);
        assert!(!problems[0].help.is_empty(), "{message} has a way out");
    }

    #[test]
    fn what_follows_a_handoff_is_checked() {
        let nobody = "Nobody of the organisation has the role `vp`.";
        check("{ who = \"director\", as", "{ who = \"vp\", as", "unknown-role", nobody);
        let never = "Nothing can come of `renewal`.";
        let outcomes = "outcomes = [\"renewed\", \"not_renewed\"], success = [\"renewed\"]";
        check(outcomes, "outcomes = []", "no-outcomes", never);
        let shared = "`retained` is an outcome of the type `opportunity` too.";
        check(outcomes, "outcomes = [\"retained\"]", "same-name", shared);
        let unknown = "`kept` is a success but no outcome.";
        let other = outcomes.replace("success = [\"renewed\"]", "success = [\"kept\"]");
        check(outcomes, &other, "unknown-outcome", unknown);
        let no_time = "Nobody has any time for `renewal`.";
        check("after = \"365d\"", "after = \"0m\"", "no-time", no_time);
        let over = "The survey's link would be good for no time.";
        check("open_for = \"30d\"", "open_for = \"0m\"", "no-time", over);
    }
}
