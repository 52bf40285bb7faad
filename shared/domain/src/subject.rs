//! Who or what a handoff is about, and the references by which the outside knows them.
//!
//! Lead, contact and email select a person's journey; a deal or an account does so only when no
//! person is named (architecture, decision 7). An email is kept as a hash in keys: the address
//! itself is personal data and lives in the package.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// What a reference points at in the system that owns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ObjectKind {
    /// A person not yet qualified.
    Lead,
    /// A person.
    Contact,
    /// An email address, hashed.
    Email,
    /// An opportunity.
    Deal,
    /// A company.
    Account,
}

impl ObjectKind {
    /// Tells whether the object is a person, whose journey outranks a deal's or an account's.
    pub fn is_person(self) -> bool {
        matches!(self, Self::Lead | Self::Contact | Self::Email)
    }

    /// Reads the word the generic hook and the mappings use; `opportunity` and `company` are
    /// understood too.
    pub fn from_word(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "lead" => Some(Self::Lead),
            "contact" | "person" => Some(Self::Contact),
            "email" => Some(Self::Email),
            "deal" | "opportunity" => Some(Self::Deal),
            "account" | "company" | "organization" => Some(Self::Account),
            _ => None,
        }
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lead => "lead",
            Self::Contact => "contact",
            Self::Email => "email",
            Self::Deal => "deal",
            Self::Account => "account",
        })
    }
}

/// One name the outside has for a subject: system, object and id, all opaque text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Reference {
    /// The system that owns the id, such as `hubspot`; empty for an email, which belongs to nobody.
    pub system: String,
    /// What the id names there.
    pub object: ObjectKind,
    /// The id, exactly as sent; for an email the hex SHA-256 of the normalised address.
    pub id: String,
}

impl Reference {
    /// Builds a reference to an object of a CRM.
    pub fn new(system: &str, object: ObjectKind, id: &str) -> Self {
        Self { system: system.to_owned(), object, id: id.to_owned() }
    }

    /// Builds the reference of an email address: trimmed, lower case, hashed.
    pub fn email(address: &str) -> Self {
        let normal = address.trim().to_lowercase();
        let id = hex::encode(Sha256::digest(normal.as_bytes()));
        Self { system: String::new(), object: ObjectKind::Email, id }
    }
}

/// Who or what a handoff is about, as a source names it. Name, email and phone are personal data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Subject {
    /// The system the ids belong to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crm: Option<String>,
    /// What `id` names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectKind>,
    /// The object's id, exact text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Further references, such as the deal's and the account's beside the contact's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Reference>,
    /// The person's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The person's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The company's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// ISO 3166 alpha-2, or whatever the source calls the country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

impl Subject {
    /// Lists every reference, persons first, each once, in a fixed order; at most ten.
    pub fn all_references(&self) -> Vec<Reference> {
        let mut all = self.references.clone();
        if let (Some(object), Some(id)) = (self.object, self.id.as_deref()) {
            all.push(Reference::new(self.crm.as_deref().unwrap_or("generic"), object, id));
        }
        if let Some(email) = self.email.as_deref().filter(|email| email.contains('@')) {
            all.push(Reference::email(email));
        }
        all.retain(|reference| !reference.id.is_empty());
        all.sort_by_key(|reference| (!reference.object.is_person(), reference.clone()));
        all.dedup();
        all.truncate(MOST_REFERENCES);
        all
    }

    /// Lists the references that select a journey: the persons', else the deal's and account's.
    pub fn selecting_references(&self) -> Vec<Reference> {
        let all = self.all_references();
        let (persons, others): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|reference| reference.object.is_person());
        if persons.is_empty() { others } else { persons }
    }

    /// Tells the domain of the person's address, in lower case; empty when there is none.
    pub fn email_domain(&self) -> String {
        let email = self.email.as_deref().unwrap_or_default();
        email.rsplit_once('@').map_or("", |(_, domain)| domain).to_lowercase()
    }

    /// Finds the first reference of a kind.
    pub fn reference_of(&self, object: ObjectKind) -> Option<Reference> {
        self.all_references().into_iter().find(|reference| reference.object == object)
    }

    /// Takes what `other` knows: its references, and each part (`name`, `email`, `company`,
    /// `country`) that `takes` wants, given what is known and what is said.
    pub fn absorb(
        &mut self,
        other: &Subject,
        mut takes: impl FnMut(&str, Option<&str>, &str) -> bool,
    ) {
        let mut references = self.all_references();
        references.extend(other.all_references());
        references.retain(|reference| reference.object != ObjectKind::Email);
        references.sort();
        references.dedup();
        let own = (self.crm.clone(), self.object, self.id.clone());
        references.retain(|r| own != (Some(r.system.clone()), Some(r.object), Some(r.id.clone())));
        self.references = references;
        for (part, mine, theirs) in [
            ("name", &mut self.name, &other.name),
            ("email", &mut self.email, &other.email),
            ("company", &mut self.company, &other.company),
            ("country", &mut self.country, &other.country),
        ] {
            let said = theirs.as_ref().filter(|said| !said.trim().is_empty());
            if let Some(said) = said.filter(|said| takes(part, mine.as_deref(), said)) {
                *mine = Some(said.clone());
            }
        }
        if self.id.is_none() {
            (self.crm, self.object, self.id) = (other.crm.clone(), other.object, other.id.clone());
        }
    }
}

/// A commit writes every reference both ways in one transaction, so their number is bounded.
pub const MOST_REFERENCES: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn contact_with_deal() -> Subject {
        Subject {
            crm: Some("hubspot".into()),
            object: Some(ObjectKind::Contact),
            id: Some("7".into()),
            references: vec![Reference::new("hubspot", ObjectKind::Deal, "9")],
            email: Some(" Dana@Acme.example ".into()),
            ..Subject::default()
        }
    }

    #[test]
    fn a_person_outranks_a_deal() {
        let selecting = contact_with_deal().selecting_references();
        assert!(selecting.iter().all(|reference| reference.object.is_person()));
        assert_eq!(selecting.len(), 2);
    }

    #[test]
    fn a_deal_selects_when_no_person_is_named() {
        let mut subject = contact_with_deal();
        (subject.object, subject.id, subject.email) = (None, None, None);
        assert_eq!(subject.selecting_references()[0].object, ObjectKind::Deal);
    }

    #[test]
    fn an_email_is_the_same_person_in_any_case() {
        assert_eq!(Reference::email("DANA@acme.example"), Reference::email(" dana@acme.example"));
    }

    #[test]
    fn absorbing_keeps_what_the_newer_does_not_say() {
        let mut subject = contact_with_deal();
        let newer = Subject { company: Some("Acme".into()), ..Subject::default() };
        subject.absorb(&newer, |_, known, _| known.is_none());
        assert_eq!(subject.company.as_deref(), Some("Acme"));
        assert_eq!(subject.email.as_deref(), Some(" Dana@Acme.example "));
        assert_eq!(subject.all_references().len(), 3);
    }
}
