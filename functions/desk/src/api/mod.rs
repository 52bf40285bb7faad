//! The JSON interface: one file an address. Shapes are a contract that
//! others build on; times are RFC 3339 in UTC.

pub(crate) mod absence;
pub(crate) mod act;
pub(crate) mod health;
pub(crate) mod list;
pub(crate) mod metrics;
pub(crate) mod open;
pub(crate) mod queue;
pub(crate) mod reassign;
pub(crate) mod show;
pub(crate) mod why;
