//! The organisation's own terms: its calendars, people, pools, lanes, handoff types, rules and
//! sources.
//!
//! Nothing about a type is hard-coded: the six types of the matrix are a sample configuration, and
//! a seventh is a few more lines of TOML. A configuration is immutable once stored, has a version,
//! and is linted as a whole before it is.

mod holidays;
mod lint;
mod load;
mod model;
mod types;

pub use holidays::FILE_BYTES_MAX;
pub use load::{Problem, files_named, load, with_files};
pub use model::*;
pub use types::*;
