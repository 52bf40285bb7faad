//! The real binary, treated roughly: killed at any moment under load, and flooded by strangers.
//!
//! What was acknowledged must be there afterwards, once, and everything must come to rest by
//! itself. `HANDOFF_KILLS` and `HANDOFF_SEED` say how often it is killed, and by which dice.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails; its processes run by the system's clock"
)]

mod book;
mod client;
mod flood;
mod kill;
mod outside;
mod system;
mod truth;
