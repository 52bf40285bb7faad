//! The organisation's own terms: its calendars, people, pools, lanes, handoff types, territories,
//! rules and sources.
//!
//! Nothing about a type is hard-coded: the six types of the matrix are a sample configuration, and
//! a seventh is a few more lines of TOML. A configuration is immutable once stored, has a version,
//! and is linted as a whole before it is.

mod fields;
mod holidays;
mod lint;
mod load;
mod model;
pub(crate) mod nearest;
mod outward;
#[cfg(feature = "schema")]
mod schema;
mod sign_in;
pub(crate) mod territories;
mod test_leads;
mod types;

pub use fields::*;
pub use load::{Problem, files_named, load, load_stored, with_files};
pub use model::*;
pub use outward::*;
#[cfg(feature = "schema")]
pub use schema::schema;
pub use sign_in::SignIn;
pub use territories::{Row, Seen, Territories};
pub use test_leads::TestLeads;
pub use types::*;

/// The longest file that is read with a configuration, in bytes; what it is may allow it less.
pub const FILE_BYTES_MAX: usize = territories::TERRITORIES_BYTES_MAX;
