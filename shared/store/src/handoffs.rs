//! Handoffs: opening one, changing one, each in a single transaction that holds everything that
//! must move together.

use crate::{
    Store, StoreError,
    item::{Item, number, text, to_item},
    journeys::Observed,
    keys::{
        self, DAY_AT, DAY_SHARD, DAY_SHARDS, DUE_AT, DUE_SHARD, DUE_SHARDS, QUEUE_KEY, URGENCY,
    },
    lists::QueueKey,
    rows::Stored,
    seen::Seen,
    transaction::{Guard, Transaction, marked},
};
use chrono::{DateTime, Utc};
use domain::{
    About, Actor, AttemptId, Change, Commit, Config, Handoff, HandoffId, Package, PersonId, PoolId,
    SourceKey, commit::Lineage, routing::Candidate, subject::Reference,
};
use std::collections::BTreeMap;

/// Who changes something, why, and by which try.
#[derive(Clone, Debug)]
pub struct By {
    /// Who.
    pub actor: Actor,
    /// What made them: a receipt, an event, a schedule's time.
    pub cause: String,
    /// The try.
    pub attempt: AttemptId,
}

/// A change of one handoff, ready to be committed.
#[derive(Clone, Debug)]
pub struct Write {
    pub(crate) before: Option<Stored<Handoff>>,
    pub(crate) after: Stored<Handoff>,
    pub(crate) commit: Commit,
    seen: Option<(SourceKey, String, Seen)>,
    package: Option<Stored<Package>>,
    pub(crate) turn_taken: Option<(PoolId, Candidate)>,
    pub(crate) room: Option<u32>,
    pub(crate) turn_given_back: Option<(PoolId, PersonId, u64)>,
    observed: Vec<Observed>,
    learned: Vec<Reference>,
    also: Vec<Write>,
}

/// What opening adds: its claim, journey and references.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    /// How often the claim was held before, as read.
    pub claim_count: u64,
    /// References that do not point to the journey yet.
    pub new_references: Vec<Reference>,
    /// Where it stands on its journey.
    pub lineage: Option<Lineage>,
}

impl Write {
    /// Prepares the change of a stored handoff.
    pub fn change(
        before: &Stored<Handoff>,
        changes: Vec<Change>,
        by: By,
        now: DateTime<Utc>,
        config: &Config,
    ) -> Self {
        let after = before.with(before.record.clone().after(&changes, now));
        Self::prepare(Some(before.clone()), after, changes, by, now, config)
    }

    /// Prepares the opening of a new handoff.
    pub fn open(handoff: Handoff, by: By, now: DateTime<Utc>, config: &Config) -> Self {
        let changes = vec![Change::Opened { handoff: Box::new(handoff.clone()) }];
        let after = Stored::new(handoff.after(&changes, now));
        Self::prepare(None, after, changes, by, now, config)
    }

    fn prepare(
        before: Option<Stored<Handoff>>,
        after: Stored<Handoff>,
        changes: Vec<Change>,
        by: By,
        now: DateTime<Utc>,
        config: &Config,
    ) -> Self {
        let earlier = before.as_ref().map(|before| &before.record);
        let about = About::of(&after, earlier, now, |at| config.day_of(at));
        let commit = Commit {
            handoff: after.id.clone(),
            version: after.version,
            at: now,
            actor: by.actor,
            cause: by.cause,
            attempt: by.attempt,
            changes,
            about,
            lineage: None,
            personal: BTreeMap::new(),
        };
        Self {
            before,
            after,
            commit,
            seen: None,
            package: None,
            turn_taken: None,
            room: None,
            turn_given_back: None,
            observed: Vec::new(),
            learned: Vec::new(),
            also: Vec::new(),
        }
    }

    /// Marks the source's event, or the person's command, as done by this change.
    pub fn done(
        mut self,
        source: &SourceKey,
        duplicate_key: &str,
        effect: &str,
        said: &str,
    ) -> Self {
        let seen = Seen {
            effect: effect.to_owned(),
            handoff: Some(self.after.id.clone()),
            version: self.after.version,
            fingerprint: said.to_owned(),
        };
        self.seen = Some((source.clone(), duplicate_key.to_owned(), seen));
        self
    }

    /// Stores the package with the change.
    pub fn with_package(mut self, package: Stored<Package>) -> Self {
        self.package = Some(package);
        self
    }

    /// Adds personal data or free text to the commit's erasable part.
    pub fn personal(mut self, name: &str, value: serde_json::Value) -> Self {
        if !value.is_null() {
            self.commit.personal.insert(name.to_owned(), value);
        }
        self
    }

    /// Moves the chosen rep's place in the pool's rotation, if it is still as it was read.
    pub fn takes_turn(mut self, pool: PoolId, candidate: Candidate) -> Self {
        self.turn_taken = Some((pool, candidate));
        self
    }

