//! Calendars as the file writes them: hours by weekday, holidays by date or from a file, days with
//! hours of their own; and what is wrong with one.
//!
//! Everything found is reported, each at its own place, and a calendar is made of what could be
//! read.

use super::super::holidays::holidays;
use super::{Reader, worded};
use crate::{
    calendar::{Calendar, Window},
    ids::CalendarKey,
};
use chrono::{Days, NaiveDate, Weekday};
use chrono_tz::Tz;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use toml::de::DeTable;

/// How many days on end a calendar may not work before that is taken for a mistake.
const CLOSED_DAYS_MAX: usize = 183;

/// A calendar as the file writes it.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct CalendarRule {
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    timezone: Tz,
    hours: Vec<HoursRule>,
    #[serde(default)]
    holidays: Vec<String>,
    holidays_from: Option<String>,
    #[serde(default)]
    extra: Vec<ExtraRule>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct HoursRule {
    on: Vec<String>,
    at: Vec<String>,
}

/// A day with hours of its own, holiday or not.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct ExtraRule {
    on: String,
    at: Vec<String>,
}

const WEEK: [(&str, Weekday); 7] = [
    ("mon", Weekday::Mon),
    ("tue", Weekday::Tue),
    ("wed", Weekday::Wed),
    ("thu", Weekday::Thu),
    ("fri", Weekday::Fri),
    ("sat", Weekday::Sat),
    ("sun", Weekday::Sun),
];

/// Reads the calendars of a document, and reports what is wrong with them.
pub(super) fn calendars<'a>(
    reader: &mut Reader<'a>,
    document: &DeTable<'a>,
    rules: &BTreeMap<CalendarKey, CalendarRule>,
    files: &BTreeMap<String, String>,
) -> BTreeMap<CalendarKey, Calendar> {
    let mut calendars = BTreeMap::new();
    for (key, rule) in rules {
        let mut reading = Reading {
            reader,
            document,
            key: key.as_str(),
            rule,
            calendar: Calendar::new(rule.timezone),
        };
        reading.hours();
        reading.holidays();
        reading.file(files);
        reading.extra();
        reading.overlaps();
        reading.closures();
        calendars.insert(key.clone(), reading.calendar);
    }
    calendars
}

/// One calendar being made.
struct Reading<'r, 'a> {
    reader: &'r mut Reader<'a>,
    document: &'r DeTable<'a>,
    key: &'r str,
    rule: &'r CalendarRule,
    calendar: Calendar,
}

impl Reading<'_, '_> {
    fn report(&mut self, path: &[&str], code: &'static str, message: String, help: &str) {
        let path = [&["calendars", self.key], path].concat();
        let span = self.reader.find(self.document, &path);
        self.reader.report(span, code, message, help);
    }

    fn change(&mut self, change: impl FnOnce(Calendar) -> Calendar) {
        let unchanged = Calendar::new(self.rule.timezone);
        self.calendar = change(std::mem::replace(&mut self.calendar, unchanged));
    }

    fn hours(&mut self) {
        let rule = self.rule;
        for (index, hours) in rule.hours.iter().enumerate() {
            let index = index.to_string();
            let windows = self.windows(&["hours", &index, "at"], &hours.at);
            for day in &hours.on {
                let Some((_, weekday)) = WEEK.iter().find(|(known, _)| known == day) else {
                    let help = format!("Write {}.", WEEK.map(|(known, _)| known).join(", "));
                    let message = format!("`{day}` is no weekday.");
                    self.report(&["hours", &index, "on"], "wrong-calendar", message, &help);
                    continue;
                };
                for window in &windows {
                    self.change(|calendar| calendar.with_window(&[*weekday], *window));
                }
            }
        }
        if self.calendar.never_works() {
            let help =
                "Give it hours, such as `hours = [{ on = [\"mon\"], at = [\"09:00-17:30\"] }]`.";
            let message = "This calendar never works: its week is empty.".to_owned();
            self.report(&["hours"], "empty-week", message, help);
        }
    }

    fn windows(&mut self, path: &[&str], texts: &[String]) -> Vec<Window> {
        let mut windows = Vec::new();
        for text in texts {
            match text.parse::<Window>() {
                Ok(window) => windows.push(window),
                Err(error) => {
                    let (message, help) = worded(&error.to_string());
                    self.report(path, "wrong-calendar", message, &help);
                }
            }
        }
        windows
    }

    fn holidays(&mut self) {
        let rule = self.rule;
        for (index, text) in rule.holidays.iter().enumerate() {
            if let Some(day) = self.date(&["holidays", &index.to_string()], text) {
                self.change(|calendar| calendar.with_holiday(day));
            }
        }
    }

    fn date(&mut self, path: &[&str], text: &str) -> Option<NaiveDate> {
        let day = text.parse::<NaiveDate>().ok();
        if day.is_none() {
            let message = format!("`{text}` is no date.");
            self.report(path, "wrong-calendar", message, "Write it like 2026-12-25.");
        }
        day
    }

