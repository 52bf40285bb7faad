//! What assigners elsewhere are known to get wrong, one scenario a defect, each told as what holds
//! here instead.
//!
//! Leads that are old are skipped, nobody is found and nobody hears of it, a few get everything,
//! those who left are still given some, nobody can say why. Assigners that race for the same rep
//! are told of in `burst`, and histories with everything at once in `recount`. Whatever a scenario
//! is about, every assignment in it must be explained: see [`explained`].

mod absent;
mod nobody;
mod turns;

use chrono::{DateTime, Utc};
use domain::{
    Change, HandoffId, PersonId, PoolId,
    routing::{Place, Trace},
};
use http::Method;
use local::sample::ORGANISATION;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tests::{Answer, Setting, World};

const EMEA: &str = "name = \"SDR Europe\"\n";
const MEMBERS: &str = "members = [{ rep = \"amara\" }, { rep = \"ben\" }]";

/// The sample organisation with each text, which must be there, replaced once.
fn organisation(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(ORGANISATION.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    })
}

/// The sample organisation with lines added below people's names.
pub(crate) fn with_people(changes: &[(&str, &str)], people: &[(&str, &str)]) -> String {
    people.iter().fold(organisation(changes), |text, (name, line)| {
        let head = format!("name = \"{name}\"\n");
        assert!(text.contains(&head), "{name}");
        text.replacen(&head, &format!("{head}{line}\n"), 1)
    })
}

/// Lets each of some people have another number of handoffs open.
pub(crate) fn with_capacity(organisation: &str, people: &[&str], capacity: u32) -> String {
    people.iter().fold(organisation.to_owned(), |text, name| {
        let (before, after) = text.split_once(&format!("name = \"{name}\"")).unwrap();
        let (own, rest) = after.split_once("capacity = ").unwrap();
        let (_, rest) = rest.split_once('\n').unwrap();
        format!("{before}name = \"{name}\"{own}capacity = {capacity}\n{rest}")
    })
}