    /// Gives it to its new owner only while they have fewer open than this, though it is nobody's
    /// turn.
    pub fn has_room(mut self, capacity: u32) -> Self {
        self.room = Some(capacity);
        self
    }

    /// Gives a rep's turn back after a justified rejection.
    pub fn gives_turn_back(mut self, pool: PoolId, rep: PersonId, turn: u64) -> Self {
        self.turn_given_back = Some((pool, rep, turn));
        self
    }

    /// Stores the last value of a property with the change.
    pub fn observes(mut self, observed: impl IntoIterator<Item = Observed>) -> Self {
        self.observed.extend(observed);
        self
    }

    /// Makes references that are news point to the handoff's journey with the change.
    pub fn learns(mut self, references: Vec<Reference>) -> Self {
        self.learned = references;
        self
    }

    /// Changes other handoffs with it: not their owners, nor their ends.
    pub fn also(mut self, others: Vec<Write>) -> Self {
        self.also = others;
        self
    }

    /// Reads the handoff as it will be.
    pub fn after(&self) -> &Handoff {
        &self.after
    }

    /// Reads the history entry it will leave.
    pub fn entry(&self) -> &Commit {
        &self.commit
    }
}

impl Store {
    /// Reads a handoff.
    ///
    /// # Errors
    /// `Missing` when there is none.
    pub async fn handoff(&self, id: &HandoffId) -> Result<Stored<Handoff>, StoreError> {
        let item = self.get(&keys::state(id)).await?;
        let missing = || StoreError::Missing { what: "handoff", id: id.to_string() };
        Stored::read("handoff", item.ok_or_else(missing)?)
    }

