//! What befalls deliveries on their way: nothing on a laptop, and in a test what its dice say.
//!
//! The cloud promises at least once and no order, and does worse on bad days: a tick is lost or
//! comes twice, a batch is split or replayed, a message comes late or again. Each of these is asked
//! for here, where it would happen, so that the deliveries themselves stay one implementation.

use std::fmt;

use chrono::TimeDelta;

use crate::schedule::ScheduledFunction;

/// Decides what befalls each delivery; the defaults are a good day.
pub trait Fate: Send + fmt::Debug {
    /// How long after its time a tick of a schedule comes: never, once, or more often.
    fn ticks(&mut self, _function: ScheduledFunction) -> Vec<TimeDelta> {
        vec![TimeDelta::zero()]
    }

    /// How much longer new records are on their way to a consumer.
    fn record_delay(&mut self, _consumer: &str) -> TimeDelta {
        TimeDelta::zero()
    }

    /// How many records of at most `most` come as one batch; at least one does.
    fn batch(&mut self, _consumer: &str, most: usize) -> usize {
        most
    }

    /// How many records a consumer that got through is sent again.
    fn replay(&mut self, _consumer: &str) -> i64 {
        0
    }

    /// How much longer a message waits that was about to be delivered, if it does.
    fn put_off(&mut self, _queue: &str) -> Option<TimeDelta> {
        None
    }

    /// Whether a message comes again although it was handled.
    fn again(&mut self, _queue: &str) -> bool {
        false
    }
}

/// A good day: everything comes once, whole and in time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calm;

impl Fate for Calm {}
