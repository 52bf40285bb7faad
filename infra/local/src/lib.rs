//! The cloud on one machine: the resources of the AWS template in one process.
//!
//! The functions cannot tell it from AWS: they use the real SDK clients, pointed at loopback
//! endpoints, and get the events they would get there, with the same batching, partial failures,
//! retries and dead letters. What runs on timers ([`live`]) and in virtual time ([`Cloud`]) is the
//! same set of parts. Deliberately absent, outside [`assembly`]: any knowledge of the functions.

mod agenda;
pub mod assembly;
mod background;
mod cloud;
mod connections;
mod deliveries;
mod directory;
mod engine;
mod fate;
mod functions;
mod gateway;
mod job;
mod lane;
mod ledger;
pub mod live;
mod outbox;
mod page;
mod parts;
mod problem;
pub mod sample;
mod schedule;
mod state;
mod stream;
mod wire;

pub use cloud::{Cloud, Pending, Ticket};
pub use engine::{Engine, EngineError};
pub use fate::Fate;
pub use functions::{Functions, Handler, HttpHandler, handler, http_handler};
pub use gateway::{Gateway, GatewayError};
pub use ledger::{DeadLetter, Ledger, Message, OUTBOX_KEPT};
pub use outbox::{OutboxEntry, Sent};
pub use parts::{Changes, Elsewhere, Parts, Setup};
pub use schedule::{Every, On, Schedule, ScheduledFunction};
pub use state::StateError;
pub use stream::{News, Record, RowChange, Stream};
pub use wire::{Rule, Wire};

#[cfg(test)]
mod testing;