    /// Reads the states of many handoffs, a hundred a request; those that are absent or cannot be
    /// read are left out.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn states(
        &self,
        ids: &[HandoffId],
    ) -> Result<BTreeMap<HandoffId, Stored<Handoff>>, StoreError> {
        let found = self.get_many(ids.iter().map(keys::state)).await?;
        let states = found.into_values().filter_map(|item| Stored::read("handoff", item).ok());
        Ok(states.map(|state: Stored<Handoff>| (state.id.clone(), state)).collect())
    }

    /// Reads a handoff's package; empty when it has none.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn package(&self, id: &HandoffId) -> Result<Stored<Package>, StoreError> {
        match self.get(&keys::package(id)).await? {
            Some(item) => Stored::read("package", item),
            None => Ok(Stored::default()),
        }
    }

    /// Reads a handoff and its package with one request.
    ///
    /// # Errors
    /// `Missing` when there is no such handoff.
    pub async fn handoff_and_package(
        &self,
        id: &HandoffId,
    ) -> Result<(Stored<Handoff>, Stored<Package>), StoreError> {
        let (state, package) = (keys::state(id), keys::package(id));
        let mut found = self.get_many([state.clone(), package.clone()]).await?;
        let missing = || StoreError::Missing { what: "handoff", id: id.to_string() };
        let handoff = Stored::read("handoff", found.remove(&state).ok_or_else(missing)?)?;
        let package = match found.remove(&package) {
            Some(item) => Stored::read("package", item)?,
            None => Stored::default(),
        };
        Ok((handoff, package))
    }

    /// Reads many handoffs, and their packages if `packages`; absent ones are left out. In the
    /// order of `ids`.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn handoffs(
        &self,
        ids: &[HandoffId],
    ) -> Result<Vec<(Stored<Handoff>, Stored<Package>)>, StoreError> {
        let wanted = ids.iter().flat_map(|id| [keys::state(id), keys::package(id)]);
        let mut found = self.get_many(wanted).await?;
        let mut handoffs = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(item) = found.remove(&keys::state(id)) else { continue };
            let package = match found.remove(&keys::package(id)) {
                Some(item) => Stored::read("package", item)?,
                None => Stored::default(),
            };
            handoffs.push((Stored::read("handoff", item)?, package));
        }
        Ok(handoffs)
    }

    /// Commits the opening of a handoff with its claim, journey and references.
    ///
    /// # Errors
    /// `Duplicate` with the stored answer when its event was done before; `Conflict` when the
    /// claim, a reference or the journey changed since it was read.
    pub async fn commit_opening(
        &self,
        mut write: Write,
        opening: Opening,
    ) -> Result<Handoff, StoreError> {
        write.commit.lineage = opening.lineage;
        let mut transaction = self.transaction_of(&write)?;
        let handoff = &write.after;
        let claim = keys::claim(&handoff.lane, &handoff.claim);
        self.hold_claim(&mut transaction, &claim, &handoff.id, opening.claim_count)?;
        self.join_journey(&mut transaction, handoff, &opening.new_references)?;
        transaction.commit(self).await?;
        Ok(write.after.record)
    }

    /// Commits the change of a handoff.
    ///
    /// # Errors
    /// `Duplicate` with the stored answer when its cause was done before; `Full` when the rep has
    /// no place left; `Conflict` when the handoff or the rotation changed since it was read: decide
    /// again.
    pub async fn commit(&self, write: Write) -> Result<Handoff, StoreError> {
        self.transaction_of(&write)?.commit(self).await?;
        Ok(write.after.record)
    }

    fn transaction_of(&self, write: &Write) -> Result<Transaction, StoreError> {
        let attempt = &write.commit.attempt;
        let mut transaction = Transaction::new(attempt);
        self.write_handoff(&mut transaction, write)?;
        if let Some((source, key, seen)) = &write.seen {
            transaction.mark_seen(self, attempt, (source, key, seen), write.commit.at)?;
        }
        if let Some(package) = &write.package {
            self.write_package(&mut transaction, package, &write.after)?;
        }
        for observed in &write.observed {
            self.observe(&mut transaction, observed)?;
        }
        for reference in &write.learned {
            self.point(&mut transaction, reference, &write.after.journey)?;
        }
        if !write.learned.is_empty() {
            self.join_head(&mut transaction, &write.after.journey)?;
        }
        self.move_owner(&mut transaction, write)?;
        self.move_beside(&mut transaction, write)?;
        for also in &write.also {
            self.write_handoff(&mut transaction, also)?;
        }
        Ok(transaction)
    }

    /// Writes the package, if it is as it was read: state and package are read together and yet not
    /// at one instant, so the state's version alone does not tell.
    fn write_package(
        &self,
        transaction: &mut Transaction,
        package: &Stored<Package>,
        after: &Handoff,
    ) -> Result<(), StoreError> {
        let next = Package { version: after.version, ..package.record.clone() };
        let item = package.with(next).write("package", &keys::package(&after.id))?;
        let condition = match package.record.version {
            0 => ("attribute_not_exists(version) OR version = :was", number(0)),
            was => ("version = :was", number(was)),
        };
        let condition = Some((condition.0, vec![(":was", condition.1)]));
        transaction.put(self, Guard::Changed, item, condition)
    }

    /// Writes the state, on condition of its version, and the history entry.
    pub(crate) fn write_handoff(
        &self,
        transaction: &mut Transaction,
        write: &Write,
    ) -> Result<(), StoreError> {
        let state = state_item(&write.after)?;
        let condition = match &write.before {
            None => ("attribute_not_exists(pk)", vec![]),
            Some(before) => ("version = :was", vec![(":was", number(before.version))]),
        };
        transaction.put(self, Guard::Changed, state, Some(condition))?;
        let key = keys::commit(&write.after.id, write.after.version);
        let entry = marked(crate::history::to_item(&key, &write.commit)?, &write.commit.attempt);
        transaction.put(self, Guard::Commit, entry, Some(("attribute_not_exists(pk)", vec![])))
    }
}

/// Makes a handoff's row: the state, and the index keys that apply to it now.
pub(crate) fn state_item(handoff: &Stored<Handoff>) -> Result<Item, StoreError> {
    let mut item = handoff.write("handoff", &keys::state(&handoff.id))?;
    let id = handoff.id.as_str();
    if let Some((at, _)) = handoff.next_deadline() {
        item.insert(DUE_SHARD.to_owned(), text(keys::shard(id, DUE_SHARDS).to_string()));
        item.insert(DUE_AT.to_owned(), number(at.timestamp_millis()));
    }
    if let Some(queue) = QueueKey::of(handoff) {
        item.insert(QUEUE_KEY.to_owned(), text(queue.to_string()));
        item.insert(URGENCY.to_owned(), text(crate::lists::urgency(handoff)));
        // What stands still counts nothing down.
        let still = handoff.paused().is_some();
        let shown = handoff.pressing_clock().or(handoff.leading_clock().filter(|_| !still));
        let lead = shown.map(|clock| {
            to_item("clock", &keys::state(&handoff.id), &crate::lists::Lead::of(clock))
        });
        if let Some(mut lead) = lead.transpose()? {
            lead.retain(|name, _| name != keys::PK && name != keys::SK);
            item.insert("lead".to_owned(), aws_sdk_dynamodb::types::AttributeValue::M(lead));
        }
    }
    let day = handoff.opened_at.date_naive();
    let shard = keys::shard(id, DAY_SHARDS);
    item.insert(DAY_SHARD.to_owned(), text(format!("{day}#{shard}")));
    item.insert(DAY_AT.to_owned(), number(handoff.opened_at.timestamp_millis()));
    Ok(item)
}
