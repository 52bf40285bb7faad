//! One demo request through the whole system, spoiled at each of its requests in turn: it comes to
//! the same.
//!
//! A clean run is counted. Then every request it made is spoiled in every way, once, so that the
//! SDK tries it again, and as often as the SDK tries, so that the function fails and whoever called
//! it comes back: the sender, the stream, the queue, the sweep. Each run has an engine, a clock and
//! a thread of its own; most of it is the SDK waiting before it tries again.

use super::{CONFIG, POOL, TURN, all_due};
use chrono::Duration;
use domain::{Change, Commit, Handoff, HandoffId, PersonId, rollup};
use serde_json::json;
use std::{collections::BTreeMap, sync::Mutex};
use tests::{
    Setting, World,
    faults::{Asked, Fault, faulty, listened},
};

/// How often the SDK sends a request before it gives up.
const SENDS: u64 = 3;

/// How many runs go on beside each other.
const ABREAST: usize = 12;

const FAULTS: [Fault; 5] = [
    Fault::Throttle,
    Fault::Error(500, "InternalServerError"),
    Fault::Reset,
    Fault::LostReply,
    Fault::ForgottenReply,
];

/// Which requests are spoiled, and how.
#[derive(Clone, Copy, Debug)]
struct Spoil {
    from: u64,
    times: u64,
    fault: Fault,
}

impl Spoil {
    fn of(self, number: u64) -> Fault {
        match (self.from..self.from + self.times).contains(&number) {
            true => self.fault,
            false => Fault::None,
        }
    }
}

/// Sends a demo request until it is taken, as a sender does, and lets a few minutes pass.
async fn demo_request(world: &mut World) {
    let began = world.now();
    let body = json!({
        "type": "demo.requested", "timestamp": began.to_rfc3339(),
        "data": {
            "subject": {
                "crm": "hubspot", "object": "contact", "id": "7", "name": "Dana Reyes",
                "email": "dana@acme.example", "company": "Acme", "country": "GB",
            },
            "fields": { "intent_signal": "Requested a demo" },
        },
    });
    for _ in 0..4 {
        let request = world.sender.generic("msg_1", world.now(), &body);
        if world.post(request).await.status() == 200 {
            break;
        }
        world.pass(Duration::seconds(10)).await;
    }
    world.settle().await;
    // The first reminder comes after four minutes.
    world.until(began + Duration::seconds(230)).await;
}

/// Counts the requests of a clean run until the handoff has an owner.
async fn count() -> Vec<String> {
    let mut asked = Asked::default();
    let mut world = World::with(Setting::default(), |environment| {
        let (http, list) = listened(environment.http());
        asked = list;
        environment.with_http(http)
    })
    .await;
    world.demo_request("dana").await;
    asked.list()
}

/// Runs it spoiled; says everything that is not as in a clean run.
async fn run(spoil: Spoil) -> Vec<String> {
    let mut world = World::with(Setting::default(), |environment| {
        let http = environment.http();
        environment.with_http(faulty(http, move |_, number| spoil.of(number)))
    })
    .await;
    demo_request(&mut world).await;
    world.allow_errors();
    let mut wrong = wrongs(&world).await;
    if !world.cloud.dead_letters().unwrap().is_empty() {
        wrong.push("something was given up".to_owned());
    }
    wrong
}

