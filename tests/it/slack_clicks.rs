//! Slack's buttons, pressed: each is an order of whoever pressed it, carried out once as the desk
//! carries out theirs; and what whoever pressed it is told.

use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};
use domain::{
    Actor, Change, Handoff, HandoffId, PersonId, Stage, clock::ClockState, config::Config,
    routing::Place,
};
use local::sample::ORGANISATION;
use serde_json::{Value, json};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration as Real, Instant},
};
use tests::{
    Answer, Setting, World,
    faults::{Fault, faulty},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Slack's end of the way back, on loopback: what it was told.
struct Slack {
    port: u16,
    told: Arc<Mutex<Vec<Value>>>,
    hangs: Arc<AtomicBool>,
}

impl Slack {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (told, hangs) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let slack = Self { port, told: Arc::clone(&told), hangs: Arc::clone(&hangs) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(hear(stream, Arc::clone(&told), Arc::clone(&hangs)));
            }
        });
        slack
    }

    fn told(&self) -> Vec<Value> {
        std::mem::take(&mut *self.told.lock().unwrap())
    }

    /// Reads the one thing that was said, and to whom: everybody, or one.
    fn sentence(&self) -> (String, bool) {
        let told = self.told();
        assert_eq!(told.len(), 1, "{told:?}");
        let everybody = told[0]["replace_original"] == true;
        assert_ne!(everybody, told[0]["response_type"] == "ephemeral", "{told:?}");
        (told[0]["text"].as_str().unwrap().to_owned(), everybody)
    }
}

async fn hear(mut stream: TcpStream, told: Arc<Mutex<Vec<Value>>>, hangs: Arc<AtomicBool>) {
    let (mut read, mut part) = (Vec::new(), [0; 4096]);
    let body = loop {
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return,
            Ok(length) => read.extend_from_slice(&part[..length]),
        }
        let text = String::from_utf8_lossy(&read).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        assert!(head.starts_with("POST /actions/T1/2/key HTTP/1.1"), "{head}");
        if let Ok(body) = serde_json::from_str(body) {
            break body;
        }
    };
    told.lock().unwrap().push(body);
    if hangs.load(Ordering::SeqCst) {
        return std::future::pending().await;
    }
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
}

/// One whose cards came by an incoming webhook, so that nobody keeps them up to date.
async fn world() -> World {
    let (before, chat) = ORGANISATION.split_once("[destinations.chat]\n").unwrap();
    let (_, after) = chat.split_once("\n\n").unwrap();
    let webhook = "[destinations.chat]\nkind = \"slack_webhook\"\nsecret = \"sample\"\n";
    let organisation = format!("{before}{webhook}\n{after}");
    World::of(Setting { organisation, ..Setting::default() }).await
}

/// One press of a button.
struct Press<'a> {
    who: &'a str,
    what: &'a str,
    value: String,
    /// Which press it is: another number is another click.
    number: u32,
    back: String,
}

impl<'a> Press<'a> {
    fn of(slack: &Slack, who: &'a str, what: &'a str, value: String) -> Self {
        let back = format!("http://127.0.0.1:{}/actions/T1/2/key", slack.port);
        Self { who, what, value, number: 1, back }
    }

    fn form(&self) -> Bytes {
        let mut action = json!({
            "action_id": self.what, "block_id": "b", "type": "button", "value": self.value,
            "action_ts": format!("1767605{:03}.000100", self.number),
        });
        if self.what == "handoff_reject" {
            action = json!({
                "action_id": self.what, "block_id": "b", "type": "static_select",
                "selected_option": { "value": self.value },
                "action_ts": format!("1767605{:03}.000100", self.number),
            });
        }
        let payload = json!({
            "type": "block_actions", "team": { "id": "T1" }, "response_url": self.back,
            "user": { "id": format!("U024{}", self.who.to_uppercase()) },
            "trigger_id": format!("398738663015.{}", self.number), "actions": [action],
            "message": { "blocks": [
                { "type": "header", "text": { "type": "plain_text", "text": "Dana + 50 % & co" } },
                { "type": "actions", "elements": [{ "type": "button", "value": "x" }] },
            ] },
        });
        let payload = payload.to_string();
        let escaped: String = payload.bytes().map(|byte| format!("%{byte:02X}")).collect();
        format!("payload={escaped}").into()
    }
}

/// Presses a button, and tells when.
async fn press(world: &mut World, press: &Press<'_>) -> DateTime<Utc> {
    let at = world.now();
    let request = world.sender.slack(at, press.form());
    let answer: Answer = world.post(request).await.into();
    assert_eq!((answer.status, answer.text.as_str()), (200, ""), "Slack would show it");
    world.settle().await;
    at
}