    fn file(&mut self, files: &BTreeMap<String, String>) {
        let rule = self.rule;
        let Some(name) = &rule.holidays_from else { return };
        let place = ["calendars", self.key, "holidays_from"];
        let Some(text) = self.reader.file(self.document, &place, name, files) else { return };
        match holidays(text, rule.timezone) {
            Ok(days) => {
                let closed = |calendar| days.iter().copied().fold(calendar, Calendar::with_holiday);
                self.change(closed);
            }
            Err(refusal) => {
                let message = format!("`{name}`, line {}: {}", refusal.line, refusal.message);
                self.report(&["holidays_from"], "wrong-holidays", message, refusal.help);
            }
        }
    }

    fn extra(&mut self) {
        let rule = self.rule;
        let mut known = BTreeSet::new();
        for (index, extra) in rule.extra.iter().enumerate() {
            let index = index.to_string();
            let windows = self.windows(&["extra", &index, "at"], &extra.at);
            let Some(day) = self.date(&["extra", &index, "on"], &extra.on) else { continue };
            if extra.at.is_empty() {
                let message = format!("The extra day {day} has no hours.");
                let help = "Give it `at = [\"10:00-14:00\"]`, or write the day in `holidays`.";
                self.report(&["extra", &index], "empty-extra", message, help);
            }
            if !known.insert(day) {
                let message = format!("The extra day {day} is there twice.");
                self.report(&["extra", &index], "twice-extra", message, "Write it once.");
            }
            self.change(|calendar| calendar.with_extra(day, windows));
        }
    }

    /// Reports windows that overlap, in a day or across midnight.
    fn overlaps(&mut self) {
        for (index, (day, weekday)) in WEEK.iter().enumerate() {
            let (next, next_weekday) = WEEK[(index + 1) % WEEK.len()];
            let today = self.calendar.weekly(*weekday).to_vec();
            let tomorrow = self.calendar.weekly(next_weekday).to_vec();
            self.within(&["hours"], day, &today);
            self.across(&["hours"], (day, &today), (next, &tomorrow));
        }
        let extra = self.calendar.extra().clone();
        for (index, day) in self.rule.extra.iter().enumerate() {
            let Some((day, today)) =
                day.on.parse().ok().and_then(|day: NaiveDate| extra.get_key_value(&day))
            else {
                continue;
            };
            let path = ["extra", &index.to_string()];
            let (named, today) = (day.to_string(), today.as_slice());
            self.within(&path, &named, today);
            if let Some(before) = day.pred_opt() {
                let yesterday = self.calendar.windows_of(before).to_vec();
                self.across(&path, (&before.to_string(), &yesterday), (&named, today));
            }
            if let Some(after) = day.succ_opt().filter(|after| !extra.contains_key(after)) {
                let tomorrow = self.calendar.windows_of(after).to_vec();
                self.across(&path, (&named, today), (&after.to_string(), &tomorrow));
            }
        }
    }

    fn within(&mut self, path: &[&str], day: &str, windows: &[Window]) {
        let mut ordered = windows.to_vec();
        ordered.sort_unstable();
        let mut latest: Option<Window> = None;
        for window in ordered {
            if let Some(earlier) = latest.filter(|earlier| window.from_minute < earlier.to_minute) {
                self.overlap(path, (day, earlier), (day, window));
            }
            latest = latest.filter(|earlier| earlier.to_minute > window.to_minute).or(Some(window));
        }
    }

    fn across(&mut self, path: &[&str], today: (&str, &[Window]), next: (&str, &[Window])) {
        let latest = today.1.iter().max_by_key(|window| window.to_minute);
        let first = next.1.iter().min_by_key(|window| window.from_minute);
        let Some((latest, first)) = latest.zip(first) else { return };
        if latest.to_minute > 24 * 60 + first.from_minute {
            self.overlap(path, (today.0, *latest), (next.0, *first));
        }
    }

    fn overlap(&mut self, path: &[&str], earlier: (&str, Window), later: (&str, Window)) {
        let ((day, earlier), (next, later)) = (earlier, later);
        let message = format!("The hours {earlier} of {day} and {later} of {next} overlap.");
        let help = "End the first where the second starts, or make them one.";
        self.report(path, "overlapping-hours", message, help);
    }

    /// Reports a stretch of holidays that is too long to be meant.
    fn closures(&mut self) {
        if self.calendar.never_works() {
            return;
        }
        let mut looked_at = NaiveDate::MIN;
        let mut found = None;
        for first in self.calendar.holidays().iter().copied() {
            if first < looked_at {
                continue;
            }
            let is_closed = |day: &NaiveDate| self.calendar.windows_of(*day).is_empty();
            let closed = first.iter_days().take_while(is_closed).take(CLOSED_DAYS_MAX + 1).count();
            looked_at = first.checked_add_days(Days::new(closed as u64)).unwrap_or(NaiveDate::MAX);
            if closed > CLOSED_DAYS_MAX {
                found = Some(first);
                break;
            }
        }
        if let Some(first) = found {
            let named = if self.rule.holidays.is_empty() { "holidays_from" } else { "holidays" };
            let message = format!(
                "From {first} this calendar does not work for {CLOSED_DAYS_MAX} days and more."
            );
            let help = "Take holidays out: nothing that counts on it is due before it works again.";
            self.report(&[named], "long-closure", message, help);
        }
    }
}
