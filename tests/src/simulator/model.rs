//! The reference model: what a handoff is, told as simply as it can be.
//!
//! It knows no transaction, no retry and no index. It hears commits in the order in which they
//! were stored and holds each against the few things that must always be so; then it compares
//! itself with the row. It shares no code with the fold or the decisions it checks.

use chrono::{DateTime, Duration, Utc};
use domain::{
    Change, Commit, Config, Handoff, HandoffId, PersonId, Stage, clock::Clock, clock::ClockState,
    config::Act, config::Stop, handoff::Flag,
};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that was committed, as it stands.
#[derive(Default)]
pub struct Model {
    handoffs: BTreeMap<HandoffId, Known>,
    /// What each rep has open, by the handoffs.
    open: BTreeMap<PersonId, i64>,
    /// What each rep has open, by their own row.
    places: BTreeMap<PersonId, i64>,
    /// When each rep is away, by their own row.
    away: BTreeMap<PersonId, (i64, i64)>,
    /// The most each rep takes, by any configuration.
    capacities: BTreeMap<PersonId, i64>,
    /// Who holds which claim.
    claims: BTreeMap<String, HandoffId>,
    skew: Duration,
}

/// A handoff as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Known {
    version: u64,
    stage: Stage,
    owner: Option<PersonId>,
    kind: String,
    clocks: BTreeMap<String, Runs>,
    /// Each rung taken, by clock, deadline and number; the breach has none.
    taken: BTreeSet<(String, DateTime<Utc>, Option<u8>)>,
    outcome: Option<String>,
    paused: bool,
    paused_at: Option<DateTime<Utc>>,
    flags: BTreeSet<Flag>,
}

/// A clock as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Runs {
    due_at: DateTime<Utc>,
    state: ClockState,
    stop: Stop,
    stopped: bool,
}

/// The facts of a handoff: what it comes to, whoever did it and however it was delivered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Facts {
    /// Its type at last.
    pub kind: String,
    /// Where it stands.
    pub stage: Stage,
    /// What came of it.
    pub outcome: Option<String>,
    /// Its clocks by name, and whether each was met.
    pub clocks: Vec<(String, String)>,
}

impl Model {
    /// Starts from an empty table; machines' clocks are wrong by at most `skew_ms`.
    pub fn new(skew_ms: i64) -> Self {
        Self { skew: Duration::milliseconds(skew_ms), ..Self::default() }
    }

    /// How many handoffs there are.
    pub fn len(&self) -> usize {
        self.handoffs.len()
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.handoffs.is_empty()
    }

    /// Lists handoffs in the order of their ids, with their owners and stages.
    pub fn list(&self) -> impl Iterator<Item = (&HandoffId, Option<&PersonId>, Stage)> {
        self.handoffs.iter().map(|(id, known)| (id, known.owner.as_ref(), known.stage))
    }

    /// Says what a handoff comes to.
    pub fn facts(&self, id: &HandoffId) -> Facts {
        let known = &self.handoffs[id];
        let clocks = known.clocks.iter();
        Facts {
            kind: known.kind.clone(),
            stage: known.stage,
            outcome: known.outcome.clone(),
            clocks: clocks.map(|(name, clock)| (name.clone(), clock.state.to_string())).collect(),
        }
    }

    /// Hears a commit at the moment it is stored.
    pub fn hears(&mut self, commit: &Commit, now: DateTime<Utc>) {
        let id = &commit.handoff;
        let mut known = self.handoffs.remove(id).unwrap_or_default();
        assert_eq!(commit.version, known.version + 1, "I14: {id} has a gap in its history");
        let before = known.owner.clone().filter(|_| known.stage.is_open());
        let was_open = known.version == 0 || known.stage.is_open();
        for change in &commit.changes {
            if !was_open {
                assert!(
                    allowed_after_the_end(change),
                    "I11: {id} goes on after its end: {change:?}"
                );
            }
            known.hears(id, change, now + self.skew);
        }
        known.version += 1;
        let after = known.owner.clone().filter(|_| known.stage.is_open());
        if before != after {
            before.iter().for_each(|rep| *self.open.entry(rep.clone()).or_default() -= 1);
            after.iter().for_each(|rep| *self.open.entry(rep.clone()).or_default() += 1);
            if let Some(rep) = &after {
                self.has_room(id, rep, commit);
            }
        }
        self.handoffs.insert(id.clone(), known);
    }

    /// Is told of a configuration that may be in force from now on.
    pub fn learns(&mut self, config: &Config) {
        for (rep, person) in &config.people {
            let known = self.capacities.entry(rep.clone()).or_default();
            *known = (*known).max(i64::from(person.capacity.unwrap_or(0)));
        }
    }

