//! What a digest is made of: the numbers of some days and what is open now. The mail and the desk's page
//! read the same.

use chrono::{DateTime, Utc};
use domain::{
    Config, PersonId,
    clock::ClockState,
    dashboard::Numbers,
    digest::{
        Edition, Open, Recorded, Waiting,
        stretch::{Period, Stretch},
    },
};
use store::{QueueKey, QueueRow, Store, StoreError};

/// How many rows of a queue are looked at for what is overdue.
const LOOKED_AT: i32 = 200;

/// Reads everything a digest says; a day is not compared with the one before.
///
/// # Errors
/// When the table does not answer.
pub async fn edition(
    store: &Store,
    config: &Config,
    stretch: Stretch,
    now: DateTime<Utc>,
) -> Result<Edition, StoreError> {
    let before = match stretch.period {
        Period::Daily => None,
        Period::Weekly | Period::Monthly => Some(recorded(store, config, stretch.before()).await?),
    };
    let recorded = recorded(store, config, stretch).await?;
    Ok(Edition { stretch, recorded, before, open: open(store, config, now).await? })
}

/// Reads what was recorded in a stretch of days: for all, by pool, by rep.
async fn recorded(
    store: &Store,
    config: &Config,
    stretch: Stretch,
) -> Result<Recorded, StoreError> {
    let all = numbers(store, "all", stretch).await?;
    let mut recorded = Recorded { all, ..Recorded::default() };
    for pool in config.pools.keys() {
        let numbers = numbers(store, &format!("pool:{pool}"), stretch).await?;
        recorded.pools.insert(pool.clone(), numbers);
    }
    for rep in reps(config) {
        let numbers = numbers(store, &format!("rep:{rep}"), stretch).await?;
        recorded.reps.insert(rep.clone(), numbers);
    }
    Ok(recorded)
}

/// Finds what is past a deadline or without an owner now: the top of every queue.
async fn open(store: &Store, config: &Config, now: DateTime<Utc>) -> Result<Open, StoreError> {
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

async fn numbers(store: &Store, dimension: &str, stretch: Stretch) -> Result<Numbers, StoreError> {
    let rows = store.rollups("happened", dimension, stretch.from, stretch.to).await?;
    let days: Vec<Numbers> = rows.into_values().map(Numbers).collect();
    Ok(Numbers::sum(&days))
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
