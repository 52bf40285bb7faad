//! The world a test lives in: the whole system on the embedded engine, or on another, a clock it
//! cranks by hand, and an outbox it must read.
//!
//! Stories are told in the system's own verbs. Dropping a world with an undelivered record, an
//! alert nobody read or an error in the log fails the test: silence is never taken for success.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails, and says where"
)]

mod answers;
pub mod engine;
pub mod faults;
mod logs;
mod people;
pub mod roles;
mod shape;
pub mod simulator;
pub mod story;
pub mod vault;
pub mod vendors;
mod world;

pub use people::Answer;
pub use vendors::{Asked, Manner, Vendors};
pub use world::{Setting, World};
