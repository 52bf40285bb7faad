//! What a function needs besides its decision: configuration, clock, ids, bus, topic, secrets,
//! telemetry.
//!
//! A function's struct holds only the parts it uses, so its fields read like its permissions. The
//! environment is read in one place, [`environment`], by each `main.rs`; on a laptop the same parts
//! are built on loopback endpoints.

pub mod bus;
pub mod clock;
pub mod configs;
pub mod environment;
pub mod figures;
pub mod ids;
pub mod outside;
pub mod report;
pub mod secrets;
pub mod telemetry;
pub mod topic;
pub mod web;

pub use bus::{Bus, BusEvent};
pub use clock::Clock;
pub use configs::{Active, Configs};
pub use environment::Environment;
pub use figures::Figure;
pub use ids::Ids;
pub use outside::{Answer, Ask, Outside};
pub use secrets::Secrets;
pub use topic::{Message, SubscriberError, Topic};