async fn world(organisation: String) -> World {
    World::of(Setting { organisation, ..Setting::default() }).await
}

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Says that somebody is away until a time; without one, that they are back.
async fn away(world: &mut World, rep: &str, until: Option<&str>) {
    let from = world.now().to_rfc3339();
    let body = until.map_or(json!({}), |until| json!({ "from": from, "to": until }));
    let path = format!("/api/reps/{rep}/absence");
    let answer = world.call(Method::POST, &path, &[("x-handoff-person", "grace")], body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// Stores another configuration, and lets every function learn of it.
pub(crate) async fn push(world: &mut World, organisation: &str) {
    let stored = world.store.active_version().await.unwrap();
    let attempt = format!("push-{stored:?}").as_str().into();
    world.store.push_config(organisation, stored, &attempt, world.now()).await.unwrap();
    world.pass(chrono::Duration::seconds(35)).await;
}

/// Opens a hot lead of a country, without waiting for what follows.
async fn lead(world: &mut World, id: &str, country: &str) -> HandoffId {
    let about = json!({ "crm": "hubspot", "object": "contact", "id": id, "country": country });
    world.event("demo.requested", json!({ "subject": about })).await.opened()
}

/// Opens hot leads one after another, each finding its owner before the next.
async fn leads(world: &mut World, name: &str, count: usize, country: &str) -> Vec<HandoffId> {
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(lead(world, &format!("{name}{number}"), country).await);
        world.settle().await;
    }
    ids
}

/// Reads whose a handoff is.
async fn owner(world: &World, id: &HandoffId) -> String {
    world.handoff(id).await.owner.map_or("nobody".to_owned(), |owner| owner.0)
}

async fn owners(world: &World, ids: &[HandoffId]) -> Vec<String> {
    let mut owners = Vec::new();
    for id in ids {
        owners.push(owner(world, id).await);
    }
    owners
}

/// Counts how many of these handoffs each has.
async fn shares(world: &World, ids: &[HandoffId]) -> BTreeMap<String, usize> {
    let mut shares = BTreeMap::new();
    for owner in owners(world, ids).await {
        *shares.entry(owner).or_default() += 1;
    }
    shares
}

async fn place(world: &World, pool: &str, rep: &str) -> Place {
    let (pool, rep) = (PoolId::from(pool), PersonId::from(rep));
    let standings = world.store.standings(&pool, std::slice::from_ref(&rep)).await.unwrap();
    standings[&rep].clone()
}

/// Lists the assignments of a handoff: to whom, and why.
async fn assignments(world: &World, id: &HandoffId) -> Vec<(PersonId, Trace)> {
    let history = world.store.history(id).await.unwrap();
    let changes = history.into_iter().flat_map(|commit| commit.changes);
    let assigned = changes.filter_map(|change| match change {
        Change::Assigned { owner, trace, .. } => Some((owner, *trace)),
        _ => None,
    });
    assigned.collect()
}

/// Reads why a handoff has the owner it has.
async fn trace(world: &World, id: &HandoffId) -> Trace {
    assignments(world, id).await.pop().unwrap().1
}

async fn why_not(world: &mut World, id: &HandoffId, rep: &str) -> Vec<String> {
    let answer = world.get(&format!("/api/handoffs/{id}/why?rep={rep}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_value(answer.body["would_have_to_differ"].clone()).unwrap()
}

/// Gives a handoff to somebody by hand; what is answered.
async fn give(world: &mut World, id: &HandoffId, rep: &str) -> Answer {
    world.act("grace", id, "reassign", json!({ "owner": rep })).await
}

fn said(answer: &Answer) -> &str {
    answer.body["detail"].as_str().unwrap_or_default()
}

/// Checks that every assignment of these handoffs says why them and why nobody else, and that
/// everybody of the roster who asks why not them is told.
async fn explained(world: &mut World, ids: &[HandoffId]) {
    for id in ids {
        for (owner, trace) in assignments(world, id).await {
            is_explained(&owner, &trace);
        }
        let has = owner(world, id).await;
        let people: Vec<PersonId> = world.config.people.keys().cloned().collect();
        for rep in people.iter().filter(|_| has != "nobody") {
            let sentences = why_not(world, id, rep.as_str()).await;
            assert_eq!(sentences.is_empty(), rep.as_str() == has, "{rep}: {sentences:?}");
            assert!(sentences.iter().all(|one| one.ends_with('.')), "{sentences:?}");
        }
    }
    world.outbox();
}

fn is_explained(owner: &PersonId, trace: &Trace) {
    assert!(trace.pool.is_some() && trace.config_version > 0, "{trace:?}");
    let owns = trace.account_owner.as_ref().is_some_and(|one| one.passed_over.is_none());
    assert!(trace.rule.is_some() || trace.by_hand.is_some() || owns, "{trace:?}");
    assert!(trace.clauses.iter().all(|clause| clause.held), "{trace:?}");
    let failed = trace.failed.iter();
    assert!(failed.clone().all(|failed| !failed.clause.held), "{trace:?}");
    let chosen = trace.candidates.iter().filter(|one| one.passed_over.is_none());
    let chosen: Vec<&PersonId> = chosen.map(|one| &one.rep).collect();
    match trace.otherwise.as_deref() {
        Some("manager") => assert!(chosen.is_empty(), "{trace:?}"),
        _ => assert_eq!(chosen, [owner], "{trace:?}"),
    }
    assert!(trace.tried.iter().all(|tried| !tried.why.is_empty()), "{trace:?}");
}

#[tokio::test]
async fn a_rejection_gives_the_turn_back_and_needs_a_reason_of_the_list() {
    let mut world = World::start().await;
    let ids = leads(&mut world, "one", 1, "GB").await;
    let before = place(&world, "sdr_emea", "amara").await;
    assert_eq!((owner(&world, &ids[0]).await.as_str(), before.open), ("amara", 1));
    for body in [json!({}), json!({ "reason": "boring" }), json!({ "reason": "" })] {
        let answer = world.act("amara", &ids[0], "reject", body).await;
        assert!((400..500).contains(&answer.status), "{answer:?}");
        assert_eq!(owner(&world, &ids[0]).await, "amara");
    }
    let boring = world.act("amara", &ids[0], "reject", json!({ "reason": "boring" })).await;
    let list = "`boring` is not one of this type's reasons to reject: choose not_a_fit, duplicate, \
                bad_contact_data, missing_information.";
    assert_eq!((boring.status, said(&boring)), (409, list));
    let answer = world.act("amara", &ids[0], "reject", json!({ "reason": "duplicate" })).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let after = place(&world, "sdr_emea", "amara").await;
    assert_eq!((after.open, after.position), (0, 0), "it was {}", before.position);
    let more = leads(&mut world, "two", 2, "GB").await;
    assert_eq!(owners(&world, &more).await, ["amara", "ben"], "it is her turn again");
    explained(&mut world, &more).await;
}

#[tokio::test]
async fn a_missed_lead_goes_from_one_to_the_next_and_never_back_to_who_had_it() {
    let again = "{ at = \"+10m\", do = \"reassign\" },\n  { at = \"+20m\", do = \"reassign\" },\n  \
                 { at = \"+25m\", do = \"reassign\" }";
    let members = "members = [{ rep = \"amara\" }, { rep = \"ben\" }, { rep = \"hana\" }]";
    let ladder = "{ at = \"+10m\", do = \"reassign\" }";
    let mut world = world(organisation(&[(ladder, again), (MEMBERS, members)])).await;
    let id = leads(&mut world, "missed", 1, "GB").await.remove(0);
    let mut had = vec![owner(&world, &id).await];
    for minutes in [15, 25] {
        world.until(time("2026-01-05T09:30:00Z") + chrono::Duration::minutes(minutes)).await;
        world.settle().await;
        let has = owner(&world, &id).await;
        assert!(!had.contains(&has), "{has} had it: {had:?}");
        for late in &had {
            let answer = world.act(late, &id, "accept", json!({})).await;
            let name = world.config.people[has.as_str()].name.clone();
            let told = format!("{name} has this handoff now; only its owner can do that.");
            assert_eq!((answer.status, said(&answer)), (409, told.as_str()));
        }
        had.push(has);
    }
    explained(&mut world, std::slice::from_ref(&id)).await;
    // The third misses it too: nobody is left, so it stays theirs, and their manager hears of it.
    world.pass(chrono::Duration::minutes(30)).await;
    assert_eq!(owner(&world, &id).await, had[2], "never back to {had:?}");
    let reason = world.handoff(&id).await.routing.unwrap().reason;
    assert_eq!(reason, "nobody in SDR Europe can take it: 3 had it already");
    let mail = world.read_mail();
    assert!(mail.iter().any(|(subject, _)| subject.starts_with("No owner: ")), "{mail:?}");
}

#[tokio::test]
async fn whoever_asks_why_is_told_whichever_way_a_lead_went() {
    let emea = format!("{EMEA}otherwise = [\"pool:sdr_americas\", \"manager\"]\n");
    let organisation = organisation(&[(EMEA, &emea)]);
    let mut world = world(with_capacity(
        &organisation,
        &["Amara Okafor", "Ben Whitlock", "Carla Jimenez", "Dev Patel"],
        1,
    ))
    .await;
    let about = json!({ "crm": "hubspot", "object": "contact", "id": "owned", "country": "GB" });
    let data = json!({ "subject": about, "fields": { "account_owner": "ben@northwind.example" } });
    let mut ids = vec![world.event("demo.requested", data).await.opened()];
    world.settle().await;
    ids.extend(leads(&mut world, "by_rule", 1, "US").await);
    ids.extend(leads(&mut world, "lead", 3, "GB").await);
    let expected = ["ben", "carla", "amara", "dev", "priya"];
    assert_eq!(owners(&world, &ids).await, expected);
    // By hand, where somebody has a place again.
    world.act("carla", &ids[1], "reject", json!({ "reason": "duplicate" })).await;
    assert_eq!(give(&mut world, &ids[3], "carla").await.status, 200);
    let by_hand = trace(&world, &ids[3]).await.by_hand;
    assert_eq!(by_hand, Some("grace".into()));
    let dev = why_not(&mut world, &ids[3], "dev").await;
    assert_eq!(dev, ["Grace Holm gave it by hand and would have to have chosen Dev Patel."]);
    explained(&mut world, &ids).await;
}

#[tokio::test]
async fn a_lead_with_hostile_fields_is_routed_like_any_other() {
    let rule = "name = \"Inbound, everywhere else\"\n";
    let clauses = "when = [\"!has(lead.blocked)\", \"lead.company == ''\"]\n\
                   skills_of = [\"lead.language\"]\n";
    let changes = [(rule, format!("{rule}{clauses}"))];
    let mut world = world(organisation(&[(changes[0].0, &changes[0].1)])).await;
    let plain = leads(&mut world, "plain", 1, "GB").await.remove(0);
    let long = "x".repeat(5_000);
    let names = [
        "",
        " ",
        "'",
        "\"",
        "\\",
        "__proto__",
        "constructor",
        "lead",
        "lead.country",
        "handoff",
        "territory",
        "now",
        "in",
        "true",
        "false",
        "null",
        "size",
        "has",
        "' || true || '",
        "\"] == 1",
        "{{7*7}}",
        "$where",
        "-1",
        "0",
        "\u{0}",
        "\n",
        "\u{202e}country",
        "🦀",
        "coun\u{0301}try",
        "COUNTRY",
        "country ",
        "#",
        "pk",
        "version",
        long.as_str(),
    ];
    let value = |at: usize| match at % 5 {
        0 => json!("' || true || 'n".repeat(700)),
        1 => json!({ "country": "US", "__proto__": { "country": "US" } }),
        2 => json!(["US", null, 1e300, "\u{0}"]),
        3 => json!("🦀".repeat(2_300)),
        _ => json!("\"]}),\\u0000 1 / 0".repeat(500)),
    };
    let mut fields: serde_json::Map<String, Value> =
        names.iter().enumerate().map(|(at, name)| ((*name).to_owned(), value(at))).collect();
    fields.insert("language".to_owned(), "' in lead || 'a".into());
    fields.extend((0..30).map(|at| (format!("field {at}"), value(0))));
    assert!(json!(fields).to_string().len() > 300_000);
    let about = json!({ "crm": "hubspot", "object": "contact", "id": "bad", "country": "GB" });
    let data = json!({ "subject": about, "fields": fields });
    let id = world.event("demo.requested", data).await.opened();
    world.settle().await;
    let (one, other) = (trace(&world, &plain).await, trace(&world, &id).await);
    assert_eq!((&one.rule, &one.failed, &one.pool), (&other.rule, &other.failed, &other.pool));
    assert_eq!((&one.clauses, &one.skills), (&other.clauses, &other.skills));
    assert_eq!(owners(&world, &[plain, id.clone()]).await, ["amara", "ben"]);
    for path in [format!("/handoffs/{id}"), format!("/api/handoffs/{id}")] {
        assert_eq!(world.get(&path).await.status, 200, "{path}");
    }
    explained(&mut world, &[id]).await;
}
