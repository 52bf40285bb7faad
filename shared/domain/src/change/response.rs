//! How long somebody took.

use crate::clock::Credit;
use serde::{Deserialize, Serialize};

/// A first response that was counted: how long it took, and for whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Response {
    /// Seconds from the trigger to the first touch.
    pub seconds: i64,
    /// Who answers for it.
    pub credit: Credit,
}
