//! One delivery: claimed, sent, settled.
//!
//! The row is written before anything is sent, so a courier that dies leaves a claim that runs out;
//! whoever takes it over knows that nobody knows whether it arrived, and looks before making
//! anything a second time. What is kept up to date is claimed once for each place it is kept, so
//! that two commits never make two of it.

use crate::{
    Courier, CourierError,
    alert::Alert,
    context::Context,
    record::job,
    verdict::{Later, Verdict},
};
use chrono::{DateTime, Duration, Utc};
use domain::{
    AttemptId,
    config::Mode,
    delivery::{Conversation, MAIL, Wanted, What, outdated, patience},
};
use std::collections::BTreeMap;
use store::{Delivery, DeliveryState, DestinationRow, StoreError, urgency};

/// How long a claim holds, in seconds: longer than a try may take.
const CLAIM_SECONDS: i64 = 45;

/// How often, and how long apart in milliseconds, it is looked whether another courier is done.
const LOOKS: (usize, i64) = (6, 500);

/// How late something may be said without asking whether it is still so, in seconds.
const FRESH_SECONDS: i64 = 60;

/// How much longer than this a vendor's pause is not waited for in place, in seconds.
const WAITED_FOR_SECONDS: i64 = 3;

/// What becomes of something that is wanted.
enum Claim {
    /// It is this courier's, as the row says.
    Ours(Box<Delivery>),
    /// It is done, or waits for its time.
    Settled,
    /// Another courier is at it.
    Theirs,
}

