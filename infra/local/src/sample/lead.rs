//! The people the sample sources speak of: invented names at invented companies.

use serde_json::{Value, json};

use super::dice::Dice;

/// Somebody who might buy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lead {
    /// Counts them; the CRM ids are made of it.
    pub number: u64,
    /// First name.
    pub first: &'static str,
    /// Last name.
    pub last: &'static str,
    /// Where they work.
    pub company: Company,
}

/// A company that might buy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Company {
    /// Its name.
    pub name: &'static str,
    /// Its mail domain, without the `.example`.
    pub domain: &'static str,
    /// ISO 3166 alpha-2.
    pub country: &'static str,
    /// What it does.
    pub industry: &'static str,
    /// How many work there.
    pub employees: u32,
}

const FIRST: [&str; 32] = [
    "Dana", "Oliver", "Mei", "Sofia", "Liam", "Noor", "Pedro", "Greta", "Ivan", "Amelie", "Tomas",
    "Yara", "Kofi", "Nadia", "Hugo", "Leila", "Marta", "Ravi", "Julia", "Omar", "Freya", "Diego",
    "Anika", "Samuel", "Chloe", "Viktor", "Rosa", "Emil", "Tessa", "Kenji", "Wanda", "Paulo",
];

const LAST: [&str; 32] = [
    "Reyes",
    "Grant",
    "Tanaka",
    "Moreau",
    "Novak",
    "Hussain",
    "Alves",
    "Lindqvist",
    "Petrov",
    "Dubois",
    "Keller",
    "Mensah",
    "Okeke",
    "Ferrari",
    "Larsen",
    "Aziz",
    "Kowalski",
    "Iyer",
    "Brandt",
    "Farouk",
    "Nilsen",
    "Castillo",
    "Rao",
    "Whitaker",
    "Bernard",
    "Sokolov",
    "Delgado",
    "Vos",
    "Marsh",
    "Mori",
    "Zielinska",
    "Costa",
];

const COMPANIES: [Company; 28] = [
    company("Acme", "acme", "GB", "Manufacturing", 420),
    company("Globex Logistics", "globex", "DE", "Logistics", 1_800),
    company("Initech", "initech", "US", "Software", 640),
    company("Umbra Health", "umbra", "US", "Healthcare", 2_300),
    company("Brightwater Energy", "brightwater", "GB", "Energy", 950),
    company("Cedar & Pine", "cedarpine", "CA", "Retail", 310),
    company("Lumen Retail", "lumenretail", "FR", "Retail", 5_200),
    company("Harbour Bank", "harbourbank", "IE", "Banking", 3_900),
    company("Solaris Foods", "solaris", "ES", "Food", 870),
    company("Quanta Labs", "quantalabs", "US", "Biotech", 150),
    company("Meridian Air", "meridianair", "NL", "Travel", 2_750),
    company("Fjord Systems", "fjord", "NO", "Software", 90),
    company("Atlas Freight", "atlasfreight", "US", "Logistics", 1_250),
    company("Verde Telecom", "verde", "BR", "Telecom", 6_100),
    company("Kestrel Media", "kestrel", "GB", "Media", 230),
    company("Polar Robotics", "polar", "SE", "Robotics", 340),
    company("Sierra Insurance", "sierra", "US", "Insurance", 1_700),
    company("Nimbus Cloud", "nimbus", "US", "Software", 480),
    company("Vistula Motors", "vistula", "PL", "Automotive", 4_400),
    company("Alpine Dairy", "alpine", "CH", "Food", 560),
    company("Redwood Schools", "redwood", "US", "Education", 780),
    company("Tamarind Hotels", "tamarind", "MX", "Hospitality", 1_100),
    company("Orchid Pharma", "orchid", "BE", "Pharma", 2_050),
    company("Granite Build", "granite", "GB", "Construction", 390),
    company("Lakeside Credit", "lakeside", "US", "Banking", 620),
    company("Aurora Games", "aurora", "FI", "Games", 140),
    company("Monsoon Textiles", "monsoon", "PT", "Textiles", 710),
    company("Delta Grid", "deltagrid", "DE", "Energy", 1_450),
];

const fn company(
    name: &'static str,
    domain: &'static str,
    country: &'static str,
    industry: &'static str,
    employees: u32,
) -> Company {
    Company { name, domain, country, industry, employees }
}

impl Lead {
    /// Makes the lead of a number; a thousand of them have different names.
    pub fn nth(number: u64, dice: &mut Dice) -> Self {
        // 389 is coprime to the number of names, so that none comes twice before all have come.
        let place = usize::try_from(number.wrapping_mul(389) % 1_024).unwrap_or(0);
        Self {
            number,
            first: FIRST[place % 32],
            last: LAST[place / 32],
            company: *dice.pick(&COMPANIES),
        }
    }

    /// Writes their whole name.
    pub fn name(&self) -> String {
        format!("{} {}", self.first, self.last)
    }

    /// Writes their address, under a domain that cannot exist.
    pub fn email(&self) -> String {
        format!("{}.{}@{}.example", self.first, self.last, self.company.domain).to_lowercase()
    }

    /// Writes their number of a HubSpot contact.
    pub fn hubspot_id(&self) -> u64 {
        32_192_850_000 + self.number
    }

    /// Writes an id of Salesforce's form: the object's prefix, the number, a checksum's place.
    pub fn salesforce_id(&self, prefix: &str) -> String {
        format!("{prefix}xx00000{:05}AAA", self.number)
    }

    /// Writes them as the generic hook names a subject.
    pub fn subject(&self) -> Value {
        json!({
            "crm": "hubspot", "object": "contact", "id": self.hubspot_id().to_string(),
            "name": self.name(), "email": self.email(),
            "company": self.company.name, "country": self.company.country,
        })
    }

    /// Tells whether they are in the Americas, by the rules of the sample organisation.
    pub fn is_american(&self) -> bool {
        ["US", "CA", "MX", "BR"].contains(&self.company.country)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_thousand_leads_have_a_thousand_names() {
        let mut dice = Dice::new(7, 1);
        let names: BTreeSet<_> = (0..1_000).map(|n| Lead::nth(n, &mut dice).name()).collect();
        assert_eq!(names.len(), 1_000);
    }

    #[test]
    fn a_salesforce_id_has_eighteen_characters() {
        let lead = Lead::nth(12, &mut Dice::new(7, 1));
        assert_eq!(lead.salesforce_id("00Q").len(), 18);
    }
}
