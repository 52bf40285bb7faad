//! What goes on the bus for a commit: one event a change that outsiders can hear of, ids and no
//! personal data.

use domain::{Change, Commit};
use runtime::BusEvent;
use serde_json::json;

/// Makes a commit's events, in the order of its changes; `(handoff, version, type)` identifies one.
pub(crate) fn events(commit: &Commit) -> Vec<BusEvent> {
    let kinds = commit.events();
    let lead = kinds.first().copied();
    let of = |kind: &&'static str| commit.changes.iter().find(|one| one.event() == Some(*kind));
    let events = kinds.iter().map(|kind| BusEvent {
        kind: (*kind).to_owned(),
        at: commit.at,
        detail: json!({
            "type": kind,
            "timestamp": commit.at,
            "handoff": commit.handoff,
            "version": commit.version,
            // The first of its commit's: whoever works by commits listens to no other.
            "lead": lead == Some(*kind),
            "data": {
                "actor": commit.actor,
                "about": commit.about,
                "change": of(kind).map(Change::outward),
            },
        }),
    });
    events.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{About, Actor, Commit};
    use serde_json::Value;

    #[test]
    fn a_commit_becomes_one_event_a_kind_with_its_identity() {
        let day = chrono::NaiveDate::default();
        let commit = Commit {
            handoff: "h1".into(),
            version: 3,
            at: chrono::DateTime::UNIX_EPOCH,
            actor: Actor::Sweep,
            cause: "sweep".into(),
            attempt: "a".into(),
            changes: vec![Change::Noted, Change::Engaged, Change::Noted],
            about: About {
                kind: "mql".into(),
                opened_day: day,
                day,
                pool: None,
                owner_before: None,
                owner: None,
                beside: None,
                involved: Vec::new(),
                from: "marketing".into(),
                sender: None,
                source: "generic".into(),
                rule: None,
                amount: None,
                mode: domain::config::Mode::Live,
            },
            lineage: None,
            personal: [("note".to_owned(), Value::from("call Dana"))].into(),
        };
        let events = events(&commit);
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].kind, "handoff.noted");
        assert_eq!(events[0].detail["version"], 3);
        assert!(!events[0].detail.to_string().contains("Dana"));
    }
}
