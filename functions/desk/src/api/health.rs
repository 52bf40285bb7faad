//! How the system is: each function's last beat, the oldest overdue deadline, the size of the
//! quarantine.

use crate::{Desk, fault::Fault, moment};
use chrono::{DateTime, Duration, Utc};
use http::{Response, StatusCode};
use runtime::web;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use store::{Due, Store};

/// How old the sweep's last beat may be, in seconds: one that waits for a deadline beats up to two
/// minutes after it began, and the next begins a minute later.
const SWEEP_BEAT_SECONDS_MAX: i64 = 200;

/// How many quarantined things are counted.
const QUARANTINE_COUNTED: i32 = 1_000;

/// How many due things of a shard are looked at: a few changes of the roster may stand before a
/// deadline.
const LOOKED_AT: i32 = 25;

impl Desk {
    /// Answers how the system is.
    pub(crate) async fn api_health(&self) -> Result<Response<bytes::Bytes>, Fault> {
        let now = self.clock.now();
        let beats = self.store.beats().await?;
        let overdue = self.overdue(now).await?;
        let quarantine = self.store.quarantined(QUARANTINE_COUNTED).await?.len();
        let document = health(&beats, overdue.as_ref(), quarantine, now);
        Ok(web::json(StatusCode::OK, &document))
    }

    /// Says for people that the sweep is silent.
    pub(crate) async fn silence(&self) -> Result<Option<String>, Fault> {
        let now = self.clock.now();
        let beats = self.store.beats().await?;
        let overdue = match beats.get("sweep") {
            Some(_) => None,
            None => self.overdue(now).await?,
        };
        Ok(silence(beats.get("sweep"), overdue.as_ref(), now))
    }

    /// Finds the oldest deadline that nothing has come of.
    async fn overdue(&self, now: DateTime<Utc>) -> Result<Option<Due>, Fault> {
        let mut overdue: Option<Due> = None;
        for shard in 0..Store::due_shards() {
            // A changed roster is seen to by the next sweep, and nothing is late by it.
            let due = self.store.due(shard, now, LOOKED_AT).await?;
            let first = due.into_iter().find(|due| !matches!(due, Due::Roster(..)));
            overdue = overdue.into_iter().chain(first).min_by_key(Due::at);
        }
        Ok(overdue)
    }
}

/// Says that deadlines pass unseen, if the sweep has been silent too long: by its beat, or, where it
/// never gave one, by a deadline that is long over.
fn silence(
    swept_at: Option<&DateTime<Utc>>,
    overdue: Option<&Due>,
    now: DateTime<Utc>,
) -> Option<String> {
    let silent = match (swept_at, overdue) {
        (Some(at), _) => is_silent(Some(at), now),
        (None, Some(due)) => is_silent(Some(&due.at()), now),
        (None, None) => false,
    };
    let told = match swept_at {
        None => "has never run".to_owned(),
        Some(at) => format!("last ran {} ago", moment::length((now - *at).num_seconds())),
    };
    silent.then(|| {
        format!(
            "Deadlines may pass unseen: the sweep that watches them {told}. Whoever runs this \
             should look at it now."
        )
    })
}

fn is_silent(swept_at: Option<&DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    swept_at.is_none_or(|at| now - *at > Duration::seconds(SWEEP_BEAT_SECONDS_MAX))
}

fn health(
    beats: &BTreeMap<String, DateTime<Utc>>,
    overdue: Option<&Due>,
    quarantine: usize,
    now: DateTime<Utc>,
) -> Value {
    let swept_at = beats.get("sweep");
    let sweep_overdue = is_silent(swept_at, now);
    let last: BTreeMap<_, _> = beats.iter().map(|(name, at)| (name, moment::iso(*at))).collect();
    let oldest = overdue.map(|due| {
        let (kind, id) = match due {
            Due::Handoff(id, _) => ("handoff", id.to_string()),
            Due::Receipt(id, _) => ("receipt", id.to_string()),
            Due::Roster(roster, _) => ("roster", roster.to_string()),
            Due::Destination(name, _) => ("destination", name.clone()),
        };
        let late_seconds = (now - due.at()).num_seconds();
        json!({ "kind": kind, "id": id, "due_at": moment::iso(due.at()), "late_seconds": late_seconds })
    });
    json!({
        "ok": !sweep_overdue,
        "now": moment::iso(now),
        "beats": last,
        "sweep": {
            "last_beat": swept_at.map(|at| moment::iso(*at)),
            "overdue": sweep_overdue,
        },
        "oldest_overdue": oldest,
        "quarantine": quarantine,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    fn check(swept_at: Option<&str>, ok: bool) {
        let beats = swept_at.map(|text| ("sweep".to_owned(), at(text))).into_iter().collect();
        let document = health(&beats, None, 0, at("2026-01-05T09:03:20Z"));
        assert_eq!((&document["ok"], &document["sweep"]["overdue"]), (&json!(ok), &json!(!ok)));
    }

    #[test]
    fn a_sweep_that_is_silent_for_too_long_is_overdue() {
        check(Some("2026-01-05T09:00:00Z"), true);
        check(Some("2026-01-05T08:59:59Z"), false);
        check(None, false);
    }

    #[test]
    fn people_hear_of_a_silent_sweep_and_not_of_one_that_has_not_begun() {
        let now = at("2026-01-05T09:10:00Z");
        let since = |text: &str| Due::Handoff("h".into(), at(text));
        let long_ago = at("2026-01-05T09:00:00Z");
        let said = silence(Some(&long_ago), None, now).unwrap();
        assert!(said.contains("last ran 10 min"), "{said}");
        assert_eq!(silence(Some(&at("2026-01-05T09:09:00Z")), None, now), None);
        assert_eq!(silence(None, None, now), None);
        assert_eq!(silence(None, Some(&since("2026-01-05T09:09:00Z")), now), None);
        let said = silence(None, Some(&since("2026-01-05T09:00:00Z")), now).unwrap();
        assert!(said.contains("has never run"), "{said}");
    }

    #[test]
    fn the_oldest_overdue_deadline_is_named() {
        let due = Due::Handoff("h".into(), at("2026-01-05T09:00:00Z"));
        let document = health(&BTreeMap::new(), Some(&due), 2, at("2026-01-05T09:00:07Z"));
        assert_eq!(document["oldest_overdue"]["id"], "h");
        assert_eq!(document["oldest_overdue"]["late_seconds"], 7);
        assert_eq!(document["quarantine"], 2);
    }
}