/// A hot lead and who has it, of the two who can.
async fn opened(world: &mut World, id: &str) -> (HandoffId, &'static str, &'static str) {
    let handoff = world.demo_request(id).await;
    match world.handoff(&handoff).await.owner.unwrap().as_str() {
        "amara" => (handoff, "amara", "ben"),
        "ben" => (handoff, "ben", "amara"),
        other => panic!("{other} has it"),
    }
}

fn value(handoff: &Handoff) -> String {
    format!("{}:v{}", handoff.id, handoff.version)
}

fn name<'a>(config: &'a Config, person: &str) -> &'a str {
    &config.people[&PersonId::from(person)].name
}

async fn place(world: &World, handoff: &Handoff, rep: &str) -> Place {
    let (pool, rep) = (handoff.pool.as_ref().unwrap(), PersonId::from(rep));
    let mut places = world.store.standings(pool, std::slice::from_ref(&rep)).await.unwrap();
    places.remove(&rep).unwrap()
}

#[tokio::test]
async fn accepting_takes_it_and_the_message_says_so_without_its_buttons() {
    let (slack, mut world) = (Slack::start().await, world().await);
    let (id, owner, _) = opened(&mut world, "1").await;
    let shown = world.handoff(&id).await;
    let accept = Press::of(&slack, owner, "handoff_accept", value(&shown));
    let at = press(&mut world, &accept).await;
    let accepted = world.handoff(&id).await;
    assert_eq!((accepted.stage, accepted.accepted_at), (Stage::Accepted, Some(at)));
    let commit = world.store.history(&id).await.unwrap().pop().unwrap();
    assert_eq!(commit.actor, Actor::Person(owner.into()));
    let receipt = commit.cause.strip_prefix("slack receipt ").unwrap();
    let kept = world.store.receipt(&receipt.into()).await.unwrap();
    assert!(kept.body.starts_with(b"payload=%7B"), "the exact bytes are kept");
    let history = format!("{:?}", world.store.history(&id).await.unwrap());
    assert!(!history.contains("/actions/"), "the way back is not");

    let said = format!("Accepted by {}", name(&world.config, owner));
    let told = slack.told();
    let context = json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": said }] });
    let header = json!({
        "type": "header", "text": { "type": "plain_text", "text": "Dana + 50 % & co" },
    });
    let expected = json!({ "replace_original": true, "text": said, "blocks": [header, context] });
    assert_eq!(told, [expected]);

    // Pressed on a card that was never renewed: it stands so already.
    let again = Press { number: 2, ..Press::of(&slack, owner, "handoff_accept", value(&shown)) };
    press(&mut world, &again).await;
    assert_eq!(world.handoff(&id).await.version, accepted.version);
    assert_eq!(slack.sentence(), (said, true));
    world.read_mail();
}

#[tokio::test]
async fn giving_it_back_returns_it_to_its_sender_and_the_turn_to_its_owner() {
    let (slack, mut world) = (Slack::start().await, world().await);
    let (id, owner, _) = opened(&mut world, "1").await;
    let shown = world.handoff(&id).await;
    let reason = world.config.types[&shown.kind].reject_reasons[0].clone();
    let taken = place(&world, &shown, owner).await;

    let unlisted = format!("{}:boring", value(&shown));
    press(&mut world, &Press::of(&slack, owner, "handoff_reject", unlisted)).await;
    let (said, everybody) = slack.sentence();
    assert!(said.starts_with("`boring` is not one of this type's reasons to reject"), "{said}");
    assert!(!everybody);
    assert_eq!(world.handoff(&id).await.version, shown.version);

    let given = format!("{}:{reason}", value(&shown));
    press(&mut world, &Press::of(&slack, owner, "handoff_reject", given)).await;
    let returned = world.handoff(&id).await;
    assert_eq!((returned.stage, returned.owner), (Stage::Returned, None));
    let given_back = place(&world, &shown, owner).await;
    assert_eq!((taken.open, given_back.open), (1, 0));
    assert_eq!(taken.position - given_back.position, shown.turn.unwrap(), "the turn is theirs");
    let commit = world.store.history(&id).await.unwrap().pop().unwrap();
    let given_back = Change::Returned { reason: reason.clone(), by: owner.into() };
    assert!(commit.changes.contains(&given_back), "{commit:?}");
    let said = format!("Given back: {}", reason.replace('_', " "));
    assert_eq!(slack.sentence(), (said, true));
    world.read_mail();
}

