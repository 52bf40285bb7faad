//! Ids are types, so that a rep is never passed where a pool is meant.
//!
//! Ids of things this system makes (handoff, journey, receipt, attempt) are ULIDs drawn by
//! `runtime::ids`; ids of things the organisation names (type, pool, rep, source, lane) are the
//! keys of its configuration.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// Reads the id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

ids! {
    /// Names one handoff (ULID).
    HandoffId,
    /// Names one journey: a person's, deal's or account's way through the teams (ULID).
    JourneyId,
    /// Names one stored request of a source (ULID).
    ReceiptId,
    /// Names one try at a commit, so that a writer recognises its own lost reply.
    AttemptId,
    /// Names a handoff type of the configuration, such as `mql`.
    TypeKey,
    /// Names a lane of the configuration, such as `inbound`.
    LaneKey,
    /// Names a pool of the configuration, such as `sdr_emea`.
    PoolId,
    /// Names a person of the configuration: a rep, a manager, a director.
    PersonId,
    /// Names a source of the configuration, such as `hubspot`.
    SourceKey,
    /// Names a calendar of the configuration.
    CalendarKey,
}
