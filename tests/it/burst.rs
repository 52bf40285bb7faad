//! Many at once: assigners that race for the same reps exceed no capacity and give nobody two
//! owners, while the table refuses some of them and loses replies of others; and what that costs.

use crate::{
    store::{fresh, lead, put},
    sweep::numbers,
};
use domain::{Handoff, HandoffId, PersonId, routing::TURN};
use futures::{StreamExt, stream};
use local::{Parts, assembly, sample::ORGANISATION};
use router::{Enricher, RouteError, Router};
use runtime::{Clock, Configs, Ids, Outside, Secrets};
use std::collections::BTreeMap;
use store::{Store, Used};
use tests::faults::{Fault, faulty};

/// How many leads come at once, unless `HANDOFF_BURST` says otherwise.
const BURST: usize = 120;

/// How many the two reps may have open together.
fn places(organisation: &str, places: usize) -> String {
    let capacity = format!("capacity = {}", places / 2);
    organisation.replace("capacity = 40", &capacity)
}

/// A burst of leads, and a table that has room for some of them.
struct Burst {
    store: Store,
    parts: Parts,
    clock: Clock,
    ids: Vec<HandoffId>,
}

impl Burst {
    async fn of(leads: usize, room: usize) -> Self {
        let (store, parts) = fresh().await;
        let (clock, _) = Clock::hand("2026-01-05T10:00:00Z".parse().unwrap());
        let wiring = assembly::Wiring { clock: clock.clone(), ids: Ids::seeded(1), abreast: 1 };
        assembly::establish(&store, &places(ORGANISATION, room), &wiring).await.unwrap();
        let mut ids = Vec::new();
        for number in 0..leads {
            let handoff = Handoff { to: "sdr".to_owned(), ..lead(&format!("lead-{number:05}")) };
            put(&store, &handoff).await;
            ids.push(handoff.id);
        }
        Self { store, parts, clock, ids }
    }

    /// Routes all of them, so many abreast, as the queue brings them back; tells what it used and
    /// how often one had to come back.
    async fn is_routed(&self, abreast: usize, plan: fn(&str, u64) -> Fault) -> (Used, usize) {
        let environment = assembly::environment(&self.parts);
        let http = environment.http();
        let store = environment.with_http(faulty(http, plan)).store();
        let meter = store.meter().clone();
        let plans = Configs::new(store.clone());
        let timed = (self.clock.clone(), Ids::seeded(2));
        let known = (plans.clone(), Secrets::sample());
        let enricher = Enricher::new(store.clone(), known, Outside::local(), timed.clone());
        let router = Router::new(store, plans, enricher, timed);
        let route = |id: &HandoffId| {
            let (router, id) = (router.clone(), id.clone());
            async move {
                for again in 0.. {
                    match router.route(&id, "a burst").await {
                        Ok(()) => return again,
                        Err(RouteError::Busy(_) | RouteError::Store(_)) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
                unreachable!("it comes back until it is routed")
            }
        };
        let came_back: Vec<usize> =
            stream::iter(&self.ids).map(route).buffer_unordered(abreast).collect().await;
        (meter.take(), came_back.into_iter().sum())
    }

    /// Counts whose they are, from the handoffs themselves and their histories.
    async fn owners(&self) -> BTreeMap<Option<PersonId>, usize> {
        let mut owners = BTreeMap::new();
        for (handoff, _) in self.store.handoffs(&self.ids).await.unwrap() {
            let history = self.store.history(&handoff.id).await.unwrap();
            let given = |commit: &&domain::Commit| {
                commit.changes.iter().any(|it| matches!(it, domain::Change::Assigned { .. }))
            };
            let times = history.iter().filter(given).count();
            assert_eq!(times, usize::from(handoff.owner.is_some()), "{} {times}", handoff.id);
            *owners.entry(handoff.owner.clone()).or_default() += 1;
        }
        owners
    }
}

/// The table as it is on a bad day: some transactions meet others, some replies are lost.
fn bad_day(operation: &str, number: u64) -> Fault {
    match (operation, number % 20) {
        ("TransactWriteItems", 3) => Fault::Conflict,
        ("TransactWriteItems", 9) => Fault::LostReply,
        ("BatchGetItem", 15) => Fault::Throttle,
        _ => Fault::None,
    }
}

#[tokio::test]
async fn sixty_four_assigners_exceed_no_capacity_and_give_nobody_two_owners() {
    let room = 70;
    let burst = Burst::of(BURST, room).await;
    burst.is_routed(64, bad_day).await;
    let owners = burst.owners().await;
    let reps: Vec<PersonId> = vec!["amara".into(), "ben".into()];
    let counts = reps.iter().map(|rep| owners.get(&Some(rep.clone())).copied().unwrap_or(0));
    assert_eq!(counts.collect::<Vec<_>>(), [room / 2, room / 2], "{owners:?}");
    assert_eq!(owners[&None], BURST - room, "the others wait, and are told of");
    let standings = burst.store.standings(&"sdr_emea".into(), &reps).await.unwrap();
    for rep in &reps {
        let place = &standings[rep];
        assert_eq!((place.open, place.position / TURN), (35, 35), "{rep}: as recounted");
    }
}

#[tokio::test]
async fn a_burst_is_given_out_whole_and_costs_what_it_costs() {
    let leads = numbers("HANDOFF_BURST").map_or(BURST, |numbers| numbers[0]);
    println!("abreast  leads  requests a lead  read units  write units  came back");
    for abreast in [1, 2, 8, 64] {
        let burst = Burst::of(leads, 2 * leads).await;
        let (used, came_back) = burst.is_routed(abreast, |_, _| Fault::None).await;
        let each = |count: f64| count / leads as f64;
        println!(
            "{abreast:>7} {leads:>6} {:>16.2} {:>11.2} {:>12.2} {came_back:>10}",
            each(used.requests as f64),
            each(used.read_units),
            each(used.write_units),
        );
        let owners = burst.owners().await;
        assert_eq!(owners.values().sum::<usize>(), leads);
        assert!(!owners.contains_key(&None), "{owners:?}");
        let apart = owners.values().max().unwrap() - owners.values().min().unwrap();
        assert!(apart <= 1, "{owners:?}");
    }
}
