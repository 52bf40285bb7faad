//! A pause: a handoff's clocks stand still for a reason, for a time, and everybody sees it.
//!
//! What was left when it began is left when it ends, on each clock's own calendar. A pause has an
//! end from the start, so that nobody can forget it: the clock ends it where no person does.

use crate::{calendar::Calendar, ids::PersonId};
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

/// How often a handoff may be paused.
pub const PAUSES_MAX: usize = 20;

/// One stretch of time in which clocks stood still.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pause {
    /// When it began.
    #[cfg_attr(feature = "schema", schemars(with = "DateTime<Utc>"))]
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub at: DateTime<Utc>,
    /// Who wanted it.
    pub by: PersonId,
    /// Why, from the type's list.
    pub reason: String,
    /// When it ends unless somebody ends it sooner.
    #[cfg_attr(feature = "schema", schemars(with = "DateTime<Utc>"))]
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub until: DateTime<Utc>,
    /// When it ended.
    #[cfg_attr(feature = "schema", schemars(with = "Option<DateTime<Utc>>"))]
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub ended_at: Option<DateTime<Utc>>,
}

impl Pause {
    /// Tells whether an instant lies in it.
    pub fn covers(&self, at: DateTime<Utc>) -> bool {
        (self.at..=self.ended_at.unwrap_or(self.until)).contains(&at)
    }

    /// Tells how long it took, or would take if it ended at `now`.
    pub fn length(&self, now: DateTime<Utc>) -> Duration {
        self.ended_at.unwrap_or(now) - self.at
    }
}

/// Puts an instant off by a pause: what was left to it when the pause began is left when it ends.
/// What was not ahead then stays where it is.
pub(crate) fn put_off(
    hours: Option<&Calendar>,
    at: DateTime<Utc>,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
) -> DateTime<Utc> {
    if at <= from {
        return at;
    }
    let Some(hours) = hours else { return at + (to - from) };
    // With no time left to work, waiting for a window's start is waiting for it still.
    let later = hours.add_ms(to, hours.between_ms(from, at));
    later.map_or(at + (to - from), |later| later.max(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Weekday;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn check(hours: Option<&Calendar>, due: &str, (from, to): (&str, &str), expected: &str) {
        let later = put_off(hours, at(due), (at(from), at(to)));
        assert_eq!(later, at(expected), "{due} after a pause from {from} to {to}");
    }

    #[test]
    fn elapsed_time_is_put_off_by_the_length_of_the_pause() {
        let pause = ("2026-01-05T10:00:00Z", "2026-01-05T12:30:00Z");
        check(None, "2026-01-05T11:00:00Z", pause, "2026-01-05T13:30:00Z");
        check(None, "2026-01-05T09:59:00Z", pause, "2026-01-05T09:59:00Z");
    }

    #[test]
    fn working_time_that_was_left_is_left() {
        let days = [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri];
        let office =
            Calendar::new(chrono_tz::UTC).with_window(&days, "09:00-17:00".parse().unwrap());
        let weekend = ("2026-01-09T16:00:00Z", "2026-01-10T12:00:00Z");
        // One hour was left on Friday, and three of Monday's.
        check(Some(&office), "2026-01-12T11:00:00Z", weekend, "2026-01-12T12:00:00Z");
        check(Some(&office), "2026-01-12T11:00:00.250Z", weekend, "2026-01-12T12:00:00.250Z");
        let saturday = ("2026-01-10T10:00:00Z", "2026-01-10T12:00:00Z");
        check(Some(&office), "2026-01-12T09:00:00Z", saturday, "2026-01-12T09:00:00Z");
        let night = ("2026-01-05T18:00:00Z", "2026-01-06T08:00:00Z");
        check(Some(&office), "2026-01-06T10:00:00Z", night, "2026-01-06T10:00:00Z");
    }
}
