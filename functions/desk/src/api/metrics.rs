//! The month in numbers: the dashboard as JSON, for everything or for one dimension.

use crate::{Desk, fault::Fault, form};
use chrono::{Datelike, Days, Months, NaiveDate};
use domain::{
    Config,
    dashboard::{Dashboard, Figures, Numbers, Rows, Targets, action_items},
};
use futures::{StreamExt, stream};
use http::{Response, StatusCode};
use runtime::web;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use store::StoreError;

/// How many dimensions are read at once.
const ABREAST: usize = 8;

impl Desk {
    /// Answers a month's numbers.
    pub(crate) async fn api_metrics(
        &self,
        pairs: &form::Pairs,
    ) -> Result<Response<bytes::Bytes>, Fault> {
        if pairs.keys().any(|name| !matches!(name.as_str(), "month" | "dimension")) {
            let known = "Metrics are asked for by `month` and `dimension`.";
            return Err(Fault::Malformed(known.to_owned()));
        }
        let active = self.configs.active(self.clock.now()).await?;
        let month = self.month(pairs, &active.config)?;
        let asked = pairs.get("dimension").map(String::as_str).filter(|said| !said.is_empty());
        let dimension = dimension(asked.unwrap_or("all")).map_err(Fault::Malformed)?;
        let document = match dimension {
            "all" => {
                let dashboard = self.dashboard(month, &active.config).await?;
                let items = action_items(&dashboard, &active.config);
                let mut document = serde_json::to_value(&dashboard).unwrap_or_default();
                document["action_items"] = items.into();
                document["dimension"] = "all".into();
                if month == self.month(&form::Pairs::new(), &active.config)? {
                    document["without_owner"] = self.waiting().await?.document();
                }
                document
            }
            one => self.one_dimension(month, one, &active.config).await?,
        };
        Ok(web::json(StatusCode::OK, &document))
    }

    /// Reads the month a query asks for; the present one unless told.
    pub(crate) fn month(&self, pairs: &form::Pairs, config: &Config) -> Result<NaiveDate, Fault> {
        match pairs.get("month").map(|text| text.trim()).filter(|text| !text.is_empty()) {
            None => Ok(first(config.day_of(self.clock.now()))),
            Some(text) => month_of(text).ok_or_else(|| {
                Fault::Malformed("`month` is no month: write it like 2026-01.".to_owned())
            }),
        }
    }

    /// Reads the dashboard of a month.
    pub(crate) async fn dashboard(
        &self,
        month: NaiveDate,
        config: &Config,
    ) -> Result<Dashboard, Fault> {
        let read = dimensions(config).into_iter().map(|dimension| async move {
            let rows = self.rows(&dimension, month).await?;
            Ok::<_, StoreError>((dimension, rows))
        });
        let read: Vec<_> = stream::iter(read).buffered(ABREAST).collect().await;
        let rows = read.into_iter().collect::<Result<BTreeMap<_, _>, _>>()?;
        let today = config.day_of(self.clock.now());
        let held = self.store.sessions(before(month), next(month) - Days::new(1)).await?;
        let count = held.iter().filter(|session| session.held_on >= month).count();
        let of_before = held.len() - count;
        Ok(Dashboard {
            sessions: i64::try_from(count).unwrap_or_default(),
            sessions_before: i64::try_from(of_before).unwrap_or_default(),
            ..Dashboard::of(month, today, &rows, config, Targets::default())
        })
    }

    async fn one_dimension(
        &self,
        month: NaiveDate,
        dimension: &str,
        config: &Config,
    ) -> Result<Value, Fault> {
        let rows = self.rows(dimension, month).await?;
        let follow_up = Days::new(Targets::default().follow_up_days);
        let grown = config.day_of(self.clock.now()) - follow_up;
        let figures = |month: NaiveDate| {
            Figures::of(&rows, month..next(month), month..next(month).min(grown))
        };
        Ok(json!({
            "month": month,
            "dimension": dimension,
            "total": figures(month),
            "before": figures(before(month)),
        }))
    }

    /// Reads a dimension's rows of a month and the one before.
    async fn rows(&self, dimension: &str, month: NaiveDate) -> Result<Rows, StoreError> {
        let (from, to) = (before(month), next(month));
        let numbers = |days: BTreeMap<NaiveDate, BTreeMap<String, i64>>| {
            days.into_iter().map(|(day, row)| (day, Numbers(row))).collect()
        };
        Ok(Rows {
            cohort: numbers(self.store.rollups("cohort", dimension, from, to).await?),
            happened: numbers(self.store.rollups("happened", dimension, from, to).await?),
        })
    }
}

/// Lists the dimensions a dashboard is made of.
fn dimensions(config: &Config) -> Vec<String> {
    let types = config.types.keys().map(|kind| format!("type:{kind}"));
    let reps = config.people.iter().filter(|(_, person)| person.capacity.is_some());
    let reps = reps.map(|(rep, _)| format!("rep:{rep}"));
    std::iter::once("all".to_owned()).chain(types).chain(reps).collect()
}

/// Reads `2026-01`.
pub(crate) fn month_of(text: &str) -> Option<NaiveDate> {
    let (year, month) = text.split_once('-')?;
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let well_formed = year.len() == 4 && month.len() == 2 && digits(year) && digits(month);
    let first = || NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, 1);
    well_formed.then(first).flatten()
}

/// Finds the month after.
pub(crate) fn next(month: NaiveDate) -> NaiveDate {
    month.checked_add_months(Months::new(1)).unwrap_or(month)
}

/// Finds the month before.
pub(crate) fn before(month: NaiveDate) -> NaiveDate {
    month.checked_sub_months(Months::new(1)).unwrap_or(month)
}

fn first(day: NaiveDate) -> NaiveDate {
    day.with_day(1).unwrap_or(day)
}

fn dimension(said: &str) -> Result<&str, String> {
    let named = |prefix: &str| said.strip_prefix(prefix).is_some_and(|key| !key.is_empty());
    let one = said.len() <= 128 && ["type:", "pool:", "rep:"].into_iter().any(named);
    match said == "all" || one {
        true => Ok(said),
        false => Err("`dimension` is `all`, `type:KEY`, `pool:KEY` or `rep:KEY`.".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_a_year_and_a_month() {
        assert_eq!(
            month_of("2026-02").map(|month| month.to_string()).as_deref(),
            Some("2026-02-01")
        );
        for wrong in ["2026", "2026-13", "2026-2", "26-02", "2026-02-01", "+026-02"] {
            assert_eq!(month_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn months_follow_each_other_over_new_year() {
        let january = month_of("2026-01").unwrap();
        assert_eq!(before(january).to_string(), "2025-12-01");
        assert_eq!(next(before(january)), january);
    }

    #[test]
    fn a_dimension_is_everything_or_one_of_something() {
        for fine in ["all", "type:mql", "pool:cs", "rep:amara"] {
            assert_eq!(dimension(fine), Ok(fine));
        }
        for wrong in ["", "type:", "mql", "source:generic", "all:x"] {
            assert!(dimension(wrong).is_err(), "{wrong}");
        }
    }
}
