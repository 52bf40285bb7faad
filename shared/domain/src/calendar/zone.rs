//! A zone's clock: what it adds to an instant, and the stretches between two of its changes.
//!
//! Zones are asked at most every [`PROBE_MS`], and a change is searched for between two answers
//! that differ. What must stay true: no zone changes its clocks and changes them back within that
//! time (the shortest such stretch since 1900 is a little under seven days), which a test checks.

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;

use super::{DAY_MS, SECOND_MS};

/// How far apart a zone is asked for its offset.
pub(super) const PROBE_MS: i64 = 4 * DAY_MS;

/// A stretch of time in which a zone's offset stays the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Steady {
    pub(super) from: i64,
    pub(super) until: i64,
    pub(super) offset: i64,
}

/// Returns what a zone adds to an instant for its local time.
pub(super) fn offset_at(zone: Tz, at: i64) -> i64 {
    DateTime::from_timestamp_millis(at).map_or(0, |utc| {
        let offset = zone.offset_from_utc_datetime(&utc.naive_utc());
        i64::from(offset.fix().local_minus_utc()) * SECOND_MS
    })
}

/// Splits the time between two instants where a zone's offset changes.
pub(super) fn steadies(zone: Tz, from: i64, until: i64) -> Vec<Steady> {
    let mut steadies = Vec::new();
    let mut at = from;
    let mut offset = offset_at(zone, from);
    let mut known = from;
    while known < until {
        let next = until.min(known + PROBE_MS);
        let next_offset = offset_at(zone, next);
        if next_offset == offset {
            known = next;
            continue;
        }
        let change = change_between(zone, known, next, offset);
        steadies.push(Steady { from: at, until: change, offset });
        (at, known) = (change, change);
        offset = if change == next { next_offset } else { offset_at(zone, change) };
    }
    if at < until {
        steadies.push(Steady { from: at, until, offset });
    }
    steadies
}

/// Returns the first instant at which the offset that holds at `before` has changed, by `changed`.
fn change_between(zone: Tz, mut before: i64, mut changed: i64, offset: i64) -> i64 {
    while changed - before > 1 {
        let middle = before + (changed - before) / 2;
        if offset_at(zone, middle) == offset {
            before = middle;
        } else {
            changed = middle;
        }
    }
    changed
}
