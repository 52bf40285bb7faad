//! The census: how much of the system a run reached, and what befell it there.

use std::{collections::BTreeMap, fmt};

/// Counts of requests by operation, and of what befell what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    requests: BTreeMap<String, u64>,
    befell: BTreeMap<String, u64>,
}

impl Census {
    pub(super) fn asked(&mut self, operation: &str) {
        *self.requests.entry(operation.to_owned()).or_default() += 1;
    }

    pub(super) fn befell(&mut self, what: &str) {
        *self.befell.entry(what.to_owned()).or_default() += 1;
    }

    /// Adds another run's counts.
    pub fn add(&mut self, other: &Self) {
        for (from, to) in [(&other.requests, &mut self.requests), (&other.befell, &mut self.befell)]
        {
            for (what, count) in from {
                *to.entry(what.clone()).or_default() += count;
            }
        }
    }

    /// Counts the requests.
    pub fn requests(&self) -> u64 {
        self.requests.values().sum()
    }

    /// Counts what befell something.
    pub fn faults(&self) -> u64 {
        self.befell.values().sum()
    }

    /// Lists the kinds of what befell something.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.befell.keys().map(String::as_str)
    }
}

impl fmt::Display for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} requests, {} faults", self.requests(), self.faults())?;
        for (what, count) in &self.befell {
            writeln!(f, "  {count:>6} {what}")?;
        }
        Ok(())
    }
}
