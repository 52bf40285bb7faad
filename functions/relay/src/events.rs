//! What goes on the bus for a commit: one event a change that outsiders can hear of, ids and no
//! personal data.

use domain::{Change, Commit};
use runtime::BusEvent;
use serde_json::{Value, json};

/// Makes a commit's events, in the order of its changes; `(handoff, version, type)` identifies one.
pub(crate) fn events(commit: &Commit) -> Vec<BusEvent> {
    let mut events: Vec<BusEvent> = Vec::new();
    for change in &commit.changes {
        let Some(kind) = change.event() else { continue };
        if events.iter().any(|event| event.kind == kind) {
            continue;
        }
        let detail = json!({
            "type": kind,
            "timestamp": commit.at,
            "handoff": commit.handoff,
            "version": commit.version,
            "data": { "actor": commit.actor, "about": commit.about, "change": outward(change) },
        });
        events.push(BusEvent { kind: kind.to_owned(), at: commit.at, detail });
    }
    events
}

/// What outsiders see of a change: the opening's whole state and a trace are read from the API.
fn outward(change: &Change) -> Value {
    let mut value = serde_json::to_value(change).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        for long in ["handoff", "trace", "clocks"] {
            fields.remove(long);
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{About, Actor, Commit};

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
