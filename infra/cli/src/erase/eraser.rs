//! What there is of a person, and how it goes: what leads to them last, so that a run that was
//! interrupted can be run again.

use chrono::{DateTime, Utc};
use domain::{HandoffId, JourneyId, Package, ReceiptId, erasure::Address, subject::Reference};
use serde::Serialize;
use std::collections::BTreeSet;
use store::{Row, Sought, Store, StoreError, Trace};

/// How many handoffs are read with one request.
const CHUNK: usize = 50;

/// Erases people from a table.
pub struct Eraser {
    store: Store,
    now: DateTime<Utc>,
}

/// What there is of somebody.
#[derive(Debug, Default)]
pub struct Found {
    /// Handoffs of theirs that are not over.
    pub open: Vec<HandoffId>,
    sought: Sought,
    handoffs: BTreeSet<HandoffId>,
    receipts: BTreeSet<ReceiptId>,
    references: Vec<Row>,
    passing: Vec<Row>,
    mentions: Vec<Row>,
    /// What they are called, as their packages say.
    names: BTreeSet<String>,
}

/// What went, or would go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Erased {
    /// Handoffs that were emptied.
    pub handoffs: usize,
    /// Names by which the outside knew them.
    pub references: usize,
    /// Stored requests.
    pub receipts: usize,
    /// Entries of quarantine, drafts and answers of other systems.
    pub passing: usize,
    /// Rows of others that lost the address.
    pub mentions: usize,
    /// Handoffs that are open and in the way.
    pub open: Vec<HandoffId>,
}

impl Eraser {
    /// Makes an eraser of a table.
    pub fn new(store: Store, now: DateTime<Utc>) -> Self {
        Self { store, now }
    }

    /// Finds everything there is of somebody; changes nothing.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn find(
        &self,
        address: Option<&Address>,
        references: &[Reference],
    ) -> Result<Found, StoreError> {
        let sought = Sought {
            journeys: self.journeys(address, references).await?,
            address: address.cloned(),
        };
        let mut found = Found { sought, ..Found::default() };
        let mut after = None;
        loop {
            let (rows, next) = self.store.rows(after).await?;
            for row in rows {
                if let Some(trace) = self.store.trace(&row, &found.sought).await? {
                    found.add(trace);
                }
            }
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        self.look_at_handoffs(&mut found).await?;
        Ok(found)
    }

    /// Takes it all away.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer: find and erase again.
    pub async fn erase(&self, found: &Found) -> Result<Erased, StoreError> {
        for receipt in &found.receipts {
            self.store.forget_receipt(receipt).await?;
        }
        for row in &found.passing {
            self.store.forget(row).await?;
        }
        for (row, address) in found.mentions.iter().zip(found.sought.address.iter().cycle()) {
            self.store.forget_mention(row, address).await?;
        }
        for id in &found.handoffs {
            self.store.erase_handoff(id, self.now).await?;
        }
        for row in &found.references {
            self.store.forget(row).await?;
        }
        Ok(found.told())
    }

    /// Lists their journeys, those that were merged into them too.
    async fn journeys(
        &self,
        address: Option<&Address>,
        references: &[Reference],
    ) -> Result<BTreeSet<JourneyId>, StoreError> {
        let mut known = references.to_vec();
        known.extend(address.map(|address| Reference::email(&address.to_string())));
        let mut journeys: BTreeSet<JourneyId> =
            self.store.journeys_of(&known).await?.into_values().collect();
        if journeys.is_empty() {
            return Ok(journeys);
        }
        let (mut merges, mut after) = (Vec::new(), None);
        loop {
            let (rows, next) = self.store.rows(after).await?;
            merges.extend(rows.iter().filter_map(Row::merged));
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        loop {
            let before = journeys.len();
            let into = merges.iter().filter(|(_, into)| journeys.contains(into));
            let from: Vec<JourneyId> = into.map(|(from, _)| from.clone()).collect();
            journeys.extend(from);
            if journeys.len() == before {
                return Ok(journeys);
            }
        }
    }

    /// Reads of their handoffs which are open, what caused them, and what they are called.
    async fn look_at_handoffs(&self, found: &mut Found) -> Result<(), StoreError> {
        let ids: Vec<HandoffId> = found.handoffs.iter().cloned().collect();
        for chunk in ids.chunks(CHUNK) {
            for (handoff, package) in self.store.handoffs(chunk).await? {
                if handoff.stage.is_open() {
                    found.open.push(handoff.id.clone());
                }
                found.names.extend(name_of(&package));
            }
        }
        for id in &ids {
            for commit in self.store.history(id).await? {
                let receipt = commit
                    .cause
                    .strip_prefix("receipt ")
                    .or_else(|| commit.cause.split_once(" receipt ").map(|(_, receipt)| receipt));
                found.receipts.extend(receipt.map(ReceiptId::from));
            }
        }
        Ok(())
    }
}

impl Found {
    fn add(&mut self, trace: Trace) {
        match trace {
            Trace::Handoff(id) => drop(self.handoffs.insert(id)),
            Trace::Receipt(id) => drop(self.receipts.insert(id)),
            Trace::Reference(row) => self.references.push(row),
            Trace::Passing(row) => self.passing.push(row),
            Trace::Mention(row) => self.mentions.push(row),
        }
    }

    /// Counts it.
    pub fn told(&self) -> Erased {
        Erased {
            handoffs: self.handoffs.len(),
            references: self.references.len(),
            receipts: self.receipts.len(),
            passing: self.passing.len(),
            mentions: self.mentions.len(),
            open: self.open.clone(),
        }
    }

    /// Lists what they can be found by outside of the table, on a laptop: their address, their name
    /// and their handoffs.
    pub fn needles(&self) -> Vec<String> {
        let address = self.sought.address.iter().map(ToString::to_string);
        let handoffs = self.handoffs.iter().map(ToString::to_string);
        address.chain(handoffs).chain(self.names.iter().cloned()).collect()
    }
}

impl Erased {
    /// Says it.
    pub(crate) fn summary(&self, dry_run: bool) -> String {
        if !self.open.is_empty() {
            let open: Vec<&str> = self.open.iter().map(HandoffId::as_str).collect();
            return format!(
                "Nothing was erased: somebody works on {}. Cancel that first, so that they hear of \
                 it, and run this again.\n",
                open.join(", ")
            );
        }
        let Self { handoffs, references, receipts, passing, mentions, .. } = self;
        if [handoffs, references, receipts, passing, mentions].into_iter().all(|count| *count == 0)
        {
            return "Nothing of them is stored.\n".to_owned();
        }
        let verb = if dry_run { "would be" } else { "were" };
        format!(
            "{handoffs} handoffs {verb} emptied and keep their place in the counts; {references} rows \
             of references, {receipts} stored requests and {passing} drafts, answers and entries of \
             quarantine {verb} deleted; {mentions} rows of others lost the address.\nWhat Slack, the \
             CRM and mailboxes were told is theirs to erase, backups keep what they have until they \
             end, and DynamoDB's stream for a day.\n"
        )
    }
}

fn name_of(package: &Package) -> Option<String> {
    let name = package.subject.name.as_deref()?.trim();
    // Short ones are in everything.
    (name.chars().count() > 4).then(|| name.to_owned())
}
