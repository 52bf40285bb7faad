//! The simulator: the whole system in a storm, from one seed.
//!
//! The real functions and the real store run over the embedded engine and a virtual clock. Under
//! the real SDK sits a client that lets requests take their time, so that invocations interleave,
//! and spoils some; around the functions a fleet of machines that crash, start cold and disagree
//! about the time; behind them deliveries that come late, twice, in pieces or never. Everything is
//! drawn from one seed in one thread, so a seed is a history: it happens the same way again, byte
//! for byte. Beside it a slow and obvious model is told every row that changes, and says after
//! each step what cannot be.

mod census;
mod fleet;
mod gate;
mod life;
mod model;
mod plays;
mod storm;
mod traffic;
mod watch;

pub use census::Census;
pub use fleet::Fleet;
pub use gate::{Limbo, gated};
pub use life::{Lived, live};
pub use model::{Facts, Model};
pub use plays::{PLAYS, Play, Played, play};
pub use storm::{Befalls, Point, Rage, Spoiled, Storm, befalling};
pub use watch::Watch;
