//! Traces of the sample organisation's pools, asked why not them.

use super::*;
use crate::{
    config,
    package::{Package, Value},
    routing::{Rules, Way, route},
    stage::Stage,
};

const SAMPLE: &str = include_str!("../../../../../infra/local/sample/organisation.toml");
const EMEA: &str = "name = \"SDR Europe\"\n";
const BEN: &str = "name = \"Ben Whitlock\"\n";

fn monday() -> DateTime<Utc> {
    "2026-01-05T10:00:00Z".parse().unwrap()
}

/// A hot lead among reps who stand as said, in the sample with each text replaced once.
struct Case {
    config: Config,
    handoff: Handoff,
    package: Package,
    places: BTreeMap<PersonId, Place>,
}

impl Case {
    fn of(changes: &[(&str, &str)]) -> Self {
        let text = changes.iter().fold(SAMPLE.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        });
        let config = config::load(&text).unwrap_or_else(|problems| panic!("{problems:?}"));
        let routing = Routing {
            reason: "new".to_owned(),
            since: monday(),
            retry_at: monday(),
            pool: None,
            held: false,
        };
        let handoff = Handoff {
            kind: "hot_lead".into(),
            to: "sdr".to_owned(),
            stage: Stage::Opened,
            routing: Some(routing),
            ..Handoff::default()
        };
        Self { config, handoff, package: Package::default(), places: BTreeMap::new() }
    }

    fn with(mut self, rep: &str, place: Place) -> Self {
        self.places.insert(rep.into(), place);
        self
    }

    fn owned_by(mut self, rep: &str) -> Self {
        let fact = Value { value: rep.into(), by: "generic".to_owned(), at: monday() };
        self.package.values.insert("account_owner".to_owned(), fact);
        self
    }

    fn ask<T>(&self, asked: impl Fn(Asking<'_>, &Places) -> T) -> T {
        let rules = Rules::compile(&self.config);
        let (handoff, package) = (&self.handoff, &self.package);
        let asking =
            Asking { handoff, package, config: &self.config, rules: &rules, now: monday() };
        let pools = self.config.pools.keys();
        asked(asking, &pools.map(|pool| (pool.clone(), self.places.clone())).collect())
    }

    fn way(&self) -> Way {
        self.ask(|asking, places| route(asking, places).unwrap())
    }

    /// Asks the stored trace alone.
    fn why_not(&self, rep: &str) -> Vec<String> {
        let trace = self.way().trace;
        self.ask(|asking, _| why_not(asking, &trace, &rep.into()))
    }

    /// Asks with everything that was read then.
    fn then(&self, rep: &str) -> Vec<String> {
        self.ask(|asking, places| lacking(asking, places, &rep.into()).unwrap())
    }

    /// Checks that the trace alone says what was so, in these words.
    fn check(&self, rep: &str, expected: &[&str]) {
        assert_eq!(self.why_not(rep), expected, "{rep}");
        assert_eq!(self.why_not(rep), self.then(rep), "{rep}, with everything that was read");
    }
}

fn at(position: u64) -> Place {
    Place { position, ..Place::default() }
}

fn full() -> Place {
    Place { open: 40, ..Place::default() }
}

fn gone() -> Place {
    away(monday())
}

#[test]
fn a_trace_alone_says_what_stood_in_the_way() {
    let turns = Case::of(&[]).with("ben", at(1_441_440)).with("amara", at(720_720));
    turns.check("amara", &[]);
    turns.check(
        "ben",
        &["Amara Okafor was next in turn: Ben Whitlock would have to have had 2 fewer."],
    );
    Case::of(&[])
        .with("ben", full())
        .check("ben", &["Ben Whitlock would have to have fewer than 40 open: there are 40."]);
    Case::of(&[]).with("ben", gone()).check("ben", &["Ben Whitlock would have to be back."]);
    let most = Case::of(&[(BEN, &format!("{BEN}capacity_per_day = 3\n"))]);
    let today = Some((monday().date_naive(), 3));
    most.with("ben", Place { taken: today, ..Place::default() })
        .check("ben", &["Ben Whitlock would have to have been given fewer than 3 today."]);
}

#[test]
fn nobody_is_told_of_turns_in_a_pool_the_trace_does_not_know() {
    let case = Case::of(&[]);
    let rule = "`lead.country in ['US', 'CA', 'MX', 'BR']` would have to hold, for rule Inbound, \
                Americas.";
    assert_eq!(case.why_not("carla"), [rule]);
    assert_eq!(case.why_not("dev"), [rule]);
}

#[test]
fn nobody_had_it_and_each_hears_why_not_them() {
    let nobody = Case::of(&[]).with("ben", full()).with("amara", gone());
    assert_eq!(nobody.way().owner, None);
    nobody.check("amara", &["Amara Okafor would have to be back."]);
    nobody.check("ben", &["Ben Whitlock would have to have fewer than 40 open: there are 40."]);
}

