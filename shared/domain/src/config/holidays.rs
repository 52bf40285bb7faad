//! Holidays out of an iCalendar file (RFC 5545): the days of its events, as a company or a state
//! publishes them.
//!
//! The parser is our own because it is small and the crates that read iCalendar bring randomness
//! (for unique ids) and parsers of everything else along, which have no place in pure decisions. It
//! reads what says on which days an event is, refuses what would change those days in a way it does
//! not know, and passes over the rest. What must stay true: no text makes it panic or work for
//! long; every file and every number of days has a limit; each refusal names the line.

use chrono::{DateTime, Datelike, Duration, NaiveDate, NaiveDateTime};
use chrono_tz::Tz;
use std::collections::BTreeSet;

use crate::span::Span;

/// The longest file that is read.
pub(super) const FILE_BYTES_MAX: usize = 1_000_000;
/// The most days that a file's events may have together.
const DAYS_MAX: usize = 20_000;
/// The years into which an event that comes again is followed.
const YEARS: std::ops::RangeInclusive<i32> = 2020..=2040;

/// Why a file tells no holidays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The line, from 1.
    pub(super) line: usize,
    /// What is wrong there.
    pub(super) message: String,
    /// What to do.
    pub(super) help: &'static str,
}

const EXPORT: &str = "Export the calendar as .ics again, or list its days in `holidays`.";
const LIST: &str = "Take it out of the file, and list its days in `holidays`.";

/// Reads the days of a file's events; times in UTC are dated by the clock of `zone`.
pub(super) fn holidays(text: &str, zone: Tz) -> Result<BTreeSet<NaiveDate>, Refusal> {
    let refuse = |line, message: String, help| Err(Refusal { line, message, help });
    if text.len() > FILE_BYTES_MAX {
        let message = format!("The file has more than {FILE_BYTES_MAX} bytes.");
        return refuse(1, message, "Keep the years that matter.");
    }
    let lines = unfolded(text);
    if !lines.first().is_some_and(|(_, line)| line.trim_end().eq_ignore_ascii_case(BEGIN)) {
        let message = format!("This is no iCalendar file: it does not start with {BEGIN}.");
        return refuse(lines.first().map_or(1, |(number, _)| *number), message, EXPORT);
    }
    let mut reading =
        Reading { zone, open: Vec::new(), event: None, told: 0, events: 0, days: BTreeSet::new() };
    for (number, line) in &lines {
        reading.line(line).map_err(|(message, help)| Refusal { line: *number, message, help })?;
    }
    let last = lines.last().map_or(1, |(number, _)| *number);
    match reading.open.last() {
        Some(open) => {
            let message = format!("The file breaks off: {} does not end.", shown(open));
            refuse(last, message, EXPORT)
        }
        None if reading.events == 0 => refuse(last, "There is no event in it.".to_owned(), EXPORT),
        None => Ok(reading.days),
    }
}

const BEGIN: &str = "BEGIN:VCALENDAR";

/// Joins folded lines: one that starts with a space or a tab goes on with the line before.
fn unfolded(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, line) in (1..).zip(text.lines()) {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some((_, folded))) => folded.push_str(rest),
            _ if line.trim().is_empty() => {}
            _ => lines.push((number, line.to_owned())),
        }
    }
    lines
}

