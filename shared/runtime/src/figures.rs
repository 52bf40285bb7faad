//! Figures for an operator's dashboard and alarms, as lines of the log that CloudWatch reads
//! numbers from (its embedded metric format): nothing is asked of anybody, and nothing waits.
//!
//! A figure is an event of this crate's own target, which the log's filter does not touch: who
//! logs less still has alarms. What the template's alarms and dashboard go by is named here.

use crate::{Clock, environment};
use serde_json::json;
use std::io::Write;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

/// The target of events that are figures.
pub const TARGET: &str = "handoff::figure";

/// Where CloudWatch keeps them; the table's name tells deployments apart.
const NAMESPACE: &str = "Handoff";

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// From the moment a handoff waits for an owner to its assignment; one an assignment.
    AssignSeconds,
    /// From a step's deadline to when a sweep took it; one a step.
    LateSeconds,
    /// Deadlines that were over for more than two minutes as a sweep began; one a sweep.
    OverdueDeadlines,
    /// How much of what its type wants a handoff had as it opened; one a handoff.
    Completeness,
    /// Events that had come before.
    Duplicates,
    /// What was put aside because it cannot be read.
    Quarantined,
    /// Requests that did not prove who sent them.
    Refused,
    /// A sweep that did all it had to do.
    SweepBeat,
    /// A run of the digest that sent all it had to send.
    DigestBeat,
    /// An audit that looked at everything.
    AuditBeat,
}

impl Figure {
    /// Every figure.
    pub const ALL: [Self; 10] = [
        Self::AssignSeconds,
        Self::LateSeconds,
        Self::OverdueDeadlines,
        Self::Completeness,
        Self::Duplicates,
        Self::Quarantined,
        Self::Refused,
        Self::SweepBeat,
        Self::DigestBeat,
        Self::AuditBeat,
    ];

    /// Its name, as alarms know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::AssignSeconds => "AssignSeconds",
            Self::LateSeconds => "LateSeconds",
            Self::OverdueDeadlines => "OverdueDeadlines",
            Self::Completeness => "Completeness",
            Self::Duplicates => "Duplicates",
            Self::Quarantined => "Quarantined",
            Self::Refused => "Refused",
            Self::SweepBeat => "SweepBeat",
            Self::DigestBeat => "DigestBeat",
            Self::AuditBeat => "AuditBeat",
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::AssignSeconds | Self::LateSeconds => "Seconds",
            Self::Completeness => "Percent",
            _ => "Count",
        }
    }

    fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|figure| figure.name() == name)
    }

    /// Says what was measured.
    pub fn is(self, value: f64) {
        tracing::info!(target: TARGET, figure = self.name(), value);
    }

    /// Says how many there are, also where there are none.
    pub fn are(self, count: usize) {
        self.is(u32::try_from(count).unwrap_or(u32::MAX).into());
    }

    /// Says how many there were; nothing where there were none.
    pub fn count(self, count: usize) {
        if count > 0 {
            self.are(count);
        }
    }
}

/// Seconds between two instants, with their thousandths.
pub fn seconds(time: chrono::Duration) -> f64 {
    // A length of time of centuries has fewer milliseconds than a float holds exactly.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of centuries are exact")]
    let ms = time.num_milliseconds() as f64;
    ms / 1_000.0
}

/// What an event that is a figure says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    /// The figure's name.
    pub name: String,
    /// Its value.
    pub value: f64,
}

impl Said {
    /// Reads a figure off an event; none where the event is no figure.
    pub fn of(event: &Event<'_>) -> Option<Self> {
        (event.metadata().target() == TARGET).then(|| {
            let mut said = Self::default();
            event.record(&mut said);
            said
        })
    }
}

impl Visit for Said {
    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}

    fn record_f64(&mut self, _: &Field, value: f64) {
        self.value = value;
    }

    fn record_str(&mut self, _: &Field, value: &str) {
        value.clone_into(&mut self.name);
    }
}

/// Writes figures to stdout, as Lambda collects it.
pub(crate) struct Lines {
    clock: Clock,
    table: String,
}

impl Lines {
    pub(crate) fn new() -> Self {
        Self { clock: Clock::system(), table: environment::table() }
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let Some(said) = Said::of(event) else { return };
        let Some(line) = line(&said, &self.table, self.clock.now().timestamp_millis()) else {
            return;
        };
        // A figure that cannot be written is not worth a failure.
        let _unwritten = writeln!(std::io::stdout(), "{line}");
    }
}

/// Writes a figure as CloudWatch reads it.
fn line(said: &Said, table: &str, at_ms: i64) -> Option<String> {
    let unit = Figure::of(&said.name)?.unit();
    let metric = json!({ "Name": said.name, "Unit": unit });
    let directive =
        json!({ "Namespace": NAMESPACE, "Dimensions": [["table"]], "Metrics": [metric] });
    let mut line = json!({
        "_aws": { "Timestamp": at_ms, "CloudWatchMetrics": [directive] },
        "table": table,
    });
    line[&said.name] = said.value.into();
    Some(line.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn a_line_names_its_figure_where_it_says_its_value() {
        for figure in Figure::ALL {
            let said = Said { name: figure.name().to_owned(), value: 1.5 };
            let line: Value = serde_json::from_str(&line(&said, "t", 7).unwrap()).unwrap();
            let directive = &line["_aws"]["CloudWatchMetrics"][0];
            assert_eq!(directive["Namespace"], "Handoff");
            assert_eq!(directive["Dimensions"], json!([["table"]]));
            assert_eq!(directive["Metrics"][0]["Name"], figure.name());
            assert_eq!((&line["table"], &line["_aws"]["Timestamp"]), (&json!("t"), &json!(7)));
            assert_eq!(line[figure.name()], 1.5);
        }
        assert_eq!(line(&Said::default(), "t", 7), None, "what nobody knows is no figure");
    }

    #[test]
    fn seconds_have_thousandths() {
        assert_eq!(seconds(chrono::Duration::milliseconds(1_250)), 1.25);
    }
}
