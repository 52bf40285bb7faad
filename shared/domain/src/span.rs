//! Time as people write it: a target or an offset (`5m`, `2d`, `1h30m`, or ISO 8601 `PT5M`), and a
//! working window (`09:00-17:30`). Days are kept apart from hours, minutes and seconds because a
//! calendar counts them differently: `1d` is the same time on the next working day, `24h` is
//! twenty-four hours of working time. What must stay true: every span is at most 3660 days, so no
//! sum of an instant and a span overflows unnoticed, and what `Display` writes `FromStr` reads back
//! as the same value.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest span that is accepted, in days.
pub const SPAN_DAYS_MAX: u64 = 3660;

const MINUTE_SECONDS: u64 = 60;
const HOUR_SECONDS: u64 = 3600;
const DAY_SECONDS: u64 = 86_400;

const MINUTE_MS: i64 = 60_000;
const DAY_MINUTES: u16 = 24 * 60;

/// A length of time: whole days, and seconds written as hours, minutes and seconds.
///
/// Serialized as its short form, such as `"1h30m"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span {
    days: u32,
    seconds: u64,
}

/// Says why a text is not a span.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// The text has none of the accepted forms.
    #[error(
        "\"{found}\" is not a length of time: write a number and a unit, largest unit first, such \
         as 90s, 5m, 4h, 2d, 1w or 1h30m, or ISO 8601 such as PT5M, PT4H30M or P2D"
    )]
    Unreadable {
        /// What was written.
        found: String,
    },
    /// The span is longer than [`SPAN_DAYS_MAX`].
    #[error("\"{found}\" is too long: a length of time is at most {SPAN_DAYS_MAX} days")]
    TooLong {
        /// What was written.
        found: String,
    },
}

/// One stretch of working time, from its first minute to just before its last, on the local clock.
///
/// Serialized as `"09:00-17:30"`; `"22:00-06:00"` runs across midnight and belongs to the day it
/// starts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Window {
    /// Minutes from the owning day's midnight to the start, below 1440.
    pub from_minute: u16,
    /// Minutes from the owning day's midnight to the end, which is not in it: at most 2880.
    pub to_minute: u16,
}

/// Says why a text is not a window.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// The text is not two times of day.
    #[error(
        "\"{found}\" is not a working window: write two times of day such as 09:00-17:30, \
         22:00-06:00 across midnight, or 00:00-24:00 for the whole day"
    )]
    Unreadable {
        /// What was written.
        found: String,
    },
    /// The window ends in the minute it starts.
    #[error(
        "the working window \"{found}\" ends when it starts: leave it out if nobody works, or \
         write 00:00-24:00 for the whole day"
    )]
    Empty {
        /// What was written.
        found: String,
    },
}

impl Span {
    /// Makes a span of whole days and of seconds, unless it is too long.
    pub fn new(days: u32, seconds: u64) -> Result<Self, SpanError> {
        let span = Self { days, seconds };
        let day_seconds = u64::from(days) * DAY_SECONDS;
        if day_seconds.saturating_add(seconds) > SPAN_DAYS_MAX * DAY_SECONDS {
            return Err(SpanError::TooLong { found: span.to_string() });
        }
        Ok(span)
    }

    /// Returns the days that were written as `d` or `w`.
    pub fn days(&self) -> u32 {
        self.days
    }

    /// Returns the seconds that were written as `h`, `m` and `s`.
    pub fn seconds(&self) -> u64 {
        self.seconds
    }

    /// Tells whether the span is no time at all.
    pub fn is_zero(&self) -> bool {
        self.days == 0 && self.seconds == 0
    }

    /// Returns the span on a clock that never stops, where a day is 24 hours.
    pub fn elapsed(&self) -> chrono::Duration {
        // At most 3660 days, far inside both types.
        chrono::Duration::seconds((u64::from(self.days) * DAY_SECONDS + self.seconds) as i64)
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let unreadable = || SpanError::Unreadable { found: text.to_owned() };
        let too_long = || SpanError::TooLong { found: text.to_owned() };
        let mut days = 0_u64;
        let mut seconds = 0_u64;
        for (number, unit) in parts(text).ok_or_else(unreadable)? {
            let (total, factor) = match unit {
                'w' => (&mut days, 7),
                'd' => (&mut days, 1),
                'h' => (&mut seconds, HOUR_SECONDS),
                'm' => (&mut seconds, MINUTE_SECONDS),
                _ => (&mut seconds, 1),
            };
            // Only digits got here, so a number that does not parse is one that does not fit.
            let number = number.parse::<u64>().map_err(|_| too_long())?;
            let added = number.checked_mul(factor).and_then(|part| total.checked_add(part));
            *total = added.ok_or_else(too_long)?;
        }
        let days = u32::try_from(days).map_err(|_| too_long())?;
        Self::new(days, seconds).map_err(|_| too_long())
    }
}

