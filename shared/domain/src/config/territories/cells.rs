//! The columns of a territory table, and what their cells say: a text, a band of employees, a
//! postal code with those around it.
//!
//! Spreadsheets drop leading zeros and people type spaces, so codes of digits are compared as
//! numbers and spaces and hyphens do not count. In a range only the digits count that a code begins
//! with: `1011 AB` lies in `1000-1999`. Prefixes and ranges have keys to be looked up by: every
//! code that one matches has its key among its own.

use std::fmt;

/// A column of a territory table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Column {
    /// The territory that a row gives.
    Territory,
    /// The lead's country.
    Country,
    /// The lead's region or state.
    Region,
    /// A code, a prefix or a range.
    PostalCode,
    /// The company's industry.
    Industry,
    /// The market segment.
    Segment,
    /// The lead's language.
    Language,
    /// What they are interested in.
    Product,
    /// A band of how many work there.
    Employees,
    /// The e-mail domain of a named account.
    Domain,
    /// The name of a named account.
    Company,
    /// Who owns the named account.
    Owner,
}

impl Column {
    const ALL: [(Self, &str); 12] = [
        (Self::Territory, "territory"),
        (Self::Country, "country"),
        (Self::Region, "region"),
        (Self::PostalCode, "postal_code"),
        (Self::Industry, "industry"),
        (Self::Segment, "segment"),
        (Self::Language, "language"),
        (Self::Product, "product"),
        (Self::Employees, "employees"),
        (Self::Domain, "domain"),
        (Self::Company, "company"),
        (Self::Owner, "owner"),
    ];

    /// The columns that are looked up by what stands there.
    pub(super) const TEXTS: [Self; 9] = [
        Self::Country,
        Self::Region,
        Self::PostalCode,
        Self::Industry,
        Self::Segment,
        Self::Language,
        Self::Product,
        Self::Domain,
        Self::Company,
    ];

    /// Reads a header.
    pub(crate) fn of(header: &str) -> Option<Self> {
        let header = header.trim().to_lowercase();
        Self::ALL.iter().find(|(_, name)| *name == header).map(|(column, _)| *column)
    }

    /// Tells its header.
    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(column, _)| *column == self).map_or("", |(_, name)| name)
    }

    /// Lists all headers, as a sentence.
    pub(crate) fn all() -> String {
        format!("The columns are {}.", Self::ALL.map(|(_, name)| name).join(", "))
    }
}

/// Where a row stands, counting from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A line of a file.
    Line(usize),
    /// An entry of `rows`.
    Row(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Row(row) => write!(f, "row {row}"),
        }
    }
}

/// A stretch of whole numbers, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Band {
    from: i64,
    to: i64,
}

impl Band {
    /// Reads `50`, `1-49` or `1000-`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| {
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| text.parse::<i64>().ok()).flatten()
        };
        let band = match text.split_once(['-', '–']) {
            None => number(text).map(|only| Self { from: only, to: only }),
            Some((from, to)) if to.trim().is_empty() => {
                number(from.trim()).map(|from| Self { from, to: i64::MAX })
            }
            Some((from, to)) => {
                let ends = number(from.trim()).zip(number(to.trim()));
                ends.map(|(from, to)| Self { from, to })
            }
        };
        band.filter(|band| band.from <= band.to)
    }

    pub(super) fn contains(self, number: i64) -> bool {
        (self.from..=self.to).contains(&number)
    }

    pub(super) fn covers(self, other: Self) -> bool {
        self.contains(other.from) && self.contains(other.to)
    }
}

/// What a cell asks of a postal code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Postal {
    /// It is this one.
    Exact(String),
    /// It begins like this.
    Prefix(String),
    /// The digits it begins with make a number from here to there.
    Range(u64, u64),
}

