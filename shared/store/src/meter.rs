//! Counts requests and capacity units, so that budgets are measured and not guessed.

use aws_sdk_dynamodb::types::ConsumedCapacity;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// What one kind of request has used.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Used {
    /// Requests sent.
    pub requests: u64,
    /// Read units, indexes included.
    pub read_units: f64,
    /// Write units, indexes included.
    pub write_units: f64,
}

/// Counts by kind of request.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    used: Arc<Mutex<BTreeMap<&'static str, Used>>>,
}

impl Meter {
    /// Reads the counts so far.
    pub fn read(&self) -> BTreeMap<&'static str, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds the counts up and starts again from nothing.
    pub fn take(&self) -> Used {
        let used = std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner));
        used.values().fold(Used::default(), |sum, one| Used {
            requests: sum.requests + one.requests,
            read_units: sum.read_units + one.read_units,
            write_units: sum.write_units + one.write_units,
        })
    }

    pub(crate) fn read_of(&self, request: &'static str, capacity: Option<&ConsumedCapacity>) {
        let units = capacity.and_then(|capacity| capacity.capacity_units).unwrap_or_default();
        self.add(request, Used { requests: 1, read_units: units, write_units: 0.0 });
    }

    pub(crate) fn write_of(&self, request: &'static str, capacity: &[ConsumedCapacity]) {
        let units = capacity.iter().filter_map(|capacity| capacity.capacity_units).sum();
        self.add(request, Used { requests: 1, read_units: 0.0, write_units: units });
    }

    fn add(&self, request: &'static str, more: Used) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = used.entry(request).or_default();
        entry.requests += more.requests;
        entry.read_units += more.read_units;
        entry.write_units += more.write_units;
    }
}
