//! Times as people say and read them: in a named zone, as a length, as a countdown.
//!
//! Machines get RFC 3339 in UTC; people get their own zone, with its name. The script on the page
//! ticks the same countdown in the same words.

use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;

pub(crate) use domain::local::{end, instant};

/// Writes an instant for machines.
pub(crate) fn iso(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Writes an instant for people, with the zone's abbreviation.
pub(crate) fn absolute(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%a %-d %b %Y, %H:%M %Z").to_string()
}

/// Writes a length of time in its two largest units, rounded down.
pub(crate) fn length(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, 0) => format!("{hours} h"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (_, 0, _) => format!("{days} d"),
        (_, _, _) => format!("{days} d {hours} h"),
    }
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
    fn a_length_is_said_in_its_two_largest_units() {
        let said = [0, 59, 60, 3_599, 3_600, 11_520, 86_400, 90_000, 180_061].map(length);
        let expected =
            ["0 s", "59 s", "1 min", "59 min", "1 h", "3 h 12 min", "1 d", "1 d 1 h", "2 d 2 h"];
        assert_eq!(said, expected);
    }

    #[test]
    fn a_countdown_says_ahead_or_ago() {
        let now = at("2026-01-05T09:00:00Z");
        assert_eq!(countdown(at("2026-01-05T09:05:00Z"), now), "in 5 min");
        assert_eq!(countdown(now, now), "0 s ago");
        assert_eq!(countdown(at("2026-01-05T07:00:00Z"), now), "2 h ago");
    }

    #[test]
    fn a_time_names_the_zone_it_is_in() {
        let summer = at("2026-07-01T12:00:00Z");
        assert_eq!(absolute(summer, Tz::Europe__London), "Wed 1 Jul 2026, 13:00 BST");
        assert_eq!(absolute(summer, Tz::America__New_York), "Wed 1 Jul 2026, 08:00 EDT");
        assert_eq!(iso(summer), "2026-07-01T12:00:00Z");
    }
}