impl Postal {
    /// Reads `SW1A 1AA`, `SW*` or `1000-1999`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(prefix) = text.strip_suffix('*') {
            let prefix = bare(prefix);
            return (!prefix.is_empty() && !prefix.contains('*')).then_some(Self::Prefix(prefix));
        }
        if text.contains('*') {
            return None;
        }
        let Some((from, to)) = text.split_once(['-', '–']) else {
            let code = bare(text);
            return (!code.is_empty()).then_some(Self::Exact(code));
        };
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let (from, to) = (bare(from), bare(to));
        if !is_number(&from) || !is_number(&to) {
            return None;
        }
        let ends = from.parse().ok().zip(to.parse().ok());
        ends.filter(|(from, to)| from <= to).map(|(from, to)| Self::Range(from, to))
    }

    /// Tells whether a code matches that is no exact one: those are looked up.
    pub(super) fn matches(&self, code: &str, number: Option<u64>) -> bool {
        match self {
            Self::Exact(_) => true,
            Self::Prefix(prefix) => code.starts_with(prefix.as_str()),
            Self::Range(from, to) => number.is_some_and(|number| (from..=to).contains(&&number)),
        }
    }

    pub(super) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(one), Self::Exact(other)) => postal_key(one) == postal_key(other),
            (Self::Prefix(one), Self::Exact(other) | Self::Prefix(other)) => other.starts_with(one),
            (Self::Range(from, to), Self::Exact(other)) => {
                leading_number(other).is_some_and(|number| (from..=to).contains(&&number))
            }
            (Self::Range(from, to), Self::Range(other_from, other_to)) => {
                from <= other_from && other_to <= to
            }
            _ => false,
        }
    }
}

/// How many letters of a prefix it is looked up by.
const PREFIX_LETTERS: usize = 12;

impl Postal {
    /// Names what every code that matches has in common, where it is looked up by that.
    pub(super) fn key(&self) -> Option<String> {
        match self {
            Self::Exact(_) => None,
            Self::Prefix(prefix) => Some(beginning(prefix, PREFIX_LETTERS)),
            Self::Range(from, to) => {
                let mut block = (*from, *to, 0);
                while block.0 != block.1 {
                    block = (block.0 / 10, block.1 / 10, block.2 + 1);
                }
                Some(block_of(block.0, block.2))
            }
        }
    }

    /// Names the keys of all that can cover this.
    pub(super) fn keys_above(&self) -> Vec<String> {
        match self {
            Self::Exact(code) => keys_of(code, leading_number(code)),
            Self::Prefix(prefix) => keys_of(prefix, None),
            Self::Range(from, _) => keys_of("", Some(*from)),
        }
    }
}

/// Names the keys under which prefixes and ranges stand that a code can match: what it begins with,
/// and the tens, hundreds and so on that its number lies in.
pub(super) fn keys_of(code: &str, number: Option<u64>) -> Vec<String> {
    let letters = code.chars().take(PREFIX_LETTERS).count();
    let prefixes = (1..=letters).map(|letters| beginning(code, letters));
    // One more than the digits of the greatest number: there every block is 0.
    let blocks = std::iter::successors(number, |block| Some(block / 10)).zip(0..=20);
    let levels = blocks.map(|(block, level)| block_of(block, level));
    prefixes.chain(levels).collect()
}

fn beginning(code: &str, letters: usize) -> String {
    code.chars().take(letters).chain(['*']).collect()
}

fn block_of(block: u64, level: u32) -> String {
    format!("{block}#{level}")
}

/// Reads a lead's postal code: as prefixes compare it, and the number it begins with.
pub(super) fn code_of(text: &str) -> (String, Option<u64>) {
    let spaceless: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
    // What the American post adds to a code says which side of a street.
    let zip = match spaceless.as_bytes() {
        [head @ .., b'-', a, b, c, d]
            if head.len() == 5
                && head.iter().chain([a, b, c, d]).all(|byte| byte.is_ascii_digit()) =>
        {
            &spaceless[..5]
        }
        _ => spaceless.as_str(),
    };
    (bare(zip), leading_number(zip))
}

/// Writes an exact code as it is looked up: digits as a number.
pub(super) fn postal_key(code: &str) -> &str {
    let is_number = code.bytes().all(|byte| byte.is_ascii_digit());
    match code.trim_start_matches('0') {
        number if is_number && !number.is_empty() => number,
        _ if is_number => code.get(..1).unwrap_or_default(),
        _ => code,
    }
}

fn bare(text: &str) -> String {
    let counts = |letter: &char| !letter.is_whitespace() && *letter != '-';
    text.chars().filter(counts).flat_map(char::to_uppercase).collect()
}

