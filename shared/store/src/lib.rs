//! The only crate that knows a table exists: one DynamoDB table, its keys, its records, its access
//! patterns.
//!
//! `Store` is concrete on purpose. Correctness here lives in condition expressions, and only an
//! engine evaluates those, so there is no trait to fake: on a laptop and in tests the same SDK
//! speaks to an embedded engine on loopback. Methods are named for what the system wants, not for
//! what DynamoDB does. Every conditional write carries its attempt's id and takes its own id for
//! success, because a lost reply looks like a duplicate. Deliberately absent: any scan, but for
//! commands that copy the table or look for a person in all of it.

mod aside;
mod beside;
mod configs;
mod copies;
mod deliveries;
mod destinations;
mod drafts;
mod enriched;
mod erasure;
mod error;
mod handoffs;
mod history;
mod item;
mod journeys;
mod keys;
mod ledger;
mod lists;
mod merges;
mod meter;
mod moves;
mod receipts;
mod roster;
mod rows;
mod seen;
mod sessions;
mod table;
mod transaction;

pub use aside::{Aside, AsideKey};
pub use configs::StoredConfig;
pub use copies::{PageEnd, Row, is_restored};
pub use deliveries::{Delivery, DeliveryState, Place};
pub use destinations::{DestinationRow, Mute};
pub use drafts::Draft;
pub use erasure::{Sought, Trace};
pub use error::StoreError;
pub use handoffs::{By, Opening, Write};
pub use history::{commit_name, commit_of, is_commit_key};
pub use journeys::{Claim, JourneyHandoff, Observed};
pub use ledger::{Checkpoint, Correction, DigestClaim, Fold, Quarantined, Rows};
pub use lists::{Due, Lead, QueueKey, QueueRow, Roster, urgency};
pub use merges::{Merge, MovedHandoff, NewClaim};
pub use meter::{Meter, Used};
pub use receipts::{Receipt, ReceiptKind};
pub use roster::RepRow;
pub use rows::Stored;
pub use seen::Seen;
pub use sessions::Session;
pub use table::create_table;

use aws_sdk_dynamodb::Client;

/// The system's one table.
#[derive(Clone)]
pub struct Store {
    client: Client,
    table: String,
    meter: Meter,
}

impl Store {
    /// Speaks to `table` through `client`.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into(), meter: Meter::default() }
    }

    /// Reads what requests and capacity units this store has used so far.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }
}