    /// I7, I8: nobody is given anything who is away, and the router gives nobody more than they
    /// take, by any configuration there was.
    fn has_room(&self, id: &HandoffId, rep: &PersonId, commit: &Commit) {
        if let Some((from, to)) = self.away.get(rep) {
            let at = commit.at.timestamp_millis();
            assert!(!(*from <= at && at < *to), "I8: {rep} is away, and is given {id}");
        }
        for change in &commit.changes {
            let Change::Assigned { trace, .. } = change else { continue };
            let taken = trace.candidates.iter().find(|one| one.passed_over.is_none());
            let Some(taken) = taken.filter(|_| trace.by_hand.is_none()) else { continue };
            assert_eq!(taken.rep, *rep, "I5: {id} went to another than was chosen");
            let (open, most) = (self.open[rep], i64::from(taken.capacity));
            assert!(open <= most, "I7: {rep} has {open} of {most} with {id}");
            let ever = self.capacities.get(rep).copied().unwrap_or(0);
            assert!(most <= ever, "I7: {rep} takes {ever}, not {most}");
        }
    }

    /// Is told what a rep's row says: what is counted, and from when until when they are away, in
    /// milliseconds since 1970.
    pub fn place(&mut self, rep: &str, open: i64, away: Option<(i64, i64)>) {
        self.places.insert(rep.into(), open);
        match away {
            Some(away) => self.away.insert(rep.into(), away),
            None => self.away.remove(rep),
        };
    }

    /// I9: no deadline that passed so long ago was overlooked.
    pub fn check_deadlines(&self, long_ago: DateTime<Utc>) {
        for (id, known) in self.handoffs.iter().filter(|(_, known)| known.stage.is_open()) {
            for (name, clock) in known.clocks.iter().filter(|_| !known.paused) {
                let is_over = clock.due_at < long_ago && !clock.stopped;
                let seen = clock.state != ClockState::Running;
                assert!(!is_over || seen, "I9: {name} of {id} passed, and nobody saw it");
            }
        }
    }

    /// Is told who holds a claim.
    pub fn claimed(&mut self, claim: &str, holder: Option<String>) {
        match holder {
            Some(holder) => self.claims.insert(claim.to_owned(), holder.as_str().into()),
            None => self.claims.remove(claim),
        };
    }

    /// I7: what is counted for capacity is what there is.
    pub fn check_places(&self) {
        for rep in self.open.keys().chain(self.places.keys()) {
            let of = |counts: &BTreeMap<PersonId, i64>| counts.get(rep).copied().unwrap_or(0);
            let (there, counted) = (of(&self.open), of(&self.places));
            assert_eq!(there, counted, "I7: {rep} has {there} open, and {counted} are counted");
        }
    }

    /// Compares a row with what was told.
    pub fn check(&self, stored: &Handoff) {
        let id = &stored.id;
        let known = self.handoffs.get(id);
        let known = known.unwrap_or_else(|| panic!("I14: {id} has a state and no history"));
        let said = (known.version, known.stage, known.owner.as_ref(), &known.outcome);
        let row = (stored.version, stored.stage, stored.owner.as_ref(), &stored.outcome);
        assert_eq!(row, said, "{id} is stored otherwise than its history says");
        assert_eq!(known.paused, stored.paused().is_some(), "{id} pauses, or does not");
        let clocks = stored.clocks.iter().map(|clock| (clock.name.clone(), runs(clock)));
        assert_eq!(clocks.collect::<BTreeMap<_, _>>(), known.clocks, "the clocks of {id}");
        let holds = self.claims.values().filter(|holder| *holder == id).count();
        let beside = known.flags.contains(&Flag::MergedBeside);
        match stored.stage.is_open() && !stored.claim.is_empty() && !beside {
            true => assert_eq!(holds, 1, "I3: {id} is open and holds {holds} claims"),
            false => assert!(holds <= usize::from(beside), "{id} has ended and holds a claim"),
        }
        let waits = stored.stage.is_open() && stored.stage != Stage::Returned;
        let is_sought = stored.owner.is_some() || stored.routing.is_some();
        assert!(!waits || is_sought, "I6: nobody has {id}, and nobody is sought");
    }
}

/// After the end only the record is put right, and people may say what they think.
fn allowed_after_the_end(change: &Change) -> bool {
    use Change::{
        Answered, Asked, ClockMet, Flagged, Mentioned, MilestoneAsked, MilestoneKnown,
        MilestoneMissed, MovedJourney, Noted, Rated, Released, SurveyAnswered, SurveyAsked,
        SurveyWithdrawn, TaskDone, TaskExcused, Touched, Updated,
    };
    matches!(
        change,
        ClockMet { .. }
            | Flagged { .. }
            | MovedJourney { .. }
            | Noted
            | Asked { .. }
            | Answered { .. }
            | Mentioned { .. }
            | Rated { .. }
            | Released { .. }
            | SurveyAsked { .. }
            | SurveyAnswered { .. }
            | SurveyWithdrawn { .. }
            | MilestoneAsked { .. }
            | MilestoneKnown { .. }
            | MilestoneMissed { .. }
            | TaskDone { .. }
            | TaskExcused { .. }
            | Touched { .. }
            | Updated { .. }
    )
}

