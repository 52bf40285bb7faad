//! What destinations and mail can get wrong: names nobody has, addresses that lead nowhere, choices
//! that mean nothing.

use super::{Lint, keys};
use crate::{
    change::EVENTS,
    config::{Destination, DestinationKind, Written, nearest::among},
    delivery::MAIL,
    notice::{
        KINDS,
        words::{self, Fault},
    },
    stage::Stage,
};
use std::collections::BTreeMap;

impl Lint<'_, '_> {
    /// Reports what is wrong with the destinations.
    pub(super) fn destinations(&mut self) {
        let config = self.config;
        for (key, destination) in &config.destinations {
            let path = ["destinations", key.as_str()];
            if key == MAIL || !is_name(key) {
                let message = format!("A destination cannot be called `{key}`.");
                let help = "Use letters, digits and `_`, and any name but `mail`.";
                self.report(&path, "wrong-name", message, help);
            }
            let named = destination.types.iter().chain(destination.writes_for.keys());
            for kind in named.filter(|kind| !config.types.contains_key(*kind)) {
                let message = format!("There is no type `{kind}`.");
                let types = keys(kind.as_str(), config.types.keys());
                self.report(&[&path[..], &["types"]].concat(), "unknown-type", message, &types);
            }
            for event in destination.events.iter().filter(|one| !EVENTS.contains(&one.as_str())) {
                let message = format!("There is no event `{event}`.");
                let help = keys(event, EVENTS.into_iter());
                self.report(&[&path[..], &["events"]].concat(), "unknown-event", message, &help);
            }
            self.address(&path, destination);
            self.foreign_settings(&path, destination);
            self.statuses(&path, destination);
            self.status_property(&path, destination);
        }
    }

    fn address(&mut self, path: &[&str; 2], destination: &Destination) {
        let path = [&path[..], &["url"]].concat();
        let kind = destination.kind;
        let needs = matches!(
            kind,
            DestinationKind::Salesforce | DestinationKind::Pipedrive | DestinationKind::Webhook
        );
        match destination.url.as_deref() {
            None if needs => {
                let message = format!("`{}` has no address.", path[1]);
                let help = "Write `url = \"https://…\"`.";
                self.report(&path[..2], "no-url", message, help);
            }
            Some(url) if !is_address(url) => {
                let message = format!("`{url}` is no address anything can be sent to.");
                let help = "Write https://…, without a slash at the end.";
                self.report(&path, "wrong-url", message, help);
            }
            Some(_) if kind == DestinationKind::SlackWebhook => {
                let message = "An incoming webhook's address is its secret.".to_owned();
                let help = "Take `url` out, and keep the address where `secret` says.";
                self.report(&path, "wrong-setting", message, help);
            }
            _ => {}
        }
    }

    /// Reports settings that another kind of destination has.
    fn foreign_settings(&mut self, path: &[&str; 2], destination: &Destination) {
        let Destination { kind, channel, writes, writes_for, status_property, statuses, .. } =
            destination;
        let crm = kind.is_crm();
        let settings = [
            ("channel", channel.is_some() && *kind != DestinationKind::Slack),
            ("writes", writes.is_some() && !crm),
            ("writes_for", !writes_for.is_empty() && !crm),
            ("status_property", status_property.is_some() && !crm),
            ("statuses", !statuses.is_empty() && !crm),
            ("system", destination.system.is_some() && !crm),
            ("events", !destination.events.is_empty() && *kind != DestinationKind::Webhook),
        ];
        for (setting, _) in settings.into_iter().filter(|(_, foreign)| *foreign) {
            let message = format!("`{setting}` says nothing to a destination of this kind.");
            self.report(
                &[&path[..], &[setting]].concat(),
                "wrong-setting",
                message,
                "Take it out.",
            );
        }
    }

