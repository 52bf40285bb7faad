//! A touch, and what it stops: decided by the fact's own time, never by when it was told or looked
//! at.

use super::{Facts, cadence, credit};
use crate::{
    change::{Change, Response},
    clock::{ClockState, Credit},
    config::{Start, Stop},
    handoff::Handoff,
    ids::PersonId,
    stage::{Stage, Verb},
    survey,
};
use chrono::{DateTime, Utc};

/// Records a touch. One by the receiving team stops clocks by its own time: in time it meets them,
/// also after the sweep saw a breach; late it ends them as breached, also if no sweep has looked
/// yet. One from before the handoff closed counts, however late it is told.
pub(super) fn touch(
    handoff: &Handoff,
    channel: String,
    (at, by): (DateTime<Utc>, Option<PersonId>),
    facts: Facts<'_>,
    now: DateTime<Utc>,
) -> Vec<Change> {
    let receiving = by.as_ref().is_none_or(|by| {
        handoff.owner.as_ref() == Some(by)
            || handoff.is_received_by(by)
            || facts.active.pools_of(by).any(|pool| {
                facts.active.pools.get(pool).is_some_and(|pool| pool.team == handoff.to)
            })
    });
    let stood_open = at >= handoff.triggered_at && handoff.closed_at.is_none_or(|end| at <= end);
    let counts = receiving && stood_open;
    let earlier = handoff.first_touch_at.is_none_or(|first| at < first);
    let first = counts && earlier;
    let seconds = |at: DateTime<Utc>| (at - handoff.triggered_at).num_seconds();
    let credited = handoff.response_credit.clone().unwrap_or_else(|| first_credit(handoff));
    let response = |at| Response { seconds: seconds(at), credit: credited.clone() };
    let mut changes = vec![Change::Touched {
        channel: channel.clone(),
        at,
        by: by.clone(),
        first,
        response: first.then(|| response(at)),
        was: handoff.first_touch_at.filter(|_| first).map(response),
    }];
    if !counts {
        return changes;
    }
    changes.extend(stopped(handoff, at, |stop| stop != Stop::Success));
    if Verb::Touch.leads(handoff.stage) == Some(Stage::Engaged) && handoff.stage != Stage::Engaged {
        changes.push(Change::Engaged);
        changes.extend(survey::begun(handoff, facts, now));
    }
    // A touch is an acceptance where nobody had accepted; not one by who had it before.
    let theirs = by.as_ref().is_none_or(|by| handoff.owner.as_ref() == Some(by));
    let since = handoff.assigned_at.is_none_or(|assigned_at| at >= assigned_at);
    let accepts = handoff.stage == Stage::Assigned && (theirs || since);
    changes.extend(cadence::touched(handoff, &channel, (at, accepts), facts, now));
    changes
}

/// Reads who a first response is credited to: whoever answers for the first clock a touch stops.
fn first_credit(handoff: &Handoff) -> Credit {
    handoff
        .clocks
        .iter()
        .find(|clock| clock.stop == Stop::Touch)
        .and_then(|clock| clock.credit.clone())
        .unwrap_or_else(|| credit(handoff))
}

/// Stops clocks at a fact's own time.
pub(super) fn stopped(
    handoff: &Handoff,
    at: DateTime<Utc>,
    which: impl Fn(Stop) -> bool,
) -> Vec<Change> {
    let mut changes = Vec::new();
    for clock in handoff.clocks.iter().filter(|clock| which(clock.stop)) {
        let name = clock.name.clone();
        // What stands still is not late, however long it has stood.
        let still = clock.from == Start::Trigger
            && handoff.pauses.iter().any(|pause| pause.covers(at) && clock.due_at > pause.at);
        let late = at > clock.due_at && !(still && clock.state != ClockState::Breached);
        let credit = clock.credit.clone().unwrap_or_else(|| credit(handoff));
        match (clock.state, late) {
            (ClockState::Running | ClockState::Closed, true) => {
                let due_at = clock.due_at;
                let breach = credit.clone();
                changes.push(Change::Breached { clock: name.clone(), due_at, credit: breach });
            }
            (ClockState::Breached, true) if clock.met_at.is_some_and(|met| met <= at) => continue,
            (ClockState::Met, _) => continue,
            _ => {}
        }
        let withdraws = clock.state == ClockState::Breached && !late;
        changes.push(Change::ClockMet {
            clock: name,
            at,
            late,
            was: withdraws.then(|| credit.clone()),
            told: if withdraws { clock.told.clone() } else { Vec::new() },
            credit,
        });
    }
    changes
}
