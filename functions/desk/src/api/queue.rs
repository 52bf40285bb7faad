//! The queue: open handoffs, most urgent first, somebody's or everybody's.
//!
//! The index says what is open and how pressing it is; the rows themselves are read as they are
//! stored now, so that what was just done does not show as waiting.

use crate::{
    Desk,
    access::Visitor,
    api::list::{self, Page},
    fault::Fault,
    form,
    row::Row,
};
use domain::{Config, PersonId, Stage};
use futures::{StreamExt, stream};
use http::Response;
use std::collections::BTreeSet;
use store::{QueueKey, QueueRow};

/// How many handoffs a queue shows.
const SHOWN_MAX: usize = 200;

/// How many times as many are looked at where others' are among them.
const CHUNKS_MAX: usize = 10;

/// The names the queue's query may use.
const NAMES: [&str; 3] = ["owner", "type", "format"];

/// How many queues are read at once.
const ABREAST: usize = 8;

impl Desk {
    /// Answers the queue.
    pub(crate) async fn api_queue(
        &self,
        pairs: &form::Pairs,
        visitor: &Visitor,
        accept: Option<&str>,
    ) -> Result<Response<bytes::Bytes>, Fault> {
        if let Some(unknown) = pairs.keys().find(|name| !NAMES.contains(&name.as_str())) {
            let unknown: String = unknown.chars().take(40).collect();
            let known = NAMES.join(", ");
            return Err(Fault::Malformed(format!(
                "The queue has no filter `{unknown}`: there are {known}."
            )));
        }
        let now = self.clock.now();
        let active = self.configs.active(now).await?;
        let said = |name: &str| pairs.get(name).filter(|said| !said.is_empty());
        let owner = said("owner").map(|owner| PersonId::from(owner.as_str()));
        let mut rows = self.queue(owner.as_ref(), visitor, &active.config).await?;
        if let Some(kind) = said("type") {
            rows.retain(|row| row.handoff.kind.as_str() == kind);
        }
        let page = Page { rows, next: None };
        Ok(list::answer(&page, list::wants_csv(pairs, accept)?, now))
    }

    /// Finds what waits for somebody, or for anybody, of what a visitor sees; most urgent first.
    pub(crate) async fn queue(
        &self,
        owner: Option<&PersonId>,
        visitor: &Visitor,
        config: &Config,
    ) -> Result<Vec<Row>, Fault> {
        let queues = match owner {
            Some(owner) => queues_of(owner, config),
            None => all_queues(config),
        };
        let read = queues
            .into_iter()
            .map(|queue| async move { self.store.queue(&queue, SHOWN_MAX as i32).await });
        let read: Vec<_> = stream::iter(read).buffered(ABREAST).collect().await;
        let mut listed: Vec<QueueRow> = Vec::new();
        for rows in read {
            listed.extend(rows?);
        }
        listed.sort_by(|one, other| one.urgency.cmp(&other.urgency));
        let ids: Vec<_> = listed.into_iter().map(|row| row.id).collect();
        let mut shown = Vec::new();
        for some in ids.chunks(SHOWN_MAX).take(CHUNKS_MAX) {
            let rows = self.store.handoffs(some).await?.into_iter().map(Row::from);
            let seen = |row: &Row| waits_for(row, owner) && visitor.sees(&row.handoff, config);
            shown.extend(rows.filter(seen));
            if shown.len() >= SHOWN_MAX {
                shown.truncate(SHOWN_MAX);
                break;
            }
        }
        Ok(shown)
    }
}

/// Lists where somebody's handoffs wait: their own queue, and what their teams got back.
fn queues_of(owner: &PersonId, config: &Config) -> Vec<QueueKey> {
    let pools = config.pools_of(owner).filter_map(|pool| config.pools.get(pool));
    let teams: BTreeSet<&String> = pools.map(|pool| &pool.team).collect();
    let returned = teams.into_iter().map(|team| QueueKey::Sender(team.clone()));
    std::iter::once(QueueKey::Owner(owner.clone())).chain(returned).collect()
}

/// Lists every queue there can be.
fn all_queues(config: &Config) -> Vec<QueueKey> {
    let senders: BTreeSet<&String> = config.types.values().map(|kind| &kind.from).collect();
    let senders = senders.into_iter().map(|team| QueueKey::Sender(team.clone()));
    let owners = config.people.keys().map(|person| QueueKey::Owner(person.clone()));
    std::iter::once(QueueKey::Unrouted).chain(senders).chain(owners).collect()
}

/// Tells whether a handoff waits for somebody: they have it, or they sent it and got it back.
fn waits_for(row: &Row, owner: Option<&PersonId>) -> bool {
    let handoff = &row.handoff;
    let theirs = |owner: &PersonId| match handoff.stage {
        Stage::Returned => handoff.sender.as_ref() == Some(owner),
        _ => handoff.owner.as_ref() == Some(owner),
    };
    handoff.stage.is_open() && owner.is_none_or(theirs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{config, handoff, package};

    #[test]
    fn everybodys_queue_is_every_queue() {
        let queues = all_queues(&config());
        for queue in [
            QueueKey::Unrouted,
            QueueKey::Owner("amara".into()),
            QueueKey::Owner("priya".into()),
            QueueKey::Sender("marketing".to_owned()),
        ] {
            assert!(queues.contains(&queue), "{queue}");
        }
    }

    #[test]
    fn what_was_given_back_waits_for_whoever_sent_it() {
        assert_eq!(
            queues_of(&"amara".into(), &config()),
            [QueueKey::Owner("amara".into()), QueueKey::Sender("sdr".to_owned())]
        );
        let mut row = Row { handoff: handoff(), package: package("Dana", "Acme") };
        let waits = |row: &Row, owner: &str| waits_for(row, Some(&owner.into()));
        assert!(waits(&row, "amara") && !waits(&row, "ben"));
        row.handoff.stage = Stage::Returned;
        row.handoff.sender = Some("ben".into());
        assert!(waits(&row, "ben") && !waits(&row, "amara") && waits_for(&row, None));
        row.handoff.stage = Stage::Completed;
        assert!(!waits_for(&row, None), "what is over waits for nobody");
    }
}
