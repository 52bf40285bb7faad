//! What the table, the network and the process do while a message is taken in: rows 43 to 48.
//!
//! A good message is first counted: how many requests one intake makes for it. Then each of them is
//! spoiled in turn, in every way, and the message must come to exactly one effect: at once where
//! the fault passes, else when its sender tries again.

use super::{
    Door,
    hook::{Hook, monday},
};
use ::bytes::Bytes;
use chrono::Duration;
use futures::future::join_all;
use http::{Request, Response, header};
use local::{
    Gateway, HttpHandler, Parts, Setup,
    assembly::{self, Wiring},
    live,
    sample::ORGANISATION,
};
use runtime::{Clock, Configs, Ids, Outside, Secrets};
use serde_json::Value;
use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};
use tests::{
    Answer,
    faults::{Asked, Fault, faulty, killable, listened},
};
use tokio::sync::Notify;

/// How many copies come at once.
const COPIES: usize = 200;

/// A good message.
fn message() -> Request<Bytes> {
    let body = Hook::Generic.opens("7", monday(), "x");
    Hook::Generic.posts("m", monday(), body)
}

/// An intake of its own over the door's table, whose requests a plan spoils.
fn spoiled(
    door: &Door,
    plan: impl Fn(&str, u64) -> Fault + Send + Sync + 'static,
) -> (HttpHandler, Arc<Notify>) {
    let environment = assembly::environment(door.world.cloud.parts());
    let (http, hung) = killable(environment.http(), plan);
    let (clock, _) = Clock::hand(door.world.now());
    let wiring = Wiring { clock, ids: Ids::seeded(77), abreast: 1 };
    (assembly::functions(&environment.with_http(http), &wiring).intake, hung)
}

/// Spoils one request.
fn at(place: u64, fault: Fault) -> impl Fn(&str, u64) -> Fault + Send + Sync + 'static {
    move |_, number| if number == place { fault } else { Fault::None }
}

/// Lists the requests one intake makes to take a good message in.
async fn requests() -> Vec<String> {
    let (door, made) = (Door::open().await, Arc::new(Mutex::new(Vec::new())));
    let list = Arc::clone(&made);
    let (intake, _) = spoiled(&door, move |operation, _| {
        list.lock().unwrap().push(operation.to_owned());
        Fault::None
    });
    assert_eq!(intake(message()).await.status(), 200);
    let made = made.lock().unwrap().clone();
    assert!(made.len() > 5 && made.contains(&"PutItem".to_owned()), "{made:?}");
    assert!(made.contains(&"TransactWriteItems".to_owned()), "{made:?}");
    made
}

async fn read(answer: Response<Bytes>) -> Answer {
    Answer::from(answer)
}

/// Checks that there is one handoff, that it opened once, and that what follows comes to rest.
async fn has_one_effect(door: &mut Door, what: &str) {
    // What an intake beside this world's leaves behind is found with the next sweep.
    door.world.pass(Duration::seconds(61)).await;
    let opened = door.opened().await;
    assert_eq!(opened.len(), 1, "{what}");
    let history = door.world.store.history(&opened[0]).await.unwrap();
    assert_eq!(history.len(), 2, "{what}: opened and assigned, nothing else: {history:?}");
}

/// Spoils each request of a message in each way: the sender notices nothing, and it has one effect.
async fn hide(faults: &[Fault]) {
    for (place, operation) in requests().await.iter().enumerate() {
        for fault in faults.iter().copied() {
            let what = format!("{fault:?} at {place}, {operation}");
            let mut door = Door::open().await;
            let (intake, _) = spoiled(&door, at(place as u64, fault));
            let answer = read(intake(message()).await).await;
            assert_eq!(answer.status, 200, "{what}: {answer:?}");
            answer.opened();
            has_one_effect(&mut door, &what).await;
        }
    }
}

#[tokio::test]
async fn row_43_a_throttled_request_is_made_again_in_time() {
    hide(&[Fault::Throttle, Fault::Error(500, "InternalServerError"), Fault::Reset]).await;
}

#[tokio::test]
async fn row_44_a_reply_that_is_lost_after_the_commit_is_known_again() {
    hide(&[Fault::LostReply, Fault::ForgottenReply]).await;
}

