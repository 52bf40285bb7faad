//! For any organisation, any lead and any state of the reps, a way is found without a panic, it is
//! found again from what was stored, and nobody is given what they must not be given.

use super::*;
use crate::routing::why_not;
use proptest::{prelude::*, sample::select};
use serde_json::{Value as Json, json};
use std::fmt::Write as _;

const REPS: [&str; 5] = ["ann", "bob", "cyn", "dan", "max"];

/// The organisation but for its people, pools, territories and rules. `max` is everybody's manager.
const BASE: &str = r#"
[organisation]
name = "Any"
timezone = "Europe/Berlin"
public_url = "https://any.example"
roles = { manager = "max" }

[calendars.day]
timezone = "Europe/London"
hours = [{ on = ["mon", "tue", "wed", "thu", "fri"], at = ["09:00-12:30", "13:30-17:30"] }]

[calendars.night]
timezone = "America/New_York"
hours = [{ on = ["sat", "sun", "wed"], at = ["22:00-06:00"] }]

[lanes.inbound]
claim = "journey"

[types.mql]
name = "MQL"
from = "marketing"
to = "sdr"
lane = "inbound"
triggers = [{ on = "lead.scored" }]
outcomes = ["done"]
reject_reasons = ["no"]
fields = []
clocks = [{ name = "respond", target = "4h", ladder = [] }]

[sources.generic]
kind = "generic"
secret = "sample"
"#;

/// A rule for whatever no other rule is for.
const REST: &str = "[[rules]]\nname = \"the rest\"\npool = \"p\"";

