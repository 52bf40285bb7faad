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

impl Desk {
    /// Answers how the system is.
    pub(crate) async fn api_health(&self) -> Result<Response<bytes::Bytes>, Fault> {
        let now = self.clock.now();
        let beats = self.store.beats().await?;
        let mut overdue: Option<Due> = None;
        for shard in 0..Store::due_shards() {
            let first = self.store.due(shard, now, 1).await?.into_iter().next();
            overdue = overdue.into_iter().chain(first).min_by_key(Due::at);
        }
        let quarantine = self.store.quarantined(QUARANTINE_COUNTED).await?.len();
        let document = health(&beats, overdue.as_ref(), quarantine, now);
        Ok(web::json(StatusCode::OK, &document))
    }
}

fn health(
    beats: &BTreeMap<String, DateTime<Utc>>,
    overdue: Option<&Due>,
    quarantine: usize,
    now: DateTime<Utc>,
) -> Value {
    let swept_at = beats.get("sweep");
    let longest = Duration::seconds(SWEEP_BEAT_SECONDS_MAX);
    let sweep_overdue = swept_at.is_none_or(|at| now - *at > longest);
    let last: BTreeMap<_, _> = beats.iter().map(|(name, at)| (name, moment::iso(*at))).collect();
    let oldest = overdue.map(|due| {
        let (kind, id) = match due {
            Due::Handoff(id, _) => ("handoff", id.as_str()),
            Due::Receipt(id, _) => ("receipt", id.as_str()),
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
    fn the_oldest_overdue_deadline_is_named() {
        let due = Due::Handoff("h".into(), at("2026-01-05T09:00:00Z"));
        let document = health(&BTreeMap::new(), Some(&due), 2, at("2026-01-05T09:00:07Z"));
        assert_eq!(document["oldest_overdue"]["id"], "h");
        assert_eq!(document["oldest_overdue"]["late_seconds"], 7);
        assert_eq!(document["quarantine"], 2);
    }
}
