//! Who subscribes to the topic: the roster says, and what is there is brought to it.
//!
//! The topic keeps one subscription an address, so people who share one share its filter, and a
//! mail reaches an address when it is to anybody there. A subscription that filters by whom mail is
//! to and by nothing else is one of these. What must stay true: no other is touched, so whoever
//! hears everything, or filters by something else, keeps that; and the same roster planned again
//! asks for nothing.

use crate::{config::Config, ids::PersonId};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The attribute of a mail by which subscriptions filter: who it is to.
pub const TO: &str = "to";

/// A subscription by mail as the topic has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// What it is changed by; none while its reader has not confirmed it.
    pub arn: Option<String>,
    /// Where its mail goes.
    pub address: String,
    /// What of the topic goes there.
    pub hears: Hears,
}

/// What of the topic a subscription lets through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hears {
    /// What is to these people.
    To(BTreeSet<PersonId>),
    /// Everything.
    Everything,
    /// What somebody chose by hand.
    Otherwise,
}

/// Something to do so that subscriptions are as the roster says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Invite an address to hear what is to these people.
    Invite {
        /// Where.
        address: String,
        /// Who reads there.
        to: BTreeSet<PersonId>,
    },
    /// Let an address hear what is to these people.
    Change {
        /// What it is changed by.
        arn: String,
        /// Where.
        address: String,
        /// Who reads there.
        to: BTreeSet<PersonId>,
    },
    /// End a subscription of somebody who is not there any more.
    End {
        /// What it is ended by.
        arn: String,
        /// Where.
        address: String,
    },
}

/// What is to do, and what a person should know besides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// What is to do: first what ends, then by address.
    pub steps: Vec<Step>,
    /// Addresses that were invited and have not confirmed.
    pub waiting: Vec<String>,
    /// Addresses whose filter somebody made by hand: what they hear is not looked after here.
    pub otherwise: Vec<String>,
}

impl Hears {
    /// Reads a filter policy; none, or an empty one, lets everything through.
    pub fn of(policy: Option<&str>) -> Self {
        let Some(policy) = policy.filter(|policy| !policy.trim().is_empty()) else {
            return Self::Everything;
        };
        let people = |value: &Value| -> Option<BTreeSet<PersonId>> {
            let names = value.as_array()?.iter();
            names.map(|name| Some(PersonId::from(name.as_str()?))).collect()
        };
        match serde_json::from_str(policy) {
            Ok(Value::Object(keys)) if keys.is_empty() => Self::Everything,
            Ok(Value::Object(keys)) if keys.len() == 1 => {
                keys.get(TO).and_then(people).map_or(Self::Otherwise, Self::To)
            }
            _ => Self::Otherwise,
        }
    }
}

/// Writes the filter policy that lets through what is to these people.
pub fn policy(to: &BTreeSet<PersonId>) -> String {
    json!({ TO: to }).to_string()
}

/// Plans what is to do so that everybody who is active hears what is to them, and nobody else.
pub fn plan(config: &Config, there: &[Subscription]) -> Plan {
    let mut wanted: BTreeMap<String, BTreeSet<PersonId>> = BTreeMap::new();
    let active = config.people.iter().filter(|(_, person)| person.active);
    for (id, person) in active.filter(|(_, person)| !person.email.trim().is_empty()) {
        wanted.entry(plain(&person.email)).or_default().insert(id.clone());
    }
    let mut plan = Plan::default();
    // What ends makes room for what begins.
    for one in there.iter().filter(|one| !wanted.contains_key(&plain(&one.address))) {
        if let (Some(arn), Hears::To(_)) = (&one.arn, &one.hears) {
            plan.steps.push(Step::End { arn: arn.clone(), address: one.address.clone() });
        }
    }
    for (address, to) in &wanted {
        let here = there.iter().find(|one| plain(&one.address) == *address);
        match here.map(|one| (&one.arn, &one.hears)) {
            None => plan.steps.push(Step::Invite { address: address.clone(), to: to.clone() }),
            Some((None, _)) => plan.waiting.push(address.clone()),
            Some((Some(_), Hears::Everything)) => {}
            Some((Some(_), Hears::Otherwise)) => plan.otherwise.push(address.clone()),
            Some((Some(_), Hears::To(heard))) if heard == to => {}
            Some((Some(arn), Hears::To(_))) => {
                let (arn, address, to) = (arn.clone(), address.clone(), to.clone());
                plan.steps.push(Step::Change { arn, address, to });
            }
        }
    }
    plan
}

