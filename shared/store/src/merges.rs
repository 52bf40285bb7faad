//! Merging: two journeys that turn out to be one person's become one, in one transaction.
//!
//! The newer ends with a pointer to the older, which lists its rows too; its open handoffs and
//! their claims move. A journey's head row counts what joined it since its first handoff, and a
//! merge holds only if the count is as it was read, so that nothing opens on a journey that ends:
//! whoever tries looks again, and finds the older one.

use crate::{
    Store, StoreError, Stored, Write,
    item::{Item, Query, key_item, number, number_of, text, text_of},
    keys::{self, HANDOFF_PREFIX, MERGED, SK},
    transaction::{Change, Guard, Transaction, marked},
};
use domain::{AttemptId, Handoff, HandoffId, JourneyId, LaneKey};
use std::collections::BTreeSet;

/// Rows a transaction may touch.
const ROWS_MAX: usize = 100;

/// Rows that a moved handoff touches: its state, its history, its claim before and after, and the
/// state and history of the one that yields the claim.
const ROWS_A_HANDOFF: usize = 6;

/// How many of the newest handoffs are looked at for one that is open and was not moved.
const LOOKED_AT: usize = 20;

/// The merging of a newer journey into an older one.
pub struct Merge {
    /// The journey that stays.
    pub older: JourneyId,
    /// The journey that ends.
    pub newer: JourneyId,
    /// The open handoffs that move with it.
    pub moved: Vec<MovedHandoff>,
}

/// One open handoff that moves to the older journey.
pub struct MovedHandoff {
    /// Its change of journey.
    pub write: Write,
    /// The claim it held.
    pub lane: LaneKey,
    /// The claim's key before; empty when it stays as it is.
    pub from: String,
    /// The claim after.
    pub to: NewClaim,
}

/// What a moved handoff claims on the older journey.
pub enum NewClaim {
    /// None of its own: it keeps the claim it has, or stands beside the older handoff that holds it.
    None,
    /// One that nobody holds, by its key and how often it was held.
    Free(String, u64),
    /// One, by its key, that a younger handoff of the older journey yields.
    Yielded(String, Box<Write>),
}

impl Store {
    /// Merges a newer journey into an older one, open handoffs and claims with it.
    ///
    /// # Errors
    /// `Conflict` when either changed since it was read, or an open handoff would be left behind.
    pub async fn merge_journeys(
        &self,
        merge: &Merge,
        attempt: &AttemptId,
    ) -> Result<(), StoreError> {
        let query = Query {
            condition: "pk = :journey",
            values: vec![(":journey", text(keys::journey(&merge.newer)))],
            ..Query::default()
        };
        let (heads, mut rows): (Vec<Item>, Vec<Item>) =
            self.query_all(query).await?.into_iter().partition(is_head);
        self.leave_none_behind(&rows, merge).await?;
        for row in &mut rows {
            row.insert(keys::PK.to_owned(), text(keys::journey(&merge.older)));
        }
        let taken = 2 + ROWS_A_HANDOFF * merge.moved.len();
        let room = ROWS_MAX.saturating_sub(taken).min(rows.len());
        // What does not fit is copied first: the references the older journey will have, listed
        // early.
        for row in rows.split_off(room) {
            self.put(row).await?;
        }
        let mut transaction = Transaction::new(attempt);
        self.end(&mut transaction, merge, heads.first())?;
        self.join_head(&mut transaction, &merge.older)?;
        for row in rows {
            transaction.put(self, Guard::Changed, row, None)?;
        }
        for moved in &merge.moved {
            self.write_handoff(&mut transaction, &moved.write)?;
            self.move_claim(&mut transaction, moved)?;
        }
        transaction.commit(self).await
    }

    /// Refuses to end a journey on which somebody opened a handoff after its open ones were listed.
    async fn leave_none_behind(&self, rows: &[Item], merge: &Merge) -> Result<(), StoreError> {
        let moved: BTreeSet<&HandoffId> =
            merge.moved.iter().map(|moved| &moved.write.after().id).collect();
        let newest = rows.iter().rev().filter_map(listed).take(LOOKED_AT);
        let others = newest.filter(|id| !moved.contains(id)).map(|id| keys::state(&id));
        for item in self.get_many(others).await?.into_values() {
            let handoff: Stored<Handoff> = Stored::read("handoff", item)?;
            if handoff.stage.is_open() {
                return Err(StoreError::Conflict);
            }
        }
        Ok(())
    }

    /// Ends a journey, if its head is as it was read.
    fn end(
        &self,
        transaction: &mut Transaction,
        merge: &Merge,
        head: Option<&Item>,
    ) -> Result<(), StoreError> {
        let pointer = key_item(&keys::merged(&merge.newer));
        let mut pointer = marked(pointer, transaction.attempt());
        pointer.insert("into".to_owned(), text(merge.older.as_str()));
        // A pointer counts nothing, so a journey that has ended does not end again.
        let condition = match head.and_then(|head| number_of(head, "joined")) {
            None => ("attribute_not_exists(pk)", vec![]),
            Some(joined) => ("joined = :joined", vec![(":joined", number(joined))]),
        };
        transaction.put(self, Guard::Changed, pointer, Some(condition))
    }

    /// Counts a joining of a journey, unless it has ended.
    pub(crate) fn join_head(
        &self,
        transaction: &mut Transaction,
        journey: &JourneyId,
    ) -> Result<(), StoreError> {
        let change = Change {
            update: "ADD joined :one",
            condition: Some("attribute_not_exists(#into)"),
            names: vec![("#into", "into")],
            values: vec![(":one", number(1))],
        };
        transaction.update(self, Guard::Changed, &keys::merged(journey), change)
    }

    fn move_claim(
        &self,
        transaction: &mut Transaction,
        moved: &MovedHandoff,
    ) -> Result<(), StoreError> {
        let holder = &moved.write.after().id;
        if !moved.from.is_empty() {
            let from = keys::claim(&moved.lane, &moved.from);
            self.free_claim(transaction, &from, holder)?;
        }
        match &moved.to {
            NewClaim::None => Ok(()),
            NewClaim::Free(to, count) => {
                let to = keys::claim(&moved.lane, to);
                self.hold_claim(transaction, &to, holder, *count)
            }
            NewClaim::Yielded(to, yielded) => {
                self.write_handoff(transaction, yielded)?;
                let to = keys::claim(&moved.lane, to);
                self.pass_claim(transaction, &to, &yielded.after().id, holder)
            }
        }
    }
}

fn is_head(row: &Item) -> bool {
    text_of(row, SK).as_deref() == Some(MERGED)
}

/// Reads which handoff a journey's row lists.
fn listed(row: &Item) -> Option<HandoffId> {
    text_of(row, SK).filter(|sk| sk.starts_with(HANDOFF_PREFIX))?;
    text_of(row, "id").map(HandoffId)
}
