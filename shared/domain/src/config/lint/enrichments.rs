//! What an enrichment can get wrong: an address that is none or whose host is not fixed, places
//! nothing has, fields nobody asks, and more time than anybody waits.

use super::{Lint, is_here, keys};
use crate::{
    config::{EnrichmentRule, FieldRule},
    enrichment::{PLACES, SUBJECT_PARTS, may_say, places},
    routing::attributes,
};
use chrono::Duration;

/// The longest an answer is kept, in days.
const KEPT_DAYS_MAX: i64 = 90;

/// The longest somebody is waited for, in seconds: what all of them have together.
const BUDGET_SECONDS: i64 = 2;

impl Lint<'_, '_> {
    /// Reports what is wrong with the enrichments.
    pub(super) fn enrichments(&mut self) {
        let config = self.config;
        for (key, rule) in &config.enrichments {
            let path = ["enrichments", key.as_str()];
            for kind in rule.types.iter().filter(|kind| !config.types.contains_key(*kind)) {
                let message = format!("There is no type `{kind}`.");
                let types = keys(kind.as_str(), config.types.keys());
                let path = [&path[..], &["types"]].concat();
                self.report(&path, "unknown-type", message, &types);
            }
            self.asked(&path, rule);
            let waits = rule.timeout.elapsed();
            if waits.is_zero() || waits > Duration::seconds(BUDGET_SECONDS) {
                let message = format!("`{key}` would have no time, or more than anybody waits.");
                let help = "Write `timeout = \"1s\"`, or \"2s\" at most.";
                self.report(&[&path[..], &["timeout"]].concat(), "wrong-time", message, help);
            }
            if rule.keep.elapsed() > Duration::days(KEPT_DAYS_MAX) {
                let message = format!("What `{key}` answers would be kept longer than 90 days.");
                let help = "Write `keep = \"30d\"`: what is known of people grows old.";
                self.report(&[&path[..], &["keep"]].concat(), "wrong-time", message, help);
            }
            let asks_by_id = rule.url.contains("{lead.id}");
            if asks_by_id && rule.reads_back.is_none() && !rule.url.contains("{lead.crm}") {
                let message = format!("`{key}` asks by an id, of whatever CRM it is.");
                let help =
                    "Write `reads_back = \"hubspot\"`, or put `{lead.crm}` into the address.";
                self.report(&[&path[..], &["url"]].concat(), "no-crm", message, help);
            }
            if asks_by_id && !rule.url.contains("{lead.object}") && rule.object.is_none() {
                let message = format!("`{key}` asks by an id, of whatever object it is.");
                let help = "Write `object = \"contact\"`, or put `{lead.object}` into the address.";
                self.report(&[&path[..], &["url"]].concat(), "no-object", message, help);
            }
            let says_who = rule.fields.values().any(|field| field == "subject.email");
            if says_who && rule.reads_back.is_none() {
                let message = format!("`{key}` would say whose journey it is, by an address.");
                let help = "Leave `subject.email` to what `reads_back` from the CRM.";
                self.report(&[&path[..], &["fields"]].concat(), "wrong-origin", message, help);
            }
            let is_header = |c: char| c.is_ascii_alphanumeric() || c == '-';
            if rule.header.is_empty() || !rule.header.chars().all(is_header) {
                let message = format!("`{}` is no header.", rule.header);
                let help = "Write its name, such as `authorization` or `x-api-key`.";
                self.report(&[&path[..], &["header"]].concat(), "wrong-header", message, help);
            }
            if rule.fields.is_empty() {
                let message = format!("Nothing is taken from what `{key}` answers.");
                let help = "Write `fields`: places of the answer, and the fields they are.";
                self.report(&[&path[..], &["fields"]].concat(), "no-fields", message, help);
            }
            for field in rule.fields.values() {
                self.said(&path, key, rule, field);
            }
        }
    }

    fn asked(&mut self, path: &[&str; 2], rule: &EnrichmentRule) {
        let path = [&path[..], &["url"]].concat();
        let (url, key) = (rule.url.as_str(), path[1].to_owned());
        let host = url.strip_prefix("https://").map(|rest| rest.split(['/', '?']).next());
        let plain = |host: &str| !host.is_empty() && !host.contains(['{', '}', '@', ' ', '#']);
        let fixed = host.flatten().is_some_and(plain) || is_here(url);
        if !fixed || url.contains(char::is_whitespace) {
            let message = format!("`{url}` is no address `{key}` can ask.");
            let help = "Write https://…, with `{…}` behind the host only.";
            self.report(&path, "wrong-url", message, help);
        }
        // Outside every place there is no bracket, and inside none either.
        let mut parts = url.split('{').enumerate();
        let balanced = |(n, part): (usize, &str)| part.matches('}').count() == usize::from(n > 0);
        if !parts.all(balanced) {
            let message = format!("A bracket of `{url}` is open.");
            let help = "Write `{lead.email_domain}`, with both brackets.";
            self.report(&path, "wrong-url", message, help);
            return;
        }
        if let Some(place) = places(url).into_iter().find(|place| !PLACES.contains(place)) {
            let message = format!("Nothing is called `{place}`.");
            let help = keys(place, PLACES.into_iter());
            self.report(&path, "unknown-name", message, &help);
        }
    }

