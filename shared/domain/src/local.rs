//! Times as people write them: a day, or a day and a time, in a zone they need not name.

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
}
