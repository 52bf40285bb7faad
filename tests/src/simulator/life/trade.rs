//! What a life has to do with vendors: they misbehave as the storm has it, and in the end everybody
//! was told, nobody twice, and nobody whom it did not concern.

use super::{Life, Storm};
use crate::{Vendors, vendors::SlackMessage};
use chrono::Duration;
use domain::{
    HandoffId, PersonId,
    delivery::{Conversation, What, wanted},
};
use std::collections::{BTreeMap, BTreeSet};
use store::{Delivery, DeliveryState};

/// Starts vendors that know the sample organisation, in a storm.
pub(super) async fn vendors(storm: &Storm) -> Vendors {
    let vendors = Vendors::start().await;
    vendors.named("slack", "chat");
    let storm = storm.clone();
    vendors.by(Box::new(move |asked| storm.vendor(&asked.vendor)));
    vendors
}

impl Life {
    /// Everything a commit wants said or written elsewhere came to an end, and what is kept shows at
    /// least that commit.
    pub(super) async fn is_delivered(&self) {
        let mut deliveries: BTreeMap<HandoffId, Vec<Delivery>> = BTreeMap::new();
        for commit in self.watch.commits() {
            let id = &commit.handoff;
            if !deliveries.contains_key(id) {
                let read = self.world.store.deliveries(id).await.expect("the table answers");
                deliveries.insert(id.clone(), read);
            }
            for wanted in wanted(&commit, &self.configs[0]) {
                let (part, kept) = (wanted.part(), wanted.is_kept());
                let is = |one: &&Delivery| {
                    let of = one.destination == wanted.destination && one.part == part;
                    of && (kept || one.version == commit.version)
                };
                // Somebody who never had it, and a record that stood so, need nothing.
                let needs_none =
                    matches!(&wanted.what, What::Card(Conversation::Person(_)) | What::Record);
                let Some(row) = deliveries[id].iter().find(is) else {
                    assert!(needs_none, "never delivered: {id} {wanted:?}");
                    continue;
                };
                assert!(row.is_over(), "still under way: {row:?}");
                let shows = row.shows >= commit.version || row.state != DeliveryState::Sent;
                assert!(!kept || needs_none || shows, "it shows an older state: {row:?}");
            }
        }
        self.is_told_once();
    }

    /// Lets pass what vendors were last given before another try: half an hour at most.
    pub(super) async fn waits_for_the_last_try(&mut self) {
        let ids: BTreeSet<HandoffId> = self.watch.handoffs().map(|handoff| handoff.id).collect();
        let mut last = self.world.now();
        for id in &ids {
            let all = self.world.store.deliveries(id).await.expect("the table answers");
            let waits = all.iter().filter(|one| !one.is_over());
            last = last.max(waits.filter_map(|one| one.until).max().unwrap_or(last));
        }
        assert!(last - self.world.now() <= Duration::minutes(31), "it waits until {last}");
        self.until(last + Duration::minutes(4)).await;
    }

    /// Nobody has two cards or two tasks of one handoff, and nobody one who never had it.
    fn is_told_once(&self) {
        let mut owners: BTreeMap<String, BTreeSet<PersonId>> = BTreeMap::new();
        for commit in self.watch.commits() {
            let had = owners.entry(commit.handoff.to_string()).or_default();
            had.extend(commit.about.owner.clone());
        }
        let mut said: BTreeMap<(String, String), usize> = BTreeMap::new();
        for SlackMessage { channel, metadata, .. } in self.vendors.slack_said() {
            let id = metadata["event_payload"]["id"].as_str().unwrap_or_default().to_owned();
            if let Some((handoff, person)) = id.split_once(":card:person:") {
                assert_eq!(channel, format!("D024{}", person.to_uppercase()));
                assert!(owners[handoff].contains(person), "{person} never had {handoff}");
            }
            *said.entry((channel, id)).or_default() += 1;
        }
        let twice: Vec<_> = said.iter().filter(|(_, count)| **count > 1).collect();
        assert!(twice.is_empty(), "said twice: {twice:?}");
        let mut tasks: BTreeMap<String, usize> = BTreeMap::new();
        for task in self.vendors.hubspot_tasks() {
            let line = &task.properties["hs_task_subject"];
            let handoff = line.rsplit_once('[').map_or("", |(_, id)| id).to_owned();
            *tasks.entry(handoff).or_default() += 1;
        }
        let twice: Vec<_> = tasks.iter().filter(|(_, count)| **count > 1).collect();
        assert!(twice.is_empty(), "two tasks: {twice:?}");
    }
}