    /// Pipedrive's own properties are no statuses: only a custom field, by its key, can be one.
    fn status_property(&mut self, path: &[&str; 2], destination: &Destination) {
        let is_key = |property: &String| {
            property.len() == 40 && property.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        let fits = destination.status_property.as_ref().is_some_and(is_key);
        let asked = !destination.statuses.is_empty();
        if destination.kind == DestinationKind::Pipedrive && asked && !fits {
            let message = "Pipedrive has no such property to write a status to.".to_owned();
            let help = "Write `status_property` as a custom field's key: 40 hexadecimal digits.";
            self.report(&path[..], "wrong-setting", message, help);
        }
    }

    fn statuses(&mut self, path: &[&str; 2], destination: &Destination) {
        let mut writes = destination.writes.iter().chain(destination.writes_for.values()).flatten();
        let is_written = writes.any(|what| *what == Written::Status);
        let none: &BTreeMap<Stage, String> = &destination.statuses;
        if is_written == none.is_empty() && destination.kind.is_crm() {
            let (message, help) = match is_written {
                true => (
                    "A status is to be written, and none is named.",
                    "Add `statuses = { engaged = \"IN_PROGRESS\" }`.",
                ),
                false => (
                    "Statuses are named, and none is to be written.",
                    "Add `writes = [\"owner\", \"task\", \"status\"]`.",
                ),
            };
            self.report(path, "no-status", message.to_owned(), help);
        }
    }

    /// Reports sources of Slack that would know nobody, and settings only they have.
    pub(super) fn chat(&mut self) {
        let config = self.config;
        let slacks = config.destinations.iter().filter(|(_, one)| one.kind.is_slack());
        let slacks: Vec<&str> = slacks.map(|(name, _)| name.as_str()).collect();
        for (key, source) in &config.sources {
            let path = ["sources", key.as_str(), "destination"];
            match (config.knows_people_by(key), &source.destination) {
                (None, Some(_)) => {
                    let message = "`destination` says nothing to a source of this kind.".to_owned();
                    self.report(&path, "wrong-setting", message, "Take it out.");
                }
                (Some(name), said) if !slacks.contains(&name) => {
                    let help = among(name, &slacks);
                    let (code, message, help) = match said {
                        _ if slacks.is_empty() => (
                            "no-destination",
                            format!("`{key}` would know nobody: no destination is Slack."),
                            "Add `[destinations.chat]` with `kind = \"slack\"`.".to_owned(),
                        ),
                        Some(_) => (
                            "unknown-destination",
                            format!("No destination of Slack is called `{name}`."),
                            help,
                        ),
                        None => (
                            "no-destination",
                            format!("By whose ids `{key}` knows people is not said."),
                            format!("Add `destination = \"…\"`. {help}"),
                        ),
                    };
                    let path = if said.is_some() { &path[..] } else { &path[..2] };
                    self.report(path, code, message, &help);
                }
                _ => {}
            }
        }
    }

    /// Reports ids of destinations there are none of.
    pub(super) fn ids(&mut self) {
        for (id, person) in &self.config.people {
            for destination in person.ids.keys() {
                if !self.config.destinations.contains_key(destination) {
                    let message = format!("There is no destination `{destination}`.");
                    let help = keys(destination, self.config.destinations.keys());
                    let path = ["people", id.as_str(), "ids", destination];
                    self.report(&path, "unknown-destination", message, &help);
                }
            }
        }
        for (id, person) in &self.config.people {
            let earlier = self.config.people.range(..id.clone());
            for (destination, known_as) in &person.ids {
                let same = |(_, other): &(_, &crate::config::Person)| {
                    other.ids.get(destination) == Some(known_as)
                };
                if let Some((other, _)) = earlier.clone().find(same) {
                    let message = format!("`{other}` is `{known_as}` at `{destination}` too.");
                    let help = "Give each person their own id: one of them would get the other's.";
                    let path = ["people", id.as_str(), "ids", destination];
                    self.report(&path, "twice", message, help);
                }
            }
        }
    }

    /// Reports what is wrong with the choices of mail.
    pub(super) fn mail(&mut self) {
        let config = self.config;
        let mail = &config.mail;
        self.kinds(&["mail", "kinds"], mail.kinds.keys());
        if mail.bundle.elapsed() > chrono::Duration::hours(1) {
            let message = "What is mailed soon would come late.".to_owned();
            let help = "Write `bundle = \"1m\"`, or \"1h\" at most.";
            self.report(&["mail", "bundle"], "wrong-time", message, help);
        }
        for (team, choice) in &mail.teams {
            if !config.pools.values().any(|pool| pool.team == *team) {
                let message = format!("No pool belongs to team `{team}`.");
                let help = keys(team, config.pools.values().map(|pool| pool.team.clone()));
                self.report(&["mail", "teams", team], "unknown-team", message, &help);
            }
            self.kinds(&["mail", "teams", team, "kinds"], choice.kinds.keys());
        }
        for (person, choice) in &mail.people {
            self.person(&["mail", "people", person.as_str()], person.as_str());
            self.kinds(&["mail", "people", person.as_str(), "kinds"], choice.kinds.keys());
        }
    }

    /// Reports what is wrong with the organisation's own words of notices.
    pub(super) fn notices(&mut self) {
        let config = self.config;
        self.kinds(&["notices"], config.notices.keys());
        for (kind, rule) in &config.notices {
            if rule.subject.is_none() && rule.text.is_none() {
                let message = format!("`{kind}` says nothing of its own.");
                let help = "Write a `subject` or a `text`, or take it out.";
                self.report(&["notices", kind], "no-text", message, help);
            }
            let Some(Fault { field, name, why }) = words::fault(rule) else { continue };
            let path = ["notices", kind.as_str(), field];
            match name {
                Some(name) => {
                    let message = format!("`{kind}` names `{name}`, which no notice has.");
                    let help = keys(&name, words::NAMES.into_iter());
                    self.report(&path, "unknown-name", message, &help);
                }
                None => {
                    let message = format!("`{kind}` cannot be filled in: {why}.");
                    let help = "Mend the template, or leave it out: the shipped words stand then.";
                    self.report(&path, "wrong-template", message, help);
                }
            }
        }
    }

    fn kinds<'k>(&mut self, path: &[&str], kinds: impl Iterator<Item = &'k String>) {
        for kind in kinds.filter(|kind| !KINDS.contains(&kind.as_str())) {
            let message = format!("No mail is of kind `{kind}`.");
            let help = keys(kind, KINDS.into_iter());
            self.report(&[path, &[kind]].concat(), "unknown-kind", message, &help);
        }
    }
}