/// Sends copies of one message at once; counts how they were answered.
async fn at_once(intake: &HttpHandler, copies: usize) -> (usize, usize) {
    let answers = join_all((0..copies).map(|_| intake(message()))).await;
    let (mut opened, mut duplicates) = (0, 0);
    for answer in answers {
        let answer = read(answer).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!((&answer.body["pending"], &answer.body["quarantined"]), (&0.into(), &0.into()));
        opened += answer.body["opened"].as_array().unwrap().len();
        duplicates += usize::try_from(answer.body["duplicates"].as_u64().unwrap()).unwrap();
    }
    (opened, duplicates)
}

#[tokio::test]
async fn row_45_copies_that_hold_each_others_rows_are_one_effect() {
    for conflicts in 0..=8 {
        let mut door = Door::open().await;
        let seen = AtomicU64::new(0);
        let (intake, _) = spoiled(&door, move |operation, _| {
            let is_write = operation == "TransactWriteItems";
            match is_write && seen.fetch_add(1, Ordering::SeqCst) < conflicts {
                true => Fault::Conflict,
                false => Fault::None,
            }
        });
        assert_eq!(at_once(&intake, 5).await, (1, 4), "{conflicts} conflicts");
        has_one_effect(&mut door, &format!("{conflicts} conflicts")).await;
    }
}

#[tokio::test]
async fn row_46_a_killed_process_leaves_one_effect_when_it_is_sent_again() {
    for (place, operation) in requests().await.iter().enumerate() {
        for fault in [Fault::Hang, Fault::HangAfter] {
            let what = format!("{fault:?} at {place}, {operation}");
            let mut door = Door::open().await;
            let (intake, hung) = spoiled(&door, at(place as u64, fault));
            // Where it hangs it is dropped, as it is.
            tokio::select! {
                answer = intake(message()) => panic!("{what}: {answer:?}"),
                () = hung.notified() => {}
            }
            let (answer, _) = door.kept(message(), &what).await;
            let told = answer.body["opened"].as_array().unwrap().len();
            let duplicates = usize::try_from(answer.body["duplicates"].as_u64().unwrap()).unwrap();
            assert_eq!(told + duplicates, 1, "{what}: {answer:?}");
            has_one_effect(&mut door, &what).await;
        }
    }
}

#[tokio::test]
async fn row_47_two_hundred_copies_at_once_are_one_effect() {
    let mut door = Door::open().await;
    let (intake, _) = spoiled(&door, |_, _| Fault::None);
    assert_eq!(at_once(&intake, COPIES).await, (1, COPIES - 1));
    has_one_effect(&mut door, "two hundred").await;
}

/// Sends one request over a socket of its own; gives the status line's code, and how long it took.
fn send(address: &str, request: &[u8]) -> (String, u128) {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let code = answer.split(' ').nth(1).unwrap_or_default().to_owned();
    (code, begun.elapsed().as_millis())
}