async fn wrongs(world: &World) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut expect = |holds: bool, what: String| {
        if !holds {
            wrong.push(what);
        }
    };
    let (store, day) = (&world.store, world.now().date_naive());
    let opened = store.opened_on(day).await.unwrap();
    expect(opened.len() == 1, format!("{} handoffs", opened.len()));
    let Some(id) = opened.first() else { return wrong };

    let handoff = world.handoff(id).await;
    let history = store.history(id).await.unwrap();
    let count = |is: fn(&Change) -> bool| {
        history.iter().flat_map(|commit| &commit.changes).filter(|change| is(change)).count()
    };
    let openings = count(|change| matches!(change, Change::Opened { .. }));
    let owners = count(|change| matches!(change, Change::Assigned { .. }));
    expect(openings == 1, format!("{openings} openings"));
    expect(owners == 1 && handoff.owner.is_some(), format!("{owners} owners"));
    expect(history.len() == 2, format!("{} commits", history.len()));
    expect(folded(&history) == handoff, "history folds to something else".to_owned());

    let reps: Vec<PersonId> = CONFIG.people.keys().cloned().collect();
    for (rep, place) in store.standings(&POOL.into(), &reps).await.unwrap() {
        let has = handoff.owner.as_ref() == Some(&rep);
        expect(place.open == u32::from(has), format!("{rep} counts {} open", place.open));
        let turns = place.position / TURN;
        expect(turns == u64::from(has), format!("{rep} took {turns} turns"));
    }
    let claim = store.claim_of(&handoff.lane, &handoff.claim).await.unwrap();
    expect(claim.open.as_ref() == Some(id) && claim.count == 1, format!("{claim:?}"));
    let due = all_due(store, world.now() + Duration::days(1)).await;
    expect(due.len() == 1, format!("{due:?} are due"));
    expect(store.quarantined(10).await.unwrap().is_empty(), "something is put aside".to_owned());
    for row in miscounted(world, id, &history).await {
        expect(false, row);
    }
    wrong
}

fn folded(history: &[Commit]) -> Handoff {
    let Some(Change::Opened { handoff }) = history[0].changes.first() else {
        panic!("the first commit opens nothing");
    };
    history
        .iter()
        .fold((**handoff).clone(), |state, commit| state.after(&commit.changes, commit.at))
}

/// Compares the stored numbers with a recount of all commits.
async fn miscounted(world: &World, id: &HandoffId, history: &[Commit]) -> Vec<String> {
    let mut expected: BTreeMap<_, BTreeMap<String, i64>> = BTreeMap::new();
    for delta in history.iter().flat_map(rollup::contributions) {
        let row = (delta.family.to_string(), delta.dimension, delta.day);
        *expected.entry(row).or_default().entry(delta.counter).or_default() += delta.amount;
    }
    assert!(expected.len() > 5, "{id} counts for more than that");
    let mut wrong = Vec::new();
    for ((family, dimension, day), mut counted) in expected {
        counted.retain(|_, amount| *amount != 0);
        let mut stored = world.store.rollups(&family, &dimension, day, day).await.unwrap();
        let mut stored = stored.remove(&day).unwrap_or_default();
        stored.retain(|_, amount| *amount != 0);
        if stored != counted {
            wrong.push(format!("{family} {dimension} {day} says {stored:?}, not {counted:?}"));
        }
    }
    wrong
}

/// Runs something to its end on a thread's own runtime.
fn alone<T>(running: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(running)
}

#[test]
fn a_demo_request_comes_to_the_same_whichever_request_is_spoiled() {
    let asked = alone(count());
    assert!(asked.iter().any(|operation| operation == "TransactWriteItems"), "{asked:?}");
    assert!(asked.iter().any(|operation| operation == "PutEvents"), "{asked:?}");
    let all = 0..u64::try_from(asked.len()).unwrap();
    let mut spoils: Vec<Spoil> = all
        .flat_map(|from| FAULTS.map(|fault| (from, fault)))
        .flat_map(|(from, fault)| [1, SENDS].map(|times| Spoil { from, times, fault }))
        .collect();
    println!("{} requests, {} runs: {asked:?}", asked.len(), spoils.len());
    spoils.reverse();
    let (spoils, wrong) = (Mutex::new(spoils), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..ABREAST {
            scope.spawn(|| {
                loop {
                    let Some(spoil) = spoils.lock().unwrap().pop() else { break };
                    for what in alone(run(spoil)) {
                        let operation = &asked[usize::try_from(spoil.from).unwrap()];
                        wrong.lock().unwrap().push(format!("{operation} {spoil:?}: {what}"));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
