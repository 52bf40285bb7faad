//! Who stands beside whose handoffs, staying with the owner or involved with them: a row for each,
//! so that everybody sees what they have a part in.
//!
//! It is written in the transaction that begins or ends the time. One that is over stays a day,
//! marked, and is then forgotten by the table.

use crate::{
    Store, StoreError, Write,
    item::{Query, key_item, number, number_of, text, text_of},
    keys::{self, SK, TTL},
    transaction::{Guard, Transaction},
};
use domain::{HandoffId, PersonId};
use std::collections::BTreeSet;

/// How long a row that is over is kept, in seconds.
const KEPT_SECONDS: i64 = 86_400;

/// The attribute of a row that is over.
const OVER: &str = "over";

impl Store {
    /// Lists the handoffs that somebody stands beside now, newest first, at most `limit`.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn beside(
        &self,
        person: &PersonId,
        limit: usize,
    ) -> Result<Vec<HandoffId>, StoreError> {
        // Rows that are over are read along, a day's of them at most.
        let query = Query {
            condition: "pk = :person",
            values: vec![(":person", text(keys::beside_pk(person)))],
            newest_first: true,
            ..Query::default()
        };
        let standing = self.query_all(query).await?;
        let standing = standing.into_iter().filter(|item| number_of(item, OVER).is_none());
        Ok(standing.filter_map(|item| text_of(&item, SK).map(HandoffId)).take(limit).collect())
    }

    /// Begins and ends the parts that a change begins and ends.
    pub(crate) fn move_beside(
        &self,
        transaction: &mut Transaction,
        write: &Write,
    ) -> Result<(), StoreError> {
        let before: BTreeSet<&PersonId> =
            write.before.iter().flat_map(|one| one.beside()).collect();
        let after: BTreeSet<&PersonId> = write.after.beside().collect();
        let id = &write.after.id;
        for person in before.difference(&after) {
            let mut row = key_item(&keys::beside(person, id));
            let now = write.entry().at.timestamp();
            row.insert(OVER.to_owned(), number(now));
            row.insert(TTL.to_owned(), number(now + KEPT_SECONDS));
            transaction.put(self, Guard::Changed, row, None)?;
        }
        for person in after.difference(&before) {
            transaction.put(self, Guard::Changed, key_item(&keys::beside(person, id)), None)?;
        }
        Ok(())
    }
}
