//! Times as people say and read them: in a named zone, as a length, as a countdown.
//!
//! Machines get RFC 3339 in UTC; people get their own zone, with its name. The script on the page
//! ticks the same countdown in the same words.

use chrono::{DateTime, SecondsFormat, Utc};

pub(crate) use domain::local::{absolute, end, instant, length};

/// Writes an instant for machines.
pub(crate) fn iso(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Says how far a deadline is ahead, or how long ago it was.
pub(crate) fn countdown(due_at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let left = (due_at - now).num_seconds();
    match due_at > now {
        true => format!("in {}", length(left)),
        false => format!("{} ago", length(-left)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_countdown_says_ahead_or_ago() {
        let now = at("2026-01-05T09:00:00Z");
        assert_eq!(countdown(at("2026-01-05T09:05:00Z"), now), "in 5 min");
        assert_eq!(countdown(now, now), "0 s ago");
        assert_eq!(countdown(at("2026-01-05T07:00:00Z"), now), "2 h ago");
    }

    #[test]
    fn machines_read_a_time_in_utc() {
        assert_eq!(iso(at("2026-07-01T13:00:00+01:00")), "2026-07-01T12:00:00Z");
    }
}