fn is_name(key: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !key.is_empty() && key.len() <= 40 && key.chars().all(fits)
}

fn is_address(url: &str) -> bool {
    let host = url.strip_prefix("https://").map(|rest| rest.split(['/', '?']).next());
    let fixed = |host: &str| !host.is_empty() && !host.contains(['{', '}', '@', ' ', '#']);
    let plain = !url.contains(char::is_whitespace);
    url == "local" || (plain && (host.flatten().is_some_and(fixed) || super::is_here(url)))
}

#[cfg(test)]
mod tests {
    use crate::config::load;

    const SAMPLE: &str = include_str!("../../../../../infra/local/sample/small.toml");

    #[track_caller]
    fn check(lines: &str, expected: &[(&str, &str)]) {
        let problems = load(&format!("{SAMPLE}\n{lines}\n")).err().unwrap_or_default();
        let told: Vec<_> = problems.iter().map(|one| (one.code, one.message.as_str())).collect();
        assert_eq!(told, expected, "{lines}");
        assert!(problems.iter().all(|one| !one.help.is_empty()), "{problems:?}");
    }

    #[test]
    fn a_destination_that_cannot_be_reached_is_said() {
        let one = |lines: &str| format!("[destinations.one]\nsecret = \"x\"\n{lines}");
        check(&one("kind = \"slack\"\nchannel = \"C1\""), &[]);
        check(&one("kind = \"webhook\"\nurl = \"https://x.example/in\""), &[]);
        check(&one("kind = \"webhook\""), &[("no-url", "`one` has no address.")]);
        check(
            &one("kind = \"webhook\"\nurl = \"http://x.example\""),
            &[("wrong-url", "`http://x.example` is no address anything can be sent to.")],
        );
        check(
            &one("kind = \"hubspot\"\nchannel = \"C1\""),
            &[("wrong-setting", "`channel` says nothing to a destination of this kind.")],
        );
        check(
            &one("kind = \"hubspot\"\nwrites = [\"status\"]"),
            &[("no-status", "A status is to be written, and none is named.")],
        );
        check(
            &one("kind = \"slack\"\ntypes = [\"hot_lea\"]"),
            &[("unknown-type", "There is no type `hot_lea`.")],
        );
        check(
            &one("kind = \"webhook\"\nurl = \"https://x.example\"\nevents = [\"handoff.asigned\"]"),
            &[("unknown-event", "There is no event `handoff.asigned`.")],
        );
        check(
            "[destinations.mail]\nsecret = \"x\"\nkind = \"slack\"",
            &[("wrong-name", "A destination cannot be called `mail`.")],
        );
    }

    #[test]
    fn words_that_cannot_be_said_are_found() {
        check("[notices.breached]\ntext = \"{{ owner.name }}: {{ facts.due }}\"", &[]);
        check(
            "[notices.breeched]\ntext = \"x\"",
            &[("unknown-kind", "No mail is of kind `breeched`.")],
        );
        check("[notices.breached]", &[("no-text", "`breached` says nothing of its own.")]);
        check(
            "[notices.breached]\nsubject = \"{{ lead.name }}\"",
            &[("unknown-name", "`breached` names `lead.name`, which no notice has.")],
        );
        check(
            "[notices.breached]\ntext = \"{% if %}\"",
            &[(
                "wrong-template",
                "`breached` cannot be filled in: unexpected end of block in its line 1.",
            )],
        );
    }

    #[test]
    fn a_choice_of_mail_that_means_nothing_is_said() {
        check("[mail.kinds]\nassigned = \"soon\"", &[]);
        check(
            "[mail.kinds]\nasigned = \"soon\"",
            &[("unknown-kind", "No mail is of kind `asigned`.")],
        );
        check("[mail.teams.sdrs]", &[("unknown-team", "No pool belongs to team `sdrs`.")]);
        check(
            "[mail.people.mia]\nquiet = \"20:00-07:00\"",
            &[("unknown-person", "There is nobody called `mia`.")],
        );
        check("[mail]\nbundle = \"2h\"", &[("wrong-time", "What is mailed soon would come late.")]);
    }
}