#[tokio::test]
async fn row_47_two_hundred_copies_over_two_hundred_sockets_are_one_effect() {
    let clock = Clock::system();
    let (table, rules) = (assembly::TABLE.to_owned(), assembly::rules());
    let setup = Setup { data: None, table, rules, clock: clock.clone() };
    let parts = Parts::start(setup).unwrap();
    let environment = assembly::environment(&parts);
    let store = environment.store();
    let wiring = Wiring { clock: clock.clone(), ids: Ids::random(), abreast: 10 };
    assembly::establish(&store, ORGANISATION, &wiring).await.unwrap();
    let functions = assembly::functions(&environment, &wiring);
    let gateway = Gateway::bind(0).unwrap();
    let address = gateway.url().trim_start_matches("http://").to_owned();
    let stop = Arc::new(Notify::new());
    let stopped = Arc::clone(&stop);
    let shutdown = async move { stopped.notified().await };
    let running = tokio::spawn(live::run(parts, functions, Vec::new(), gateway, shutdown));

    let body = Hook::Generic.opens("7", clock.now(), "x");
    let request = Hook::Generic.posts("m", clock.now(), body);
    let mut raw = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n",
        request.uri().path(),
        request.body().len()
    );
    for (name, value) in request.headers() {
        raw += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    let raw: Arc<Vec<u8>> = Arc::new([raw.as_bytes(), b"\r\n", request.body()].concat());
    let copies = (0..COPIES).map(|_| {
        let (address, raw) = (address.clone(), Arc::clone(&raw));
        tokio::task::spawn_blocking(move || send(&address, &raw))
    });
    let mut took = Vec::new();
    for answer in join_all(copies).await {
        let (code, took_ms) = answer.unwrap();
        assert_eq!(code, "200");
        took.push(took_ms);
    }
    took.sort_unstable();
    println!(
        "{COPIES} at once: {} ms in the middle, {} ms at p99",
        took[COPIES / 2],
        took[COPIES * 99 / 100]
    );
    let today = clock.now().date_naive();
    let opened = store.opened_on(today).await.unwrap();
    assert_eq!(opened.len(), 1);
    let history = store.history(&opened[0]).await.unwrap();
    let openings = history.iter().flat_map(|commit| &commit.changes);
    let openings = openings.filter(|it| matches!(it, domain::Change::Opened { .. }));
    assert_eq!(openings.count(), 1, "{history:?}");
    stop.notify_one();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn row_48_a_panic_is_answered_503_and_the_next_request_is_fine() {
    for (place, operation) in requests().await.iter().enumerate() {
        let what = format!("a panic at {place}, {operation}");
        let mut door = Door::open().await;
        let (intake, _) = spoiled(&door, at(place as u64, Fault::Panic));
        let answer = intake(message()).await;
        assert_eq!(answer.status(), 503, "{what}");
        assert!(answer.headers().contains_key(header::RETRY_AFTER), "{what}");
        let document: Value = serde_json::from_slice(answer.body()).unwrap();
        assert!(document["detail"].as_str().unwrap().contains("send it again"), "{document}");
        door.world.expects_errors();
        // The same process goes on, and another sender's message is fine; so is this one again.
        let body = Hook::Generic.opens("8", monday(), "x");
        let other = intake(Hook::Generic.posts("other", monday(), body)).await;
        assert_eq!(other.status(), 200, "{what}: the next request");
        assert_eq!(read(other).await.opened().as_str().len(), 26, "{what}");
        assert_eq!(intake(message()).await.status(), 200, "{what}: sent again");
        door.world.settle().await;
        assert_eq!(door.opened().await.len(), 2, "{what}");
    }
}

#[tokio::test]
async fn row_48_what_was_stored_before_a_panic_is_there_after_it() {
    let made = requests().await;
    let write = made.iter().position(|operation| operation == "TransactWriteItems").unwrap();
    let door = Door::open().await;
    let environment = assembly::environment(door.world.cloud.parts());
    let (http, asked) = listened(environment.http());
    let http = faulty(http, at(write as u64, Fault::Panic));
    let (clock, _) = Clock::hand(door.world.now());
    let wiring = Wiring { clock, ids: Ids::seeded(77), abreast: 1 };
    let intake = assembly::functions(&environment.with_http(http), &wiring).intake;
    assert_eq!(intake(message()).await.status(), 503);
    door.world.expects_errors();
    let key = asked.put().into_iter().find(|key| key.starts_with("RECEIPT#")).unwrap();
    let receipt = key.trim_start_matches("RECEIPT#").into();
    let kept = door.world.store.receipt(&receipt).await.unwrap();
    assert_eq!(kept.body, message().body().as_ref());
}

/// Sends a body to an intake of its own, which settles so many events abreast; tells what it asked
/// of the table.
pub(super) async fn alone(door: &Door, abreast: usize, hook: Hook, body: String) -> (Value, Asked) {
    let environment = assembly::environment(door.world.cloud.parts());
    let (http, asked) = listened(environment.http());
    let (clock, _) = Clock::hand(door.world.now());
    let wiring = Wiring { clock, ids: Ids::seeded(77), abreast };
    let intake = assembly::functions(&environment.with_http(http), &wiring).intake;
    let answer = read(intake(hook.posts("m", door.world.now(), body)).await).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    (answer.body, asked)
}

/// Sends a HubSpot batch to an intake whose clock runs on by 200 ms at each of its requests.
pub(super) async fn with_a_slow_clock(door: &mut Door, batch: String) {
    let (clock, hand) = Clock::hand(door.world.now());
    let environment = assembly::environment(door.world.cloud.parts());
    let http = faulty(environment.http(), move |_, _| {
        hand.move_to(hand.now() + Duration::milliseconds(200));
        Fault::None
    });
    let store = environment.with_http(http).store();
    let configs = Configs::new(store.clone());
    let parts = (clock, Ids::seeded(77));
    let intake =
        intake::Intake::new(store, configs, (Secrets::sample(), Outside::local()), parts, 1);
    let request = Hook::Hubspot.posts("m", door.world.now(), batch);
    let answer = read(intake.handle(request).await).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body["pending"].as_u64().unwrap() > 0, "{answer:?}");
}
