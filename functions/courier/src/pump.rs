//! What waits for a destination is taken up again, most urgent first.
//!
//! It works for a while, not to the end: the rest is looked at again a moment later. What fails is
//! put off by its own failures, so one that cannot arrive keeps the others from nothing; and what
//! fails for a reason of the destination ends the round.

use crate::{Courier, CourierError, context::Context, deliver::silent, verdict::Verdict};
use chrono::{DateTime, Duration, Utc};
use domain::{
    PersonId,
    delivery::{Conversation, MAIL, Wanted, What, mails, patience, wanted},
};
use std::collections::BTreeMap;
use store::{Delivery, DeliveryState, DestinationRow, StoreError};

/// How long one round works, in seconds: less than the function may take.
const ROUND_SECONDS: i64 = 20;

/// How many are read at a time.
const PAGE: i32 = 100;

/// How soon what is left is looked at again, in seconds.
const REST_SECONDS: i64 = 5;

/// What waits for a destination.
struct Waiting {
    /// Whose time has come, most urgent first.
    ripe: Vec<Delivery>,
    /// When the next one's comes, of those that were looked at.
    next: Option<DateTime<Utc>>,
}

impl Courier {
    /// Takes up what waits for a destination.
    pub(crate) async fn pump(&self, lane: &str) -> Result<(), CourierError> {
        let until = self.clock.now() + Duration::seconds(ROUND_SECONDS);
        loop {
            let row = self.destination(lane).await?;
            let now = self.clock.now();
            if let Some(shut) = row.shut_until.filter(|shut| now < *shut) {
                return Ok(self.store.rest_destination(&row, Some(shut), now).await?);
            }
            let Waiting { ripe, next } = self.look(lane, &row, (now, until)).await?;
            if ripe.is_empty() || now >= until {
                let next = next.map(|next| next.max(now + Duration::seconds(1)));
                let left = (!ripe.is_empty()).then(|| now + Duration::seconds(REST_SECONDS));
                return Ok(self.store.rest_destination(&row, left.or(next), now).await?);
            }
            match lane.strip_prefix(MAIL).and_then(|rest| rest.strip_prefix('#')) {
                Some(person) => self.bundle(&PersonId::from(person), &ripe).await?,
                None => self.round(lane, &ripe, until).await?,
            }
        }
    }

