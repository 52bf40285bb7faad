//! The entries of the fuzz targets, by name; `tests/it/fuzz.rs` has the same file.

mod entries;

/// What a target does with its bytes.
type Entry = fn(&[u8]);

/// Messages to the generic hook.
pub const GENERIC: Entry = entries::generic;
/// Messages of HubSpot.
pub const HUBSPOT: Entry = entries::hubspot;
/// Messages of Salesforce.
pub const SALESFORCE: Entry = entries::salesforce;
/// Messages of Pipedrive.
pub const PIPEDRIVE: Entry = entries::pipedrive;
/// Buttons of Slack.
pub const SLACK: Entry = entries::slack;
/// Packed bodies.
pub const INFLATE: Entry = entries::inflate;
/// Configurations.
pub const CONFIG: Entry = entries::config;
/// Clauses of routing rules.
pub const CLAUSE: Entry = entries::clause;