#[tokio::test]
async fn having_been_in_touch_stops_the_clock_once_for_each_press() {
    let (slack, mut world) = (Slack::start().await, world().await);
    let (id, owner, _) = opened(&mut world, "1").await;
    let shown = world.handoff(&id).await;
    let first = Press::of(&slack, owner, "handoff_touch", value(&shown));
    let at = press(&mut world, &first).await;
    let touched = world.handoff(&id).await;
    assert_eq!((touched.stage, touched.first_touch_at), (Stage::Engaged, Some(at)));
    assert_eq!(touched.clocks[0].state, ClockState::Met);
    let said = format!("Contacted, logged by {}", name(&world.config, owner));
    assert_eq!(slack.sentence(), (said.clone(), true));

    // The same click again is the same touch, a minute later too.
    press(&mut world, &first).await;
    world.pass(Duration::minutes(1)).await;
    press(&mut world, &first).await;
    assert_eq!(world.handoff(&id).await.version, touched.version);
    assert!(slack.told().iter().all(|told| told["text"] == said.as_str()));
    // Another click is another.
    press(&mut world, &Press { number: 2, ..first }).await;
    assert_eq!(world.handoff(&id).await.version, touched.version + 1);
    slack.told();
    world.read_mail();
}

#[tokio::test]
async fn a_stranger_changes_nothing_and_is_told_what_is_missing() {
    let (slack, mut world) = (Slack::start().await, world().await);
    let (id, ..) = opened(&mut world, "1").await;
    let shown = world.handoff(&id).await;
    press(&mut world, &Press::of(&slack, "mallory", "handoff_accept", value(&shown))).await;
    assert_eq!(world.handoff(&id).await.version, shown.version);
    let expected = "Handoff does not know you: ask your admin to write \
                    `ids = { chat = \"U024MALLORY\" }` at your name.";
    assert_eq!(slack.sentence(), (expected.to_owned(), false));
    let nowhere = "01JD9Z7Q6N6R9X6W5R9S5G3H2K:v3".to_owned();
    press(&mut world, &Press::of(&slack, "amara", "handoff_accept", nowhere)).await;
    assert_eq!(slack.sentence(), ("This handoff is not here any more.".to_owned(), false));
    assert_eq!(world.store.quarantined(10).await.unwrap(), []);
    world.read_mail();
}

#[tokio::test]
async fn a_click_on_an_old_card_loses_to_who_was_faster_and_names_them() {
    let (slack, mut world) = (Slack::start().await, world().await);
    let (id, owner, other) = opened(&mut world, "1").await;
    let old = value(&world.handoff(&id).await);
    let moved = json!({ "owner": other, "reason": "on the phone" });
    assert_eq!(world.act("priya", &id, "reassign", moved).await.status, 200);
    world.pass(Duration::seconds(5)).await;
    press(&mut world, &Press::of(&slack, owner, "handoff_accept", old.clone())).await;
    let winner = name(&world.config, other).to_owned();
    let said = format!("{winner} has this now: it went to them 5 s ago.");
    assert_eq!(slack.sentence(), (said, false));

    assert_eq!(world.act(other, &id, "accept", json!({})).await.status, 200);
    world.pass(Duration::seconds(12)).await;
    let reject = Press { number: 2, ..Press::of(&slack, owner, "handoff_accept", old.clone()) };
    press(&mut world, &reject).await;
    assert_eq!(slack.sentence(), (format!("{winner} accepted this 12 s ago."), false));
    let reject = Press::of(&slack, owner, "handoff_reject", format!("{old}:duplicate"));
    press(&mut world, &reject).await;
    assert_eq!(slack.sentence(), (format!("{winner} accepted this 12 s ago."), false));
    let kept = world.handoff(&id).await;
    assert_eq!((kept.stage, kept.owner), (Stage::Accepted, Some(other.into())));
    assert_eq!(world.store.quarantined(10).await.unwrap(), []);
    world.read_mail();
}

#[tokio::test]
async fn an_old_card_of_what_is_theirs_still_is_good() {
    let (slack, mut world) = (Slack::start().await, world().await);
    let (id, owner, other) = opened(&mut world, "1").await;
    let old = value(&world.handoff(&id).await);
    world.act(other, &id, "note", json!({ "text": "met her in May" })).await;
    press(&mut world, &Press::of(&slack, owner, "handoff_accept", old)).await;
    assert_eq!(world.handoff(&id).await.stage, Stage::Accepted);
    slack.sentence();
    world.read_mail();
}

