//! What goes on the bus for a commit: one event a change that outsiders can hear of, ids and no
//! personal data.

use domain::{Commit, outward::bus_details};
use runtime::BusEvent;

/// Makes a commit's events, in the order of its changes; `(handoff, version, type)` identifies one.
pub(crate) fn events(commit: &Commit) -> Vec<BusEvent> {
    let details = bus_details(commit);
    let event = details.iter().map(|detail| BusEvent {
        kind: detail.kind().to_owned(),
        at: commit.at,
        detail: detail.document(),
    });
    event.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{About, Actor, Change, Commit};
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
                test: false,
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
