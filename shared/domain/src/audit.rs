//! The audit: what must be true of everything that is stored, worked out once more.
//!
//! Acceptance is not effect: a deadline whose sweep never came, a row that says something else than
//! its history, a number nobody can recount are found by nobody who trusts what is stored. So
//! nothing here shares code with what wrote it: owners are followed change by change, and numbers
//! are the last word on each fact, not sums of differences. It finds; it mends nothing.

mod course;
mod recount;

pub use course::{OVERDUE_MINUTES, audit};
pub use recount::{Difference, Recount};

use crate::ids::HandoffId;
use serde::Serialize;

/// Something that is stored and is not true.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// A stable name of the kind, such as `owner-chain`.
    pub code: &'static str,
    /// What it is about: a handoff, a rep, a row of numbers.
    pub about: String,
    /// What is wrong, a sentence.
    pub said: String,
}

impl Finding {
    fn of(code: &'static str, handoff: &HandoffId, said: String) -> Self {
        Self { code, about: handoff.to_string(), said }
    }
}

#[cfg(test)]
mod tests;
