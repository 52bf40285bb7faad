//! What moves with a handoff: places of reps, turns of the rotation, claims. Each is a row of the
//! handoff's own transaction, so none can be forgotten and none can be counted twice.

use crate::{
    Store, StoreError, Write,
    item::{number, text},
    keys::{self, Key},
    transaction::{Change as RowChange, Guard, Transaction},
};
use domain::{
    HandoffId, PersonId, PoolId,
    routing::{Candidate, Daily},
};

/// Whether a rep is not away.
const IS_HERE: &str = "attribute_not_exists(absent_from) OR absent_from > :at OR absent_to <= :at";

impl Store {
    /// Moves open counts and the rotation when the owner changes, and frees the claim when it ends.
    pub(crate) fn move_owner(
        &self,
        transaction: &mut Transaction,
        write: &Write,
    ) -> Result<(), StoreError> {
        let Some(before) = &write.before else { return Ok(()) };
        let after = &write.after;
        let had = before.owner.as_ref().filter(|_| before.stage.is_open());
        let has = after.owner.as_ref().filter(|_| after.stage.is_open());
        if had != has {
            if let Some(had) = had {
                self.free_place(transaction, had)?;
            }
            if let Some(has) = has {
                let candidate = write.turn_taken.as_ref().map(|(_, candidate)| candidate);
                let capacity = candidate.map(|candidate| candidate.capacity).or(write.room);
                let daily = candidate.and_then(|candidate| candidate.daily);
                let at = write.commit.at.timestamp_millis();
                self.take_place(transaction, (has, at), capacity, daily)?;
            }
        }
        if let Some((pool, candidate)) = &write.turn_taken {
            self.take_turn(transaction, pool, candidate)?;
        }
        if let Some((pool, rep, turn)) = &write.turn_given_back {
            self.give_turn_back(transaction, pool, rep, *turn)?;
        }
        if before.stage.is_open() && !after.stage.is_open() && !after.claim.is_empty() {
            let claim = keys::claim(&after.lane, &after.claim);
            self.free_claim(transaction, &claim, &after.id)?;
        }
        Ok(())
    }

    fn free_place(&self, transaction: &mut Transaction, rep: &PersonId) -> Result<(), StoreError> {
        let change = RowChange {
            update: "ADD #open :less",
            names: vec![("#open", "open")],
            values: vec![(":less", number(-1))],
            ..RowChange::default()
        };
        transaction.update(self, Guard::Changed, &keys::rep(rep), change)
    }

    fn take_place(
        &self,
        transaction: &mut Transaction,
        (rep, at_ms): (&PersonId, i64),
        capacity: Option<u32>,
        daily: Option<Daily>,
    ) -> Result<(), StoreError> {
        let mut change = RowChange {
            update: "ADD #open :more",
            names: vec![("#open", "open")],
            values: vec![(":more", number(1)), (":at", number(at_ms))],
            ..RowChange::default()
        };
        if let Some(capacity) = capacity {
            change.condition = Some(match capacity {
                0 => "#open < :capacity",
                _ => "attribute_not_exists(#open) OR #open < :capacity",
            });
            change.values.push((":capacity", number(capacity)));
            if let Some(daily) = daily {
                change = count_the_day(change, capacity, daily);
            }
        }
        // They may have gone since they were chosen.
        let condition = match change.condition {
            None => IS_HERE.to_owned(),
            Some(has_room) => format!("({has_room}) AND ({IS_HERE})"),
        };
        change.condition = Some(&condition);
        transaction.update(self, Guard::Capacity(rep.clone()), &keys::rep(rep), change)
    }

