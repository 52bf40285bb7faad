//! Routing: which pool a handoff belongs to, whose turn it is there, and why.
//!
//! Rules are CEL clauses that must all hold, so the explanation is free; the turn is weighted
//! rotation within capacity. Both are functions of what was read, and the trace names what was
//! read: running it again gives the same bytes.

mod account;
mod forecast;
mod lacking;
mod place;
mod rotation;
mod rules;
mod trace;
mod way;
mod why_not;

pub use account::{OwnedBy, account_owner};
pub use forecast::Forecast;
pub use lacking::lacking;
pub use place::{Daily, Place, Places};
pub use rotation::{Choice, Standing, TURN, choose, raised, turn};
pub use rules::{Fault, Match, Rules, Won, hold};
pub(crate) use rules::{attributes, clause_fault, skill_of};
pub use trace::{AccountOwner, Candidate, Clause, PassedOver, RuleFailed, Trace, Tried};
pub use way::{Asking, Unread, Way, afresh, route};
pub use why_not::why_not;