#[test]
fn whoever_is_of_a_pool_that_was_tried_hears_why_it_could_not() {
    let otherwise = format!("{EMEA}otherwise = [\"pool:sdr_americas\"]\n");
    let case = || Case::of(&[(EMEA, &otherwise)]).with("ben", full()).with("amara", full());
    let given = case();
    assert_eq!(given.way().owner.unwrap().0.as_str(), "carla");
    let why = "This would have to be otherwise: nobody in SDR Europe can take it: 2 at capacity.";
    assert_eq!(given.why_not("ben"), [why]);
    assert!(given.why_not("carla").is_empty());
    let turn = "Carla Jimenez was next in turn: Dev Patel would have to have had 1 fewer.";
    assert_eq!(given.why_not("dev"), [turn], "rules and skills did not decide among them");
    // Where nobody there could either, the first pool is the one that is told of.
    let nobody = case().with("carla", full()).with("dev", gone());
    nobody.check("ben", &["Ben Whitlock would have to have fewer than 40 open: there are 40."]);
    let why = "This would have to be otherwise: nobody in SDR Americas can take it: 1 at \
               capacity, 1 away.";
    assert_eq!(nobody.why_not("dev"), [why]);
}

#[test]
fn a_manager_who_stepped_in_got_it() {
    let otherwise = format!("{EMEA}otherwise = [\"manager\"]\n");
    let case = Case::of(&[(EMEA, &otherwise)]).with("ben", full()).with("amara", full());
    assert_eq!(case.way().owner.unwrap().0.as_str(), "priya");
    assert!(case.why_not("priya").is_empty());
    case.check("amara", &["Amara Okafor would have to have fewer than 40 open: there are 40."]);
    let nobody = case.with("priya", gone());
    assert!(!nobody.why_not("priya").is_empty(), "she did not get it");
}

#[test]
fn the_accounts_owner_stands_in_the_way_only_where_they_could_take_it() {
    let theirs = Case::of(&[]).owned_by("ben");
    assert!(theirs.why_not("ben").is_empty());
    let sentence =
        "Ben Whitlock would have to own the account no longer, or not be able to take it.";
    assert_eq!(theirs.why_not("amara"), [sentence], "of turns nothing is known");
    for why in [full(), gone()] {
        let case = Case::of(&[]).owned_by("carla").with("carla", why).with("ben", at(720_720));
        let turn = "Amara Okafor was next in turn: Ben Whitlock would have to have had 2 fewer.";
        case.check("ben", &[turn]);
    }
}

#[test]
fn by_hand_it_was_a_persons_choice() {
    let case = Case::of(&[]);
    let mut trace = case.way().trace;
    trace.by_hand = Some("priya".into());
    let said = |rep: &str| case.ask(|asking, _| why_not(asking, &trace, &rep.into()));
    assert!(said("amara").is_empty());
    let sentence = "Priya Nair gave it by hand and would have to have chosen Ben Whitlock.";
    assert_eq!(said("ben"), [sentence]);
}

#[test]
fn who_was_left_out_of_a_long_list_is_no_nearer_to_their_turn_than_its_last() {
    let (mut people, mut members) = (String::new(), String::new());
    for n in 10..30 {
        let person = format!("name = \"Rep {n}\"\nemail = \"r{n}@a.example\"\ncapacity = 5\n");
        people += &format!("[people.r{n}]\n{person}\n");
        members += &format!(", {{ rep = \"r{n}\" }}");
    }
    let ben = "{ rep = \"ben\" }";
    let pools = "[people.priya]";
    let mut case =
        Case::of(&[(ben, &format!("{ben}{members}")), (pools, &format!("{people}{pools}"))]);
    for n in 10..30 {
        case = case.with(&format!("r{n}"), at(720_720));
    }
    assert!(!case.way().trace.candidates.iter().any(|one| one.rep.as_str() == "r29"));
    case.check("r29", &["Amara Okafor was next in turn: Rep 29 would have to have had 2 fewer."]);
}

#[test]
fn a_manager_who_stepped_in_got_it_though_they_had_no_turn_left_as_a_rep() {
    // Priya answers for Europe, and is a rep of the pool that is asked before her.
    let members = "members = [{ rep = \"carla\" }, { rep = \"dev\" }]";
    let case = Case::of(&[
        (EMEA, &format!("{EMEA}otherwise = [\"pool:sdr_americas\", \"manager\"]\n")),
        (members, "members = [{ rep = \"dev\" }, { rep = \"priya\" }]"),
        ("name = \"Priya Nair\"\n", "name = \"Priya Nair\"\ncapacity = 9\ncapacity_per_day = 1\n"),
    ]);
    let full = || Place { open: 40, ..Place::default() };
    let enough = Place { taken: Some((monday().date_naive(), 1)), ..Place::default() };
    let case = ["amara", "ben", "dev"].into_iter().fold(case, |case, rep| case.with(rep, full()));
    let case = case.with("priya", enough);
    assert_eq!(case.way().owner, Some(("priya".into(), "sdr_emea".into())));
    assert!(case.why_not("priya").is_empty(), "{:?}", case.why_not("priya"));
    let dev = "This would have to be otherwise: nobody in SDR Americas can take it: 1 at capacity, 1 \
               had enough today.";
    assert_eq!(case.why_not("dev"), [dev]);
}
