//! Whose account it is: a lead of an account that somebody owns is theirs, whatever the rules say
//! of everybody else.
//!
//! The CRM knows best, as it was told last; then the territory tables' named accounts. Whether the
//! owner takes it is for the rotation to say: they may be away or have left.

use crate::{
    config::{Config, Seen},
    ids::PersonId,
    package::Package,
};

/// The package's field that names the account's owner, by key or work address.
const ACCOUNT_OWNER: &str = "account_owner";

/// Who owns an account, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedBy {
    /// Who.
    pub person: PersonId,
    /// Who says so, such as ``named account in table sales``.
    pub because: String,
}

/// Finds the owner of a lead's account, if it is somebody of the roster.
pub fn account_owner(config: &Config, package: &Package) -> Option<OwnedBy> {
    let said = package.values.get(ACCOUNT_OWNER).and_then(|value| value.value.as_str());
    let known = said.map(str::trim).and_then(|said| {
        let by_key = config.people.get_key_value(said).map(|(person, _)| person);
        by_key.or_else(|| config.person_by_email(said))
    });
    if let Some(person) = known {
        let because = "the CRM's account owner".to_owned();
        return Some(OwnedBy { person: person.clone(), because });
    }
    if config.territories.is_empty() {
        return None;
    }
    let seen = Seen::of(package);
    config.territories.iter().find_map(|(name, table)| {
        let person = table.find(&seen)?.owner()?.clone();
        Some(OwnedBy { person, because: format!("named account in table {name}") })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;
    use chrono::DateTime;

    const SAMPLE: &str = include_str!("../../../../infra/local/sample/organisation.toml");
    const TABLES: &str = r#"
[territories.a]
rows = [{ territory = "DACH", country = "DE" }]

[territories.sales]
rows = [
  { territory = "Named", company = "Acme", owner = "hana" },
  { territory = "Named", domain = "initech.example", owner = "Elena@Northwind.example" },
  { territory = "DACH", country = "DE" },
]
"#;

    /// Checks who owns the account of a lead that says this.
    fn check(values: &[(&str, &str)], email: &str, expected: Option<(&str, &str)>) {
        let config = load(&format!("{SAMPLE}{TABLES}")).unwrap();
        let said = values.iter().map(|(name, text)| ((*name).to_owned(), (*text).into()));
        let mut package = Package::default();
        package.put(said.collect(), "crm", DateTime::UNIX_EPOCH);
        package.subject.email = Some(email.to_owned());
        let found = account_owner(&config, &package);
        let found = found.as_ref().map(|one| (one.person.as_str(), one.because.as_str()));
        assert_eq!(found, expected, "{values:?} {email}");
    }

    #[test]
    fn the_crm_knows_best_and_then_the_first_table_with_an_owner() {
        let crm = "the CRM's account owner";
        let table = "named account in table sales";
        check(&[("account_owner", "ben"), ("company", "Acme")], "", Some(("ben", crm)));
        check(&[("account_owner", " BEN@northwind.example ")], "", Some(("ben", crm)));
        check(&[("account_owner", "0051x"), ("company", " ACME")], "", Some(("hana", table)));
        check(&[("country", "DE")], "d@Initech.example", Some(("elena", table)));
        check(&[("country", "DE")], "d@other.example", None);
        check(&[], "", None);
    }
}