fn runs(clock: &Clock) -> Runs {
    let Clock { due_at, state, stop, met_at, .. } = clock;
    Runs { due_at: *due_at, state: *state, stop: *stop, stopped: met_at.is_some() }
}

impl Known {
    fn hears(&mut self, id: &HandoffId, change: &Change, at_most: DateTime<Utc>) {
        match change {
            Change::Opened { handoff } => {
                assert_eq!(self.version, 0, "I3: {id} opens twice");
                self.stage = handoff.stage;
                self.owner.clone_from(&handoff.owner);
                self.kind = handoff.kind.to_string();
                self.flags.clone_from(&handoff.flags);
                self.put(&handoff.clocks);
            }
            Change::Upgraded { kind, clocks, .. } => {
                self.kind = kind.to_string();
                self.clocks.clear();
                self.put(clocks);
            }
            Change::ClockMoved { clock, .. } => self.put(std::slice::from_ref(clock)),
            Change::Resumed { clocks, .. } => {
                (self.paused, self.paused_at) = (false, None);
                self.put(clocks);
            }
            Change::Paused { pause } => {
                (self.paused, self.paused_at) = (true, Some(pause.at));
            }
            Change::Assigned { owner, before, clocks, .. } => {
                assert_eq!(*before, self.owner, "I5: {id} is taken from who has not got it");
                self.owner = Some(owner.clone());
                self.stage = Stage::Assigned;
                self.put(clocks);
            }
            Change::Returned { by, .. } => {
                assert_eq!(self.owner.as_ref(), Some(by), "I5: {id} is given back by another");
                (self.owner, self.stage) = (None, Stage::Returned);
            }
            Change::Resubmitted { .. } => self.stage = Stage::Opened,
            Change::Accepted { by, .. } => {
                assert_eq!(self.owner.as_ref(), Some(by), "I11: {id} is accepted by another");
                self.stage = Stage::Accepted;
            }
            Change::Engaged => self.stage = Stage::Engaged,
            Change::ClockMet { clock, late, at, .. } => {
                let clock = self.clocks.get_mut(clock).expect("a clock that is met runs");
                // What stands still since before its deadline is not late.
                let still = self.paused_at.is_some_and(|since| clock.due_at > since);
                let over = *at > clock.due_at;
                assert!(*late == over || (still && !late), "I4: {id} was met at {at}");
                clock.stopped = true;
                if !late {
                    clock.state = ClockState::Met;
                }
            }
            Change::Breached { clock, due_at, .. } => {
                self.takes(id, clock, *due_at, None, *due_at, at_most);
                let clock = self.clocks.get_mut(clock).expect("a clock that is missed runs");
                assert_eq!(clock.state, ClockState::Running, "I9: {id} misses what is over");
                clock.state = ClockState::Breached;
            }
            Change::Stepped { clock, n, due_at, deadline, act, .. } => {
                self.takes(id, clock, *deadline, Some(*n), *due_at, at_most);
                assert_ne!(*act, Act::Breach, "a breach is no step");
            }
            Change::StepPassed { clock, n, due_at, .. } => {
                let deadline = self.clocks[clock].due_at;
                self.takes(id, clock, deadline, Some(*n), *due_at, at_most);
            }
            Change::Completed { outcome, .. } => self.ends(Stage::Completed, Some(outcome)),
            Change::Recycled { to, .. } => self.ends(Stage::Recycled, Some(to)),
            Change::Cancelled { .. } => self.ends(Stage::Cancelled, None),
            Change::Flagged { flag } => {
                self.flags.insert(*flag);
            }
            _ => {}
        }
    }

    fn put(&mut self, clocks: &[Clock]) {
        self.clocks.extend(clocks.iter().map(|clock| (clock.name.clone(), runs(clock))));
    }

    /// I9, I10: a rung is taken once for a deadline, never early, and never of a stopped clock.
    fn takes(
        &mut self,
        id: &HandoffId,
        clock: &str,
        deadline: DateTime<Utc>,
        n: Option<u8>,
        due_at: DateTime<Utc>,
        at_most: DateTime<Utc>,
    ) {
        assert!(due_at <= at_most, "I9: {clock} of {id}: {n:?} was due at {due_at}, not {at_most}");
        assert!(!self.paused, "I9: {clock} of {id} goes on in a pause");
        let known = &self.clocks[clock];
        assert_eq!(known.due_at, deadline, "I9: {clock} of {id} has another deadline");
        assert!(!known.stopped, "I10: {clock} of {id} was stopped, and goes on");
        let taken = self.taken.insert((clock.to_owned(), deadline, n));
        assert!(taken, "I9: {n:?} of {clock} of {id} is taken twice");
    }

    fn ends(&mut self, stage: Stage, outcome: Option<&String>) {
        self.stage = stage;
        self.outcome = outcome.cloned().or(self.outcome.take());
        self.paused = false;
        for clock in self.clocks.values_mut().filter(|clock| clock.state == ClockState::Running) {
            clock.state = ClockState::Closed;
        }
    }
}
