//! How a commit becomes numbers.
//!
//! Every counter is a sum of what single commits contribute, so order, batches and redelivery are
//! the consumer's concern alone. What must stay true: **a recount of all commits equals the stored
//! rows**, whatever order they came in. A contribution therefore looks at nothing but its commit;
//! where a change replaces what was counted before, it carries the old fact whole (`was`), and
//! `cohort` subtracts it.
//!
//! Two families. `cohort` counts on the day the handoff opened, so that rates divide like by like;
//! `happened` counts on the day of recording and never decreases: a breach taken back is a
//! `withdrawn.<clock>` there. Every fact counts for all, for its type, source and sender, and for
//! the pool, rep and rule that answer for it: a clock and a response keep those of their first end,
//! everything else those of the commit.
//!
//! Counters of handoffs, at most one each: `opened`, `first_opened` (first in its lane), `touched`
//! with `response_seconds`, `response.<bucket>` and `touched_in_five_minutes`, `met.<clock>`,
//! `breached.<clock>`, `completed`, `success`, `outcome.<outcome>`, `recycled`, `cancelled`,
//! `led_to.<type>`, `completeness_count` and `completeness_sum` (percent at opening),
//! `amount_minor.<currency>` (at opening), `value_minor.<currency>` (at completion). Counters of
//! acts, as many as there were: `assigned` (to somebody while nobody had it: again after a
//! rejection), `reassigned`, `accepted`, `reminded`, `told`, `escalated`, `unrouted`, `rejected`,
//! `resubmitted`, `joined`, `upgraded`, `rated` with `rating_sum`, `rating.<n>`, `complete_yes` and
//! `complete_no`. `rejected` and `recycled` also count by reason (`rejected.<reason>`). Only
//! `happened` has `withdrawn.<clock>` and `corrected` (a response whose earlier touch came in
//! later); only `cohort` has `led_to`.

use crate::{
    change::{Change, Response},
    clock::Credit,
    commit::{About, Commit},
    config::{Act, Mode},
    handoff::Handoff,
    ids::TypeKey,
    money::Money,
};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// The longest response that counts as within five minutes.
pub const FIVE_MINUTES_SECONDS: i64 = 300;

/// By which day a number is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// The day the handoff opened.
    Cohort,
    /// The day the fact was recorded.
    Happened,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cohort => "cohort",
            Self::Happened => "happened",
        })
    }
}

/// What one commit adds to one counter of one rollup row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Delta {
    /// By which day it counts.
    pub family: Family,
    /// Whose number it is: `all`, `type:mql`, `source:hubspot`, `sender:marketing`,
    /// `pool:sdr_emea`, `rep:amara`, `rule:Inbound, Americas`.
    pub dimension: String,
    /// The organisation's day.
    pub day: NaiveDate,
    /// The counter's name.
    pub counter: String,
    /// What is added; never zero.
    pub amount: i64,
}

/// Tells what a commit adds to the rollups: sorted, one entry a counter, none of them zero.
///
/// The same commit always gives the same deltas, and deltas only add up: folding all commits in any
/// order, in any batches, gives the rows that are stored.
pub fn contributions(commit: &Commit) -> Vec<Delta> {
    if commit.about.mode == Mode::Off {
        return Vec::new();
    }
    let mut tally = Tally { about: &commit.about, sums: BTreeMap::new() };
    for change in &commit.changes {
        tally.count(change);
        if let Change::Opened { handoff } = change {
            tally.count_opening(commit, handoff);
        }
    }
    let sums = tally.sums.into_iter().filter(|(_, amount)| *amount != 0);
    sums.map(|((family, dimension, day, counter), amount)| Delta {
        family,
        dimension,
        day,
        counter,
        amount,
    })
    .collect()
}

/// Finds the bucket of a response: seconds below 8 each have one, and above every octave has eight,
/// so that a bucket is at most an eighth of its value wide.
///
/// Buckets are fixed for ever, so that those of different days, pools and years add up.
pub fn bucket_of(seconds: i64) -> u32 {
    let seconds = seconds.max(0).unsigned_abs();
    let Some(octave) = seconds.checked_ilog2().filter(|octave| *octave >= 3) else {
        return u32::try_from(seconds).unwrap_or_default();
    };
    let eighth = (seconds >> (octave - 3)) & 7;
    (octave - 2) * 8 + u32::try_from(eighth).unwrap_or_default()
}