/// A refusal that does not know its line.
type Fault = (String, &'static str);

/// What was read so far.
struct Reading {
    zone: Tz,
    /// The components that have begun and not ended.
    open: Vec<String>,
    event: Option<Event>,
    /// Days that events told, also those that others told before.
    told: usize,
    events: usize,
    days: BTreeSet<NaiveDate>,
}

/// One event being read.
#[derive(Default)]
struct Event {
    start: Option<NaiveDateTime>,
    end: Option<NaiveDateTime>,
    lasting: Option<Duration>,
    yearly: Option<Yearly>,
    except: BTreeSet<NaiveDate>,
    is_cancelled: bool,
    is_exception: bool,
}

/// How an event comes again.
#[derive(Clone, Copy)]
struct Yearly {
    every: i32,
    times: Option<u64>,
    until: Option<NaiveDate>,
}

impl Reading {
    fn line(&mut self, line: &str) -> Result<(), Fault> {
        let (name, value) = parts(line)
            .ok_or_else(|| (format!("`{}` is no iCalendar line.", shown(line)), EXPORT))?;
        let value = value.trim();
        match name.to_ascii_uppercase().as_str() {
            "BEGIN" => self.begin(&value.to_ascii_uppercase()),
            "END" => self.end(&value.to_ascii_uppercase()),
            name => self.property(name, value),
        }
    }

    fn begin(&mut self, component: &str) -> Result<(), Fault> {
        if component == "VEVENT" {
            if self.event.is_some() {
                return Err(("An event begins in an event.".to_owned(), EXPORT));
            }
            self.event = Some(Event::default());
        }
        self.open.push(component.to_owned());
        Ok(())
    }

    fn end(&mut self, component: &str) -> Result<(), Fault> {
        if self.open.pop().as_deref() != Some(component) {
            return Err((format!("{} ends and did not begin.", shown(component)), EXPORT));
        }
        match self.event.take_if(|_| component == "VEVENT") {
            Some(event) => self.tell(event),
            None => Ok(()),
        }
    }

    fn property(&mut self, name: &str, value: &str) -> Result<(), Fault> {
        let zone = self.zone;
        if self.open.last().is_none_or(|open| open != "VEVENT") {
            return Ok(());
        }
        let Some(event) = &mut self.event else { return Ok(()) };
        match name {
            "DTSTART" => event.start = Some(time(value, zone)?),
            "DTEND" => event.end = Some(time(value, zone)?),
            "DURATION" => event.lasting = Some(duration(value)?),
            "RRULE" if event.yearly.is_some() => {
                return Err(("The event has two RRULE lines.".to_owned(), LIST));
            }
            "RRULE" => event.yearly = Some(yearly(value, zone)?),
            "EXDATE" => {
                for value in value.split(',') {
                    event.except.insert(time(value.trim(), zone)?.date());
                }
            }
            "STATUS" => event.is_cancelled = value.eq_ignore_ascii_case("CANCELLED"),
            "RECURRENCE-ID" => event.is_exception = true,
            "RDATE" | "EXRULE" => return Err((format!("{name} is not read here."), LIST)),
            _ => {}
        }
        Ok(())
    }

    /// Adds an event's days.
    fn tell(&mut self, event: Event) -> Result<(), Fault> {
        self.events += 1;
        if event.is_exception {
            let message = "The event changes one day of another (RECURRENCE-ID).".to_owned();
            return Err((message, LIST));
        }
        if event.is_cancelled {
            return Ok(());
        }
        let Some(start) = event.start else {
            return Err(("The event that ends here has no DTSTART.".to_owned(), EXPORT));
        };
        let days = event.days(start)?;
        for first in event.firsts(start.date()) {
            if event.except.contains(&first) {
                continue;
            }
            for day in first.iter_days().take(days) {
                self.told += 1;
                if self.told > DAYS_MAX {
                    let message = format!("The events have more than {DAYS_MAX} days.");
                    return Err((message, "Keep the years that matter."));
                }
                self.days.insert(day);
            }
        }
        Ok(())
    }
}

impl Event {
    /// Counts the days it lasts: its end is not part of it.
    fn days(&self, start: NaiveDateTime) -> Result<usize, Fault> {
        let end = match (self.end, self.lasting) {
            (Some(end), _) => end,
            (None, Some(lasting)) => start.checked_add_signed(lasting).unwrap_or(start),
            (None, None) => return Ok(1),
        };
        if end < start {
            return Err(("The event that ends here ends before it starts.".to_owned(), EXPORT));
        }
        let last = end - Duration::seconds(i64::from(end > start));
        Ok(usize::try_from((last.date() - start.date()).num_days() + 1).unwrap_or(1))
    }

    /// Lists the dates it starts on: its own, and those of its rule.
    fn firsts(&self, start: NaiveDate) -> Vec<NaiveDate> {
        let Some(Yearly { every, times, until }) = self.yearly else { return vec![start] };
        let mut firsts = Vec::new();
        let (mut year, mut left) = (start.year(), times.unwrap_or(u64::MAX));
        while year <= *YEARS.end() && left > 0 {
            // A 29th of February that does not exist is no time it comes.
            if let Some(first) = start.with_year(year) {
                if until.is_some_and(|until| first > until) {
                    break;
                }
                left -= 1;
                if YEARS.contains(&year) {
                    firsts.push(first);
                }
            }
            year = year.saturating_add(every);
        }
        firsts
    }
}

/// Splits a line at the colon that is not in a quoted parameter.
fn parts(line: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let colon = line.find(|character| {
        quoted ^= character == '"';
        character == ':' && !quoted
    })?;
    let (head, value) = (&line[..colon], &line[colon + 1..]);
    let name = head.split(';').next()?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (!name.is_empty() && name.bytes().all(is_name)).then_some((name, value))
}

/// Reads `20261225`, `20261225T090000` or `20261225T090000Z`, the last by the clock of `zone`.
fn time(value: &str, zone: Tz) -> Result<NaiveDateTime, Fault> {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let read = || {
        let (day, clock) = value.split_once('T').unwrap_or((value, "000000"));
        let (clock, is_utc) = clock.strip_suffix('Z').map_or((clock, false), |utc| (utc, true));
        if day.len() != 8 || clock.len() != 6 || !digits(day) || !digits(clock) {
            return None;
        }
        let at = NaiveDateTime::parse_from_str(&format!("{day}{clock}"), "%Y%m%d%H%M%S").ok()?;
        let utc: DateTime<chrono::Utc> = at.and_utc();
        Some(if is_utc { utc.with_timezone(&zone).naive_local() } else { at })
    };
    read().ok_or_else(|| {
        let message = format!("`{}` is no date: it must be like 20261225.", shown(value));
        (message, EXPORT)
    })
}

/// Reads how long an event lasts, such as `P1D` or `PT8H`.
fn duration(value: &str) -> Result<Duration, Fault> {
    let span = value.strip_prefix('+').unwrap_or(value).parse::<Span>();
    span.map(|span| span.elapsed()).map_err(|_| {
        let message = format!("`{}` is no length: it must be like P1D.", shown(value));
        (message, EXPORT)
    })
}

/// Reads a rule by which an event comes again every so many years.
fn yearly(value: &str, zone: Tz) -> Result<Yearly, Fault> {
    let mut rule = Yearly { every: 1, times: None, until: None };
    let mut is_yearly = false;
    for part in value.split(';').filter(|part| !part.is_empty()) {
        let refused = || (format!("The RRULE part `{}` is not read here.", shown(part)), LIST);
        let (name, value) = part.split_once('=').ok_or_else(refused)?;
        match name.to_ascii_uppercase().as_str() {
            "FREQ" if value.eq_ignore_ascii_case("YEARLY") => is_yearly = true,
            "INTERVAL" => {
                let every = value.parse().ok().filter(|every| *every > 0);
                rule.every = every.ok_or_else(refused)?;
            }
            "COUNT" => rule.times = Some(value.parse().map_err(|_| refused())?),
            "UNTIL" => rule.until = Some(time(value, zone)?.date()),
            _ => return Err(refused()),
        }
    }
    if is_yearly { Ok(rule) } else { Err(("The RRULE has no FREQ=YEARLY.".to_owned(), LIST)) }
}

/// Cuts what a file says to what a sentence can hold.
fn shown(text: &str) -> String {
    let start: String = text.chars().filter(|character| !character.is_control()).take(40).collect();
    if start.len() < text.len() { start + "…" } else { start }
}

#[cfg(test)]
mod tests;
