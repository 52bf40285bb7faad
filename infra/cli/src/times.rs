//! Times as people write and read them.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

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
}