fn leading_number(text: &str) -> Option<u64> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

/// Reads a value as a whole number; 0 when it says none.
pub(crate) fn whole_number(value: &serde_json::Value) -> i64 {
    match value {
        serde_json::Value::String(text) => text.parse().unwrap_or(0),
        other => other.as_i64().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks a cell for codes: those that match and those that do not.
    fn check(cell: &str, matching: &[&str], others: &[&str]) {
        let postal = Postal::parse(cell).unwrap();
        let matches = |text: &str| {
            let (code, number) = code_of(text);
            match &postal {
                Postal::Exact(exact) => postal_key(exact) == postal_key(&code),
                postal => postal.matches(&code, number),
            }
        };
        let wrong: Vec<_> = matching.iter().filter(|text| !matches(text)).collect();
        assert!(wrong.is_empty(), "{cell} does not match {wrong:?}");
        let wrong: Vec<_> = others.iter().filter(|text| matches(text)).collect();
        assert!(wrong.is_empty(), "{cell} matches {wrong:?}");
    }

    #[test]
    fn postal_codes_are_compared_as_people_write_them() {
        check("sw1a 1aa", &["SW1A1AA", "sw1a 1aa", " SW1A-1AA "], &["SW1A 1AB", ""]);
        check("SW*", &["SW1A 1AA", "sw19 5ae"], &["W1", "S", ""]);
        check("01234", &["1234", "01234"], &["12340", "1234A"]);
        check("000", &["0", "0000"], &["1", ""]);
        check("94107", &["94107", "94107-1234"], &["94108", "941071234"]);
        check("1000-1999", &["1000", "1999", "1011 AB", "01500", "1000-001"], &["2000", "999"]);
        check("1000 – 1999", &["1500"], &["10115", "", "A1500"]);
        check("00-09", &["00-950", "09-100"], &["10-100"]);
    }

    #[test]
    fn a_postal_code_that_says_nothing_is_none() {
        for cell in ["*", "1*2", "*1", "2000-1000", "SW1-SW9", "100-", "-100", "-", "1-2-A"] {
            assert_eq!(Postal::parse(cell), None, "{cell}");
        }
    }

    #[test]
    fn what_a_code_can_match_stands_under_one_of_its_keys() {
        for (cell, code) in [
            ("SW1*", "SW1A 1AA"),
            ("1000-1999", "1011 AB"),
            ("0-18446744073709551615", "18446744073709551615"),
            ("7-7", "007"),
            ("99-100", "100"),
            ("ABCDEFGHIJKLMNOP*", "abcdefghijklmnopq"),
        ] {
            let (code, number) = code_of(code);
            let key = Postal::parse(cell).unwrap().key().unwrap();
            assert!(keys_of(&code, number).contains(&key), "{cell} stands under {key}");
        }
        assert!(keys_of(&"1".repeat(100_000), None).len() < 20);
    }

    #[test]
    fn bands_hold_both_their_ends() {
        let contains = |band: &str, number| Band::parse(band).unwrap().contains(number);
        assert!(contains("1-49", 1) && contains("1 – 49", 49) && !contains("1-49", 50));
        assert!(contains("1000-", i64::MAX) && !contains("1000-", 999));
        assert!(contains("50", 50) && !contains("50", 51));
        for cell in
            ["", "-", "-49", "49-1", "many", "1,000-", "1-2-3", "+5", "99999999999999999999"]
        {
            assert_eq!(Band::parse(cell), None, "{cell}");
        }
    }

    #[test]
    fn what_covers_a_cell_matches_all_that_it_matches() {
        let covers = |one: &str, other: &str| {
            Postal::parse(one).unwrap().covers(&Postal::parse(other).unwrap())
        };
        for (one, other) in
            [("SW*", "SW1*"), ("SW*", "SW1A 1AA"), ("10-20", "15"), ("10-20", "10-20"), ("7", "07")]
        {
            assert!(covers(one, other), "{one} covers {other}");
        }
        for (one, other) in
            [("SW1*", "SW*"), ("10-20", "15-21"), ("15", "15-15"), ("1*", "10-19"), ("10-19", "1*")]
        {
            assert!(!covers(one, other), "{one} does not cover {other}");
        }
    }
}
