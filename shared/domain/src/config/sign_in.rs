//! How people sign in to the desk: OpenID Connect, with whichever issuer an organisation has.
//!
//! The issuer says whose address it is, and the address says which person. So an address counts
//! only where the issuer says that it proved it, or where the organisation says that its issuer
//! knows no others.

use crate::span::Span;
use serde::Deserialize;

/// How people sign in to the desk.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// Who signs people in, as it names itself: `https://accounts.google.com`.
    pub issuer: String,
    /// What the issuer calls this desk.
    pub client_id: String,
    /// Where the secret comes from by which the issuer knows this desk; none for a public client.
    pub secret: Option<String>,
    /// How long somebody stays signed in.
    #[serde(default = "a_working_day")]
    pub lasts: Span,
    /// Whether every address the issuer names belongs to whom it names: for directories of the
    /// organisation's own that say nothing of `email_verified`.
    #[serde(default)]
    pub addresses_are_proved: bool,
}

fn a_working_day() -> Span {
    Span::new(0, 12 * 3600).unwrap_or_default()
}
