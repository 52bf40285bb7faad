//! Everything a request says is settled: entry by entry, in time, none lost.
//!
//! Events that share a reference go in order, others abreast. What cannot be read, or would never
//! be taken, is put in quarantine under a key made of its receipt and its place, so that a receipt
//! that is put through again puts nothing aside twice.

use crate::{
    Envelope, Intake, Settled,
    connector::{Click, Item, Reading, Unreadable},
    told::Told,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Duration, Utc};
use domain::{SourceEvent, subject::Reference};
use futures::{StreamExt, stream};
use settle::{Effect, Origin, SettleError};
use std::collections::BTreeMap;
use store::{AsideKey, Quarantined, StoreError};

/// How long a sender is kept waiting before what is left is answered `pending`.
pub(crate) const PATIENCE: Duration = Duration::milliseconds(2_500);

/// When a receipt with unsettled events is looked at by the sweep, in seconds.
const PENDING_SECONDS: i64 = 30;

/// How much of an unreadable entry is kept beside its reason, in bytes; the receipt has it whole.
const PART_BYTES: usize = 4_096;

/// Why an entry that names nobody cannot be used.
const NOBODY: &str = "field:data.subject";

/// What became of one event of a request.
pub(crate) enum Came {
    To(Effect),
    Aside(AsideKey, String),
    Pending,
}

/// A request's entries, apart.
#[derive(Default)]
struct Entries {
    events: Vec<SourceEvent>,
    clicks: Vec<Click>,
    /// What is put aside without trying, by its place.
    unusable: Vec<(String, Unreadable)>,
    ignored: usize,
}

impl Intake {
    /// Settles everything a request says; what is not done after `patience` waits.
    ///
    /// # Errors
    /// Only when not even the unsettled rest could be noted: the sender must be told to send it
    /// again.
    pub(crate) async fn settle_all(
        &self,
        envelope: &Envelope,
        reading: Reading,
        patience: Duration,
    ) -> Result<Settled, SettleError> {
        let Entries { events, clicks, unusable, ignored } = entries(reading);
        let receipt = envelope.receipt.clone();
        let mut settled = Settled { receipt, ignored, ..Settled::default() };
        for (place, unreadable) in unusable {
            let (key, reason) = self.put_aside(envelope, &place, &unreadable).await?;
            settled.quarantined += 1;
            settled.aside.insert(key, reason);
        }
        let until = self.clock.now() + patience;
        let origin = envelope.origin();
        let results: Vec<Vec<Came>> = stream::iter(in_order_of_reference(events))
            .map(|group| self.settle_group((envelope, &origin), group, until))
            .buffered(self.abreast)
            .collect()
            .await;
        for came in results.into_iter().flatten() {
            settled.add(came);
        }
        for click in clicks {
            let (came, told) = match self.clock.now() > until {
                true => (Came::Pending, Told::later()),
                false => Box::pin(self.press(envelope, &click)).await,
            };
            settled.add(came);
            settled.told.get_or_insert(told);
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
        (envelope, origin): (&Envelope, &Origin),
        group: Vec<SourceEvent>,
        until: DateTime<Utc>,
    ) -> Vec<Came> {
        let mut all = Vec::with_capacity(group.len());
        let mut waiting = false;
        for event in group {
            let came = match waiting || self.clock.now() > until {
                true => Came::Pending,
                false => Box::pin(self.settle_one(envelope, origin, &event)).await,
            };
            waiting |= matches!(came, Came::Pending);
            all.push(came);
        }
        all
    }

    async fn settle_one(&self, envelope: &Envelope, origin: &Origin, event: &SourceEvent) -> Came {
        let error = match self.settler.settle(origin, event).await {
            Ok(effect) => return Came::To(effect),
            Err(error) => error,
        };
        if let SettleError::Store(StoreError::Refused { reason }) = &error {
            // It will never be taken as it is: the rest of its subject's events go on.
            if let Some(aside) = self.put_refused(envelope, &event.key, reason).await {
                return aside;
            }
        }
        tracing::warn!(%error, receipt = %envelope.receipt, "an event is pending");
        Came::Pending
    }

    /// Puts aside what the table will never take; nothing where not even that could be written.
    pub(crate) async fn put_refused(
        &self,
        envelope: &Envelope,
        key: &str,
        reason: &str,
    ) -> Option<Came> {
        let refused = unusable(format!("refused: {reason}"), key);
        let (key, reason) = self.put_aside(envelope, key, &refused).await.ok()?;
        Some(Came::Aside(key, reason))
    }

    /// Tells where a request's entries would be put aside, as it is read today, and why each.
    pub(crate) fn would_put_aside(
        envelope: &Envelope,
        reading: Reading,
    ) -> BTreeMap<AsideKey, String> {
        let unusable = entries(reading).unusable.into_iter().map(|(place, unreadable)| {
            let aside = quarantined(envelope, &unreadable);
            (aside.place(&place), aside.reason)
        });
        unusable.collect()
    }

    /// Puts an entry of a receipt in quarantine; `entry` names it within the receipt.
    async fn put_aside(
        &self,
        envelope: &Envelope,
        entry: &str,
        unreadable: &Unreadable,
    ) -> Result<(AsideKey, String), SettleError> {
        let aside = quarantined(envelope, unreadable);
        tracing::warn!(receipt = %envelope.receipt, reason = aside.reason, "in quarantine");
        let key = self.store.quarantine(&aside, entry).await?;
        Ok((key, aside.reason))
    }
}

impl Settled {
    fn add(&mut self, came: Came) {
        match came {
            Came::To(effect) => self.count(effect),
            Came::Aside(key, reason) => {
                self.quarantined += 1;
                self.aside.insert(key, reason);
            }
            Came::Pending => self.pending += 1,
        }
    }
}

fn quarantined(envelope: &Envelope, unreadable: &Unreadable) -> Quarantined {
    let kept = &unreadable.part[..unreadable.part.len().min(PART_BYTES)];
    Quarantined {
        what: envelope.receipt.to_string(),
        kind: "receipt".to_owned(),
        by: "intake".to_owned(),
        reason: unreadable.reason.clone(),
        at: envelope.received_at,
        part: Some(STANDARD.encode(kept)),
    }
}

/// Takes a request's entries apart; what names nobody is for the quarantine too.
fn entries(reading: Reading) -> Entries {
    let mut entries = Entries::default();
    for (place, item) in reading.items.into_iter().enumerate() {
        match item {
            Item::Event(event) if event.subject.all_references().is_empty() => {
                entries.unusable.push((place.to_string(), unusable(NOBODY.to_owned(), &event.key)));
            }
            Item::Event(event) => entries.events.push(*event),
            Item::Click(click) => entries.clicks.push(*click),
            Item::Ignored => entries.ignored += 1,
            Item::Unreadable(unreadable) => entries.unusable.push((place.to_string(), unreadable)),
        }
    }
    entries
}

/// Makes an entry that was read, and cannot be used, one to put aside.
fn unusable(reason: String, key: &str) -> Unreadable {
    Unreadable { reason, part: key.as_bytes().to_vec() }
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
