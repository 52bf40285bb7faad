//! Random histories of a busy office, recounted: places, turns and owners are what the handoffs
//! and their commits say, whatever happened, in whatever order, and whatever the table refused.
//!
//! Everything is done as it is done in earnest: webhooks, the desk, the sweep, a push. The recount
//! knows nothing of rotations: it adds up what the commits record. `HANDOFF_HISTORIES` asks for
//! more histories than the ordinary run has.

mod office;

use crate::sweep::numbers;
use domain::{
    Change, Commit, Config, Handoff, HandoffId, PersonId, PoolId, Stage,
    routing::{Candidate, Trace, turn},
};
use local::OutboxEntry;
use office::{Lived, histories, live};
use proptest::test_runner::{Config as Proptest, RngAlgorithm, TestRng, TestRunner};
use std::{cell::RefCell, collections::BTreeMap};

/// The histories of an ordinary run.
const HISTORIES: usize = 30;

#[test]
fn places_turns_and_owners_are_what_the_commits_say_whatever_happened() {
    let cases = numbers("HANDOFF_HISTORIES").map_or(HISTORIES, |numbers| numbers[0]) as u32;
    let plan =
        Proptest { cases, max_shrink_iters: 200, failure_persistence: None, ..Proptest::default() };
    // The same histories each time, and more of them with a larger budget.
    let seed = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let counted = RefCell::new(Counted::default());
    let told = TestRunner::new_with_rng(plan, seed).run(&histories(), |history| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let said = runtime.block_on(async {
            let mut lived = live(&history).await;
            recount(&mut lived).await
        });
        counted.borrow_mut().add(&said);
        Ok(())
    });
    let counted = counted.into_inner();
    println!("{cases} histories: {counted:?}");
    told.unwrap();
    let Counted { assigned, by_hand, by_managers, reassigned, returned, ended, waiting, .. } =
        counted;
    let happened = [assigned, by_hand, by_managers, reassigned, returned, ended, waiting];
    assert!(happened.iter().all(|count| *count > 0), "there was nothing to recount: {happened:?}");
}

/// How much there was to recount: a history in which nothing happens proves nothing.
#[derive(Debug, Default)]
struct Counted {
    handoffs: usize,
    commits: usize,
    assigned: usize,
    by_hand: usize,
    by_managers: usize,
    reassigned: usize,
    returned: usize,
    ended: usize,
    waiting: usize,
}

impl Counted {
    fn add(&mut self, other: &Self) {
        self.handoffs += other.handoffs;
        self.commits += other.commits;
        self.assigned += other.assigned;
        self.by_hand += other.by_hand;
        self.by_managers += other.by_managers;
        self.reassigned += other.reassigned;
        self.returned += other.returned;
        self.ended += other.ended;
        self.waiting += other.waiting;
    }
}

/// What the commits so far come to.
#[derive(Default)]
struct Count {
    states: BTreeMap<HandoffId, Handoff>,
    open: BTreeMap<PersonId, i64>,
    positions: BTreeMap<(PoolId, PersonId), u64>,
    days: BTreeMap<(PersonId, chrono::NaiveDate), u32>,
    counted: Counted,
}

/// Recounts a history, and compares with what is stored.
async fn recount(lived: &mut Lived) -> Counted {
    let mut histories = BTreeMap::new();
    for id in &lived.ids {
        histories.insert(id.clone(), lived.world.store.history(id).await.unwrap());
    }
    let order = order(&lived.world.outbox(), &histories);
    let mut count = Count::default();
    for commit in order {
        count.takes(commit, &lived.configs);
    }
    for (id, state) in &count.states {
        let stored = lived.world.handoff(id).await;
        assert_eq!(stored, *state, "the history of {id} folded");
        let waits = state.stage.is_open() && state.owner.is_none();
        // What was returned waits for its sender and not for an owner.
        if waits && state.stage != Stage::Returned {
            assert!(state.routing.is_some(), "nobody looks for an owner: {state:?}");
            count.counted.waiting += 1;
        }
    }
    let people: Vec<PersonId> = lived.world.config.people.keys().cloned().collect();
    let rows = lived.world.store.reps(&people).await.unwrap();
    for rep in &people {
        let owned = count.states.values();
        let owned = owned.filter(|one| one.stage.is_open() && one.owner.as_ref() == Some(rep));
        assert_eq!(rows[rep].open, owned.count() as i64, "what {rep} has open");
        assert_eq!(rows[rep].open, count.open.get(rep).copied().unwrap_or(0), "{rep}, added up");
    }
    for pool in lived.world.config.pools.keys() {
        for (rep, place) in lived.world.store.standings(pool, &people).await.unwrap() {
            let turns = count.positions.get(&(pool.clone(), rep.clone())).copied().unwrap_or(0);
            assert_eq!(place.position, turns, "the turns of {rep} in {pool}");
        }
    }
    count.counted
}

