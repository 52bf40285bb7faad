//! Leads and rules as a revenue operations person has them, the same in every run.
//!
//! A rule takes about two and a half leads in as many as there are rules, so that longer lists are
//! made of narrower rules, matches are spread over the whole list and about a tenth of the leads is
//! left to the last rule, which takes them all. One rule in fifty only compares a number.

use serde::Serialize;

/// What a lead says in texts: the field, and how many texts occur.
const TEXTS: [(&str, usize); 6] = [
    ("country", 200),
    ("industry", 40),
    ("language", 12),
    ("product", 10),
    ("region", 5),
    ("segment", 4),
];
const LANGUAGES: [&str; 12] =
    ["de", "en", "fr", "es", "it", "nl", "sv", "da", "fi", "pl", "pt", "ja"];
const SEGMENTS: [&str; 4] = ["enterprise", "mid", "small", "micro"];
const REGIONS: [&str; 5] = ["emea", "latam", "apac", "northam", "anz"];

/// What a lead says in numbers: the field, and the first number that does not occur.
const NUMBERS: [(&str, i64); 3] =
    [("employees", 20_000), ("amount_minor", 50_000_000), ("score", 100)];

/// How many leads a rule takes of as many as there are rules.
const TAKEN: f64 = 2.5;
/// The texts a rule lists at most.
const MOST_TEXTS: usize = 6;
/// Of these many rules one only compares a number.
const ONE_NUMBER_IN: usize = 50;
/// Of these many rules one is written as a single clause.
const ONE_CLAUSE_IN: usize = 7;

/// A lead, under the names by which peers ask for it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Lead {
    pub(crate) company: String,
    pub(crate) country: String,
    pub(crate) industry: String,
    pub(crate) language: String,
    pub(crate) product: String,
    pub(crate) region: String,
    pub(crate) segment: String,
    pub(crate) campaign: String,
    pub(crate) employees: i64,
    pub(crate) score: i64,
    pub(crate) amount_minor: i64,
}

/// A rule: every test holds, or it is not this rule.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Rule {
    pub(crate) tests: Vec<Test>,
    /// Whether it is written as one clause.
    pub(crate) is_one_clause: bool,
}

/// What a rule asks of one field.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "is")]
pub(crate) enum Test {
    Among { field: &'static str, texts: Vec<String> },
    AtLeast { field: &'static str, number: i64 },
}

impl Test {
    /// Names the field it asks about.
    pub(crate) fn field(&self) -> &'static str {
        match self {
            Self::Among { field, .. } | Self::AtLeast { field, .. } => field,
        }
    }

    /// Writes it in CEL.
    fn cel(&self) -> String {
        let field = self.field();
        let root = if field == "amount_minor" { "handoff" } else { "lead" };
        match self {
            Self::AtLeast { number, .. } => format!("{root}.{field} >= {number}"),
            Self::Among { texts, .. } => match texts.as_slice() {
                [text] => format!("{root}.{field} == '{text}'"),
                texts => format!("{root}.{field} in ['{}']", texts.join("', '")),
            },
        }
    }
}

impl Rule {
    /// Writes its clauses in CEL.
    pub(crate) fn clauses(&self) -> Vec<String> {
        let clauses: Vec<String> = self.tests.iter().map(Test::cel).collect();
        if self.is_one_clause { vec![clauses.join(" && ")] } else { clauses }
    }
}

/// Writes one of a field's texts.
fn text(field: &str, number: usize) -> String {
    match field {
        "country" => format!("C{number:03}"),
        "industry" => format!("industry {number:02}"),
        "language" => LANGUAGES[number].to_owned(),
        "region" => REGIONS[number].to_owned(),
        "segment" => SEGMENTS[number].to_owned(),
        _ => format!("product {number}"),
    }
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % end
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last + 1));
        }
    }
}

/// Lists leads: every text and number of a field is as likely as any other.
pub(crate) fn leads(count: usize) -> Vec<Lead> {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut lead = || {
        let mut said = |field| {
            let most = TEXTS.iter().find(|(name, _)| *name == field).map_or(1, |(_, most)| *most);
            text(field, dice.below(most))
        };
        let texts = ["country", "industry", "language", "product", "region", "segment"];
        let [country, industry, language, product, region, segment] = texts.map(&mut said);
        let [employees, amount_minor, score] =
            NUMBERS.map(|(_, end)| dice.below(end as usize) as i64);
        Lead {
            company: format!("Company {}", dice.below(100_000)),
            campaign: format!("campaign {}", dice.below(1_000)),
            country,
            industry,
            language,
            product,
            region,
            segment,
            employees,
            score,
            amount_minor,
        }
    };
    (0..count).map(|_| lead()).collect()
}

/// Lists rules; the last takes every lead.
pub(crate) fn rules(count: usize) -> Vec<Rule> {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d ^ count as u64);
    let share = TAKEN / count as f64;
    let rule = |position: usize| {
        let tests = match position {
            last if last + 1 == count => Vec::new(),
            _ if position % ONE_NUMBER_IN == 4 => vec![number(position / ONE_NUMBER_IN, share)],
            _ => narrowed(share, &mut dice),
        };
        Rule { tests, is_one_clause: position % ONE_CLAUSE_IN == 3 }
    };
    (0..count).map(rule).collect()
}

/// Compares a number: each time a little lower, so that the rule takes its share.
fn number(time: usize, share: f64) -> Test {
    let (field, end) = NUMBERS[time % 2];
    let taken = (time / 2 + 1) as f64 * share;
    Test::AtLeast { field, number: (end as f64 * (1.0 - taken)) as i64 }
}

/// Asks about one field after another until no more than the share is left.
fn narrowed(share: f64, dice: &mut Dice) -> Vec<Test> {
    let (mut tests, mut left) = (Vec::new(), 1.0);
    let mut fields: Vec<usize> = (0..TEXTS.len() + 1).collect();
    dice.shuffle(&mut fields);
    for place in fields {
        let test = match TEXTS.get(place) {
            Some((field, count)) => {
                let wanted = (share * *count as f64 / left).round() as usize;
                let listed = wanted.clamp(1, MOST_TEXTS);
                let kept = left * listed as f64 / *count as f64;
                (kept, Among { field, count: *count, listed }.test(dice))
            }
            None => {
                let (field, end) = NUMBERS[2 * dice.below(2)];
                let kept = [0.3, 0.5, 0.7][dice.below(3)];
                let number = (end as f64 * (1.0 - kept)) as i64;
                (left * kept, Test::AtLeast { field, number })
            }
        };
        if test.0 >= share / 2.0 {
            left = test.0;
            tests.push(test.1);
        }
        if left <= share * 1.5 {
            break;
        }
    }
    tests
}

/// Which texts a rule lists: some that stand beside each other.
struct Among {
    field: &'static str,
    count: usize,
    listed: usize,
}

impl Among {
    fn test(&self, dice: &mut Dice) -> Test {
        let first = dice.below(self.count);
        let texts = (0..self.listed).map(|next| text(self.field, (first + next) % self.count));
        Test::Among { field: self.field, texts: texts.collect() }
    }
}
