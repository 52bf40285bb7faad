//! What makes a lead a test: whoever tries the system out must not change what managers steer by.
//!
//! It is decided once, when a handoff opens, so that everything that is counted of it is counted of
//! a test or of none. A test goes the whole way like any other: routed, told, written, its clocks
//! kept; only no number counts it.

use serde::Deserialize;

/// What makes a lead a test.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct TestLeads {
    /// Their addresses: one whole, such as `qa@acme.example`, or all of a domain, such as
    /// `*@acme.example`.
    pub emails: Vec<String>,
    /// Conditions on the handoff that must all hold; none makes no lead a test.
    pub when: Vec<String>,
}

impl TestLeads {
    /// Tells whether an address is one of theirs; the case of letters says nothing.
    pub fn has(&self, address: &str) -> bool {
        let address = address.trim().to_lowercase();
        self.emails.iter().map(|pattern| pattern.trim().to_lowercase()).any(|pattern| match pattern
            .strip_prefix('*')
        {
            Some(domain) => address.len() > domain.len() && address.ends_with(&domain),
            None => address == pattern,
        })
    }
}

/// Tells whether a text is an address.
pub(super) fn is_address(text: &str) -> bool {
    let fits = |part: &str| !part.is_empty() && !part.contains(['@', '*', ' ']);
    text.trim().split_once('@').is_some_and(|(name, domain)| fits(name) && fits(domain))
}

/// Tells whether a text is an address, or all addresses of a domain.
pub(super) fn is_pattern(text: &str) -> bool {
    is_address(text)
        || text.trim().strip_prefix('*').is_some_and(|of| is_address(&format!("x{of}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_tests_whole_or_by_its_domain() {
        let emails = vec!["*@Acme.example".to_owned(), "qa@partner.example".to_owned()];
        let tests = TestLeads { emails, ..TestLeads::default() };
        for address in ["ada@acme.example", " QA@Partner.example ", "x+1@ACME.EXAMPLE"] {
            assert!(tests.has(address), "{address}");
        }
        for address in ["", "@acme.example", "ada@not-acme.example", "ada@acme.example.org"] {
            assert!(!tests.has(address), "{address}");
        }
        assert!(!tests.has("ada@partner.example"));
    }

    #[test]
    fn what_is_no_address_is_no_pattern() {
        for good in ["a@b.example", "*@b.example", "a+b@c.example"] {
            assert!(is_pattern(good), "{good}");
        }
        for bad in ["", "*", "acme.example", "@acme.example", "a@", "a*@b.example", "*@*.example"] {
            assert!(!is_pattern(bad), "{bad}");
        }
    }
}