/// Puts commits in the order in which they were made: the stream's, which the bus was told in.
/// Commits nobody is told of come where their handoff's next one does.
fn order<'a>(
    outbox: &[OutboxEntry],
    histories: &'a BTreeMap<HandoffId, Vec<Commit>>,
) -> Vec<&'a Commit> {
    let mut taken: BTreeMap<&HandoffId, usize> = BTreeMap::new();
    let mut order = Vec::new();
    for entry in outbox {
        let local::Sent::Bus { detail, .. } = &entry.sent else { continue };
        let (id, version) = (detail["handoff"].as_str(), detail["version"].as_u64());
        let Some((id, version)) = id.zip(version) else { continue };
        let (id, history) = histories.get_key_value(&HandoffId::from(id)).unwrap();
        let from = taken.entry(id).or_default();
        let to = version as usize;
        if to > *from {
            order.extend(&history[*from..to]);
            *from = to;
        }
    }
    for (id, history) in histories {
        order.extend(&history[taken.get(id).copied().unwrap_or(0)..]);
    }
    order
}

impl Count {
    fn takes(&mut self, commit: &Commit, configs: &[Config]) {
        let before = self.states.remove(&commit.handoff).unwrap_or_default();
        assert_eq!(before.version + 1, commit.version, "{} lost a commit", commit.handoff);
        let mut after = before.clone();
        for change in &commit.changes {
            self.hears(&after, change, configs);
            after.apply(change, commit.at);
        }
        after.version += 1;
        let has = |one: &Handoff| one.owner.clone().filter(|_| one.stage.is_open());
        let (had, has) = (has(&before), has(&after));
        if had != has {
            had.iter().for_each(|rep| *self.open.entry(rep.clone()).or_default() -= 1);
            has.iter().for_each(|rep| *self.open.entry(rep.clone()).or_default() += 1);
        }
        self.counted.handoffs += usize::from(commit.version == 1);
        self.counted.commits += 1;
        self.counted.ended += usize::from(before.stage.is_open() && !after.stage.is_open());
        self.states.insert(commit.handoff.clone(), after);
    }

    fn hears(&mut self, handoff: &Handoff, change: &Change, configs: &[Config]) {
        match change {
            Change::Assigned { owner, before, pool, turn, trace, .. } => {
                assert_eq!(*before, handoff.owner, "two owners of {}", handoff.id);
                let by_router = trace.by_hand.is_none();
                assert!(!by_router || !handoff.had.contains(owner), "{owner} had {}", handoff.id);
                let config = &configs[trace.config_version as usize - 1];
                let taken = trace.candidates.iter().find(|one| one.passed_over.is_none());
                assert_eq!(*turn, taken.map(Candidate::turn));
                match taken {
                    Some(taken) => self.takes_turn(pool, (owner, taken), trace, config),
                    None => self.steps_in(owner, trace, config),
                }
                self.counted.assigned += 1;
                self.counted.by_hand += usize::from(!by_router);
                self.counted.reassigned += usize::from(before.is_some());
            }
            Change::Returned { by, .. } => {
                assert_eq!(handoff.owner.as_ref(), Some(by));
                let place = (handoff.pool.clone().unwrap(), by.clone());
                let position = self.positions.entry(place).or_default();
                *position -= handoff.turn.unwrap_or(0);
                self.counted.returned += 1;
            }
            _ => {}
        }
    }

    /// Moves a rep on by the turn a trace tells of, from where they stood.
    fn takes_turn(
        &mut self,
        pool: &PoolId,
        (owner, taken): (&PersonId, &Candidate),
        trace: &Trace,
        config: &Config,
    ) {
        assert_eq!(taken.rep, *owner);
        let position = self.positions.entry((pool.clone(), owner.clone())).or_default();
        assert_eq!(*position, taken.position_before, "a turn of {owner} in {pool} was lost");
        let member = config.pools[pool].members.iter().find(|member| member.rep == *owner);
        assert_eq!(taken.turn(), turn(member.unwrap().weight), "{owner} in {pool}");
        *position = taken.position_after;
        let person = &config.people[owner];
        assert_eq!(Some(taken.capacity), person.capacity);
        self.has_room(owner, taken.capacity);
        if let Some(daily) = taken.daily {
            let today = self.days.entry((owner.clone(), daily.day)).or_default();
            *today += 1;
            assert_eq!((daily.taken + 1, Some(daily.most)), (*today, person.capacity_per_day));
            assert!(*today <= daily.most && trace.by_hand.is_none());
        }
    }

    fn steps_in(&mut self, owner: &PersonId, trace: &Trace, config: &Config) {
        assert_eq!(trace.otherwise.as_deref(), Some("manager"));
        if let Some(capacity) = config.people[owner].capacity {
            self.has_room(owner, capacity);
        }
        self.counted.by_managers += 1;
    }

    fn has_room(&self, rep: &PersonId, capacity: u32) {
        let open = self.open.get(rep).copied().unwrap_or(0);
        assert!(open < i64::from(capacity), "{rep} has {open} of {capacity} and is given more");
    }
}