impl Courier {
    /// Sees to one thing a commit wants.
    pub(crate) async fn deliver(
        &self,
        context: &Context,
        wanted: &Wanted,
    ) -> Result<(), CourierError> {
        let (looks, apart) = LOOKS;
        let mut known = context.deliveries.iter().find(|one| is_of(one, context, wanted)).cloned();
        if stands_so_already(context, wanted, known.as_ref()) {
            return Ok(());
        }
        for look in 0..looks {
            if look > 0 {
                self.clock.sleep_until(self.clock.now() + Duration::milliseconds(apart)).await;
                let all = self.store.deliveries(&context.handoff.id).await?;
                known = all.into_iter().find(|one| is_of(one, context, wanted));
            }
            match self.claim(context, wanted, known.as_ref()).await {
                Ok(Claim::Ours(claimed)) => return self.carry(context, wanted, *claimed).await,
                Ok(Claim::Settled) => return Ok(()),
                Ok(Claim::Theirs) | Err(CourierError::Store(StoreError::Conflict)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(CourierError::Busy(format!("{} {}", context.handoff.id, wanted.part())))
    }

    /// Claims what is wanted, unless there is nothing to do now.
    async fn claim(
        &self,
        context: &Context,
        wanted: &Wanted,
        known: Option<&Delivery>,
    ) -> Result<Claim, CourierError> {
        let now = self.clock.now();
        let version = context.commit.as_ref().map_or(context.handoff.version, |it| it.version);
        let mut fresh = new(context, wanted, version, now);
        if let Some(known) = known {
            match known.state {
                // What is kept and shows this much, or was silenced for it, is done.
                _ if known.is_over() && known.kept && known.version.max(known.shows) < version => {}
                _ if known.is_over() => return Ok(Claim::Settled),
                DeliveryState::Waiting => {
                    // Whoever put it there may not have come to say when it is looked at.
                    let until = known.until.unwrap_or(now);
                    self.store.mark_destination(&known.lane(), until).await?;
                    return Ok(Claim::Settled);
                }
                _ if known.until.is_some_and(|until| now < until) => return Ok(Claim::Theirs),
                _ => {}
            }
            let goes_on = known.state == DeliveryState::Sending;
            fresh = Delivery {
                known: known.known.clone(),
                shows: known.shows,
                since: if goes_on { known.since } else { fresh.since },
                tries: if goes_on { known.tries } else { 0 },
                unsure: known.unsure || goes_on,
                ..fresh
            };
        }
        if let Some(silent) = silent(context) {
            self.put(Delivery { state: silent, ..fresh }, known).await?;
            return Ok(Claim::Settled);
        }
        let lane = fresh.lane();
        let row = self.destination(&lane).await?;
        let not_before = match &wanted.what {
            What::Mail(_, at, _) => Some(*at),
            _ => row.shut_until.filter(|until| now < *until),
        };
        if let Some(until) = not_before {
            let answer = row.reason.filter(|_| !matches!(wanted.what, What::Mail(..)));
            let state = DeliveryState::Waiting;
            // A mail's day begins when it is due.
            let since = if wanted.destination == MAIL { until } else { fresh.since };
            let parked =
                Delivery { state, until: Some(until), answer, queued: true, since, ..fresh };
            self.put(parked, known).await?;
            self.store.mark_destination(&lane, until).await?;
            return Ok(Claim::Settled);
        }
        let claimed = Delivery {
            until: Some(now + Duration::seconds(CLAIM_SECONDS)),
            tries: fresh.tries + 1,
            ..fresh
        };
        Ok(Claim::Ours(Box::new(self.put(claimed, known).await?)))
    }

    /// Claims something that waited and whose time has come.
    pub(crate) async fn take_up(&self, waiting: &Delivery) -> Result<Delivery, CourierError> {
        let now = self.clock.now();
        let claimed = Delivery {
            state: DeliveryState::Sending,
            until: Some(now + Duration::seconds(CLAIM_SECONDS)),
            tries: waiting.tries + 1,
            at: now,
            // Of one that somebody died with nobody knows whether it arrived.
            unsure: waiting.unsure || waiting.state == DeliveryState::Sending,
            ..waiting.clone()
        };
        self.put(claimed, Some(waiting)).await
    }

    /// Sends what was claimed, and settles it.
    pub(crate) async fn carry(
        &self,
        context: &Context,
        wanted: &Wanted,
        claimed: Delivery,
    ) -> Result<(), CourierError> {
        let now = self.clock.now();
        let said = context.commit.as_ref().map_or(now, |commit| commit.at);
        let late = claimed.tries > 1 || now - said > Duration::seconds(FRESH_SECONDS);
        let stale = context.commit.as_ref().filter(|_| late);
        let stale = stale.and_then(|commit| outdated(wanted, commit, &context.handoff, now));
        if let Some(why) = stale {
            let answer = Some(format!("Not sent: {why}."));
            let state = DeliveryState::Outdated;
            self.put(over(&claimed, state, answer, now), Some(&claimed)).await?;
            return Ok(());
        }
        let mut verdict = Box::pin(self.send(context, wanted, &claimed)).await;
        if let Verdict::Later(Later { after: Some(after), unsure: false, must_act: false, .. }) =
            &verdict
            && *after <= Duration::seconds(WAITED_FOR_SECONDS)
        {
            self.clock.sleep_until(self.clock.now() + *after).await;
            verdict = Box::pin(self.send(context, wanted, &claimed)).await;
        }
        self.settle(context, claimed, verdict).await
    }

    /// Writes down how a try ended, and what follows.
    pub(crate) async fn settle(
        &self,
        context: &Context,
        claimed: Delivery,
        verdict: Verdict,
    ) -> Result<(), CourierError> {
        let now = self.clock.now();
        let lane = claimed.lane();
        match verdict {
            Verdict::Arrived { answer, known } => {
                let shows = context.handoff.version;
                let mut sent = over(&claimed, DeliveryState::Sent, Some(answer), now);
                sent.known.extend(known);
                let sent = Delivery { shows: if sent.kept { shows } else { 0 }, ..sent };
                self.put(sent, Some(&claimed)).await?;
                self.fares_well(&lane).await
            }
            Verdict::Nothing => {
                let answer = Some("Nothing to do: it stands so already.".to_owned());
                let sent = over(&claimed, DeliveryState::Sent, answer, now);
                let shows = if sent.kept { context.handoff.version } else { 0 };
                self.put(Delivery { shows, ..sent }, Some(&claimed)).await.map(|_| ())
            }
            Verdict::Never { why, must_act, known } => {
                let mut failed = over(&claimed, DeliveryState::Failed, Some(why.clone()), now);
                failed.known.extend(known);
                self.put(failed, Some(&claimed)).await?;
                match must_act {
                    true => self.alert(&lane, Alert::MustAct(&why), context).await,
                    false => self.fares_well(&lane).await,
                }
            }
            Verdict::Gone => {
                let why = "There is no such thing any more (404): it was deleted or merged.";
                self.put(
                    over(&claimed, DeliveryState::Failed, Some(why.to_owned()), now),
                    Some(&claimed),
                )
                .await?;
                self.fares_well(&lane).await
            }
            Verdict::Later(later) => self.later(context, claimed, later).await,
        }
    }

    async fn later(
        &self,
        context: &Context,
        claimed: Delivery,
        later: Later,
    ) -> Result<(), CourierError> {
        let now = self.clock.now();
        let lane = claimed.lane();
        let again = patience::again(claimed.tries, claimed.since, later.after, now);
        let mut parked = match again {
            Some(again) => Delivery {
                state: DeliveryState::Waiting,
                until: Some(again),
                answer: Some(later.why.clone()),
                at: now,
                queued: true,
                ..claimed.clone()
            },
            None => {
                let why = format!("Given up after a day: {}", later.why);
                over(&claimed, DeliveryState::Failed, Some(why), now)
            }
        };
        parked.unsure = claimed.unsure || later.unsure;
        parked.known.extend(later.known);
        self.put(parked, Some(&claimed)).await?;
        if let Some(again) = again {
            self.store.mark_destination(&lane, again).await?;
        }
        let row = self.destination(&lane).await?;
        let failing = row.failing + u32::from(later.of_all);
        let asked = later.after.filter(|_| later.of_all);
        let shut_until = patience::alone(failing, asked, now).filter(|_| later.of_all);
        let shut_until = shut_until.max(row.shut_until);
        let reason = Some(later.why.clone());
        self.fare(DestinationRow { failing, shut_until, reason, ..row }).await?;
        match (later.must_act, again) {
            (true, _) => self.alert(&lane, Alert::Shut(&later.why), context).await,
            (false, None) => self.alert(&lane, Alert::GivenUp(&later.why), context).await,
            (false, Some(_)) => Ok(()),
        }
    }

    /// Writes a row, with an attempt of its own.
    pub(crate) async fn put(
        &self,
        delivery: Delivery,
        before: Option<&Delivery>,
    ) -> Result<Delivery, CourierError> {
        let attempt = AttemptId(self.ids.ulid(self.clock.now()));
        Ok(self.store.put_delivery(&Delivery { attempt, ..delivery }, before).await?)
    }

    /// Reads how a destination fares.
    pub(crate) async fn destination(&self, lane: &str) -> Result<DestinationRow, CourierError> {
        let mut rows = self.store.destinations(&[lane.to_owned()]).await?;
        Ok(rows.remove(lane).unwrap_or_default())
    }

    /// Notes that something arrived: what went wrong before is over.
    async fn fares_well(&self, lane: &str) -> Result<(), CourierError> {
        let row = self.destination(lane).await?;
        let now = self.clock.now();
        // Nothing is begun while it is left alone: this was under way before somebody was asked to.
        let is_shut = row.shut_until.is_some_and(|until| now < until);
        if is_shut || (row.failing == 0 && row.shut_until.is_none()) {
            return Ok(());
        }
        let was_shut = row.shut_until.is_some();
        let well_since = if was_shut { Some(now) } else { row.well_since };
        // What was told today stays told.
        let (name, alerted) = (lane.to_owned(), row.alerted);
        self.fare(DestinationRow { name, well_since, alerted, ..Default::default() }).await?;
        match was_shut {
            // What waits need not wait its own time out.
            true => Ok(self.store.mark_destination(lane, now).await?),
            false => Ok(()),
        }
    }

    pub(crate) async fn fare(&self, row: DestinationRow) -> Result<(), CourierError> {
        Ok(self.store.fare_destination(&row).await?)
    }
}

/// Tells whether what is kept needs nothing done, as far as is known without asking: then it needs
/// no row either.
fn stands_so_already(context: &Context, wanted: &Wanted, known: Option<&Delivery>) -> bool {
    if known.is_some_and(|known| !known.is_over() || known.unsure) {
        return false;
    }
    match &wanted.what {
        What::Record => {
            let nothing = BTreeMap::new();
            let was = known.map_or(&nothing, |known| &known.known);
            let name = wanted.destination.as_str();
            let destination = context.destination(name);
            let job = destination.map(|destination| job(context, (name, destination), was));
            matches!(job, Some(Ok(None)))
        }
        // One that was never theirs is not shown to them.
        What::Card(Conversation::Person(person)) => {
            let is_shown = known.is_some_and(|known| known.known.contains_key("ts"));
            !is_shown && context.handoff.owner.as_ref() != Some(person)
        }
        _ => false,
    }
}

/// Tells whether a row is the one of what is wanted.
fn is_of(one: &Delivery, context: &Context, wanted: &Wanted) -> bool {
    let version = context.commit.as_ref().map(|commit| commit.version);
    one.destination == wanted.destination
        && one.part == wanted.part()
        && one.kept == wanted.is_kept()
        && (one.kept || Some(one.version) == version)
}

fn new(context: &Context, wanted: &Wanted, version: u64, now: DateTime<Utc>) -> Delivery {
    Delivery {
        handoff: context.handoff.id.clone(),
        destination: wanted.destination.clone(),
        part: wanted.part(),
        what: wanted.word().to_owned(),
        kept: wanted.is_kept(),
        to: wanted.person().cloned(),
        version,
        since: now,
        at: now,
        pressing: urgency(&context.handoff),
        ..Delivery::default()
    }
}

/// Tells why nothing is sent at all, if nothing is.
pub(crate) fn silent(context: &Context) -> Option<DeliveryState> {
    if context.handoff.mode != Mode::Live {
        return Some(DeliveryState::Observed);
    }
    context.muted.then_some(DeliveryState::Muted)
}

fn over(
    claimed: &Delivery,
    state: DeliveryState,
    answer: Option<String>,
    now: DateTime<Utc>,
) -> Delivery {
    let unsure = claimed.unsure && state == DeliveryState::Failed;
    Delivery { state, answer, until: None, at: now, unsure, ..claimed.clone() }
}