    /// Finds the most urgent whose time has come, however many stand before them, and otherwise when
    /// the next one's comes.
    async fn look(
        &self,
        lane: &str,
        row: &DestinationRow,
        (now, until): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<Waiting, CourierError> {
        let is_ripe = |one: &Delivery| {
            let failed = one.tries > 0 || one.destination != MAIL;
            let failed = failed && one.state == DeliveryState::Waiting;
            let recovered = row.well_since.is_some_and(|well| failed && one.at < well);
            recovered || one.until.is_none_or(|until| until <= now)
        };
        let (mut next, mut place) = (None, None);
        loop {
            let (page, rest) = self.store.waiting_after(lane, PAGE, place).await?;
            next = page.iter().filter_map(|one| one.until).chain(next).min();
            let ripe: Vec<Delivery> = page.into_iter().filter(is_ripe).collect();
            if !ripe.is_empty() || rest.is_none() {
                return Ok(Waiting { ripe, next });
            }
            if self.clock.now() >= until {
                // The rest is for the next round.
                let soon = Some(now + Duration::seconds(REST_SECONDS));
                return Ok(Waiting { ripe, next: soon });
            }
            place = rest;
        }
    }

    /// Sends what is ripe, until the destination fails or time is up.
    async fn round(
        &self,
        lane: &str,
        ripe: &[Delivery],
        until: DateTime<Utc>,
    ) -> Result<(), CourierError> {
        for waiting in ripe {
            match Box::pin(self.again(waiting)).await {
                // Somebody else was faster.
                Ok(()) | Err(CourierError::Store(StoreError::Conflict)) => {}
                Err(error) => return Err(error),
            }
            let row = self.destination(lane).await?;
            let now = self.clock.now();
            if now >= until || row.shut_until.is_some_and(|shut| now < shut) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Tries one again, as things stand now.
    async fn again(&self, waiting: &Delivery) -> Result<(), CourierError> {
        let claimed = self.take_up(waiting).await?;
        let Some(found) = self.found_or_put_off(&claimed).await? else { return Ok(()) };
        let Some((context, wanted)) = found else {
            let answer = Some("Not sent: the configuration asks for it no longer.".to_owned());
            let (state, at) = (DeliveryState::Outdated, self.clock.now());
            let gone = Delivery { state, answer, until: None, at, ..claimed.clone() };
            self.put(gone, Some(&claimed)).await?;
            return Ok(());
        };
        if let Some(state) = silent(&context) {
            return self.silenced(&claimed, state).await;
        }
        self.carry(&context, &wanted, claimed).await
    }

    /// Finds what a row stands for; where that cannot be read it is put off as what fails is, so that
    /// it stands in nobody's way.
    async fn found_or_put_off(
        &self,
        claimed: &Delivery,
    ) -> Result<Option<Option<(Context, Wanted)>>, CourierError> {
        let error = match self.found(claimed).await {
            Ok(found) => return Ok(Some(found)),
            Err(error) if error.is_passing() => return Err(error),
            Err(error) => error,
        };
        tracing::error!(%error, delivery = claimed.name(), "a delivery cannot be read");
        let now = self.clock.now();
        let until = patience::again(claimed.tries, claimed.since, None, now);
        let state = until.map_or(DeliveryState::Failed, |_| DeliveryState::Waiting);
        let answer = Some(format!("It cannot be read: {error}."));
        let put_off = Delivery { state, until, answer, at: now, ..claimed.clone() };
        self.put(put_off, Some(claimed)).await?;
        Ok(None)
    }

    /// Finds what a row stands for, as the configuration in force has it.
    async fn found(&self, row: &Delivery) -> Result<Option<(Context, Wanted)>, CourierError> {
        let active = self.configs.active(self.clock.now()).await?;
        if row.kept {
            let is_there = active.config.destinations.contains_key(&row.destination);
            let what = kept(&row.part).filter(|_| is_there);
            let Some(what) = what else { return Ok(None) };
            let wanted = Wanted { destination: row.destination.clone(), what };
            let context = self.context(&row.handoff, None, active).await?;
            return Ok(Some((context, wanted)));
        }
        let commit = self.store.commit_at(&row.handoff, row.version).await?;
        let all = match row.destination.as_str() {
            // Whatever pace somebody chose meanwhile: this one waits here.
            MAIL => mails(&commit, &active.config),
            _ => wanted(&commit, &active.config),
        };
        let is = |one: &Wanted| one.destination == row.destination && one.part() == row.part;
        let Some(wanted) = all.into_iter().find(is) else { return Ok(None) };
        let context = self.context(&row.handoff, Some(commit), active).await?;
        Ok(Some((context, wanted)))
    }

    /// Sends somebody everything that is due for them as one mail.
    async fn bundle(&self, person: &PersonId, ripe: &[Delivery]) -> Result<(), CourierError> {
        let mut claims = Vec::new();
        for waiting in ripe {
            match self.take_up(waiting).await {
                Ok(claimed) => claims.push(claimed),
                Err(CourierError::Store(StoreError::Conflict)) => {}
                Err(error) => return Err(error),
            }
        }
        let (mut read, mut letters, mut contexts) = (Vec::new(), Vec::new(), BTreeMap::new());
        for claimed in claims {
            let Some(found) = self.found_or_put_off(&claimed).await? else { continue };
            let index = read.len();
            read.push(claimed);
            let Some((context, wanted)) = found else { continue };
            contexts.insert(index, context);
            if let What::Mail(_, _, notice) = wanted.what.clone() {
                letters.push((index, wanted, notice));
            }
        }
        self.mail_bundle(person, &read, letters, &contexts).await
    }

    /// Settles something that nobody is to be sent now.
    pub(crate) async fn silenced(
        &self,
        claimed: &Delivery,
        state: DeliveryState,
    ) -> Result<(), CourierError> {
        let at = self.clock.now();
        let silent = Delivery { state, until: None, at, ..claimed.clone() };
        self.put(silent, Some(claimed)).await.map(|_| ())
    }

    /// Settles a mail that need not be sent.
    pub(crate) async fn unneeded(&self, claimed: &Delivery, why: &str) -> Result<(), CourierError> {
        let (state, at) = (DeliveryState::Outdated, self.clock.now());
        let answer = Some(format!("Not sent: {why}."));
        let gone = Delivery { state, answer, until: None, at, ..claimed.clone() };
        self.put(gone, Some(claimed)).await?;
        Ok(())
    }

    /// Settles every mail of a bundle the same way.
    pub(crate) async fn settle_all(
        &self,
        settled: &[(&Delivery, &Context)],
        verdict: &Verdict,
    ) -> Result<(), CourierError> {
        for (claimed, context) in settled {
            self.settle(context, (*claimed).clone(), verdict.clone()).await?;
        }
        Ok(())
    }
}

/// Reads what a row keeps off its name.
fn kept(part: &str) -> Option<What> {
    if part == "record" {
        return Some(What::Record);
    }
    let (kind, name) = part.strip_prefix("card:")?.split_once(':')?;
    match kind {
        "person" => Some(What::Card(Conversation::Person(name.into()))),
        "channel" => Some(What::Card(Conversation::Channel(name.to_owned()))),
        _ => None,
    }
}
