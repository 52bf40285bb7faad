//! What a digest is made of: a day's numbers and what is open now. The mail and the desk's page
//! read the same.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{
    Config, PersonId,
    clock::ClockState,
    dashboard::Numbers,
    digest::{Open, Recorded, Waiting},
};
use store::{QueueKey, QueueRow, Store, StoreError};

/// How many rows of a queue are looked at for what is overdue.
const LOOKED_AT: i32 = 200;

/// Reads what was recorded on a day: for all, by pool, by rep.
///
/// # Errors
/// When the table does not answer.
pub async fn recorded(
    store: &Store,
    config: &Config,
    day: NaiveDate,
) -> Result<Recorded, StoreError> {
    let mut recorded = Recorded { all: numbers(store, "all", day).await?, ..Recorded::default() };
    for pool in config.pools.keys() {
        let numbers = numbers(store, &format!("pool:{pool}"), day).await?;
        recorded.pools.insert(pool.clone(), numbers);
    }
    for rep in reps(config) {
        let numbers = numbers(store, &format!("rep:{rep}"), day).await?;
        recorded.reps.insert(rep.clone(), numbers);
    }
    Ok(recorded)
}

/// Finds what is past a deadline or without an owner now: the top of every queue.
///
/// # Errors
/// When the table does not answer.
pub async fn open(store: &Store, config: &Config, now: DateTime<Utc>) -> Result<Open, StoreError> {
    let mut open = Open::default();
    for row in real(store.queue(&QueueKey::Unrouted, LOOKED_AT).await?) {
        let since = row.routing.as_ref().map_or(now, |routing| routing.since);
        open.unrouted.push(waiting(&row, since));
    }
    for rep in reps(config) {
        for row in real(store.queue(&QueueKey::Owner(rep.clone()), LOOKED_AT).await?) {
            let missed = row.lead.as_ref().filter(|lead| {
                lead.due_at <= now
                    && lead.met_at.is_none()
                    && matches!(lead.state, ClockState::Breached | ClockState::Running)
            });
            open.overdue.extend(missed.map(|lead| waiting(&row, lead.due_at)));
        }
    }
    Ok(open)
}

async fn numbers(store: &Store, dimension: &str, day: NaiveDate) -> Result<Numbers, StoreError> {
    let mut rows = store.rollups("happened", dimension, day, day).await?;
    Ok(Numbers(rows.remove(&day).unwrap_or_default()))
}

fn reps(config: &Config) -> impl Iterator<Item = &PersonId> {
    let takes = config.people.iter().filter(|(_, person)| person.capacity.is_some());
    takes.map(|(rep, _)| rep)
}

/// Leaves out tests: nobody is to be asked why they wait.
fn real(rows: Vec<QueueRow>) -> impl Iterator<Item = QueueRow> {
    rows.into_iter().filter(|row| !row.test)
}

fn waiting(row: &QueueRow, since: DateTime<Utc>) -> Waiting {
    Waiting {
        handoff: row.id.clone(),
        kind: row.kind.clone(),
        pool: row.pool.clone(),
        owner: row.owner.clone(),
        since,
    }
}
