//! Routing: which pool a handoff belongs to, whose turn it is there, and why.
//!
//! Rules are CEL clauses that must all hold, so the explanation is free; the turn is weighted
//! rotation within capacity. Both are functions of what was read, and the trace names what was
//! read: running it again gives the same bytes.

mod rotation;
mod rules;
mod trace;

pub use rotation::{Choice, Standing, TURN, choose, turn};
pub(crate) use rules::clause_fault;
pub use rules::{Fault, Match, Rules, hold};
pub use trace::{Candidate, Clause, PassedOver, RuleFailed, Trace};