/// Tells the longest response a bucket holds, in seconds.
pub fn bucket_seconds_max(bucket: u32) -> i64 {
    match bucket {
        0..8 => i64::from(bucket),
        8..487 => ((9 + i64::from(bucket % 8)) << (bucket / 8 - 1)) - 1,
        _ => i64::MAX,
    }
}

/// Names a bucket's counter, so that counters sort as their buckets do.
pub fn bucket_counter(bucket: u32) -> String {
    format!("response.{bucket:03}")
}

/// One commit's sums, by rollup row and counter.
struct Tally<'a> {
    about: &'a About,
    sums: BTreeMap<(Family, String, NaiveDate, String), i64>,
}

impl Tally<'_> {
    /// Counts what a change says; who answers for it is the commit's owner, pool and rule unless
    /// the change has a credit.
    fn count(&mut self, change: &Change) {
        let who = answering(self.about);
        match change {
            Change::Assigned { before: None, .. } => self.both(&who, "assigned", 1),
            Change::Assigned { .. } => self.both(&who, "reassigned", 1),
            Change::Unrouted { .. } => self.both(&who, "unrouted", 1),
            Change::Accepted { .. } => self.both(&who, "accepted", 1),
            Change::Joined { .. } => self.both(&who, "joined", 1),
            Change::Upgraded { kind, was, .. } => self.upgrade(&who, kind, was),
            Change::Resubmitted { .. } => self.both(&who, "resubmitted", 1),
            Change::Cancelled { .. } => self.both(&who, "cancelled", 1),
            Change::Returned { reason, .. } => self.with_detail(&who, "rejected", reason),
            Change::Recycled { reason, .. } => self.with_detail(&who, "recycled", reason),
            Change::Completed { outcome, success, value } => {
                self.both(&who, "completed", 1);
                self.both(&who, &format!("outcome.{outcome}"), 1);
                self.both(&who, "success", i64::from(*success));
                self.money(&who, "value_minor", value.as_ref());
            }
            Change::Rated { score, complete } => self.rate(&who, *score, *complete),
            Change::Stepped { act, .. } => match act {
                Act::Remind => self.both(&who, "reminded", 1),
                Act::Tell => self.both(&who, "told", 1),
                Act::Escalate => self.both(&who, "escalated", 1),
                // The owner's change and the breach are changes of their own.
                Act::Reassign | Act::Breach => {}
            },
            Change::Touched { response: Some(response), was, .. } => {
                self.respond(response, was.as_ref());
            }
            Change::Breached { clock, credit, .. } => {
                self.both(credit, &format!("breached.{clock}"), 1);
            }
            Change::ClockMet { clock, late: false, credit, was, .. } => {
                self.both(credit, &format!("met.{clock}"), 1);
                self.withdraw(clock, was.as_ref());
            }
            Change::ClockMoved { clock, was, .. } => self.withdraw(&clock.name, was.as_ref()),
            // Late, a clock was counted as breached already; the rest is history without a number.
            Change::ClockMet { .. }
            | Change::Touched { .. }
            | Change::Opened { .. }
            | Change::Updated { .. }
            | Change::RoutingRequested { .. }
            | Change::Engaged
            | Change::StepPassed { .. }
            | Change::Noted
            | Change::Flagged { .. }
            | Change::MovedJourney { .. } => {}
        }
    }

    fn count_opening(&mut self, commit: &Commit, handoff: &Handoff) {
        let who = answering(self.about);
        self.both(&who, "opened", 1);
        self.both(&who, "completeness_count", 1);
        self.both(&who, "completeness_sum", i64::from(handoff.completeness));
        self.money(&who, "amount_minor", handoff.amount.as_ref());
        let Some(lineage) = commit.lineage.as_ref().filter(|lineage| lineage.first_in_lane) else {
            return;
        };
        self.both(&who, "first_opened", 1);
        if let Some(previous) = &lineage.previous {
            let counter = format!("led_to.{}", self.about.kind);
            for dimension in dimensions(previous, &answering(previous)) {
                self.add(Family::Cohort, dimension, previous.opened_day, &counter, 1);
            }
        }
    }

    /// Moves the handoff to the type it now is; what was counted on the way stays with the type it
    /// then was.
    fn upgrade(&mut self, who: &Credit, kind: &TypeKey, was: &TypeKey) {
        self.both(who, "upgraded", 1);
        let day = self.about.opened_day;
        self.add(Family::Cohort, format!("type:{was}"), day, "opened", -1);
        self.add(Family::Cohort, format!("type:{kind}"), day, "opened", 1);
    }

    fn rate(&mut self, who: &Credit, score: u8, complete: bool) {
        self.both(who, "rated", 1);
        self.both(who, "rating_sum", i64::from(score));
        self.both(who, &format!("rating.{score}"), 1);
        self.both(who, if complete { "complete_yes" } else { "complete_no" }, 1);
    }

    /// Counts a first response; one that turns out to be earlier than the one counted takes its
    /// place.
    fn respond(&mut self, response: &Response, was: Option<&Response>) {
        self.response(Family::Cohort, response, 1);
        match was {
            Some(old) => {
                self.response(Family::Cohort, old, -1);
                self.count_in(Family::Happened, &response.credit, "corrected", 1);
            }
            None => self.response(Family::Happened, response, 1),
        }
    }

    fn response(&mut self, family: Family, response: &Response, sign: i64) {
        let (who, seconds) = (&response.credit, response.seconds.max(0));
        self.count_in(family, who, "touched", sign);
        self.count_in(family, who, "response_seconds", sign * seconds);
        self.count_in(family, who, &bucket_counter(bucket_of(seconds)), sign);
        if seconds <= FIVE_MINUTES_SECONDS {
            self.count_in(family, who, "touched_in_five_minutes", sign);
        }
    }

    /// Takes back a breach that was counted.
    fn withdraw(&mut self, clock: &str, was: Option<&Credit>) {
        if let Some(was) = was {
            self.count_in(Family::Cohort, was, &format!("breached.{clock}"), -1);
            self.count_in(Family::Happened, was, &format!("withdrawn.{clock}"), 1);
        }
    }

    fn with_detail(&mut self, who: &Credit, counter: &str, detail: &str) {
        self.both(who, counter, 1);
        self.both(who, &format!("{counter}.{detail}"), 1);
    }

    fn money(&mut self, who: &Credit, counter: &str, money: Option<&Money>) {
        if let Some(money) = money {
            self.both(who, &format!("{counter}.{}", money.currency), money.minor);
        }
    }

    fn both(&mut self, who: &Credit, counter: &str, amount: i64) {
        self.count_in(Family::Cohort, who, counter, amount);
        self.count_in(Family::Happened, who, counter, amount);
    }

    fn count_in(&mut self, family: Family, who: &Credit, counter: &str, amount: i64) {
        let day = match family {
            Family::Cohort => self.about.opened_day,
            Family::Happened => self.about.day,
        };
        for dimension in dimensions(self.about, who) {
            self.add(family, dimension, day, counter, amount);
        }
    }

    fn add(
        &mut self,
        family: Family,
        dimension: String,
        day: NaiveDate,
        counter: &str,
        amount: i64,
    ) {
        *self.sums.entry((family, dimension, day, counter.to_owned())).or_default() += amount;
    }
}