/// One of these lines, or none.
fn line(lines: &[&'static str]) -> impl Strategy<Value = &'static str> + use<> {
    select([lines, &[""]].concat())
}

fn person() -> impl Strategy<Value = String> {
    let lines = (
        line(&["capacity = 0", "capacity = 1", "capacity = 3", "capacity = 4", "capacity = 5"]),
        line(&["capacity_per_day = 0", "capacity_per_day = 2", "", ""]),
        line(&["skills = [\" German\"]", "skills = [\"german\", \"VIP\"]"]),
        line(&["active = false", "active = true", "", "", "", ""]),
        line(&["starts = \"2026-01-05\"", "starts = \"2026-07-01\"", "", ""]),
        line(&["calendar = \"day\"", "calendar = \"night\"", "calendar = \"gone\""]),
    );
    lines.prop_map(|(most, daily, skills, active, starts, calendar)| {
        [most, daily, skills, active, starts, calendar].join("\n")
    })
}

fn pool() -> impl Strategy<Value = String> {
    let weight = select(vec![1u32, 1, 2, 3, 7, 16, 1_000]);
    let members =
        prop::collection::btree_map(select([&REPS[..], &["gone"]].concat()), weight, 0..6);
    let otherwise =
        select(vec!["next_on_shift", "manager", "pool:p", "pool:q", "pool:r", "pool:x"]);
    let lines = (
        line(&["on_shift = true"]),
        line(&["calendar = \"day\"", "calendar = \"night\""]),
        line(&["roles = { manager = \"ann\" }", "roles = { manager = \"gone\" }"]),
    );
    let team = select(vec!["sdr", "sdr", "ae"]);
    (members, prop::collection::vec(otherwise, 0..4), lines, team).prop_map(
        |(members, otherwise, (shift, calendar, roles), team)| {
            let members = members.iter();
            let members: Vec<String> = members
                .map(|(rep, weight)| format!("{{ rep = \"{rep}\", weight = {weight} }}"))
                .collect();
            let members = members.join(", ");
            format!(
                "team = \"{team}\"\nmembers = [{members}]\notherwise = {otherwise:?}\n\
                 {shift}\n{calendar}\n{roles}"
            )
        },
    )
}

fn rule() -> impl Strategy<Value = String> {
    let clause = select(vec![
        "lead.country == 'DE'",
        "lead.country in ['DE', 'FR']",
        "territory.t == 'North'",
        "lead.score > 5",
        "has(lead.odd)",
        "lead.odd == 'x' || handoff.heat == 0",
        "now < timestamp('2026-06-01T00:00:00Z')",
        "1 / 0 == 1",
        "lead.country ==",
    ]);
    let lines = (
        line(&["types = [\"mql\"]", "types = [\"gone\"]"]),
        line(&["skills = [\"german\"]", "skills = [\"VIP\", \"german \"]"]),
        line(&["skills_of = [\"lead.language\"]", "skills_of = [\"lead.odd\", \"1 +\"]"]),
    );
    let pool = select(vec!["p", "p", "q", "r", "x"]);
    (prop::collection::vec(clause, 0..2), lines, pool).prop_map(
        |(when, (types, skills, skills_of), pool)| {
            format!("when = {when:?}\npool = \"{pool}\"\n{types}\n{skills}\n{skills_of}")
        },
    )
}

/// Draws organisations, as they are written.
fn organisation() -> impl Strategy<Value = String> {
    let row = select(vec![
        "{ territory = \"North\", country = \"DE\", owner = \"ann\" }",
        "{ territory = \"North\", company = \"Acme\" }",
        "{ territory = \"South\", country = \"FR\", owner = \"dan\" }",
        "{ territory = \"Rest\" }",
    ]);
    let parts = (
        prop::collection::vec(person(), REPS.len()),
        prop::collection::vec(pool(), 3),
        prop::collection::vec(row, 1..4),
        prop::collection::vec(rule(), 1..4),
        line(&[REST; 3]),
    );
    parts.prop_map(|(people, pools, rows, rules, rest)| {
        let mut text = BASE.to_owned();
        for (rep, lines) in REPS.iter().zip(people) {
            let said = format!("name = \"{rep}\"\nemail = \"{rep}@any.example\"");
            writeln!(text, "[people.{rep}]\n{said}\n{lines}").unwrap();
        }
        for (pool, lines) in ["p", "q", "r"].iter().zip(pools) {
            writeln!(text, "[pools.{pool}]\nname = \"Pool {pool}\"\n{lines}").unwrap();
        }
        writeln!(text, "[territories.t]\nrows = [{}]", rows.join(", ")).unwrap();
        for (number, lines) in rules.iter().enumerate() {
            writeln!(text, "[[rules]]\nname = \"rule {number}\"\n{lines}").unwrap();
        }
        text + rest
    })
}

fn lead() -> impl Strategy<Value = Package> {
    let value = prop_oneof![
        4 => select(vec!["DE", "FR", "german", "VIP", "Acme", "x", "ann", "dan@any.example", "9"])
            .prop_map(Json::from),
        1 => any::<i64>().prop_map(Json::from),
        1 => any::<u64>().prop_map(Json::from),
        1 => (-1_000..1_000i32).prop_map(|number| json!(f64::from(number) / 8.0)),
        1 => ".{0,12}".prop_map(Json::from),
        1 => select(vec![Json::Null, true.into(), json!(["DE"]), json!({ "country": "DE" })]),
    ];
    let name = prop_oneof![
        8 => select(vec!["country", "language", "score", "company", "odd", "account_owner"])
            .prop_map(str::to_owned),
        1 => ".{0,8}",
        1 => select(vec!["__proto__", "'", "in", "lead", ""]).prop_map(str::to_owned),
    ];
    prop::collection::btree_map(name, value, 0..7).prop_map(|values| {
        let mut lead = Package::default();
        for (name, value) in values {
            lead.values.insert(name, Value { value, by: "crm".to_owned(), at: monday() });
        }
        lead
    })
}

fn asked_for() -> impl Strategy<Value = Handoff> {
    let rep = || select(REPS.to_vec()).prop_map(PersonId::from);
    let pool = prop::option::weighted(0.2, select(vec!["p", "q", "x"]).prop_map(PoolId::from));
    let had = prop::collection::btree_set(rep(), 0..2);
    (prop::option::weighted(0.3, rep()), had, pool).prop_map(|(owner, had, pool)| {
        let reason = "new".to_owned();
        let routing = Routing { reason, since: monday(), retry_at: monday(), pool, held: false };
        Handoff {
            kind: "mql".into(),
            to: "sdr".to_owned(),
            stage: if owner.is_some() { Stage::Assigned } else { Stage::Opened },
            owner,
            had: had.into_iter().collect(),
            routing: Some(routing),
            ..Handoff::default()
        }
    })
}

/// A minute of the year 2026.
fn some_time() -> impl Strategy<Value = DateTime<Utc>> {
    (0..365 * 24 * 60i64).prop_map(|minute| at("2026-01-01T00:00:00Z") + Duration::minutes(minute))
}

fn some_place() -> impl Strategy<Value = Place> {
    let away = (some_time(), prop::option::of(1..200_000i64)).prop_map(|(from, minutes)| {
        (from, minutes.map(|minutes| from + Duration::minutes(minutes)))
    });
    let taken = (some_time(), 0..4u32).prop_map(|(day, taken)| (day.date_naive(), taken));
    let position = prop_oneof![Just(0), 0..5_000_000u64, Just(u64::MAX / 4)];
    let floor = prop_oneof![Just(0), 0..5_000_000u64];
    let open = prop_oneof![9 => 0..4u32, 1 => Just(u32::MAX)];
    let owed = prop_oneof![Just(0), 0..5_000_000u64];
    let away = prop::option::weighted(0.2, away);
    (open, away, prop::option::of(taken), position, floor, owed).prop_map(
        |(open, away, taken, position, floor, owed)| Place {
            open,
            away,
            taken,
            position,
            floor,
            owed,
        },
    )
}

fn some_places() -> impl Strategy<Value = Places> {
    let reps = prop::collection::vec(some_place(), REPS.len());
    prop::collection::vec(reps, 3).prop_map(|pools| {
        let named = |places: Vec<Place>| REPS.map(PersonId::from).into_iter().zip(places).collect();
        ["p", "q", "r"].map(PoolId::from).into_iter().zip(pools.into_iter().map(named)).collect()
    })
}

/// Routes as the router does: pools are read as they are asked for.
fn found(asking: Asking<'_>, all: &Places) -> Way {
    let mut read = Places::new();
    loop {
        match route(asking, &read) {
            Ok(way) => return way,
            Err(Unread(pool)) => {
                let places = all.get(&pool).cloned().unwrap_or_default();
                assert!(read.insert(pool, places).is_none(), "a pool was asked for twice");
            }
        }
    }
}

/// Fails where somebody is given what they must not be given.
fn may_have(asking: Asking<'_>, places: &Places, way: &Way) {
    let Asking { handoff, config, now, .. } = asking;
    let Some((rep, id)) = &way.owner else {
        assert!(!way.reason.is_empty() && way.taken.is_none(), "{way:?}");
        return assert!(way.back_at.is_none_or(|back_at| back_at > now), "{way:?}");
    };
    let (person, pool) = (&config.people[rep], &config.pools[id]);
    let place = &places[id][rep];
    assert!(person.active && !place.is_away(now), "{way:?}");
    assert!(person.starts.is_none_or(|starts| starts <= config.day_of(now)), "{way:?}");
    assert!(!handoff.had.contains(rep) && handoff.owner.as_ref() != Some(rep), "{way:?}");
    assert!(way.trace.tried.iter().all(|tried| tried.pool != *id), "{way:?}");
    let Some((of, taken)) = &way.taken else {
        assert_eq!(way.trace.otherwise.as_deref(), Some("manager"));
        assert_eq!(config.role(Some(id), "manager"), Some(rep));
        assert_eq!(way.at_most, person.capacity);
        return assert!(person.capacity.is_none_or(|most| place.open < most), "{way:?}");
    };
    assert_eq!((of, &taken.rep, taken.passed_over), (id, rep, None));
    let member = pool.members.iter().find(|member| member.rep == *rep).unwrap();
    assert_eq!(taken.turn(), crate::routing::turn(member.weight));
    assert!(place.open < person.capacity.unwrap_or(0), "{way:?}");
    let today = place.taken.filter(|(day, _)| *day == config.day_of(now));
    let today = today.map_or(0, |(_, taken)| taken);
    assert!(person.capacity_per_day.is_none_or(|most| today < most), "{way:?}");
    let owns = way.trace.account_owner.as_ref().is_some_and(|one| one.passed_over.is_none());
    let has =
        |skill: &String| person.skills.iter().any(|known| known.trim().eq_ignore_ascii_case(skill));
    // Who owns the account, and who is asked otherwise, need have none.
    let asked = !owns && way.trace.tried.is_empty();
    assert!(!asked || way.trace.skills.iter().all(has), "{way:?}");
    let hours = config.hours(pool, person).filter(|_| pool.on_shift);
    let works = hours.is_none_or(|hours| hours.works_at(now));
    assert!(works != (way.trace.otherwise.as_deref() == Some("next_on_shift")), "{way:?}");
}

fn json_of<T: serde::Serialize>(one: &T) -> String {
    serde_json::to_string(one).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_024))]

    #[test]
    fn the_way_of_any_lead_is_allowed_and_found_again_from_what_was_stored(
        text in organisation(),
        handoff in asked_for(),
        package in lead(),
        places in some_places(),
        now in some_time(),
    ) {
        let config = config::load_stored(&text).unwrap_or_else(|wrong| panic!("{wrong:?}\n{text}"));
        let rules = Rules::compile(&config);
        let asking =
            Asking { handoff: &handoff, package: &package, config: &config, rules: &rules, now };
        let way = route(asking, &places).unwrap_or_else(|unread| panic!("{unread:?}"));
        may_have(asking, &places, &way);
        prop_assert_eq!(&route(asking, &places).unwrap(), &way);

        let stored = (json_of(&handoff), json_of(&package), json_of(&way.trace));
        let again = config::load_stored(&text).unwrap();
        let (rules, handoff, package) = (
            Rules::compile(&again),
            serde_json::from_str(&stored.0).unwrap(),
            serde_json::from_str(&stored.1).unwrap(),
        );
        let asking =
            Asking { handoff: &handoff, package: &package, config: &again, rules: &rules, now };
        let found = found(asking, &places);
        prop_assert_eq!(&found, &way);
        prop_assert_eq!(json_of(&found.trace), stored.2);
        let trace = serde_json::from_str(&json_of(&way.trace)).unwrap();
        prop_assert_eq!(&way.trace, &trace);

        let got = way.owner.as_ref().map(|(owner, _)| owner.as_str());
        for rep in REPS {
            let said = lacking(asking, &places, &rep.into()).unwrap();
            prop_assert_eq!(said.is_empty(), got == Some(rep), "{} {:?}", rep, said);
            let said = why_not(asking, &trace, &rep.into());
            let told = got.is_none() || said.is_empty() == (got == Some(rep));
            prop_assert!(told, "{} asked later is told {:?}", rep, said);
        }
    }
}
