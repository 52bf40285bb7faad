//! What stands beside clocks and can be wrong: tasks that cannot be told apart or never done,
//! somebody who is nobody, a mail before a meeting that no clock knows of, pauses of no time.

use super::Lint;
use crate::config::{nearest::among, types::*};

impl Lint<'_, '_> {
    /// Reports what is wrong with the tasks, overlap, mail and pauses of a type.
    pub(super) fn beside(&mut self, key: &str, kind: &HandoffType) {
        self.cadence(key, kind);
        if let Some(overlap) = kind.overlap.as_ref().filter(|overlap| overlap.who != "sender") {
            let who = overlap.who.as_str();
            if !self.config.organisation.roles.contains_key(who) {
                let message = format!("Nobody of the organisation has the role `{who}`.");
                let help = "Write `sender`, or a role of `organisation.roles`.";
                self.report(&["types", key, "overlap", "who"], "unknown-role", message, help);
            }
        }
        let to_meeting = kind.overlap.as_ref().is_some_and(|overlap| overlap.span.is_none());
        let meets = kind.clocks.iter().any(|clock| clock.from == Start::Meeting);
        if to_meeting && !meets {
            let message = "The overlap lasts until a meeting, and no clock counts from one.".into();
            let help = "Say how long with `for = \"30d\"`, or add a clock `from = \"meeting\"`.";
            self.report(&["types", key, "overlap"], "no-meeting", message, help);
        }
        if kind.brief.is_some() && !meets {
            let message = "A mail goes before a meeting, and no clock counts from one.".into();
            let help = "Take `brief` out, or add a clock `from = \"meeting\"`.";
            self.report(&["types", key, "brief"], "no-meeting", message, help);
        }
        if kind.pause_limit.is_zero() && !kind.pause_reasons.is_empty() {
            let message = "Clocks may be paused, and for no time.".into();
            let help = "Write a `pause_limit` such as `5d`, or take `pause_reasons` out.";
            self.report(&["types", key, "pause_limit"], "no-pause", message, help);
        }
    }

    fn cadence(&mut self, key: &str, kind: &HandoffType) {
        for (index, task) in kind.cadence.iter().enumerate() {
            let place = index.to_string();
            let path = ["types", key, "cadence", &place];
            if kind.cadence[..index].iter().any(|before| before.name == task.name) {
                let message = format!("Two tasks are called `{}`.", task.name);
                let help = "Give each a name of its own.";
                self.report(&[&path[..], &["name"]].concat(), "same-name", message, help);
            }
            if task.within.is_zero() {
                let message = format!("Nobody has any time for `{}`.", task.name);
                let help = "Write `within = \"1h\"`.";
                self.report(&[&path[..], &["within"]].concat(), "no-time", message, help);
            }
            let known = |field: &str| kind.fields.iter().any(|one| one.name == field);
            if let Some(field) = task.about.as_deref().filter(|field| !known(field)) {
                let message = format!("`{}` names `{field}`, which is no field.", task.name);
                let help = among(field, kind.fields.iter().map(|one| one.name.as_str()));
                self.report(&[&path[..], &["about"]].concat(), "unknown-field", message, &help);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::load;

    const SAMPLE: &str = include_str!("../../../../../infra/local/sample/organisation.toml");

    /// Writes something else in place of a part of the sample; checks the one problem there is.
    fn check(part: &str, other: &str, code: &str, message: &str) {
        assert!(SAMPLE.contains(part), "the sample has {part}");
        let text = SAMPLE.replacen(part, other, 1);
        let problems = load(&text).err().unwrap_or_default();
        let told: Vec<_> = problems.iter().map(|one| (one.code, one.message.as_str())).collect();
        assert_eq!(told, [(code, message)]);
        let line = text.lines().nth(problems[0].line - 1).unwrap();
        assert!(line.contains(other.split(' ').next().unwrap()), "{line} is where {message}");
        assert!(!problems[0].help.is_empty(), "{message} has a way out");
    }

    #[test]
    fn what_stands_beside_clocks_is_checked() {
        let amount = "handoff.amount_minor >= 10000000";
        let unknown = "`deal.amount > 1` refers to `deal`, which does not exist.";
        check(amount, "deal.amount > 1", "wrong-clause", unknown);
        let nobody = "overlap = { who = \"chairman\", for = \"30d\" }";
        let message = "Nobody of the organisation has the role `chairman`.";
        check("overlap = { who = \"sender\", for = \"30d\" }", nobody, "unknown-role", message);
        let message = "The overlap lasts until a meeting, and no clock counts from one.";
        let endless = "overlap = { who = \"sender\" }";
        check("overlap = { who = \"sender\", for = \"30d\" }", endless, "no-meeting", message);
        let message = "Two tasks are called `first_email`.";
        let same = "  { name = \"first_email\", label = \"Call\"";
        check("  { name = \"call\", label = \"Call\"", same, "same-name", message);
        let message = "`first_email` names `weather`, which is no field.";
        check("about = \"engagement\"", "about = \"weather\"", "unknown-field", message);
        let message = "Nobody has any time for `call`.";
        check("within = \"4h\" },\n  { name", "within = \"0m\" },\n  { name", "no-time", message);
        let message = "An owner would be looked for without a pause.";
        check("reroute_every = \"5m\"", "reroute_every = \"0m\"", "no-time", message);
        let message = "Clocks may be paused, and for no time.";
        check("pause_limit = \"20d\"", "pause_limit = \"0m\"", "no-pause", message);
    }
}
