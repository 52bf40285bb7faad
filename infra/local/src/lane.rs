//! How one consumer gets through the stream: batches, partial failures, bounded retries.
//!
//! As with an event source mapping on AWS: everything before the lowest failed record is done and
//! everything from it on comes again; a batch that fails as a whole is halved, so that a poisoned
//! record ends up alone; a record that has failed too often is given up, loudly, and the rest goes
//! on. This file only decides: it reads no stream and stores nothing.

use crate::job::Verdict;
use crate::stream::sequence;

/// How many records a consumer gets at once.
const BATCH: usize = 100;

/// How often a record is tried again before it is given up.
const RETRIES: u32 = 10;

/// A consumer of the table's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Consumer {
    Relay,
    Metrics,
}

impl Consumer {
    pub(crate) const ALL: [Self; 2] = [Self::Relay, Self::Metrics];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Metrics => "metrics",
        }
    }
}

/// One consumer's way through the stream; one batch is out at a time.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) consumer: Consumer,
    /// The last record it is done with.
    pub(crate) position: i64,
    /// How many records its next batch may have.
    pub(crate) limit: usize,
    /// Whether a batch is out, or about to be.
    pub(crate) is_out: bool,
    stuck_at: Option<i64>,
    failures: u32,
}

/// Where a batch leaves its consumer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// The last record it is done with.
    pub(crate) position: i64,
    /// Whether the rest is to come again soon.
    pub(crate) retry: bool,
    /// The record that is given up, by its place in the batch, and why.
    pub(crate) given_up: Option<(usize, String)>,
}

impl Lane {
    pub(crate) fn new(consumer: Consumer, position: i64) -> Self {
        Self { consumer, position, limit: BATCH, is_out: false, stuck_at: None, failures: 0 }
    }

    /// Decides what follows from how a batch ended; `numbers` are its records', ascending.
    ///
    /// The position is the caller's to move, once the step is stored.
    pub(crate) fn settle(&mut self, numbers: &[i64], verdict: &Verdict) -> Step {
        match lowest_failed(numbers, verdict) {
            Ok(None) => {
                self.recover();
                let position = numbers.last().copied().unwrap_or(self.position);
                Step { position, retry: false, given_up: None }
            }
            Ok(Some(index)) => self.fail(numbers, index, "its function reported it as failed"),
            Err(_) if numbers.len() > 1 => {
                self.limit = numbers.len().div_ceil(2);
                Step { position: self.position, retry: true, given_up: None }
            }
            Err(reason) => self.fail(numbers, 0, &reason),
        }
    }

    fn fail(&mut self, numbers: &[i64], index: usize, reason: &str) -> Step {
        let before = index.checked_sub(1).map_or(self.position, |before| numbers[before]);
        let failed = numbers[index];
        self.failures = if self.stuck_at == Some(failed) { self.failures + 1 } else { 1 };
        self.stuck_at = Some(failed);
        if self.failures <= RETRIES {
            return Step { position: before, retry: true, given_up: None };
        }
        self.recover();
        Step { position: failed, retry: false, given_up: Some((index, reason.to_owned())) }
    }

    fn recover(&mut self) {
        self.stuck_at = None;
        self.failures = 0;
        self.limit = (self.limit * 2).min(BATCH);
    }
}

/// The place of the lowest record that failed, none, or why the batch failed as a whole.
fn lowest_failed(numbers: &[i64], verdict: &Verdict) -> Result<Option<usize>, String> {
    let failed = match verdict {
        Verdict::Failed(reason) => return Err(reason.clone()),
        Verdict::Handled { failed } => failed,
    };
    let place = |id: &String| numbers.iter().position(|&number| sequence(number) == *id);
    let places: Option<Vec<usize>> = failed.iter().map(place).collect();
    match places {
        Some(places) => Ok(places.into_iter().min()),
        None => Err("it reported a record that was not in its batch".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane() -> Lane {
        Lane::new(Consumer::Relay, 4)
    }

    fn failed(numbers: &[i64]) -> Verdict {
        Verdict::Handled { failed: numbers.iter().map(|&number| sequence(number)).collect() }
    }

    fn retry_from(position: i64) -> Step {
        Step { position, retry: true, given_up: None }
    }

    #[test]
    fn a_batch_without_failures_is_done() {
        let step = lane().settle(&[5, 7, 9], &failed(&[]));
        assert_eq!(step, Step { position: 9, retry: false, given_up: None });
    }

    #[test]
    fn everything_from_the_lowest_failed_record_comes_again() {
        assert_eq!(lane().settle(&[5, 7, 9], &failed(&[9, 7])), retry_from(5));
        assert_eq!(lane().settle(&[5, 7, 9], &failed(&[5])), retry_from(4));
    }

    #[test]
    fn a_batch_that_fails_as_a_whole_is_halved_and_grows_again() {
        let mut lane = lane();
        let broken = Verdict::Failed("broken".to_owned());
        assert_eq!(lane.settle(&[5, 7, 9], &broken), retry_from(4));
        assert_eq!(lane.limit, 2);
        assert_eq!(lane.settle(&[5, 7], &broken), retry_from(4));
        assert_eq!(lane.limit, 1);
        lane.settle(&[5], &failed(&[]));
        assert_eq!(lane.limit, 2);
    }

    #[test]
    fn an_unknown_record_reported_as_failed_fails_the_batch() {
        assert_eq!(lane().settle(&[5, 7], &failed(&[6])), retry_from(4));
    }

    #[test]
    fn a_record_is_given_up_after_ten_retries_and_only_it() {
        let mut lane = lane();
        for _ in 0..=RETRIES - 1 {
            assert_eq!(lane.settle(&[5, 7], &failed(&[5])), retry_from(4));
        }
        let step = lane.settle(&[5, 7], &failed(&[5]));
        assert_eq!((step.position, step.retry), (5, false));
        assert_eq!(step.given_up.unwrap().0, 0);
    }

    #[test]
    fn failures_are_counted_for_one_record_at_a_time() {
        let mut lane = lane();
        for _ in 0..RETRIES {
            lane.settle(&[5, 7], &failed(&[5]));
        }
        assert_eq!(lane.settle(&[5, 7], &failed(&[7])), retry_from(5), "5 got through");
        assert_eq!(lane.settle(&[7], &Verdict::Failed("broken".to_owned())), retry_from(4));
    }
}