    fn take_turn(
        &self,
        transaction: &mut Transaction,
        pool: &PoolId,
        candidate: &Candidate,
    ) -> Result<(), StoreError> {
        let change = RowChange {
            update: "SET #position = :after, #floor = :floor, #owed = :owed",
            condition: Some(match candidate.position_before {
                0 => "attribute_not_exists(#position) OR #position = :before",
                _ => "#position = :before",
            }),
            names: vec![("#position", "position"), ("#floor", "floor"), ("#owed", "owed")],
            values: vec![
                (":owed", number(candidate.owed_after())),
                (":floor", number(candidate.floor)),
                (":before", number(candidate.position_before)),
                (":after", number(candidate.position_after)),
            ],
        };
        transaction.update(self, Guard::Changed, &keys::member(pool, &candidate.rep), change)
    }

    fn give_turn_back(
        &self,
        transaction: &mut Transaction,
        pool: &PoolId,
        rep: &PersonId,
        turn: u64,
    ) -> Result<(), StoreError> {
        let change = RowChange {
            update: "SET #position = #position - :turn ADD #owed :turn",
            condition: Some("#position >= :turn"),
            names: vec![("#position", "position"), ("#owed", "owed")],
            values: vec![(":turn", number(turn))],
        };
        transaction.update(self, Guard::Changed, &keys::member(pool, rep), change)
    }

    /// Frees a claim that a handoff holds.
    pub(crate) fn free_claim(
        &self,
        transaction: &mut Transaction,
        claim: &Key,
        holder: &HandoffId,
    ) -> Result<(), StoreError> {
        let change = RowChange {
            update: "REMOVE #open",
            condition: Some("#open = :mine"),
            names: vec![("#open", "open")],
            values: vec![(":mine", text(holder.as_str()))],
        };
        transaction.update(self, Guard::Changed, claim, change)
    }

    /// Passes a claim from the handoff that holds it to another.
    pub(crate) fn pass_claim(
        &self,
        transaction: &mut Transaction,
        claim: &Key,
        from: &HandoffId,
        to: &HandoffId,
    ) -> Result<(), StoreError> {
        let change = RowChange {
            update: "SET #open = :to",
            condition: Some("#open = :from"),
            names: vec![("#open", "open")],
            values: vec![(":from", text(from.as_str())), (":to", text(to.as_str()))],
        };
        transaction.update(self, Guard::Changed, claim, change)
    }

    /// Takes a claim that nobody holds, if it was held as often as was read.
    pub(crate) fn hold_claim(
        &self,
        transaction: &mut Transaction,
        claim: &Key,
        holder: &HandoffId,
        count: u64,
    ) -> Result<(), StoreError> {
        let change = RowChange {
            update: "SET #open = :mine, #count = :next",
            condition: Some(match count {
                0 => "attribute_not_exists(pk)",
                _ => "attribute_not_exists(#open) AND #count = :count",
            }),
            names: vec![("#open", "open"), ("#count", "count")],
            values: [(":mine", text(holder.as_str())), (":next", number(count + 1))]
                .into_iter()
                .chain((count > 0).then(|| (":count", number(count))))
                .collect(),
        };
        transaction.update(self, Guard::Changed, claim, change)
    }
}

/// Counts a place for its day too, and only while the day has room: a day that was not counted yet
/// begins at one.
fn count_the_day(mut change: RowChange<'_>, capacity: u32, daily: Daily) -> RowChange<'_> {
    change.names.extend([("#day", "day"), ("#taken", "taken")]);
    change.values.push((":day", text(daily.day.to_string())));
    (change.update, change.condition) = match (daily.taken, capacity) {
        (_, 0) => (change.update, change.condition),
        (0, _) => (
            "ADD #open :more SET #day = :day, #taken = :more",
            Some(
                "(attribute_not_exists(#open) OR #open < :capacity) \
                 AND (attribute_not_exists(#day) OR #day < :day)",
            ),
        ),
        (_, _) => {
            change.values.push((":most", number(daily.most)));
            (
                "ADD #open :more, #taken :more",
                Some("#open < :capacity AND #day = :day AND #taken < :most"),
            )
        }
    };
    change
}
