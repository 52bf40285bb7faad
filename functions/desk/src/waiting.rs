//! What nobody has, oldest first: a handoff without an owner is forgotten where nobody sees how
//! long it has been waiting.

use crate::Desk;
use serde_json::{Value, json};
use store::{QueueKey, QueueRow, StoreError};

/// How many are looked at; of more, only that there are more is told.
const LOOKED_AT: i32 = 1_000;

/// How many are shown.
const SHOWN_MAX: usize = 10;

/// What waits for an owner now.
pub(crate) struct Waiting {
    /// How many, as far as was looked.
    pub(crate) count: usize,
    /// Whether there may be more.
    pub(crate) is_more: bool,
    /// Those that have waited longest.
    pub(crate) oldest: Vec<QueueRow>,
}

impl Desk {
    /// Finds what waits for an owner.
    pub(crate) async fn waiting(&self) -> Result<Waiting, StoreError> {
        let rows = self.store.queue(&QueueKey::Unrouted, LOOKED_AT).await?;
        Ok(Waiting::of(rows))
    }
}

impl Waiting {
    /// Sorts what waits, and keeps what has waited longest.
    pub(crate) fn of(mut rows: Vec<QueueRow>) -> Self {
        let is_more = usize::try_from(LOOKED_AT).is_ok_and(|most| rows.len() >= most);
        // Nobody need find an owner for a test.
        rows.retain(|row| !row.test);
        let count = rows.len();
        rows.sort_by_key(|row| (row.routing.as_ref().map(|it| it.since), row.id.clone()));
        rows.truncate(SHOWN_MAX);
        Self { count, is_more, oldest: rows }
    }

    /// Shows it as JSON.
    pub(crate) fn document(&self) -> Value {
        let one = |row: &QueueRow| {
            let routing = row.routing.as_ref();
            json!({
                "id": row.id,
                "type": row.kind,
                "since": routing.map(|routing| routing.since),
                "reason": routing.map(|routing| &routing.reason),
                "retry_at": routing.map(|routing| routing.retry_at),
            })
        };
        let oldest: Vec<Value> = self.oldest.iter().map(one).collect();
        json!({ "count": self.count, "more": self.is_more, "oldest": oldest })
    }
}
