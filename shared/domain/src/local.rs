//! Times as people write and read them: a day, or a day and a time, in a zone they need not name;
//! a length in words.

use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;

/// Reads an instant a person or a program wrote: RFC 3339, or a local date, or a local date and
/// time, in `zone`.
pub fn instant(text: &str, zone: Tz) -> Option<DateTime<Utc>> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.with_timezone(&Utc));
    }
    let formats = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"];
    let local = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    match local {
        Some(local) => in_zone(local, zone),
        None => start_of(day(text)?, zone),
    }
}

/// Reads an instant as the end of a range: a date stands for the whole day.
pub fn end(text: &str, zone: Tz) -> Option<DateTime<Utc>> {
    match day(text) {
        Some(day) => start_of(day.succ_opt()?, zone),
        None => instant(text, zone),
    }
}

/// Reads a day, the year first.
pub fn day(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()
}

/// Writes an instant for people, with the zone's abbreviation.
pub fn absolute(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%a %-d %b %Y, %H:%M %Z").to_string()
}

/// Writes a length of time in its two largest units, rounded down.
pub fn length(seconds: i64) -> String {
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

fn start_of(day: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
    in_zone(day.and_hms_opt(0, 0, 0)?, zone)
}

/// Finds a local time's instant: the first of two, and the hour after where the clocks skip it.
fn in_zone(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    let found = zone.from_local_datetime(&local).earliest();
    let found = found.or_else(|| {
        let later = local.checked_add_signed(Duration::hours(1))?;
        zone.from_local_datetime(&later).earliest()
    });
    found.map(|at| at.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_date_stands_for_its_beginning_or_its_whole_day() {
        let zone = Tz::Europe__London;
        assert_eq!(instant("2026-07-01", zone), Some(at("2026-06-30T23:00:00Z")));
        assert_eq!(end("2026-07-01", zone), Some(at("2026-07-01T23:00:00Z")));
        assert_eq!(end("2026-07-01T10:00:00+02:00", zone), Some(at("2026-07-01T08:00:00Z")));
        assert_eq!(instant("2026-07-01T10:30", zone), Some(at("2026-07-01T09:30:00Z")));
        assert_eq!(instant("tomorrow", zone), None);
    }

    #[test]
    fn a_time_the_clocks_skip_is_an_hour_later() {
        let skipped = instant("2026-03-29T01:30", Tz::Europe__London);
        assert_eq!(skipped, Some(at("2026-03-29T01:30:00Z")));
    }

    #[test]
    fn a_length_is_said_in_its_two_largest_units() {
        let said = [0, 59, 60, 3_599, 3_600, 11_520, 86_400, 90_000, 180_061].map(length);
        let expected =
            ["0 s", "59 s", "1 min", "59 min", "1 h", "3 h 12 min", "1 d", "1 d 1 h", "2 d 2 h"];
        assert_eq!(said, expected);
    }

    #[test]
    fn a_time_names_the_zone_it_is_in() {
        let summer = at("2026-07-01T12:00:00Z");
        assert_eq!(absolute(summer, Tz::Europe__London), "Wed 1 Jul 2026, 13:00 BST");
        assert_eq!(absolute(summer, Tz::America__New_York), "Wed 1 Jul 2026, 08:00 EDT");
    }
}