fn plain(address: &str) -> String {
    address.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    const SAMPLE: &str = include_str!("../../../infra/local/sample/organisation.toml");

    fn roster(people: &[(&str, &str)]) -> Config {
        let mut config = config::load(SAMPLE).unwrap();
        let anybody = config.people.values().next().unwrap().clone();
        let person = |(id, email): &(&str, &str)| {
            let person = config::Person { email: (*email).to_owned(), ..anybody.clone() };
            (PersonId::from(*id), person)
        };
        config.people = people.iter().map(person).collect();
        config
    }

    fn there(arn: Option<&str>, address: &str, policy: Option<&str>) -> Subscription {
        let hears = Hears::of(policy);
        Subscription { arn: arn.map(str::to_owned), address: address.to_owned(), hears }
    }

    #[track_caller]
    fn check(people: &[(&str, &str)], there: &[Subscription], expected: &[&str]) {
        let to = |to: &BTreeSet<PersonId>| -> String {
            to.iter().map(|one| one.as_str()).collect::<Vec<_>>().join("+")
        };
        let plan = plan(&roster(people), there);
        let steps = plan.steps.iter().map(|step| match step {
            Step::Invite { address, to: people } => format!("invite {address} to {}", to(people)),
            Step::Change { arn, address, to: people } => {
                format!("change {arn} {address} to {}", to(people))
            }
            Step::End { arn, address } => format!("end {arn} {address}"),
        });
        let waiting = plan.waiting.iter().map(|address| format!("waits {address}"));
        let otherwise = plan.otherwise.iter().map(|address| format!("otherwise {address}"));
        let said: Vec<String> = steps.chain(waiting).chain(otherwise).collect();
        assert_eq!(said, expected);
    }

    #[test]
    fn everybody_is_invited_once_and_an_address_has_one_subscription() {
        let people = [("ada", "Team@a.example"), ("bo", "bo@a.example"), ("cy", "team@a.example")];
        let expected = ["invite bo@a.example to bo", "invite team@a.example to ada+cy"];
        check(&people, &[], &expected);
    }

    #[test]
    fn what_is_as_it_should_be_is_left_and_what_is_not_is_changed_or_ended() {
        let there = [
            there(Some("1"), "ada@a.example", Some(r#"{"to":["ada"]}"#)),
            there(Some("2"), "bo@a.example", Some(r#"{"to":["robert"]}"#)),
            there(Some("3"), "gone@a.example", Some(r#"{"to":["gone"]}"#)),
            there(None, "cy@a.example", None),
        ];
        let people = [("ada", "ada@a.example"), ("bo", "bo@a.example"), ("cy", "cy@a.example")];
        let expected =
            ["end 3 gone@a.example", "change 2 bo@a.example to bo", "waits cy@a.example"];
        check(&people, &there, &expected);
    }

    #[test]
    fn what_somebody_made_by_hand_is_left_to_them() {
        let there = [
            there(Some("1"), "ops@a.example", None),
            there(Some("2"), "ada@a.example", Some("{}")),
            there(Some("3"), "bo@a.example", Some(r#"{"team":["sdr"]}"#)),
            there(Some("4"), "gone@a.example", Some(r#"{"to":["gone"],"severity":["urgent"]}"#)),
            there(Some("5"), "also@a.example", Some(r#"{"to":[{"prefix":"g"}]}"#)),
        ];
        let people = [("ada", "ada@a.example"), ("bo", "bo@a.example")];
        check(&people, &there, &["otherwise bo@a.example"]);
    }

    #[test]
    fn a_policy_reads_as_it_is_written() {
        let to: BTreeSet<PersonId> = [PersonId::from("ada"), PersonId::from("b\"o")].into();
        assert_eq!(Hears::of(Some(&policy(&to))), Hears::To(to));
    }
}
