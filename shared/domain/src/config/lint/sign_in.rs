//! What signing in can get wrong: an issuer nobody can ask, a desk without a name there, and a
//! session that ends before it is of use or never.

use super::{Lint, is_here};
use chrono::Duration;
use std::collections::BTreeMap;

/// The longest somebody stays signed in, in days: whoever leaves is out by then, whatever happens.
const LASTS_DAYS_MAX: i64 = 30;

impl Lint<'_, '_> {
    /// Reports what is wrong with signing in.
    pub(super) fn sign_in(&mut self) {
        let Some(rule) = &self.config.sign_in else { return };
        let issuer = rule.issuer.as_str();
        let host = issuer.strip_prefix("https://").and_then(|rest| rest.split('/').next());
        let named = host.is_some_and(|host| !host.is_empty() && !host.contains(['@', '?', '#']));
        if !(named || is_here(issuer)) || issuer.contains(['?', '#', ' ']) {
            let message = format!("`{issuer}` is no issuer.");
            let help = "Write its address as it names itself, such as https://accounts.google.com.";
            self.report(&["sign_in", "issuer"], "wrong-url", message, help);
        }
        if rule.client_id.trim().is_empty() {
            let message = "The issuer does not know this desk by anything.".to_owned();
            let help = "Write the `client_id` it gave you.";
            self.report(&["sign_in", "client_id"], "no-client", message, help);
        }
        if rule.secret.as_deref().is_some_and(|secret| secret.trim().is_empty()) {
            let message = "The secret has no name.".to_owned();
            let help = "Write the name it is stored under, or leave `secret` out.";
            self.report(&["sign_in", "secret"], "no-secret", message, help);
        }
        let organisation = &self.config.organisation;
        if organisation.links_secret == "sample" && organisation.public_url.starts_with("https://")
        {
            let message = "Sessions would be signed with the sample secret.".to_owned();
            let help =
                "Write `links_secret` of the organisation: the name of a secret of your own.";
            self.report(&["sign_in"], "no-secret", message, help);
        }
        let mut known = BTreeMap::new();
        for (id, person) in self.config.people.iter().filter(|(_, person)| person.active) {
            let Some(other) = known.insert(person.email.to_ascii_lowercase(), id) else { continue };
            let message = format!("`{id}` and `{other}` would sign in by the same address.");
            let help = "Give each an address of their own, or make one of them inactive.";
            self.report(&["people", id.as_str(), "email"], "same-address", message, help);
        }
        let lasts = rule.lasts.elapsed();
        if lasts < Duration::minutes(5) || lasts > Duration::days(LASTS_DAYS_MAX) {
            let message = format!("Nobody can stay signed in for {}.", rule.lasts);
            let help = format!("Write `lasts = \"12h\"`: 5m at least, {LASTS_DAYS_MAX}d at most.");
            self.report(&["sign_in", "lasts"], "no-time", message, &help);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::load;

    const SAMPLE: &str = include_str!("../../../../../infra/local/sample/organisation.toml");

    fn codes(lines: &str) -> Vec<&'static str> {
        let text = format!("{SAMPLE}\n[sign_in]\n{lines}\n");
        let problems = load(&text).err().unwrap_or_default();
        assert!(problems.iter().all(|one| !one.help.is_empty()), "{problems:?}");
        problems.iter().map(|one| one.code).collect()
    }

    #[test]
    fn signing_in_that_cannot_work_is_said() {
        let with = |issuer: &str, more: &str| {
            format!("issuer = \"{issuer}\"\nclient_id = \"handoff\"\n{more}")
        };
        let google = "https://accounts.google.com";
        for good in ["", "secret = \"handoff/sign-in\"", "lasts = \"30d\"", "lasts = \"5m\""] {
            assert!(codes(&with(google, good)).is_empty(), "{good}");
        }
        let tenant = "https://login.example/realms/acme/v2.0";
        assert!(codes(&with(tenant, "addresses_are_proved = true")).is_empty());
        assert!(codes(&with("http://127.0.0.1:9000", "")).is_empty());
        for bad in
            ["http://id.example", "https://", "id.example", "https://u@id.example", "ftp://x"]
        {
            assert_eq!(codes(&with(bad, "")), ["wrong-url"], "{bad}");
        }
        assert_eq!(codes("issuer = \"https://id.example\"\nclient_id = \" \""), ["no-client"]);
        assert_eq!(codes(&with(google, "secret = \"\"")), ["no-secret"]);
        for lasts in ["4m", "31d"] {
            assert_eq!(codes(&with(google, &format!("lasts = \"{lasts}\""))), ["no-time"]);
        }
    }
}
