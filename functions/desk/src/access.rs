//! Who is asking.

use domain::PersonId;
use std::collections::BTreeMap;

/// How the desk learns who is asking.
#[derive(Clone)]
pub struct Access {
    tokens: Option<BTreeMap<String, PersonId>>,
}

impl Access {
    /// A laptop: whoever sits there picks a person.
    pub fn picker() -> Self {
        Self { tokens: None }
    }

    /// The cloud: whoever holds a token, by the token's SHA-256 in hexadecimal.
    pub fn tokens(tokens: BTreeMap<String, PersonId>) -> Self {
        Self { tokens: Some(tokens) }
    }

    /// Whether a person is picked rather than proven.
    pub fn is_picker(&self) -> bool {
        self.tokens.is_none()
    }
}
