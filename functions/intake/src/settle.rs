//! Settling: every event of a request comes to something, once.
//!
//! Events that share a reference go in order, others abreast. Each is settled by reading what it is
//! about, deciding, and one transaction; a lost race is settled again on the new truth.

use crate::{
    Effect, Envelope, Intake, SettleError, Settled,
    connector::{Item, Reading, Unreadable},
    journey::Whose,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Duration, Utc};
use domain::{SourceEvent, subject::Reference};
use futures::{StreamExt, stream};
use std::collections::BTreeMap;
use store::{Quarantined, Seen, StoreError};

/// How long a sender is kept waiting before what is left is answered `pending`, in milliseconds.
const PATIENCE_MS: i64 = 2_500;

/// When a receipt with unsettled events is looked at by the sweep, in seconds.
const PENDING_SECONDS: i64 = 30;

/// How often a lost race is settled again before the event waits for the queue.
const TRIES: usize = 10;

/// How much of an unreadable entry is kept beside its reason, in bytes; the receipt has it whole.
const PART_BYTES: usize = 4_096;

/// Why an entry that names nobody cannot be used.
const NOBODY: &str = "field:data.subject";

impl Intake {
    /// Settles everything a request says.
    ///
    /// # Errors
    /// Only when not even the unsettled rest could be noted: the sender must be told to send it
    /// again.
    pub(crate) async fn settle_all(
        &self,
        envelope: &Envelope,
        reading: Reading,
    ) -> Result<Settled, SettleError> {
        let mut settled = Settled { receipt: envelope.receipt.clone(), ..Settled::default() };
        let mut events = Vec::new();
        for item in reading.items {
            match item {
                Item::Event(event) if event.subject.all_references().is_empty() => {
                    let part = event.key.clone().into_bytes();
                    let nobody = Unreadable { reason: NOBODY.to_owned(), part };
                    self.put_aside(envelope, &nobody).await?;
                    settled.quarantined += 1;
                }
                Item::Event(event) => events.push(*event),
                Item::Ignored => settled.ignored += 1,
                Item::Unreadable(unreadable) => {
                    self.put_aside(envelope, &unreadable).await?;
                    settled.quarantined += 1;
                }
            }
        }
        let until = self.clock.now() + Duration::milliseconds(PATIENCE_MS);
        let groups = in_order_of_reference(events);
        let results: Vec<Vec<Option<Effect>>> = stream::iter(groups)
            .map(|group| self.settle_group(envelope, group, until))
            .buffered(self.abreast)
            .collect()
            .await;
        for effect in results.into_iter().flatten() {
            match effect {
                Some(effect) => settled.count(effect),
                None => settled.pending += 1,
            }
        }
        if settled.pending > 0 {
            let at = self.clock.now() + Duration::seconds(PENDING_SECONDS);
            self.store.await_receipt(&envelope.receipt, Some(at)).await?;
        }
        Ok(settled)
    }

    /// Settles events of one subject in order; after one that is left pending the rest waits with
    /// it.
    async fn settle_group(
        &self,
        envelope: &Envelope,
        group: Vec<SourceEvent>,
        until: DateTime<Utc>,
    ) -> Vec<Option<Effect>> {
        let mut effects = Vec::with_capacity(group.len());
        let mut waiting = false;
        for event in group {
            if waiting || self.clock.now() > until {
                effects.push(None);
                continue;
            }
            match Box::pin(self.settle(envelope, &event)).await {
                Ok(effect) => effects.push(Some(effect)),
                Err(SettleError::Store(StoreError::Refused { reason })) => {
                    // It will never be taken as it is: the rest of its subject's events go on.
                    let part = event.key.clone().into_bytes();
                    let refused = Unreadable { reason: format!("refused: {reason}"), part };
                    let kept = self.put_aside(envelope, &refused).await;
                    waiting = kept.is_err();
                    effects.push(kept.is_ok().then_some(Effect::PutAside));
                }
                Err(error) => {
                    tracing::warn!(%error, receipt = %envelope.receipt, "an event is pending");
                    waiting = true;
                    effects.push(None);
                }
            }
        }
        effects
    }

    /// Settles one event.
    async fn settle(
        &self,
        envelope: &Envelope,
        event: &SourceEvent,
    ) -> Result<Effect, SettleError> {
        let said = event;
        let Some((mut event, mut conflict)) = self.unless_done(envelope, said).await? else {
            return Ok(Effect::Duplicate);
        };
        for _ in 0..TRIES {
            let whose = self.whose(&event).await?;
            if let Whose::Several(journeys) = whose {
                self.merge(envelope, journeys).await?;
                continue;
            }
            match self.come_to(envelope, &event, whose, conflict).await {
                Err(SettleError::Store(StoreError::Conflict)) => {}
                // Done meanwhile, perhaps by one that said something else under the same key.
                Err(SettleError::Store(StoreError::Duplicate(_))) => {
                    match self.unless_done(envelope, said).await? {
                        None => return Ok(Effect::Duplicate),
                        Some(other) => (event, conflict) = other,
                    }
                }
                result => return result,
            }
        }
        Err(SettleError::Busy(event.key))
    }