/// Reads who answers for what a commit says, if no credit says otherwise; a rejection leaves no
/// owner, so whoever had it.
fn answering(about: &About) -> Credit {
    Credit {
        owner: about.owner.as_ref().or(about.owner_before.as_ref()).cloned(),
        pool: about.pool.clone(),
        rule: about.rule.clone(),
    }
}

/// Lists whose numbers a fact counts in. The sender is a person, or the transferring team when no
/// person sent it.
fn dimensions(about: &About, who: &Credit) -> Vec<String> {
    let sender = about.sender.as_ref().map_or(about.from.as_str(), |sender| sender.as_str());
    let mut names = vec![
        "all".to_owned(),
        format!("type:{}", about.kind),
        format!("source:{}", about.source),
        format!("sender:{sender}"),
    ];
    names.extend(who.pool.as_ref().map(|pool| format!("pool:{pool}")));
    names.extend(who.owner.as_ref().map(|rep| format!("rep:{rep}")));
    names.extend(who.rule.as_ref().map(|rule| format!("rule:{rule}")));
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Config,
        clock::ClockState,
        commit::{Actor, Lineage},
        decide::{Command, Facts, decide, start_clocks},
        ids::*,
        routing::Trace,
        stage::Stage,
    };
    use chrono::{DateTime, TimeDelta, Utc};
    use proptest::prelude::*;

    fn config() -> Config {
        crate::config::load(include_str!("../../../infra/local/sample/organisation.toml")).unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn credit(owner: &str) -> Credit {
        Credit {
            owner: Some(owner.into()),
            pool: Some("sdr_emea".into()),
            rule: Some("Inbound".into()),
        }
    }

    /// A commit of 6 January about a handoff of the day before.
    fn commit(changes: Vec<Change>) -> Commit {
        let day = |day| NaiveDate::from_ymd_opt(2026, 1, day).unwrap();
        Commit {
            handoff: "H1".into(),
            version: 3,
            at: at("2026-01-06T09:00:00Z"),
            actor: Actor::Sweep,
            cause: "schedule".into(),
            attempt: "A1".into(),
            changes,
            about: About {
                kind: "mql".into(),
                opened_day: day(5),
                day: day(6),
                pool: Some("sdr_emea".into()),
                owner_before: Some("amara".into()),
                owner: Some("ben".into()),
                from: "marketing".into(),
                sender: None,
                source: "hubspot".into(),
                rule: Some("Inbound".into()),
                amount: None,
                mode: Mode::Live,
            },
            lineage: None,
            personal: BTreeMap::new(),
        }
    }

    /// Writes the deltas of the dimensions that start with `prefix`, one a line, without the year
    /// and month.
    fn lines(commit: &Commit, prefix: &str) -> Vec<String> {
        contributions(commit)
            .iter()
            .filter(|delta| delta.dimension.starts_with(prefix))
            .map(|delta| {
                let Delta { family, dimension, day, counter, amount } = delta;
                format!("{family} {dimension} {} {counter} {amount:+}", day.format("%d"))
            })
            .collect()
    }

    fn sums(commits: &[Commit]) -> BTreeMap<(Family, String, NaiveDate, String), i64> {
        let mut sums = BTreeMap::new();
        for delta in commits.iter().flat_map(contributions) {
            let key = (delta.family, delta.dimension, delta.day, delta.counter);
            *sums.entry(key).or_default() += delta.amount;
        }
        sums.retain(|_, amount| *amount != 0);
        sums
    }

    #[test]
    fn a_fact_counts_for_every_dimension_on_both_days() {
        let clock = "respond".to_owned();
        let due_at = at("2026-01-06T08:00:00Z");
        let breach = Change::Breached { clock, due_at, credit: credit("amara") };
        let deltas = contributions(&commit(vec![breach]));
        let dimensions: Vec<_> =
            deltas.iter().take(7).map(|delta| delta.dimension.as_str()).collect();
        assert_eq!(
            dimensions,
            [
                "all",
                "pool:sdr_emea",
                "rep:amara",
                "rule:Inbound",
                "sender:marketing",
                "source:hubspot",
                "type:mql"
            ]
        );
        assert_eq!(deltas.len(), 14);
        assert!(deltas.iter().all(|d| d.counter == "breached.respond" && d.amount == 1));
        let days: Vec<_> =
            deltas.iter().map(|d| (d.family, d.day.format("%d").to_string())).collect();
        assert_eq!(days[0], (Family::Cohort, "05".to_owned()));
        assert_eq!(days[13], (Family::Happened, "06".to_owned()));
    }

    #[test]
    fn a_withdrawn_breach_leaves_the_cohort_and_is_counted_as_withdrawn_where_nothing_decreases() {
        let met = Change::ClockMet {
            clock: "respond".into(),
            at: at("2026-01-05T09:00:00Z"),
            late: false,
            credit: credit("amara"),
            was: Some(credit("amara")),
            told: vec!["priya".into()],
        };
        assert_eq!(
            lines(&commit(vec![met]), "rep:"),
            [
                "cohort rep:amara 05 breached.respond -1",
                "cohort rep:amara 05 met.respond +1",
                "happened rep:amara 06 met.respond +1",
                "happened rep:amara 06 withdrawn.respond +1",
            ]
        );
    }

    #[test]
    fn a_clock_stopped_too_late_adds_nothing_to_its_breach() {
        let late = Change::ClockMet {
            clock: "respond".into(),
            at: at("2026-01-06T09:00:00Z"),
            late: true,
            credit: credit("amara"),
            was: None,
            told: Vec::new(),
        };
        assert_eq!(contributions(&commit(vec![late])), []);
    }

    #[test]
    fn an_earlier_touch_replaces_the_response_that_was_counted() {
        let response = |seconds, who| Response { seconds, credit: credit(who) };
        let touched = Change::Touched {
            channel: "call".into(),
            at: at("2026-01-05T10:00:00Z"),
            by: None,
            first: true,
            response: Some(response(300, "ben")),
            was: Some(response(4000, "amara")),
        };
        let commit = commit(vec![touched]);
        assert_eq!(
            lines(&commit, "all"),
            [
                "cohort all 05 response.049 +1",
                "cohort all 05 response.079 -1",
                "cohort all 05 response_seconds -3700",
                "cohort all 05 touched_in_five_minutes +1",
                "happened all 06 corrected +1",
            ]
        );
        assert_eq!(
            lines(&commit, "rep:amara"),
            [
                "cohort rep:amara 05 response.079 -1",
                "cohort rep:amara 05 response_seconds -4000",
                "cohort rep:amara 05 touched -1",
            ]
        );
    }

    #[test]
    fn an_upgrade_moves_the_handoff_to_its_new_type_and_changes_no_other_total() {
        let upgraded = Change::Upgraded {
            kind: "hot_lead".into(),
            was: "mql".into(),
            heat: 2,
            clocks: Vec::new(),
            triggered_at: at("2026-01-05T09:00:00Z"),
        };
        let mut commit = commit(vec![upgraded]);
        commit.about.kind = "hot_lead".into();
        let cohort: Vec<_> =
            lines(&commit, "").into_iter().filter(|line| line.contains(" opened ")).collect();
        assert_eq!(cohort, ["cohort type:hot_lead 05 opened +1", "cohort type:mql 05 opened -1"]);
        assert_eq!(
            lines(&commit, "all"),
            ["cohort all 05 upgraded +1", "happened all 06 upgraded +1"]
        );
    }

    #[test]
    fn an_opening_counts_what_it_brings_and_where_it_came_from() {
        let (mut handoff, _) = open(&config(), "mql");
        handoff.completeness = 70;
        handoff.amount = Some(Money { minor: 5_000_00, currency: "EUR".into() });
        let mut previous = commit(Vec::new()).about;
        previous.opened_day = NaiveDate::from_ymd_opt(2026, 1, 2).unwrap();
        let mut opening = commit(vec![Change::Opened { handoff: Box::new(handoff) }]);
        opening.about.kind = "meeting_set".into();
        opening.lineage = Some(Lineage { previous: Some(previous), first_in_lane: true });
        assert_eq!(
            lines(&opening, "all")[..6],
            [
                "cohort all 02 led_to.meeting_set +1",
                "cohort all 05 amount_minor.EUR +500000",
                "cohort all 05 completeness_count +1",
                "cohort all 05 completeness_sum +70",
                "cohort all 05 first_opened +1",
                "cohort all 05 opened +1",
            ]
        );
        assert_eq!(lines(&opening, "type:mql"), ["cohort type:mql 02 led_to.meeting_set +1"]);
        assert!(
            lines(&opening, "rep:ben").contains(&"cohort rep:ben 02 led_to.meeting_set +1".into())
        );
        opening.lineage.as_mut().unwrap().first_in_lane = false;
        assert!(!lines(&opening, "").iter().any(|line| line.contains("led_to")));
    }

    #[test]
    fn a_rejection_counts_for_whoever_had_it() {
        let returned = Change::Returned { reason: "duplicate".into(), by: "amara".into() };
        let mut commit = commit(vec![returned]);
        commit.about.owner = None;
        assert_eq!(
            lines(&commit, "rep:"),
            [
                "cohort rep:amara 05 rejected +1",
                "cohort rep:amara 05 rejected.duplicate +1",
                "happened rep:amara 06 rejected +1",
                "happened rep:amara 06 rejected.duplicate +1",
            ]
        );
    }

    #[test]
    fn what_is_only_observed_counts_and_what_is_off_does_not() {
        let mut commit = commit(vec![Change::Rated { score: 5, complete: true }]);
        commit.about.mode = Mode::Observe;
        assert!(lines(&commit, "all").contains(&"happened all 06 rating_sum +5".to_owned()));
        commit.about.mode = Mode::Off;
        assert_eq!(contributions(&commit), []);
    }

    #[test]
    fn buckets_join_without_a_gap_and_are_at_most_an_eighth_wide() {
        let mut next = 0;
        for bucket in 0..300 {
            let max = bucket_seconds_max(bucket);
            assert_eq!((bucket_of(next), bucket_of(max)), (bucket, bucket));
            assert!((max - next) * 8 <= max, "{bucket}");
            next = max + 1;
        }
        assert_eq!(bucket_seconds_max(bucket_of(i64::MAX)), i64::MAX);
        assert_eq!((bucket_of(-1), bucket_seconds_max(u32::MAX)), (0, i64::MAX));
    }

    /// Opens a handoff of a type at 09:00 on Monday 5 January; meetings are two days later.
    fn open(config: &Config, kind: &str) -> (Handoff, Commit) {
        let now = at("2026-01-05T09:00:00Z");
        let known = &config.types[&TypeKey::from(kind)];
        let meeting_at = (kind == "meeting_set").then(|| now + TimeDelta::days(2));
        let handoff = Handoff {
            id: "H1".into(),
            version: 0,
            kind: kind.into(),
            lane: known.lane.clone(),
            claim: "J1".into(),
            journey: "J1".into(),
            stage: Stage::Opened,
            mode: Mode::Live,
            config: 1,
            source: "hubspot".into(),
            from: known.from.clone(),
            to: known.to.clone(),
            heat: known.heat,
            sender: None,
            owner: None,
            pool: None,
            rule: None,
            had: Vec::new(),
            score: None,
            amount: None,
            completeness: 60,
            triggered_at: now,
            opened_at: now,
            assigned_at: None,
            accepted_at: None,
            first_touch_at: None,
            response_credit: None,
            closed_at: None,
            meeting_at,
            clocks: start_clocks(known, config, None, now, meeting_at),
            routing: None,
            previous: None,
            outcome: None,
            flags: Default::default(),
        };
        let changes = vec![Change::Opened { handoff: Box::new(handoff.clone()) }];
        let opened = record(config, &handoff, None, changes, now);
        (handoff.after(&opened.changes.clone(), now), opened)
    }

    fn record(
        config: &Config,
        after: &Handoff,
        before: Option<&Handoff>,
        changes: Vec<Change>,
        now: DateTime<Utc>,
    ) -> Commit {
        let about = About::of(after, before, now, |at| config.day_of(at));
        Commit { at: now, version: after.version, about, changes, ..commit(Vec::new()) }
    }

    /// One thing that is tried: after how many minutes, what, and how many minutes back a touch is
    /// dated.
    type Try = (i64, u8, i64);

    fn command(
        config: &Config,
        handoff: &Handoff,
        (_, what, back): Try,
        now: DateTime<Utc>,
    ) -> Command {
        let owner = handoff.owner.clone().unwrap_or_default();
        let assign = |rep: &str| Command::Assign {
            owner: rep.into(),
            pool: config.pools_of(&rep.into()).next().unwrap().clone(),
            rule: Some("Inbound".into()),
            trace: Box::new(Trace::default()),
        };
        let kind = &config.types[&handoff.kind];
        match what {
            0 => assign("amara"),
            1 => assign("carla"),
            2 => Command::Accept { by: owner },
            3 | 4 => Command::Touch {
                channel: "call".into(),
                at: now - TimeDelta::minutes(back),
                by: None,
            },
            5 => Command::Reject { by: owner, reason: kind.reject_reasons[0].clone() },
            6 => Command::Resubmit,
            7 => Command::Complete { outcome: kind.outcomes[0].clone(), value: None },
            8 => Command::Rate { score: 4, complete: back > 60 },
            9 => Command::Join { kind: "hot_lead".into(), at: now },
            10 => Command::Update {
                score: None,
                amount: None,
                meeting_at: (handoff.kind.as_str() == "meeting_set")
                    .then(|| now + TimeDelta::minutes(back * 20)),
                completeness: 80,
            },
            _ => Command::Tick,
        }
    }

    /// Plays tries against the real decisions, ticking at every deadline on the way.
    fn play(config: &Config, kind: &str, tries: &[Try]) -> (Handoff, Vec<Commit>) {
        let (mut handoff, opened) = open(config, kind);
        let (mut commits, mut now) = (vec![opened], at("2026-01-05T09:00:00Z"));
        let facts = Facts { active: config, pinned: config };
        for attempt in tries {
            now += TimeDelta::minutes(attempt.0);
            for command in [Command::Tick, command(config, &handoff, *attempt, now)] {
                let Ok(changes) = decide(&handoff, command, facts, now) else { continue };
                let after = handoff.clone().after(&changes, now);
                commits.push(record(config, &after, Some(&handoff), changes, now));
                handoff = after;
            }
        }
        (handoff, commits)
    }

    fn tries() -> impl Strategy<Value = Vec<Try>> {
        proptest::collection::vec((1..200_i64, 0..14_u8, 0..500_i64), 0..20)
    }

    proptest! {
        #[test]
        fn the_cohort_says_what_the_handoff_says_in_the_end(
            kind in prop::sample::select(vec!["mql", "hot_lead", "meeting_set", "closed_won"]),
            tries in tries(),
        ) {
            let config = config();
            let (handoff, commits) = play(&config, kind, &tries);
            let sums = sums(&commits);
            let day = config.day_of(handoff.opened_at);
            let cohort = |dimension: &str, counter: &str| {
                let key = (Family::Cohort, dimension.to_owned(), day, counter.to_owned());
                sums.get(&key).copied().unwrap_or_default()
            };
            let touched = handoff.first_touch_at;
            prop_assert_eq!(cohort("all", "opened"), 1);
            prop_assert_eq!(cohort(&format!("type:{}", handoff.kind), "opened"), 1);
            prop_assert_eq!(cohort("all", "touched"), i64::from(touched.is_some()));
            let seconds = touched.map_or(0, |at| (at - handoff.triggered_at).num_seconds());
            prop_assert_eq!(cohort("all", "response_seconds"), seconds);
            let completed = handoff.stage == Stage::Completed;
            prop_assert_eq!(cohort("all", "completed"), i64::from(completed));
            for clock in &handoff.clocks {
                let dimension = format!("type:{}", handoff.kind);
                let of = |what: &str| cohort(&dimension, &format!("{what}.{}", clock.name));
                prop_assert_eq!(of("met"), i64::from(clock.state == ClockState::Met));
                prop_assert_eq!(of("breached"), i64::from(clock.state == ClockState::Breached));
            }
            for ((family, dimension, _, counter), sum) in &sums {
                prop_assert!(*sum > 0, "{family} {dimension} {counter} is {sum}");
            }
        }

        #[test]
        fn any_order_of_commits_gives_the_same_rows(
            tries in tries(),
            keys in proptest::collection::vec(any::<u32>(), 40),
        ) {
            let (_, commits) = play(&config(), "mql", &tries);
            let mut shuffled: Vec<_> = commits.iter().cloned().zip(keys).collect();
            shuffled.sort_by_key(|(_, key)| *key);
            let shuffled: Vec<_> = shuffled.into_iter().map(|(commit, _)| commit).collect();
            prop_assert_eq!(sums(&commits), sums(&shuffled));
        }

        #[test]
        fn what_happened_never_decreases(tries in tries()) {
            let (_, commits) = play(&config(), "meeting_set", &tries);
            for delta in commits.iter().flat_map(contributions) {
                prop_assert!(delta.family == Family::Cohort || delta.amount > 0, "{delta:?}");
            }
        }
    }
}
