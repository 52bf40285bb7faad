//! What an event that opens nothing tells a handoff there is: a touch, an outcome, news of the
//! package.

use crate::{Effect, SettleError, Settler, journey::LOOKED_AT, opening::Reading};
use domain::{
    Change, Command, Facts, Handoff, HandoffId, JourneyId, Package, Refusal, SourceEvent,
    config::HandoffType,
    decide::{decide, targets},
    enrichment,
    event::names,
    handoff::Flag,
    package::Told,
    target,
};
use store::Write;

/// What an event did to a handoff.
pub(crate) enum Changed {
    /// It changed.
    Yes,
    /// It knew all that.
    No,
    /// It closed before the event could join it.
    Closed,
}

impl Settler {
    /// Tells the handoff of the journey that an event is about; nothing, when there is none.
    pub(crate) async fn tell(
        &self,
        reading: &Reading<'_>,
        journey: &JourneyId,
    ) -> Result<Effect, SettleError> {
        let listed = self.store.journey_handoffs(journey, LOOKED_AT).await?;
        let ids: Vec<_> = listed.into_iter().map(|row| row.id).collect();
        let handoffs = self.store.handoffs(&ids).await?;
        let newest_first: Vec<&Handoff> =
            handoffs.iter().map(|(handoff, _)| &handoff.record).collect();
        let about = match &reading.event.about {
            Some(id) => {
                let mut open = newest_first.iter().filter(|one| one.stage.is_open());
                open.find(|one| one.id == *id).map(|one| (*one, None))
            }
            None => {
                let at = reading.occurred.at;
                target::command(reading.config, &newest_first, reading.event, at)
            }
        };
        let Some((handoff, command)) = about else { return self.keep_score(reading).await };
        let others = handoffs.iter().map(|(handoff, _)| handoff);
        let also = self.others_answered(reading, others, Some(&handoff.id)).await?;
        match self.change(reading, &handoff.id, (command, also), "updated").await? {
            Changed::Yes => Ok(Effect::Updated(handoff.id.clone())),
            Changed::No | Changed::Closed => self.keep_score(reading).await,
        }
    }

    /// Changes a stored handoff by an event: its package, what is known of it, and what the command
    /// decides; and others with it.
    pub(crate) async fn change(
        &self,
        reading: &Reading<'_>,
        id: &HandoffId,
        (command, also): (Option<Command>, Vec<Write>),
        effect: &str,
    ) -> Result<Changed, SettleError> {
        let (handoff, mut package) = self.store.handoff_and_package(id).await?;
        if matches!(command, Some(Command::Join { .. })) && !handoff.stage.is_open() {
            return Ok(Changed::Closed);
        }
        let pinned = self.configs.version(handoff.config).await?;
        let facts = Facts { active: reading.config, pinned: &pinned.config };
        let before = package.clone();
        let said = enrichment::still_new(reading.event, &package, &reading.origin.said_by);
        let told = package.absorb(&said, &reading.origin.said_by, reading.occurred.at);
        let about = (&package.record, &told, &*said);
        let changes = changes(&handoff, command, about, facts, reading);
        // Another person's event may join a deal's handoff: their references stay their own.
        let learned = match &reading.known_as {
            Some((journey, new)) if *journey == handoff.journey => new.clone(),
            _ => Vec::new(),
        };
        let same = package.record == before.record && learned.is_empty();
        if changes.is_empty() && same && also.is_empty() {
            return Ok(Changed::No);
        }
        let by = self.by(reading.origin);
        let mut write = Write::change(&handoff, changes, by, reading.now, reading.config)
            .observes(reading.score_to_keep.clone())
            .learns(learned)
            .also(also)
            .personal("told", told.changed.into());
        if package.record != before.record {
            write = write.with_package(package);
        }
        self.store.commit(reading.done(write, effect)).await?;
        Ok(Changed::Yes)
    }

    /// Keeps the last score of somebody about whom nothing changes.
    pub(crate) async fn keep_score(&self, reading: &Reading<'_>) -> Result<Effect, SettleError> {
        if let Some(observed) = &reading.score_to_keep {
            self.store.put_observed(observed, &self.attempt()).await?;
        }
        Ok(Effect::Ignored)
    }
}

/// Decides the command and what the event tells; a source's fact that moves nothing is still
/// recorded.
fn changes(
    handoff: &Handoff,
    command: Option<Command>,
    (package, told, event): (&Package, &Told, &SourceEvent),
    facts: Facts<'_>,
    reading: &Reading<'_>,
) -> Vec<Change> {
    let now = reading.now;
    // Of what was overtaken something newer is known already.
    let news = |name: &str| !told.overtaken.contains(name);
    let score = event.score.filter(|_| news("score"));
    let amount = event.amount.clone().filter(|_| news("amount"));
    let meeting_at = event.meeting_at.filter(|_| news("meeting_at"));
    let choose = |kind: &HandoffType| targets(kind, facts.active, (handoff, package), now);
    let command = command.map(|command| match command {
        Command::Join { kind, at, .. } => {
            let targets = facts.active.types.get(&kind).map(choose).unwrap_or_default();
            Command::Join { kind, at, targets }
        }
        other => other,
    });
    let mut changes = match command.map(|command| decide(handoff, command, facts, now)) {
        None | Some(Err(Refusal::Nothing)) => Vec::new(),
        Some(Ok(changes)) => changes,
        Some(Err(refusal)) => {
            tracing::info!(handoff = %handoff.id, %refusal, "a fact moves nothing");
            vec![Change::Noted]
        }
    };
    let after = handoff.clone().after(&changes, now);
    let completeness = package.completeness(facts.template(&after), after.stage).percent;
    let differs = score.is_some_and(|score| handoff.score != Some(score))
        || amount.as_ref().is_some_and(|amount| handoff.amount.as_ref() != Some(amount))
        || meeting_at.is_some_and(|at| handoff.meeting_at != Some(at))
        || completeness != handoff.completeness;
    if differs && after.stage.is_open() {
        let told = Handoff {
            score: score.or(after.score),
            amount: amount.clone().or(after.amount.clone()),
            ..after.clone()
        };
        let kind = facts.kind(&after);
        let targets = kind.map(|kind| targets(kind, facts.pinned, (&told, package), now));
        let targets = targets.unwrap_or_default();
        let update = Command::Update { score, amount, meeting_at, completeness, targets };
        changes.extend(decide(&after, update, facts, now).unwrap_or_default());
    }
    let read_back = event.read_back && handoff.flags.contains(&Flag::ReadBack);
    changes.extend(read_back.then_some(Change::ReadBack));
    // One that opened with its meeting is not answered by it.
    let books = event.name != names::REPLY
        && (handoff.meeting_at.is_none() || handoff.answered_at.is_some());
    changes.extend(books.then(|| reading.answered(&after, facts)).into_iter().flatten());
    for (flag, raised) in [(Flag::Conflict, reading.conflict), (Flag::Shortened, package.shortened)]
    {
        if raised && !handoff.flags.contains(&flag) {
            changes.push(Change::Flagged { flag });
        }
    }
    changes
}
