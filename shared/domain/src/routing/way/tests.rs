//! Ways through the sample organisation's pools, and what would have had to differ.

mod proof;

use super::*;
use crate::{
    config,
    handoff::Routing,
    package::Value,
    routing::{Place, lacking},
    stage::Stage,
};
use chrono::Duration;

const SAMPLE: &str = include_str!("../../../../../infra/local/sample/organisation.toml");

/// Changes the sample by replacing each text, which must be there, once.
fn changed(changes: &[(&str, &str)]) -> Config {
    let text = changes.iter().fold(SAMPLE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    });
    config::load(&text).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A Monday morning in London.
fn monday() -> DateTime<Utc> {
    at("2026-01-05T10:00:00Z")
}

/// A lead that asks for an owner, among reps who stand as said.
struct Case {
    config: Config,
    handoff: Handoff,
    package: Package,
    places: Vec<(&'static str, Place)>,
    now: DateTime<Utc>,
}

impl Case {
    fn of(config: Config) -> Self {
        let routing = Routing {
            reason: "new".to_owned(),
            since: monday(),
            retry_at: monday() + Duration::minutes(5),
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
        Self { config, handoff, package: Package::default(), places: Vec::new(), now: monday() }
    }

    fn told(mut self, field: &str, value: &str) -> Self {
        let fact = Value { value: value.into(), by: "generic".to_owned(), at: monday() };
        self.package.values.insert(field.to_owned(), fact);
        self
    }

    fn with(mut self, rep: &'static str, place: Place) -> Self {
        self.places.push((rep, place));
        self
    }

    fn when(self, now: &str) -> Self {
        Self { now: at(now), ..self }
    }

    fn ask<T>(&self, asked: impl Fn(Asking<'_>, &Places) -> T) -> T {
        let rules = Rules::compile(&self.config);
        let asking = Asking {
            handoff: &self.handoff,
            package: &self.package,
            config: &self.config,
            rules: &rules,
            now: self.now,
        };
        let known = self.places.iter().map(|(rep, place)| (PersonId::from(*rep), place.clone()));
        let known: BTreeMap<PersonId, Place> = known.collect();
        let pools = self.config.pools.keys();
        asked(asking, &pools.map(|pool| (pool.clone(), known.clone())).collect())
    }

    fn way(&self) -> Way {
        self.ask(|asking, places| route(asking, places).unwrap())
    }

    fn owner(&self) -> String {
        self.way().owner.map_or("nobody".to_owned(), |(owner, pool)| format!("{owner} of {pool}"))
    }

    fn lacks(&self, rep: &str) -> Vec<String> {
        self.ask(|asking, places| lacking(asking, places, &rep.into()).unwrap())
    }
}

fn full() -> Place {
    Place { open: 40, ..Place::default() }
}

fn away(to: &str) -> Place {
    Place { away: Some((monday() - Duration::days(1), Some(at(to)))), ..Place::default() }
}

const AMARA: &str = "name = \"Amara Okafor\"\n";
const BEN: &str = "name = \"Ben Whitlock\"\n";
const EMEA: &str = "name = \"SDR Europe\"\n";

#[test]
fn a_pool_nobody_has_read_yet_is_asked_for() {
    let case = Case::of(changed(&[]));
    let unread = case.ask(|asking, _| route(asking, &Places::new()));
    assert_eq!(unread, Err(Unread("sdr_emea".into())));
}

#[test]
fn the_same_inputs_give_the_same_trace_byte_for_byte() {
    let case = Case::of(changed(&[])).with("amara", Place { position: 7, ..full() });
    let once = serde_json::to_string(&case.way().trace).unwrap();
    assert_eq!(once, serde_json::to_string(&case.way().trace).unwrap());
}

#[test]
fn the_accounts_owner_gets_it_before_the_rotation_if_they_can() {
    let case = || Case::of(changed(&[])).told("account_owner", "ben@northwind.example");
    let way = case().way();
    assert_eq!(way.owner, Some(("ben".into(), "sdr_emea".into())));
    assert_eq!(way.trace.account_owner.unwrap().passed_over, None);
    assert!(way.taken.is_some(), "it is their turn that goes");
    assert_eq!(
        case().lacks("amara")[0],
        "Ben Whitlock would have to own the account no longer, or not be able to take it."
    );
    // Away, the rotation has it, and the trace says why not them.
    let way = case().with("ben", away("2026-01-09T00:00:00Z")).way();
    assert_eq!(way.owner, Some(("amara".into(), "sdr_emea".into())));
    assert_eq!(way.trace.account_owner.unwrap().passed_over, Some(PassedOver::Absent));
    // In another team they are not asked.
    let other = Case::of(changed(&[])).told("account_owner", "elena");
    assert_eq!(
        (other.owner().as_str(), other.way().trace.account_owner),
        ("amara of sdr_emea", None)
    );
}

#[test]
fn a_rule_that_asks_for_a_skill_passes_over_who_lacks_it() {
    let rule = "name = \"Inbound, everywhere else\"\n";
    let config = changed(&[
        (rule, &format!("{rule}skills = [\"German\"]\n")),
        (BEN, &format!("{BEN}skills = [\"german\"]\n")),
        (EMEA, &format!("{EMEA}otherwise = [\"pool:sdr_americas\"]\n")),
    ]);
    let case = Case::of(config);
    assert_eq!(case.owner(), "ben of sdr_emea");
    assert_eq!(case.lacks("amara"), ["Amara Okafor would have to have the skill german."]);
    // Somebody without the skill is better than nobody.
    let case = case.with("ben", full());
    let way = case.way();
    assert_eq!(case.owner(), "carla of sdr_americas");
    assert_eq!(
        way.trace.tried[0].why,
        "nobody in SDR Europe can take it: 1 at capacity, 1 without the skill"
    );
}

#[test]
fn only_who_works_now_is_given_anything_where_the_pool_says_so() {
    let on_shift = (EMEA, format!("{EMEA}on_shift = true\n"));
    let early = (AMARA, format!("{AMARA}calendar = \"berlin\"\n"));
    let config = || changed(&[(on_shift.0, &on_shift.1), (early.0, &early.1)]);
    let case = Case::of(config()).when("2026-01-05T08:30:00Z");
    assert_eq!(case.owner(), "amara of sdr_emea", "it is half past nine in Berlin");
    assert_eq!(
        case.lacks("ben"),
        ["Ben Whitlock would have to be on shift, as from 5 Jan 2026 09:00."]
    );
    let night = Case::of(config()).when("2026-01-05T22:00:00Z");
    let way = night.way();
    assert_eq!(way.owner, None);
    assert_eq!(way.reason, "nobody in SDR Europe can take it: 2 not on shift");
    assert_eq!(way.back_at, Some(at("2026-01-06T08:00:00Z")), "it is tried as Berlin begins");
}

#[test]
fn who_comes_on_shift_first_gets_it_where_the_pool_says_so() {
    let pool = format!("{EMEA}on_shift = true\notherwise = [\"next_on_shift\"]\n");
    let ben = format!("{BEN}calendar = \"berlin\"\n");
    let config = changed(&[(EMEA, &pool), (BEN, &ben)]);
    let night = Case::of(config).when("2026-01-05T22:00:00Z");
    let way = night.way();
    assert_eq!(way.owner, Some(("ben".into(), "sdr_emea".into())));
    assert_eq!(way.trace.otherwise.as_deref(), Some("next_on_shift"));
    // One who is away does not come on shift.
    let night = night.with("ben", away("2026-02-01T00:00:00Z"));
    assert_eq!(night.owner(), "amara of sdr_emea");
}

#[test]
fn whoever_is_asked_otherwise_is_asked_in_the_order_that_is_written() {
    let everybody =
        |case: Case| ["amara", "ben"].into_iter().fold(case, |case, rep| case.with(rep, full()));
    let pool = |otherwise: &str| changed(&[(EMEA, &format!("{EMEA}otherwise = {otherwise}\n"))]);
    let first = everybody(Case::of(pool("[\"pool:sdr_americas\", \"manager\"]")));
    assert_eq!(first.owner(), "carla of sdr_americas");
    let manager = everybody(Case::of(pool("[\"manager\", \"pool:sdr_americas\"]")));
    let way = manager.way();
    assert_eq!((manager.owner().as_str(), way.taken), ("priya of sdr_emea", None));
    assert_eq!(way.trace.otherwise.as_deref(), Some("manager"));
    let both = ["carla", "dev"].into_iter().fold(first, |case, rep| case.with(rep, full()));
    assert_eq!(both.owner(), "priya of sdr_emea", "then the manager");
    let both = both.with("priya", away("2026-02-01T00:00:00Z"));
    assert_eq!(
        both.way().reason,
        "nobody in SDR Europe can take it: 2 at capacity; \
         nobody in SDR Americas can take it: 2 at capacity"
    );
}

#[test]
fn a_rep_gets_no_more_a_day_than_they_may_and_the_next_day_again() {
    let config = changed(&[(AMARA, &format!("{AMARA}capacity_per_day = 3\n"))]);
    let today = config.day_of(monday());
    let taken = |taken| Place { taken: Some((today, taken)), ..Place::default() };
    let daily = Case::of(config.clone()).with("amara", taken(2)).way().taken.unwrap().1.daily;
    assert_eq!(daily, Some(crate::routing::Daily { day: today, taken: 2, most: 3 }));
    let enough = Case::of(config).with("amara", taken(3)).with("ben", full());
    let way = enough.way();
    assert_eq!(way.reason, "nobody in SDR Europe can take it: 1 at capacity, 1 had enough today");
    assert_eq!(way.back_at, Some(at("2026-01-06T00:00:00Z")));
    assert_eq!(
        enough.lacks("amara"),
        ["Amara Okafor would have to have been given fewer than 3 today."]
    );
    assert_eq!(enough.when("2026-01-06T00:00:00Z").owner(), "amara of sdr_emea");
}

#[test]
fn a_newcomer_takes_part_from_their_first_day() {
    let config = changed(&[(AMARA, &format!("{AMARA}starts = \"2026-01-06\"\n"))]);
    assert_eq!(Case::of(config.clone()).owner(), "ben of sdr_emea");
    let lacks = Case::of(config.clone()).lacks("amara");
    assert_eq!(lacks, ["Amara Okafor would have to have begun, as from 6 Jan 2026 00:00."]);
    assert_eq!(Case::of(config).when("2026-01-06T09:00:00Z").owner(), "amara of sdr_emea");
}

#[test]
fn everybody_is_told_what_would_have_had_to_differ() {
    let case = Case::of(changed(&[])).with("ben", Place { position: 720_720, ..Place::default() });
    assert!(case.lacks("amara").is_empty(), "she got it");
    assert_eq!(
        case.lacks("ben"),
        ["Amara Okafor was next in turn: Ben Whitlock would have to have had 2 fewer."]
    );
    let rule = "`lead.country in ['US', 'CA', 'MX', 'BR']` would have to hold, for rule Inbound, Americas.";
    assert_eq!(
        case.lacks("carla"),
        [rule, "Dev Patel was next in turn: Carla Jimenez would have to have had 1 fewer."][..1],
    );
    let elena = case.lacks("elena");
    assert_eq!(
        elena,
        [
            "A rule for this type would have to name a pool of theirs.",
            "Elena Rossi would have to be in a pool of the receiving team, sdr.",
        ]
    );
    let away = case.with("amara", away("2026-01-09T17:00:00Z")).lacks("amara");
    assert_eq!(away, ["Amara Okafor would have to be back, as from 9 Jan 2026 17:00."]);
    let mut asked = Case::of(changed(&[]));
    asked.handoff.routing.as_mut().unwrap().pool = Some("sdr_emea".into());
    assert_eq!(
        asked.lacks("carla"),
        ["It would have to be asked for in another pool than SDR Europe."]
    );
}

#[test]
fn who_will_be_away_when_their_shift_comes_is_not_next_on_shift() {
    let pool = format!("{EMEA}on_shift = true\notherwise = [\"next_on_shift\"]\n");
    let ben = format!("{BEN}calendar = \"berlin\"\n");
    let config = changed(&[(EMEA, &pool), (BEN, &ben)]);
    // Ben's shift begins first; he is away from midnight on, until Wednesday night.
    let from = at("2026-01-06T00:00:00Z");
    let later = Place { away: Some((from, Some(at("2026-01-07T22:00:00Z")))), ..Place::default() };
    let night = Case::of(config).when("2026-01-05T22:00:00Z").with("ben", later.clone());
    assert_eq!(night.owner(), "amara of sdr_emea");
    let both = night.with("amara", later);
    let way = both.way();
    assert_eq!(way.owner, Some(("ben".into(), "sdr_emea".into())), "then whoever is back first");
}

#[test]
fn a_skill_is_one_however_it_is_written() {
    let rule = "name = \"Inbound, everywhere else\"\n";
    let config = changed(&[
        (rule, &format!("{rule}skills = [\" Österreich\"]\n")),
        (BEN, &format!("{BEN}skills = [\"ÖSTERREICH \"]\n")),
    ]);
    assert_eq!(Case::of(config).owner(), "ben of sdr_emea");
    // What a lead says and nobody can do asks for nothing.
    let config = changed(&[(rule, &format!("{rule}skills_of = [\"lead.language\"]\n"))]);
    assert_eq!(Case::of(config).told("language", "klingon").owner(), "amara of sdr_emea");
}

#[test]
fn a_manager_who_has_no_place_left_is_not_asked() {
    let priya = "name = \"Priya Nair\"\n";
    let config = changed(&[
        (EMEA, &format!("{EMEA}otherwise = [\"manager\"]\n")),
        (priya, &format!("{priya}capacity = 5\n")),
    ]);
    let has = |open| Place { open, ..Place::default() };
    let busy = Case::of(config).with("amara", full()).with("ben", full());
    assert_eq!(busy.owner(), "priya of sdr_emea");
    assert_eq!(busy.with("priya", has(5)).owner(), "nobody");
}

#[test]
fn what_an_accounts_owner_is_given_takes_nothing_from_the_others_shares() {
    let third = "{ rep = \"amara\" }, { rep = \"ben\" }";
    let config = changed(&[(third, &format!("{third}, {{ rep = \"dev\" }}"))]);
    let mut places: BTreeMap<PersonId, Place> = BTreeMap::new();
    let mut given: BTreeMap<PersonId, usize> = BTreeMap::new();
    // Every second lead is of an account of dev's: the others go to those who are behind.
    for number in 0..60 {
        let mut case = Case::of(config.clone());
        if number % 2 == 0 {
            case = case.told("account_owner", "dev");
        }
        let rules = Rules::compile(&case.config);
        let asking = Asking {
            handoff: &case.handoff,
            package: &case.package,
            config: &case.config,
            rules: &rules,
            now: case.now,
        };
        let read = Places::from([
            (PoolId::from("sdr_emea"), places.clone()),
            (PoolId::from("sdr_americas"), BTreeMap::new()),
        ]);
        let way = route(asking, &read).unwrap();
        let (pool, taken) = way.taken.unwrap();
        assert_eq!(pool.as_str(), "sdr_emea");
        let place = places.entry(taken.rep.clone()).or_default();
        (place.position, place.floor) = (taken.position_after, taken.floor);
        place.owed = taken.owed_after();
        *given.entry(taken.rep).or_default() += 1;
    }
    let (amara, ben) = (given[&PersonId::from("amara")], given[&PersonId::from("ben")]);
    assert!(amara.abs_diff(ben) <= 1, "{given:?}");
    assert_eq!(given[&PersonId::from("dev")], 30, "{given:?}");
}

#[test]
fn a_trace_tells_how_many_rules_before_those_it_names_did_not_hold() {
    let rule = |number| {
        format!(
            "[[rules]]\nname = \"{number}\"\nwhen = [\"lead.country == 'X{number}'\"]\n\
             pool = \"sdr_emea\"\n\n"
        )
    };
    let many: String = (0..30).map(rule).chain(["[[rules]]".to_owned()]).collect();
    let case = Case::of(changed(&[("[[rules]]", &many)]));
    let trace = case.way().trace;
    assert_eq!((trace.failed.len(), trace.more_failed), (12, 19));
    assert_eq!(trace.document()["more_failed"], 19);
}

#[test]
fn a_stored_rule_that_a_later_lint_refuses_holds_for_nobody_and_the_others_go_on() {
    let rule = "[[rules]]\nname = \"Inbound, Americas\"\n";
    let broken = "[[rules]]\nname = \"Broken\"\nwhen = [\"lead.country ==\"]\npool = \"cs\"\n\n\
                  [[rules]]\nname = \"Unheard of\"\nwhen = [\"leed.country == 'GB'\"]\n\
                  pool = \"cs\"\n\n[[rules]]\nname = \"No pool\"\ntypes = [\"mql\"]\n\
                  pool = \"nowhere\"\n\n";
    let members = "{ rep = \"amara\" }";
    let text = SAMPLE.replacen(rule, &format!("{broken}{rule}"), 1).replacen(
        members,
        &format!("{{ rep = \"ghost\" }}, {members}"),
        1,
    );
    assert!(config::load(&text).is_err(), "a lint refuses it");
    let stored = config::load_stored(&text).unwrap();
    let way = Case::of(stored.clone()).way();
    assert_eq!(way.owner, Some(("amara".into(), "sdr_emea".into())));
    let failed: Vec<&str> = way.trace.failed.iter().map(|one| one.rule.as_str()).collect();
    assert_eq!(failed, ["Broken", "Unheard of", "Inbound, Americas"]);
    assert!(way.trace.failed[..2].iter().all(|one| one.clause.error.is_some()), "{failed:?}");
    let ghost = way.trace.candidates.iter().find(|one| one.rep.as_str() == "ghost").unwrap();
    assert_eq!(ghost.passed_over, Some(PassedOver::Inactive));
    let mut mql = Case::of(stored);
    mql.handoff.kind = "mql".into();
    let way = mql.way();
    assert_eq!((way.owner, way.reason.as_str()), (None, "there is no pool nowhere any more"));
}
