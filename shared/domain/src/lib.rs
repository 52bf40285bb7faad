//! The handoff domain: every decision this system takes, as plain functions.
//!
//! Nothing in here reads a clock, a table, a socket, an environment variable or a random number:
//! `now` is an argument, and the dependency list is the proof. The same inputs always give the same
//! changes, which is what makes retries, replays and the simulator possible.

pub mod audit;
pub mod beside;
pub mod calendar;
mod candidates;
pub mod change;
pub mod clock;
pub mod commit;
pub mod config;
pub mod dashboard;
pub mod decide;
pub mod delivery;
pub mod digest;
pub mod enrichment;
pub mod erasure;
pub mod event;
pub mod examples;
pub mod handoff;
pub mod ids;
pub mod involved;
mod ladder;
pub mod local;
pub mod mail;
pub mod message;
pub mod milestone;
pub mod money;
pub mod notice;
pub mod opening;
pub mod outward;
pub mod package;
pub mod pause;
#[cfg(test)]
mod played;
pub mod question;
pub mod replay;
pub mod rollup;
pub mod routing;
pub mod span;
pub mod stage;
pub mod subject;
pub mod subscription;
pub mod survey;
pub mod target;
mod threshold;

pub use change::Change;
pub use commit::{About, Actor, Commit};
pub use config::Config;
pub use decide::{Command, Facts, Refusal, decide};
pub use event::SourceEvent;
pub use handoff::Handoff;
pub use ids::*;
pub use package::Package;
pub use stage::Stage;