#[tokio::test]
async fn what_cannot_be_written_just_now_is_done_by_itself() {
    let slack = Slack::start().await;
    let refuses = Arc::new(AtomicBool::new(false));
    let plan = Arc::clone(&refuses);
    let setting = Setting { organisation: ORGANISATION.to_owned(), ..Setting::default() };
    let mut world = World::with(setting, |environment| {
        let http = environment.http();
        environment.with_http(faulty(http, move |operation, _| {
            let refused = operation == "TransactWriteItems" && plan.load(Ordering::SeqCst);
            if refused { Fault::Error(400, "AccessDeniedException") } else { Fault::None }
        }))
    })
    .await;
    let (id, owner, _) = opened(&mut world, "1").await;
    let shown = world.handoff(&id).await;
    refuses.store(true, Ordering::SeqCst);
    let touch = Press::of(&slack, owner, "handoff_touch", value(&shown));
    let pressed_at = world.now();
    let request = world.sender.slack(pressed_at, touch.form());
    let answer: Answer = world.post(request).await.into();
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    refuses.store(false, Ordering::SeqCst);
    let said = "This could not be written just now. It is done by itself, shortly.";
    assert_eq!(slack.sentence(), (said.to_owned(), false));
    assert_eq!(world.handoff(&id).await.version, shown.version);
    world.pass(Duration::minutes(2)).await;
    let touched = world.handoff(&id).await;
    assert_eq!(touched.first_touch_at, Some(pressed_at), "when it was pressed");
    assert_eq!(slack.told(), [] as [Value; 0], "nobody waits any more");
    press(&mut world, &touch).await;
    assert_eq!(world.handoff(&id).await.version, touched.version, "the same click");
    world.read_mail();
}

#[tokio::test]
async fn nobody_waits_long_for_who_does_not_listen_and_nobody_else_is_called() {
    let (slack, mut world) = (Slack::start().await, world().await);
    let (id, owner, _) = opened(&mut world, "1").await;
    slack.hangs.store(true, Ordering::SeqCst);
    let shown = world.handoff(&id).await;
    let before = Instant::now();
    press(&mut world, &Press::of(&slack, owner, "handoff_accept", value(&shown))).await;
    let took = before.elapsed();
    assert!((Real::from_millis(1_400)..Real::from_secs(3)).contains(&took), "{took:?}");
    assert_eq!(world.handoff(&id).await.stage, Stage::Accepted);
    assert_eq!(slack.told().len(), 1);
    let elsewhere = format!("http://127.0.0.1.nip.example:{}/actions/T1/2/key", slack.port);
    let touch = Press::of(&slack, owner, "handoff_touch", value(&shown));
    press(&mut world, &Press { back: elsewhere, ..touch }).await;
    assert_eq!(world.handoff(&id).await.stage, Stage::Engaged, "done all the same");
    assert_eq!(slack.told(), [] as [Value; 0]);
    world.read_mail();
}

#[tokio::test]
async fn what_is_no_order_is_answered_and_what_is_no_form_kept_aside() {
    let (slack, mut world) = (Slack::start().await, world().await);
    let (id, owner, _) = opened(&mut world, "1").await;
    let shown = world.handoff(&id).await;
    let open = Press::of(&slack, owner, "handoff_open", value(&shown));
    press(&mut world, &open).await;
    assert_eq!(slack.told(), [] as [Value; 0], "who opens a page needs no word");
    let challenge = json!({ "type": "url_verification", "challenge": "3eZbrw1a" });
    let asked = world.sender.slack(world.now(), challenge.to_string().into());
    let answer: Answer = world.post(asked).await.into();
    assert_eq!((answer.status, answer.text.as_str()), (200, "3eZbrw1a"));
    let broken = world.sender.slack(world.now(), "payload=%7B%zz".into());
    let answer: Answer = world.post(broken).await.into();
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    let aside = world.store.quarantined(10).await.unwrap();
    assert_eq!((aside.len(), aside[0].reason.as_str()), (1, "form"));
    let accept = Press::of(&slack, owner, "handoff_accept", value(&shown));
    let mut forged = world.sender.slack(world.now(), accept.form());
    *forged.body_mut() = [forged.body(), &b"&"[..]].concat().into();
    let answer: Answer = world.post(forged).await.into();
    assert_eq!(answer.status, 401);
    let late = world.sender.slack(world.now() - Duration::seconds(301), accept.form());
    let answer: Answer = world.post(late).await.into();
    assert_eq!(answer.status, 401);
    assert_eq!(world.handoff(&id).await.version, shown.version);
    world.read_mail();
}

#[tokio::test]
async fn a_card_that_a_bot_keeps_up_to_date_is_left_to_it() {
    let (slack, mut world) = (Slack::start().await, World::start().await);
    let (id, owner, _) = opened(&mut world, "1").await;
    let shown = world.handoff(&id).await;
    press(&mut world, &Press::of(&slack, owner, "handoff_accept", value(&shown))).await;
    assert_eq!(world.handoff(&id).await.stage, Stage::Accepted);
    let said = format!("Accepted by {}.", name(&world.config, owner));
    assert_eq!(slack.sentence(), (said, false), "and the card says so by itself");
}