    /// Finds out whether an event was settled before. One key with two contents is two events: the
    /// second is kept under a key of its own and the handoff is flagged.
    async fn unless_done(
        &self,
        envelope: &Envelope,
        event: &SourceEvent,
    ) -> Result<Option<(SourceEvent, bool)>, SettleError> {
        let same = |seen: &Seen| seen.fingerprint == event.fingerprint;
        match self.store.seen(&envelope.source, &event.key).await? {
            None => return Ok(Some((event.clone(), false))),
            Some(seen) if same(&seen) => return Ok(None),
            Some(_) => {}
        }
        let key = format!("{}#{}", event.key, event.fingerprint);
        if self.store.seen(&envelope.source, &key).await?.is_some() {
            return Ok(None);
        }
        tracing::warn!(receipt = %envelope.receipt, "one event id came with two contents");
        Ok(Some((SourceEvent { key, ..event.clone() }, true)))
    }

    async fn put_aside(
        &self,
        envelope: &Envelope,
        unreadable: &Unreadable,
    ) -> Result<(), SettleError> {
        let kept = &unreadable.part[..unreadable.part.len().min(PART_BYTES)];
        let aside = Quarantined {
            what: envelope.receipt.to_string(),
            kind: "receipt".to_owned(),
            by: "intake".to_owned(),
            reason: unreadable.reason.clone(),
            at: self.clock.now(),
            part: Some(STANDARD.encode(kept)),
        };
        tracing::warn!(receipt = %envelope.receipt, reason = unreadable.reason, "in quarantine");
        Ok(self.store.quarantine(&aside, &self.attempt()).await?)
    }
}

/// Groups events that share a reference, directly or through others, each group in the order given.
fn in_order_of_reference(events: Vec<SourceEvent>) -> Vec<Vec<SourceEvent>> {
    let mut groups: Vec<Vec<(usize, SourceEvent)>> = Vec::new();
    let mut group_of: BTreeMap<Reference, usize> = BTreeMap::new();
    for (place, event) in events.into_iter().enumerate() {
        let references = event.subject.all_references();
        let mut touched: Vec<usize> =
            references.iter().filter_map(|reference| group_of.get(reference).copied()).collect();
        touched.sort_unstable();
        touched.dedup();
        let home = touched.first().copied().unwrap_or(groups.len());
        if home == groups.len() {
            groups.push(Vec::new());
        }
        groups[home].push((place, event));
        for other in touched.into_iter().skip(1) {
            let moved = std::mem::take(&mut groups[other]);
            groups[home].extend(moved);
            for group in group_of.values_mut().filter(|group| **group == other) {
                *group = home;
            }
        }
        for reference in references {
            group_of.insert(reference, home);
        }
    }
    groups.retain(|group| !group.is_empty());
    for group in &mut groups {
        group.sort_by_key(|(place, _)| *place);
    }
    groups.into_iter().map(|group| group.into_iter().map(|(_, event)| event).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::subject::{ObjectKind, Subject};

    fn event(key: &str, ids: &[&str]) -> SourceEvent {
        let reference = |id: &&str| Reference::new("crm", ObjectKind::Contact, id);
        let references = ids.iter().map(reference).collect();
        let subject = Subject { references, ..Subject::default() };
        SourceEvent { key: key.to_owned(), subject, ..SourceEvent::default() }
    }

    fn check(events: Vec<SourceEvent>, expected: &[&[&str]]) {
        let groups = in_order_of_reference(events);
        let keys: Vec<Vec<&str>> = groups
            .iter()
            .map(|group| group.iter().map(|event| event.key.as_str()).collect())
            .collect();
        assert_eq!(keys, expected);
    }

    #[test]
    fn events_that_share_a_reference_go_in_order() {
        check(
            vec![event("1", &["a"]), event("2", &["b"]), event("3", &["a"])],
            &[&["1", "3"], &["2"]],
        );
    }

    #[test]
    fn an_event_that_names_two_joins_their_groups_in_the_order_sent() {
        check(
            vec![
                event("1", &["a"]),
                event("2", &["b"]),
                event("3", &["b", "a"]),
                event("4", &["b"]),
            ],
            &[&["1", "2", "3", "4"]],
        );
    }
}