    /// Reports a field that none of its types has, or that does not take what is bought.
    fn said(&mut self, path: &[&str; 2], key: &str, rule: &EnrichmentRule, field: &str) {
        let kinds = self.config.types.iter();
        let kinds = kinds.filter(|(kind, _)| rule.types.is_empty() || rule.types.contains(kind));
        let all: Vec<&FieldRule> = kinds.flat_map(|(_, kind)| &kind.fields).collect();
        let path = [&path[..], &["fields"]].concat();
        let mut known = all.iter().filter(|known| known.name == field).peekable();
        if known.peek().is_none() {
            let others = SUBJECT_PARTS.into_iter().chain(attributes());
            if others.clone().any(|other| other == field) {
                return;
            }
            let message = format!("`{key}` says `{field}`, which none of its types has.");
            let names = all.iter().map(|known| known.name.clone());
            let help = keys(field, names.chain(others.map(str::to_owned)));
            self.report(&path, "unknown-field", message, &help);
            return;
        }
        if !known.any(|known| may_say(known, rule)) {
            let message = format!("`{field}` does not come from enrichment.");
            let help = "Write `from = [\"webhook\", \"form\", \"enrichment\"]` at the field.";
            self.report(&path, "wrong-origin", message, help);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::load;

    const SAMPLE: &str = include_str!("../../../../../infra/local/sample/organisation.toml");

    fn check(lines: &str, expected: &[(&str, &str)]) {
        let text = format!("{SAMPLE}\n[enrichments.data]\nname = \"Data\"\n{lines}\n");
        let problems = load(&text).err().unwrap_or_default();
        let told: Vec<_> = problems.iter().map(|one| (one.code, one.message.as_str())).collect();
        assert_eq!(told, expected, "{lines}");
        assert!(problems.iter().all(|one| !one.help.is_empty()), "{problems:?}");
    }

    #[test]
    fn an_enrichment_that_cannot_work_is_said() {
        let with = |url: &str, more: &str, field: &str| {
            format!("url = \"{url}\"\n{more}\nfields = {{ \"a.b\" = \"{field}\" }}")
        };
        let good = "https://data.example/companies?domain={lead.email_domain}";
        check(&with(good, "", "company_size"), &[]);
        let back = "object = \"contact\"\nreads_back = \"hubspot\"";
        check(&with("http://127.0.0.1:9000/{lead.id}", back, "subject.email"), &[]);
        let by_id = "https://x.example/{lead.crm}/{lead.object}/{lead.id}";
        check(&with(by_id, "", "company_size"), &[]);
        for url in [
            "http://data.example/x",
            "https://{lead.company}/x",
            "https://u@h.example/x",
            "http://127.0.0.1.evil.example/x",
            "http://127.0.0.1@evil.example/x",
        ] {
            let message = format!("`{url}` is no address `data` can ask.");
            check(&with(url, "", "company_size"), &[("wrong-url", &message)]);
        }
        check(
            &with("https://data.example/{lead.mail}", "", "company_size"),
            &[("unknown-name", "Nothing is called `lead.mail`.")],
        );
        check(
            &with("https://data.example/}x{", "", "company_size"),
            &[("wrong-url", "A bracket of `https://data.example/}x{` is open.")],
        );
        check(
            &with("https://data.example/{lead.id}", "", "company_size"),
            &[
                ("no-crm", "`data` asks by an id, of whatever CRM it is."),
                ("no-object", "`data` asks by an id, of whatever object it is."),
            ],
        );
        check(
            &with(good, "", "subject.email"),
            &[("wrong-origin", "`data` would say whose journey it is, by an address.")],
        );
        check(
            &with(good, "keep = \"365d\"", "company_size"),
            &[("wrong-time", "What `data` answers would be kept longer than 90 days.")],
        );
        check(
            &with(good, "timeout = \"3s\"", "company_size"),
            &[("wrong-time", "`data` would have no time, or more than anybody waits.")],
        );
        check(
            &with(good, "", "company_sise"),
            &[("unknown-field", "`data` says `company_sise`, which none of its types has.")],
        );
        check(
            &with(good, "", "budget"),
            &[("wrong-origin", "`budget` does not come from enrichment.")],
        );
        check(&with(good, "reads_back = \"hubspot\"", "budget"), &[]);
        check(
            &with(good, "header = \"x y\"", "company_size"),
            &[("wrong-header", "`x y` is no header.")],
        );
        check(
            &format!("url = \"{good}\"\nfields = {{}}"),
            &[("no-fields", "Nothing is taken from what `data` answers.")],
        );
        check(
            &with(good, "types = [\"mqll\"]", "subject.country"),
            &[("unknown-type", "There is no type `mqll`.")],
        );
    }
}