/// Splits either form into its digits and their units, as the short form's letters.
fn parts(text: &str) -> Option<Vec<(&str, char)>> {
    let Some(iso) = text.strip_prefix('P') else {
        return numbers(text, "wdhms", "wdhms");
    };
    let Some((date, time)) = iso.split_once('T') else {
        return numbers(iso, "WD", "wd");
    };
    let mut parts = if date.is_empty() { Vec::new() } else { numbers(date, "WD", "wd")? };
    parts.extend(numbers(time, "HMS", "hms")?);
    Some(parts)
}

/// Reads one number or more, each followed by one of `units`, in that order and none twice.
fn numbers<'a>(text: &'a str, units: &str, letters: &str) -> Option<Vec<(&'a str, char)>> {
    let mut found = Vec::new();
    let mut expected: Vec<(char, char)> = units.chars().zip(letters.chars()).collect();
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|character: char| !character.is_ascii_digit())?;
        let unit = rest[digits..].chars().next()?;
        let place = expected.iter().position(|(accepted, _)| *accepted == unit)?;
        if digits == 0 {
            return None;
        }
        found.push((&rest[..digits], expected[place].1));
        expected.drain(..=place);
        rest = &rest[digits + unit.len_utf8()..];
    }
    (!found.is_empty()).then_some(found)
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return formatter.write_str("0m");
        }
        let parts = [
            (u64::from(self.days), 'd'),
            (self.seconds / HOUR_SECONDS, 'h'),
            (self.seconds % HOUR_SECONDS / MINUTE_SECONDS, 'm'),
            (self.seconds % MINUTE_SECONDS, 's'),
        ];
        for (number, unit) in parts.into_iter().filter(|(number, _)| *number > 0) {
            write!(formatter, "{number}{unit}")?;
        }
        Ok(())
    }
}

impl TryFrom<String> for Span {
    type Error = SpanError;

    fn try_from(text: String) -> Result<Self, SpanError> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl Window {
    /// Returns the start, from the owning day's midnight.
    pub(crate) fn start_ms(self) -> i64 {
        i64::from(self.from_minute) * MINUTE_MS
    }

    /// Returns the end, from the owning day's midnight.
    pub(crate) fn end_ms(self) -> i64 {
        i64::from(self.to_minute.min(2 * DAY_MINUTES)) * MINUTE_MS
    }

    /// Tells whether no time is in the window.
    pub(crate) fn is_empty(&self) -> bool {
        self.end_ms() <= self.start_ms()
    }

    /// Tells whether a time, from the owning day's midnight, is in the window.
    pub(crate) fn contains(self, time_ms: i64) -> bool {
        self.start_ms() <= time_ms && time_ms < self.end_ms()
    }

    /// Tells whether a time, from the owning day's midnight, is in the window or at its end.
    pub(crate) fn spans(self, time_ms: i64) -> bool {
        self.contains(time_ms) || (time_ms == self.end_ms() && !self.is_empty())
    }
}

impl FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let unreadable = || WindowError::Unreadable { found: text.to_owned() };
        let (from, to) = text.split_once('-').ok_or_else(unreadable)?;
        let from_minute = minutes(from.trim()).ok_or_else(unreadable)?;
        let mut to_minute = minutes(to.trim()).ok_or_else(unreadable)?;
        if from_minute >= DAY_MINUTES {
            return Err(unreadable());
        }
        if to_minute == from_minute {
            return Err(WindowError::Empty { found: text.to_owned() });
        }
        if to_minute < from_minute {
            to_minute += DAY_MINUTES;
        }
        Ok(Self { from_minute, to_minute })
    }
}

/// Reads a time such as `09:00`, up to `48:00` for the end of the next day.
fn minutes(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hour) || !digits(minute) || hour.len() > 2 || minute.len() != 2 {
        return None;
    }
    let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
    let total = hour * 60 + minute;
    (minute < 60 && total <= 2 * DAY_MINUTES).then_some(total)
}

impl fmt::Display for Window {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, mut to) = (self.from_minute, self.to_minute);
        if to > DAY_MINUTES && to - DAY_MINUTES < from {
            to -= DAY_MINUTES;
        }
        write!(formatter, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

impl TryFrom<String> for Window {
    type Error = WindowError;

    fn try_from(text: String) -> Result<Self, WindowError> {
        text.parse()
    }
}

impl From<Window> for String {
    fn from(window: Window) -> Self {
        window.to_string()
    }
}

#[cfg(test)]
mod tests;
