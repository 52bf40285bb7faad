//! Who owns the account a lead belongs to.

use crate::{config::Config, ids::PersonId, package::Package};

/// Finds the owner of the lead's account, and how that is known.
pub fn account_owner(config: &Config, package: &Package) -> Option<(PersonId, String)> {
    let said = package.values.get("account_owner")?.value.as_str()?;
    let known = config.people.get_key_value(said).map(|(person, _)| person);
    let person = known.or_else(|| config.person_by_email(said))?;
    Some((person.clone(), "the account's owner in the CRM".to_owned()))
}
