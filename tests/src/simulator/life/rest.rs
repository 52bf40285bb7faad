//! The end of a life: when the storm is over everything comes to rest, and is as it was told, told
//! to whom it concerns, and counted.

use super::{Life, REST};
use audit::Audit;
use chrono::{Days, Duration};
use domain::{
    HandoffId, Stage,
    mail::{self, When},
    notice::{Notice, notices},
};
use local::{Sent, sample::ORGANISATION};
use runtime::{Clock, Configs};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

impl Life {
    /// The storm is over: everything must come to rest.
    pub(in crate::simulator) async fn comes_to_rest(&mut self) {
        self.storm.abates();
        self.limbo.arrive().await;
        self.look();
        let end = self.world.now() + Duration::seconds(REST);
        self.until(end).await;
        self.is_at_rest();
    }

    /// Everything must be as it was told, be told, and be counted.
    pub(in crate::simulator) async fn is_true(&mut self) {
        self.waits_for_the_last_try().await;
        self.is_quiet().await;
        self.is_at_rest();
        self.is_told();
        self.is_delivered().await;
        self.none_is_lost().await;
        self.is_audited().await;
    }

    /// I6: when everybody is there and takes more, nobody waits for an owner any longer than it
    /// takes the sweep to hear of it.
    pub(in crate::simulator) async fn has_room(&mut self) {
        self.pushes(&ORGANISATION.replace("capacity = ", "capacity = 9")).await;
        let reps: Vec<_> = self.configs[0].people.keys().cloned().collect();
        for rep in reps {
            self.posts("grace", &format!("/api/reps/{rep}/absence"), &json!({}));
        }
        let heard = self.world.now() + Duration::seconds(240);
        self.until(heard).await;
        for handoff in self.watch.handoffs() {
            let waits = handoff.stage.is_open() && handoff.stage != Stage::Returned;
            let id = &handoff.id;
            assert!(!waits || handoff.owner.is_some(), "I6: {id} waits: {:?}", handoff.routing);
        }
    }

    /// Waits until nothing was committed for so long that everything must be counted: whoever waits
    /// for a place is looked at again and again.
    async fn is_quiet(&mut self) {
        for _ in 0..200 {
            let last = self.watch.commits().map(|commit| commit.at).max();
            let now = self.world.now();
            if last.is_none_or(|last| now - last > Duration::seconds(121)) {
                return;
            }
            self.until(now + Duration::seconds(20)).await;
        }
        panic!("it never comes to rest");
    }

    /// I20: nothing waits that could have been done.
    fn is_at_rest(&self) {
        let now = self.world.now();
        let a_sweep_ago = now - Duration::seconds(60);
        self.watch.model().check_deadlines(a_sweep_ago);
        for handoff in self.watch.handoffs() {
            if let Some((due_at, why)) = handoff.next_deadline() {
                let id = &handoff.id;
                assert!(
                    due_at > a_sweep_ago,
                    "I20: {id} was due at {due_at}, it is {now}: {why:?}"
                );
            }
        }
        for (key, row) in self.watch.rows("RECEIPT#") {
            assert!(!row.contains_key("due_at"), "I20: {key:?} was never settled");
        }
        let waiting = self.world.cloud.parts().ledger().waiting().expect("the queues");
        let stuck: Vec<_> = waiting.iter().filter(|(_, at)| *at < a_sweep_ago).collect();
        assert!(stuck.is_empty(), "I20: {stuck:?}");
        let dead = self.world.cloud.dead_letters().expect("the dead letters are readable");
        assert!(dead.is_empty(), "given up: {dead:?}");
    }

    /// Every commit was told on the bus, and every notice to whom it concerns; nothing else was.
    fn is_told(&mut self) {
        let mut events: BTreeSet<(String, u64, String)> = BTreeSet::new();
        let mut mails: BTreeSet<(String, String)> = BTreeSet::new();
        for entry in self.world.outbox() {
            match entry.sent {
                Sent::Bus { detail, .. } => {
                    let text = |name: &str| detail[name].as_str().unwrap_or_default().to_owned();
                    let version = detail["version"].as_u64().unwrap_or_default();
                    // What a sweep asks for is about no commit.
                    if version > 0 {
                        events.insert((text("handoff"), version, text("type")));
                    }
                }
                Sent::Outside { .. } => {}
                Sent::Topic { subject, message, attributes, .. } => {
                    let kind = attributes.get("kind").map(Value::to_string).unwrap_or_default();
                    // What a destination fails at is about no commit.
                    if !kind.contains("digest") && !kind.contains("delivery_failed") {
                        mails.insert((subject.unwrap_or_default(), message));
                    }
                }
            }
        }
        let (mut told, mut mailed) = (BTreeSet::new(), BTreeSet::new());
        for commit in self.watch.commits() {
            for change in &commit.changes {
                let Some(kind) = change.event() else { continue };
                let event = (commit.handoff.to_string(), commit.version, kind.to_owned());
                assert!(events.contains(&event), "never told: {event:?}");
                told.insert(event);
            }
            let written = |config| {
                let at_once = |notice: &Notice| {
                    let kind = &commit.about.kind;
                    let when = |who| mail::when(config, who, notice, kind, commit.at);
                    notice.to.iter().any(|who| when(who) == When::Now)
                };
                let notices = notices(&commit, config).into_iter().filter(at_once);
                notices.map(|one| (one.subject, one.body)).collect::<Vec<_>>()
            };
            let ways: Vec<_> = self.configs.iter().map(written).collect();
            mailed.extend(ways.iter().flatten().cloned());
            for place in 0..ways[0].len() {
                let is_told = ways.iter().any(|way| mails.contains(&way[place]));
                assert!(is_told, "nobody was told: {:?}", ways[0][place]);
            }
        }
        let made_up: Vec<_> = events.difference(&told).collect();
        assert!(made_up.is_empty(), "told, and it was not so: {made_up:?}");
        let made_up: Vec<_> = mails.difference(&mailed).collect();
        assert!(made_up.is_empty(), "mailed, and it was not so: {made_up:?}");
    }

    /// I3: whoever asked once, and was acknowledged, is one handoff.
    async fn none_is_lost(&self) {
        let ids: Vec<HandoffId> = self.watch.handoffs().map(|handoff| handoff.id).collect();
        let mut of: BTreeMap<String, usize> = BTreeMap::new();
        for some in ids.chunks(50) {
            for (_, package) in self.world.store.handoffs(some).await.expect("the table answers") {
                let who = package.subject.id.clone().unwrap_or_default();
                *of.entry(who).or_default() += 1;
            }
        }
        for solo in &self.solos {
            assert_eq!(of.get(solo), Some(&1), "{solo} asked once: {of:?}");
        }
    }

    /// What is stored is what the histories say, counted again.
    async fn is_audited(&self) {
        let (clock, _) = Clock::hand(self.world.now());
        let configs = Configs::new(self.world.store.clone());
        let today = self.configs[0].day_of(self.world.now());
        let audit = Audit::new(self.world.store.clone(), configs, clock);
        let report = audit.days((today - Days::new(1), today)).await.expect("it can be audited");
        assert!(report.findings.is_empty(), "{:#?}", report.findings);
        assert!(report.moving.is_empty() && report.is_whole, "{report:?}");
    }
}
