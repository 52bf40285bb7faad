//! Times as people write and read them.

use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use domain::Config;

/// A time, or one of the organisation's days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// An instant.
    Time(DateTime<Utc>),
    /// A whole day.
    Day(NaiveDate),
}

impl Moment {
    /// Reads one from the command line.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(day) => Ok(Self::Day(day)),
            Err(_) => parse(text)
                .map(Self::Time)
                .map_err(|said| format!("write a day such as 2026-01-05, or a time: {said}")),
        }
    }

    /// Tells when it begins.
    pub(crate) fn begins(self, config: &Config) -> DateTime<Utc> {
        match self {
            Self::Time(at) => at,
            Self::Day(day) => config.start_of(day).unwrap_or(DateTime::UNIX_EPOCH),
        }
    }

    /// Tells when it is over: a time at once, a day when the next one begins.
    pub(crate) fn ends(self, config: &Config) -> DateTime<Utc> {
        match self {
            Self::Time(at) => at,
            Self::Day(day) => {
                let next = day.checked_add_days(Days::new(1)).and_then(|day| config.start_of(day));
                next.unwrap_or(DateTime::<Utc>::MAX_UTC)
            }
        }
    }
}

/// Reads a time from the command line: RFC 3339, so that no zone is guessed.
pub(crate) fn parse(text: &str) -> Result<DateTime<Utc>, String> {
    DateTime::parse_from_rfc3339(text).map(|at| at.to_utc()).map_err(|_| {
        "write it with its zone, such as 2026-01-05T09:00:00Z or 2026-01-05T10:00:00+01:00"
            .to_owned()
    })
}

/// Writes a time for somebody in a zone.
pub(crate) fn local(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%a %-d %b %Y %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_needs_its_zone() {
        let nine: DateTime<Utc> = "2026-01-05T09:00:00Z".parse().unwrap();
        assert_eq!(parse("2026-01-05T10:00:00+01:00"), Ok(nine));
        assert!(parse("2026-01-05T10:00:00").is_err());
        assert!(parse("tomorrow").unwrap_err().contains("2026-01-05T09:00:00Z"));
    }

    #[test]
    fn a_day_is_the_organisations_whole_day() {
        let london = domain::config::load(local::sample::ORGANISATION).unwrap();
        let summer = Moment::parse("2026-07-06").unwrap();
        let expected = ["2026-07-05T23:00:00Z", "2026-07-06T23:00:00Z"];
        let expected = expected.map(|at| parse(at).unwrap());
        assert_eq!([summer.begins(&london), summer.ends(&london)], expected);
        let nine = Moment::parse("2026-01-05T09:00:00Z").unwrap();
        assert_eq!(nine.begins(&london), nine.ends(&london));
        assert!(Moment::parse("yesterday").unwrap_err().contains("2026-01-05,"));
    }
}
