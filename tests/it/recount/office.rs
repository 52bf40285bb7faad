//! A busy office: what people, sources and time may do, drawn at random, and done.

use crate::rivals::{with_capacity, with_people};
use chrono::Duration;
use domain::{Config, HandoffId, PersonId, config};
use http::Method;
use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};
use tests::{
    Setting, World,
    faults::{Fault, faulty},
};

/// Who may be given inbound leads.
const SDRS: [&str; 5] = ["amara", "ben", "hana", "carla", "dev"];

/// The way the European SDRs are organised.
#[derive(Clone, Debug)]
pub(super) struct Roster {
    members: &'static str,
    rules: &'static str,
    capacity: u32,
    daily: bool,
}

/// Something that is done.
#[derive(Clone, Debug)]
enum Deed {
    /// A source tells of something about one of a dozen people.
    Event(&'static str, u8, &'static str),
    /// So many leads come at once.
    Import(u8),
    /// The owner, or whoever answers for it, does something to a recent handoff.
    Act(&'static str, usize, Value),
    /// Somebody gives everything of theirs to others.
    GiveAll(&'static str),
    /// Somebody is away for so many minutes, or back.
    Away(&'static str, Option<i64>),
    /// Another configuration.
    Push(Roster),
    /// So many seconds pass.
    Pass(i64),
}

/// A history: how it begins, what the table does to requests, what happens, and whether it is
/// waited for.
#[derive(Clone, Debug)]
pub(super) struct History {
    roster: Roster,
    weather: u8,
    deeds: Vec<(Deed, bool)>,
}

/// What came of a history.
pub(super) struct Lived {
    pub(super) world: World,
    /// Every handoff that opened.
    pub(super) ids: Vec<HandoffId>,
    /// The configurations, by version from 1.
    pub(super) configs: Vec<Config>,
}

fn roster() -> impl Strategy<Value = Roster> {
    let members = select(vec![
        "{ rep = \"amara\" }, { rep = \"ben\" }",
        "{ rep = \"amara\" }, { rep = \"ben\" }, { rep = \"hana\" }",
        "{ rep = \"amara\", weight = 3 }, { rep = \"ben\", weight = 2 }, { rep = \"hana\" }",
        "{ rep = \"ben\" }, { rep = \"hana\", weight = 7 }",
    ]);
    let rules = select(vec![
        "",
        "otherwise = [\"pool:sdr_americas\"]\n",
        "otherwise = [\"pool:sdr_americas\", \"manager\"]\n",
        "on_shift = true\notherwise = [\"next_on_shift\", \"manager\"]\n",
        "on_shift = true\n",
    ]);
    let capacity = select(vec![0, 1, 2, 3, 5, 40]);
    (members, rules, capacity, any::<bool>()).prop_map(|(members, rules, capacity, daily)| Roster {
        members,
        rules,
        capacity,
        daily,
    })
}

fn deed() -> impl Strategy<Value = Deed> {
    let event = |kinds: Vec<&'static str>, countries: Vec<&'static str>| {
        (select(kinds), 0..12u8, select(countries))
            .prop_map(|(kind, who, country)| Deed::Event(kind, who, country))
    };
    let act = |verb: &'static str, body: Value| {
        (0..6usize).prop_map(move |which| Deed::Act(verb, which, body.clone()))
    };
    let give = (0..6usize, select(SDRS.to_vec()))
        .prop_map(|(which, rep)| Deed::Act("reassign", which, json!({ "owner": rep })));
    let route = (0..6usize, select(vec![Value::Null, "sdr_emea".into(), "sdr_americas".into()]))
        .prop_map(|(which, pool)| Deed::Act("reassign", which, json!({ "pool": pool })));
    let away = (select(SDRS.to_vec()), prop::option::weighted(0.7, 1..40i64))
        .prop_map(|(rep, minutes)| Deed::Away(rep, minutes));
    prop_oneof![
        6 => event(vec!["demo.requested"], vec!["GB", "GB", "GB", "US", "owned"]),
        2 => event(vec!["lead.scored", "meeting.booked", "outcome", "touch"], vec!["GB", "US"]),
        2 => (2..7u8).prop_map(Deed::Import),
        2 => act("accept", json!({})),
        2 => act("touch", json!({ "channel": "phone" })),
        4 => act("reject", json!({ "reason": "duplicate" })),
        2 => act("reject", json!({ "reason": "missing_information" })),
        4 => act("resubmit", json!({ "package": { "fit": "high" } })),
        8 => give,
        2 => route,
        2 => act("complete", json!({ "outcome": "meeting_booked" })),
        2 => act("complete", json!({ "outcome": "disqualified" })),
        1 => act("recycle", json!({ "to": "nurture", "reason": "not_now" })),
        1 => act("cancel", json!({ "reason": "test" })),
        1 => act("pause", json!({ "reason": "asked_to_wait" })),
        2 => select(SDRS.to_vec()).prop_map(Deed::GiveAll),
        3 => away,
        2 => roster().prop_map(Deed::Push),
        5 => select(vec![1, 30, 61, 250, 620]).prop_map(Deed::Pass),
    ]
}

/// Draws histories.
pub(super) fn histories() -> impl Strategy<Value = History> {
    let deeds = prop::collection::vec((deed(), prop::bool::weighted(0.6)), 10..60);
    (roster(), select(vec![0, 1, 1, 1, 2, 3]), deeds).prop_map(|(roster, weather, deeds)| History {
        roster,
        weather,
        deeds,
    })
}

/// What the table does to a request on a day of some weather.
fn weather(day: u8, operation: &str, number: u64) -> Fault {
    // The client waits in earnest after a lost reply, so that those are few.
    match (day, operation, number % 11, number % 61) {
        (1 | 3, "TransactWriteItems", 4, _) => Fault::Conflict,
        (3, "BatchGetItem", 8, _) => Fault::Throttle,
        (2 | 3, "TransactWriteItems", _, 9) => Fault::LostReply,
        (2 | 3, "TransactWriteItems", _, 40) => Fault::ForgottenReply,
        _ => Fault::None,
    }
}

/// The sample organisation with such a roster.
fn written(roster: &Roster) -> String {
    let Roster { members, rules, capacity, daily } = roster;
    let head = "name = \"SDR Europe\"\n";
    let known = "members = [{ rep = \"amara\" }, { rep = \"ben\" }]";
    let people: &[_] = match daily {
        true => &[("Ben Whitlock", "capacity_per_day = 3"), ("Priya Nair", "capacity = 2")],
        false => &[("Dev Patel", "active = false")],
    };
    let changes = [(head, &*format!("{head}{rules}")), (known, &*format!("members = [{members}]"))];
    let all = ["Amara Okafor", "Ben Whitlock", "Hana Sato", "Carla Jimenez"];
    with_capacity(&with_people(&changes, people), &all, *capacity)
}

/// Lives through a history, until all that follows from it has come to rest.
pub(super) async fn live(history: &History) -> Lived {
    let organisation = written(&history.roster);
    let first = config::load(&organisation).unwrap_or_else(|problems| panic!("{problems:?}"));
    let day = history.weather;
    let world = World::with(Setting { organisation, ..Setting::default() }, |environment| {
        let http = environment.http();
        environment.with_http(faulty(http, move |asked, number| weather(day, asked, number)))
    });
    let mut lived = Lived { world: world.await, ids: Vec::new(), configs: vec![first] };
    for (number, (deed, settles)) in history.deeds.iter().enumerate() {
        lived.does(deed, number).await;
        if *settles {
            lived.world.settle().await;
        }
    }
    lived.world.pass(Duration::seconds(200)).await;
    // A sweep that is about to read again is let go on.
    while lived.is_moving() {
        lived.world.pass(Duration::seconds(1)).await;
    }
    lived.world.allow_errors();
    lived
}

impl Lived {
    fn is_moving(&self) -> bool {
        let soon = self.world.now() + Duration::seconds(3);
        self.world.cloud.pending().unwrap().iter().any(|pending| pending.at < soon)
    }

    async fn does(&mut self, deed: &Deed, number: usize) {
        match deed {
            Deed::Event(kind, who, country) => self.hears(kind, &format!("p{who}"), country).await,
            Deed::Import(count) => {
                for one in 0..*count {
                    let who = format!("import{number}-{one}");
                    self.hears("demo.requested", &who, "GB").await;
                }
            }
            Deed::Act(verb, which, body) => self.acts(verb, *which, body).await,
            Deed::GiveAll(rep) => {
                self.posts("grace", "/api/reassign", json!({ "from": rep })).await;
            }
            Deed::Away(rep, minutes) => {
                let from = self.world.now();
                let body = minutes.map_or(json!({}), |minutes| {
                    let to = from + Duration::minutes(minutes);
                    json!({ "from": from.to_rfc3339(), "to": to.to_rfc3339() })
                });
                self.posts("grace", &format!("/api/reps/{rep}/absence"), body).await;
            }
            Deed::Push(roster) => self.pushes(&written(roster)).await,
            Deed::Pass(seconds) => self.world.pass(Duration::seconds(*seconds)).await,
        }
    }

    /// Lets a source tell of something.
    async fn hears(&mut self, kind: &str, who: &str, country: &str) {
        let owned = country == "owned";
        let country = if owned { "GB" } else { country };
        let mut data = json!({
            "subject": { "crm": "hubspot", "object": "contact", "id": who, "country": country },
            "fields": {},
        });
        let meeting = (self.world.now() + Duration::hours(30)).to_rfc3339();
        match kind {
            "lead.scored" => (data["score"], data["previous_score"]) = (70.into(), 10.into()),
            "meeting.booked" => data["meeting_at"] = meeting.into(),
            "outcome" => data["outcome"] = "meeting_booked".into(),
            "touch" => data["channel"] = "email".into(),
            _ if owned => data["fields"]["account_owner"] = "ben@northwind.example".into(),
            _ => {}
        }
        let answer = self.world.event(kind, data).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let opened = answer.body["opened"].as_array().cloned().unwrap_or_default();
        self.ids.extend(opened.iter().filter_map(|id| id.as_str()).map(HandoffId::from));
    }

    /// Does something to one of the latest handoffs, as its owner where it has one.
    async fn acts(&mut self, verb: &str, which: usize, body: &Value) {
        let Some(id) = self.ids.iter().rev().nth(which).cloned() else { return };
        let owner = self.world.handoff(&id).await.owner;
        let by = owner.unwrap_or(PersonId::from("grace"));
        self.posts(by.as_str(), &format!("/api/handoffs/{id}/{verb}"), body.clone()).await;
    }

    /// Asks something of the desk; it may be refused, and never breaks.
    async fn posts(&mut self, by: &str, path: &str, body: Value) {
        let headers = [("x-handoff-person", by)];
        let answer = self.world.call(Method::POST, path, &headers, body).await;
        let refused = (400..500).contains(&answer.status) || answer.status == 503;
        assert!(answer.status == 200 || refused, "{path}: {answer:?}");
    }

    async fn pushes(&mut self, text: &str) {
        let stored = self.world.store.active_version().await.unwrap();
        let attempt = format!("push-{stored:?}").as_str().into();
        let now = self.world.now();
        let version = self.world.store.push_config(text, stored, &attempt, now).await.unwrap();
        self.configs.push(config::load(text).unwrap_or_else(|problems| panic!("{problems:?}")));
        assert_eq!(self.configs.len() as u64, version);
    }
}
