//! What a well-shaped configuration can still get wrong: names that name nothing, and promises it
//! cannot keep.

mod after;
mod beside;
mod clocks;
mod enrichments;
mod fields;
mod messages;
mod outward;
mod roster;
mod sign_in;

use super::{load::Reader, model::*, nearest::among, test_leads, types::*};
use crate::{
    event::names,
    routing::{self, Rules},
};
use toml::de::DeTable;

/// Reports every dangling name and every rule that cannot work.
pub(super) fn lint<'a>(config: &Config, document: &DeTable<'a>, reader: &mut Reader<'a>) {
    let mut lint = Lint { config, document, reader };
    lint.organisation();
    lint.people();
    lint.pools();
    lint.types();
    lint.rules();
    lint.skills();
    lint.sources();
    lint.messages();
    lint.enrichments();
    lint.destinations();
    lint.chat();
    lint.ids();
    lint.mail();
    lint.notices();
    lint.test_leads();
    lint.sign_in();
}

struct Lint<'l, 'a> {
    config: &'l Config,
    document: &'l DeTable<'a>,
    reader: &'l mut Reader<'a>,
}

impl Lint<'_, '_> {
    fn report(&mut self, path: &[&str], code: &'static str, message: String, help: &str) {
        let span = self.reader.find(self.document, path);
        self.reader.report(span, code, message, help);
    }

    fn organisation(&mut self) {
        let organisation = &self.config.organisation;
        if !organisation.roles.contains_key("manager") {
            self.report(
                &["organisation", "roles"],
                "no-manager",
                "Nobody is the organisation's `manager`.".into(),
                "Add `roles = { manager = \"…\" }`: they hear of what nobody else answers for.",
            );
        }
        for (role, person) in &organisation.roles {
            self.person(&["organisation", "roles", role], person.as_str());
        }
        if let Some(calendar) = &organisation.calendar {
            self.calendar(&["organisation", "calendar"], calendar.as_str());
        }
        let url = &organisation.public_url;
        if !url.starts_with("https://") && !url.starts_with("http://127.0.0.1") {
            let message = format!("`{url}` is no public address.");
            let help = "Write https://… without a slash at the end.";
            self.report(&["organisation", "public_url"], "wrong-url", message, help);
        }
        if organisation.reroute_every.elapsed() < chrono::Duration::minutes(1) {
            let message = "An owner would be looked for without a pause.".to_owned();
            let help = "Write `reroute_every = \"5m\"`, or at least a minute.";
            self.report(&["organisation", "reroute_every"], "no-time", message, help);
        }
        if chrono::NaiveTime::parse_from_str(&organisation.digest_at, "%H:%M").is_err() {
            let message = format!("`{}` is no time of day.", organisation.digest_at);
            self.report(&["organisation", "digest_at"], "wrong-time", message, "Write 07:30.");
        }
    }

    fn test_leads(&mut self) {
        let tests = &self.config.test_leads;
        for (index, pattern) in tests.emails.iter().enumerate() {
            if !test_leads::is_pattern(pattern) {
                let message = format!("`{pattern}` is no address.");
                let help = "Write a whole one, or `*@acme.example` for all of a domain.";
                let index = index.to_string();
                self.report(&["test_leads", "emails", &index], "wrong-address", message, help);
            }
        }
        self.clauses(&["test_leads", "when"], &tests.when);
    }

    /// Reports what is wrong with conditions that stand elsewhere than in a rule.
    fn clauses(&mut self, path: &[&str], clauses: &[String]) {
        for (place, clause) in clauses.iter().enumerate() {
            if let Some((code, message, help)) = routing::clause_fault(self.config, clause) {
                let place = place.to_string();
                self.report(&[path, &[&place]].concat(), code, message, &help);
            }
        }
    }

    fn types(&mut self) {
        for (key, kind) in &self.config.types {
            let key = key.as_str();
            if !self.config.lanes.contains_key(&kind.lane) {
                let lanes = keys(kind.lane.as_str(), self.config.lanes.keys());
                let message = format!("There is no lane `{}`.", kind.lane);
                self.report(&["types", key, "lane"], "unknown-lane", message, &lanes);
            }
            if !self.config.pools.values().any(|pool| pool.team == kind.to) {
                let message = format!("No pool belongs to team `{}`.", kind.to);
                let help = "Give a pool that `team`, or name another receiving team.";
                self.report(&["types", key, "to"], "unknown-team", message, help);
            }
            for outcome in kind.success.iter().filter(|outcome| !kind.outcomes.contains(outcome)) {
                let message = format!("`{outcome}` is a success but no outcome.");
                let help = "Add it to `outcomes`.";
                self.report(&["types", key, "success"], "unknown-outcome", message, help);
            }
            if kind.reject_reasons.is_empty() {
                let message = "A receiver could not reject: there is no reason.".into();
                let help = "Add `reject_reasons`.";
                self.report(&["types", key, "reject_reasons"], "no-reasons", message, help);
            }
            self.clocks(key, kind);
            self.beside(key, kind);
            self.after(key, kind);
            self.fields(key, kind);
        }
    }

