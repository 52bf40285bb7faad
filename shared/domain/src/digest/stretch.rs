//! The days a digest is about: one, a week from Monday on, or a month.

use chrono::{Datelike, Days, Months, NaiveDate, Weekday};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How often a digest comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// Every morning, about the day before.
    Daily,
    /// Every Monday, about the week before.
    Weekly,
    /// On every first, about the month before.
    Monthly,
}

/// The days of one digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// How often such a digest comes.
    pub period: Period,
    /// Its first day.
    pub from: NaiveDate,
    /// Its last day.
    pub to: NaiveDate,
}

impl Period {
    /// Lists them all.
    pub const ALL: [Self; 3] = [Self::Daily, Self::Weekly, Self::Monthly];

    /// Reads one by its word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|period| period.to_string() == word)
    }

    /// The word for its days: "a quiet day".
    pub fn noun(self) -> &'static str {
        match self {
            Self::Daily => "day",
            Self::Weekly => "week",
            Self::Monthly => "month",
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
        })
    }
}

impl Stretch {
    /// The stretch of a period that has a day in it.
    pub fn with(period: Period, day: NaiveDate) -> Self {
        let (from, to) = match period {
            Period::Daily => (day, day),
            Period::Weekly => {
                let week = day.week(Weekday::Mon);
                (week.first_day(), week.last_day())
            }
            Period::Monthly => {
                let first = day.with_day(1).unwrap_or(day);
                (first, first + Months::new(1) - Days::new(1))
            }
        };
        Self { period, from, to }
    }

    /// The one before it.
    pub fn before(self) -> Self {
        Self::with(self.period, self.from.pred_opt().unwrap_or(self.from))
    }

    /// What tells it from all others: what a digest that was sent is remembered by.
    pub fn name(self) -> String {
        format!("{}#{}", self.period, self.from)
    }

    /// How it is said in a sentence.
    pub(crate) fn spelt(self) -> String {
        let day = |day: NaiveDate, format: &str| day.format(format).to_string();
        match self.period {
            Period::Daily => day(self.from, "%A %-d %B %Y"),
            Period::Weekly => {
                format!("{} to {}", day(self.from, "%-d %B"), day(self.to, "%-d %B %Y"))
            }
            Period::Monthly => day(self.from, "%B %Y"),
        }
    }

    /// How it is said in a subject.
    pub(crate) fn short(self) -> String {
        let format = match self.period {
            Period::Daily => "%-d %b",
            Period::Weekly => "Week of %-d %b",
            Period::Monthly => "%b %Y",
        };
        self.from.format(format).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(period: Period, day: &str) -> Stretch {
        Stretch::with(period, day.parse().unwrap())
    }

    #[test]
    fn a_week_begins_on_monday_and_a_month_has_all_its_days() {
        let cases = [
            (Period::Daily, "2026-03-01", "2026-03-01", "2026-03-01"),
            (Period::Weekly, "2026-03-01", "2026-02-23", "2026-03-01"),
            (Period::Weekly, "2026-03-02", "2026-03-02", "2026-03-08"),
            (Period::Monthly, "2028-02-17", "2028-02-01", "2028-02-29"),
        ];
        for (period, day, from, to) in cases {
            let stretch = on(period, day);
            assert_eq!(
                (stretch.from.to_string(), stretch.to.to_string()),
                (from.into(), to.into())
            );
        }
    }

    #[test]
    fn the_one_before_ends_the_day_before() {
        for period in Period::ALL {
            let stretch = on(period, "2026-01-01");
            assert_eq!(stretch.before().to.succ_opt(), Some(stretch.from), "{period}");
        }
        assert_eq!(on(Period::Monthly, "2026-03-31").before().name(), "monthly#2026-02-01");
    }

    #[test]
    fn each_is_said_as_people_say_it() {
        let said = Period::ALL.map(|period| on(period, "2026-01-07").spelt());
        assert_eq!(
            said,
            ["Wednesday 7 January 2026", "5 January to 11 January 2026", "January 2026"]
        );
    }
}
