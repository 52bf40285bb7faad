//! The sample organisation, and requests its sources would send: authentic, signed with the sample
//! secrets.
//!
//! `handoff up`, the demo and the tests all speak through the real front door with these.

mod dice;
mod lead;
mod parcel;
mod request;
mod stretch;
mod traffic;

pub use dice::Dice;
pub use lead::{Company, Lead};
pub use parcel::{Parcel, Score};
pub use request::Sender;
pub use stretch::stretch;
pub use traffic::{Arrival, LEADS_A_DAY, day_of_traffic};

/// The sample organisation's configuration file.
pub const ORGANISATION: &str = include_str!("../sample/organisation.toml");

/// Tells whether a configuration is the sample organisation's, wherever it is reached.
pub fn is_sample(text: &str) -> bool {
    let others = |line: &&str| !line.starts_with(ADDRESS);
    text.lines().filter(others).eq(ORGANISATION.lines().filter(others))
}

/// How the line begins that says where it is reached.
const ADDRESS: &str = "public_url";

/// The address the sample organisation's sources know.
pub const PUBLIC_URL: &str = "http://127.0.0.1:8787";
