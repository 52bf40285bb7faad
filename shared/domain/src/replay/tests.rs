//! A past of the sample organisation, through itself and through others.

use super::*;
use crate::{clock::Clock, clock::Credit, config};

const SAMPLE: &str = include_str!("../../../../infra/local/sample/organisation.toml");

fn at(minute: i64) -> DateTime<Utc> {
    let monday: DateTime<Utc> = "2026-01-05T10:00:00Z".parse().unwrap();
    monday + Duration::minutes(minute)
}

fn sample(from: &str, to: &str) -> Config {
    assert!(SAMPLE.contains(from), "{from}");
    config::load(&SAMPLE.replace(from, to)).unwrap()
}

/// A hot lead every ten minutes, each done after an hour; amara missed every second of hers.
fn past(count: i64) -> Vec<Past> {
    let config = sample("", "");
    let kind = &config.types["hot_lead"];
    let lead = |number: i64| {
        let owner = PersonId::from(if number % 2 == 0 { "amara" } else { "ben" });
        let mut clocks: Vec<Clock> = crate::decide::start_clocks(
            kind,
            &config,
            None,
            (at(number * 10), None),
            &Default::default(),
        );
        let missed = number % 4 == 0;
        clocks[0].state = if missed { ClockState::Breached } else { ClockState::Met };
        clocks[0].credit = Some(Credit { owner: Some(owner.clone()), pool: None, rule: None });
        let handoff = Handoff {
            id: format!("h{number:04}").as_str().into(),
            kind: "hot_lead".into(),
            to: "sdr".to_owned(),
            stage: Stage::Completed,
            opened_at: at(number * 10),
            closed_at: Some(at(number * 10 + 60)),
            owner: Some(owner),
            clocks,
            ..Handoff::default()
        };
        Past { handoff, package: Package::default() }
    };
    (0..count).map(lead).collect()
}

fn through(past: &[Past], config: &Config) -> Vec<Given> {
    replay(past, config, &Rules::compile(config))
}

fn compared(past: &[Past], other: &Config) -> Comparison {
    let active = sample("", "");
    let (before, after) = (through(past, &active), through(past, other));
    compare(past, (&active, &before), (other, &after))
}

#[test]
fn the_same_configuration_changes_nothing() {
    let past = past(40);
    let said = compared(&past, &sample("", ""));
    assert!(said.moved.is_empty());
    assert_eq!(said.loads["amara"], Load { had: 20, missed: 10, before: 20, after: 20 });
    assert_eq!(said.missed, (10.0, 10.0), "amara's rate and ben's are what they were");
    assert_eq!(said.apart["sdr_emea"], (0.0, 0.0));
    assert!(said.unrouted.0.is_empty() && said.unrouted.1.is_empty());
}

#[test]
fn weights_move_loads_and_with_them_what_would_be_missed() {
    let other = sample("{ rep = \"ben\" }", "{ rep = \"ben\", weight = 3 }");
    let said = compared(&past(40), &other);
    assert_eq!((said.loads["amara"].after, said.loads["ben"].after), (10, 30));
    assert_eq!(said.missed, (10.0, 5.0));
    assert_eq!(said.moved.values().sum::<usize>(), 20 - 10);
    assert!(said.apart["sdr_emea"].1 <= 1.0);
}

#[test]
fn who_finds_no_place_waits_until_one_is_free_and_is_told_when_none_ever_is() {
    // Six are open at any time; here two reps have places for two.
    let other = sample("capacity = 40", "capacity = 1");
    let said = compared(&past(6), &other);
    assert_eq!(said.waited, (0, 4));
    assert!(said.unrouted.1.is_empty(), "in the end everybody had a turn");
    let none = sample("capacity = 40", "capacity = 0");
    let said = compared(&past(6), &none);
    let reason = "nobody in SDR Europe can take it: 2 at capacity".to_owned();
    assert_eq!(said.unrouted.1, BTreeMap::from([(reason, 6)]));
    assert_eq!(said.missed.1, 6.0, "what nobody has is missed");
}

/// As many hot leads as said, opened one after another from a minute on; done a while after the
/// first one opened, or never.
fn import(name: &str, (from, count): (i64, i64), country: &str, done: Option<i64>) -> Vec<Past> {
    let lead = |number: i64| {
        let mut one = past(1).remove(0);
        one.handoff.id = format!("{name}{number:04}").as_str().into();
        one.handoff.opened_at = at(from) + Duration::seconds(number);
        one.handoff.closed_at = done.map(at);
        let said = [("country".to_owned(), country.into())].into();
        one.package.put(said, "crm", at(0));
        one
    };
    (0..count).map(lead).collect()
}

fn without_an_owner(given: &[Given]) -> Vec<&str> {
    let without = given.iter().filter(|one| one.owner.is_none());
    without.map(|one| one.handoff.as_str()).collect()
}

#[test]
fn everybody_of_an_import_has_a_turn_in_the_end_however_many_wait() {
    let narrow = sample("capacity = 40", "capacity = 1");
    let given = through(&import("h", (0, 300), "GB", Some(60)), &narrow);
    assert!(without_an_owner(&given).is_empty());
    let waited = given.iter().filter(|one| one.waited > Duration::zero()).count();
    assert_eq!(waited, 298, "two had a place at once");
}

#[test]
fn a_place_that_becomes_free_last_is_given_to_whoever_waits_behind_hundreds_who_cannot_have_it() {
    // Nobody in Europe takes any, and one in America takes one.
    let mut config = sample("capacity = 40", "capacity = 0");
    config.people.get_mut("carla").unwrap().capacity = Some(1);
    for behind in [10, 199, 200, 250, 500] {
        let first = import("first", (0, 1), "US", Some(120));
        let hopeless = import("hopeless", (1, behind), "GB", None);
        let waits = import("waits", (20, 1), "US", None);
        let given = through(&[first, hopeless, waits].concat(), &config);
        let nobodys = without_an_owner(&given);
        assert_eq!(nobodys.len() as i64, behind);
        assert!(nobodys.iter().all(|id| id.starts_with("hopeless")), "{behind} before it");
        let last = given.iter().find(|one| one.handoff.as_str() == "waits0000").unwrap();
        assert_eq!(last.waited, at(120) - at(20), "behind {behind}");
    }
}

#[test]
fn many_places_that_become_free_at_once_go_to_as_many_who_wait() {
    let config = sample("capacity = 40", "capacity = 125");
    let (held, wait) =
        (import("held", (0, 250), "GB", Some(60)), import("wait", (10, 250), "GB", None));
    let given = through(&[held, wait].concat(), &config);
    assert!(without_an_owner(&given).is_empty(), "{:?}", without_an_owner(&given));
}