    fn clocks(&mut self, key: &str, kind: &HandoffType) {
        for (index, clock) in kind.clocks.iter().enumerate() {
            let index = index.to_string();
            let path = ["types", key, "clocks", &index];
            if let Some(calendar) = clock.calendar.as_deref().filter(|name| *name != "pool") {
                self.calendar(&[&path[..], &["calendar"]].concat(), calendar);
            }
            if clock.target.elapsed().is_zero() {
                let message = format!("Clock `{}` has no time at all.", clock.name);
                let help = "Write a target such as `4h`.";
                self.report(&[&path[..], &["target"]].concat(), "no-target", message, help);
            }
            for (step, rung) in clock.ladder.iter().enumerate() {
                self.rung(&path, step, rung);
            }
            self.times(&path, kind, clock);
        }
    }

    fn rung(&mut self, clock: &[&str], step: usize, rung: &Rung) {
        let step = step.to_string();
        let path = [clock, &["ladder", &step]].concat();
        match (rung.act, &rung.to) {
            (Act::Breach, _) => {
                let message = "A clock breaches at its deadline by itself.".into();
                self.report(&path, "needless-rung", message, "Take this rung out.");
            }
            (Act::Reassign, None) | (_, Some(_)) => {}
            (_, None) => {
                let message = "This rung does not say whom it concerns.".into();
                self.report(&path, "nobody-told", message, "Add `to = \"manager\"`.");
            }
        }
        let Some(role) = rung.to.as_deref().filter(|role| *role != "owner") else { return };
        let pools = self.config.pools.values();
        let known = self.config.organisation.roles.contains_key(role)
            || pools.into_iter().any(|pool| pool.roles.contains_key(role));
        if !known {
            let message = format!("Nobody has the role `{role}`.");
            let help = "Give it to somebody in a pool's or the organisation's `roles`.";
            self.report(&[&path[..], &["to"]].concat(), "unknown-role", message, help);
        }
    }

    fn rules(&mut self) {
        for (index, rule) in self.config.rules.iter().enumerate() {
            let index = index.to_string();
            if !self.config.pools.contains_key(&rule.pool) {
                let pools = keys(rule.pool.as_str(), self.config.pools.keys());
                let message = format!("There is no pool `{}`.", rule.pool);
                self.report(&["rules", &index, "pool"], "unknown-pool", message, &pools);
            }
            for kind in rule.types.iter().filter(|kind| !self.config.types.contains_key(*kind)) {
                let types = keys(kind.as_str(), self.config.types.keys());
                let message = format!("There is no type `{kind}`.");
                self.report(&["rules", &index, "types"], "unknown-type", message, &types);
            }
        }
        for fault in Rules::faults(self.config) {
            let (rule, entry) =
                (fault.rule.to_string(), fault.entry.map(|entry| entry.to_string()));
            let mut path = vec!["rules", &rule, fault.key];
            path.extend(entry.as_deref());
            self.report(&path, fault.code, fault.message, &fault.help);
        }
    }

    fn sources(&mut self) {
        let triggers: Vec<&str> =
            self.config.types.values().flat_map(|t| &t.triggers).map(|t| t.on.as_str()).collect();
        for (key, source) in &self.config.sources {
            for (index, rule) in source.events.iter().enumerate() {
                let event = rule.event.as_str();
                if !names::ALL.contains(&event) && !triggers.contains(&event) {
                    let index = index.to_string();
                    let message = format!("Nothing listens to the event `{event}`.");
                    let known = names::ALL.into_iter().chain(triggers.iter().copied());
                    let help = keys(event, known);
                    let path = ["sources", key.as_str(), "events", &index, "event"];
                    self.report(&path, "unknown-event", message, &help);
                }
            }
        }
    }

    fn person(&mut self, path: &[&str], person: &str) {
        if !self.config.people.contains_key(person) {
            let message = format!("There is nobody called `{person}`.");
            let people = keys(person, self.config.people.keys());
            self.report(path, "unknown-person", message, &people);
        }
    }

    fn calendar(&mut self, path: &[&str], calendar: &str) {
        if !self.config.calendars.contains_key(calendar) {
            let calendars = keys(calendar, self.config.calendars.keys());
            let message = format!("There is no calendar `{calendar}`.");
            self.report(path, "unknown-calendar", message, &calendars);
        }
    }
}

/// Tells whether an address is on this machine, where tests and trials are.
fn is_here(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://127.0.0.1") else { return false };
    let rest = match rest.strip_prefix(':') {
        Some(port) => port.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    rest.is_empty() || rest.starts_with(['/', '?'])
}

/// Lists the names there are, the one that was meant first.
fn keys<K: ToString>(said: &str, names: impl Iterator<Item = K>) -> String {
    among(said, names.map(|name| name.to_string()))
}

#[cfg(test)]
mod tests;
