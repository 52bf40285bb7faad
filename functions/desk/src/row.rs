//! One handoff in a list: what the queue, the lists, their JSON and their CSV show of it.

use crate::{csv, moment};
use chrono::{DateTime, Utc};
use domain::{Handoff, Package, clock::Clock};
use serde_json::{Value, json};
use store::Stored;

/// The columns of a list as CSV.
const COLUMNS: [&str; 17] = [
    "id",
    "type",
    "stage",
    "owner",
    "pool",
    "name",
    "company",
    "email",
    "score",
    "completeness",
    "opened_at",
    "clock",
    "due_at",
    "clock_state",
    "outcome",
    "version",
    "test",
];

/// One handoff of a list.
pub(crate) struct Row {
    /// The handoff.
    pub(crate) handoff: Handoff,
    /// Its package.
    pub(crate) package: Package,
}

impl From<(Stored<Handoff>, Stored<Package>)> for Row {
    fn from((handoff, package): (Stored<Handoff>, Stored<Package>)) -> Self {
        Self { handoff: handoff.record, package: package.record }
    }
}

impl Row {
    /// Finds the deadline that still stands, if any.
    pub(crate) fn due_at(&self) -> Option<DateTime<Utc>> {
        self.handoff.pressing_clock().map(|clock| clock.due_at)
    }

    /// Shows it as JSON.
    pub(crate) fn json(&self, now: DateTime<Utc>) -> Value {
        let (handoff, subject) = (&self.handoff, &self.package.subject);
        let due_at = self.due_at();
        json!({
            "id": handoff.id,
            "version": handoff.version,
            "type": handoff.kind,
            "stage": handoff.stage,
            "test": handoff.test,
            "owner": handoff.owner,
            "sender": handoff.sender,
            "pool": handoff.pool,
            "from": handoff.from,
            "to": handoff.to,
            "title": self.package.title(),
            "name": subject.name,
            "company": subject.company,
            "score": handoff.score,
            "amount": handoff.amount,
            "completeness": handoff.completeness,
            "opened_at": moment::iso(handoff.opened_at),
            "clock": handoff.leading_clock().map(clock_json),
            "due_at": due_at.map(moment::iso),
            "overdue": due_at.is_some_and(|due_at| due_at <= now),
            "outcome": handoff.outcome,
        })
    }

    /// Shows it as a line of CSV.
    pub(crate) fn csv(&self) -> String {
        let (handoff, subject) = (&self.handoff, &self.package.subject);
        let clock = handoff.leading_clock();
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        csv::line(
            [
                handoff.id.to_string(),
                handoff.kind.to_string(),
                handoff.stage.to_string(),
                text(handoff.owner.as_ref().map(|owner| owner.as_str())),
                text(handoff.pool.as_ref().map(|pool| pool.as_str())),
                text(subject.name.as_deref()),
                text(subject.company.as_deref()),
                text(subject.email.as_deref()),
                handoff.score.map(|score| score.to_string()).unwrap_or_default(),
                handoff.completeness.to_string(),
                moment::iso(handoff.opened_at),
                text(clock.map(|clock| clock.name.as_str())),
                clock.map(|clock| moment::iso(clock.due_at)).unwrap_or_default(),
                clock.map(|clock| clock.state.to_string()).unwrap_or_default(),
                text(handoff.outcome.as_deref()),
                handoff.version.to_string(),
                handoff.test.to_string(),
            ]
            .iter()
            .map(String::as_str),
        )
    }

    /// Names the columns of the CSV.
    pub(crate) fn csv_head() -> String {
        csv::line(COLUMNS)
    }
}

/// Shows a clock as JSON.
pub(crate) fn clock_json(clock: &Clock) -> Value {
    json!({
        "name": clock.name,
        "due_at": moment::iso(clock.due_at),
        "short_notice": clock.short_notice,
        "state": clock.state,
        "met_at": clock.met_at.map(moment::iso),
        "breached_at": clock.breached_at.map(moment::iso),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, handoff, package};

    #[test]
    fn a_row_counts_down_only_what_still_stands() {
        let mut row = Row { handoff: handoff(), package: package("Dana", "Acme") };
        assert_eq!(row.due_at(), Some(at("2026-01-05T13:00:00Z")));
        assert_eq!(row.json(at("2026-01-05T13:00:00Z"))["overdue"], true);
        row.handoff.clocks[0].met_at = Some(at("2026-01-05T10:00:00Z"));
        assert_eq!(row.due_at(), None);
    }

    #[test]
    fn a_line_has_a_cell_for_every_column_and_no_formula() {
        let row = Row { handoff: handoff(), package: package("=1+1", "Acme") };
        let line = row.csv();
        assert_eq!(line.matches(',').count(), Row::csv_head().matches(',').count());
        assert!(line.contains(",'=1+1,Acme,"), "{line}");
    }
}
