//! The real binary as a process: how it refuses, and what its commands do to what another left.

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails; its process runs by the system's clock"
)]

mod keeping;

use chrono::Utc;
use local::{
    Parts, Setup, assembly,
    sample::{PUBLIC_URL, Sender},
};
use serde_json::{Value, json};
use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};
use store::Quarantined;

fn handoff(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handoff"));
    command.args(arguments).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

fn output(arguments: &[&str]) -> Output {
    handoff(arguments).output().expect("the binary runs")
}

fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback is there");
    listener.local_addr().expect("a bound listener").port().to_string()
}

fn folder(name: &str) -> PathBuf {
    let folder = env::temp_dir().join(format!("handoff-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    folder
}

/// Checks that a call ends with exit 2 and a sentence that names what is in the way.
fn refuses(arguments: &[&str], names: &str) {
    let output = output(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(names), "{said}");
}

#[test]
fn a_taken_port_is_a_sentence_and_exit_2() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("loopback is there");
    let port = taken.local_addr().expect("a bound listener").port().to_string();
    refuses(&["up", "--empty", "--port", &port], &port);
}

#[test]
fn a_data_directory_that_cannot_be_written_is_a_sentence_and_exit_2() {
    refuses(&["up", "--empty", "--port", &free_port(), "--data", "/proc/nowhere"], "/proc/nowhere");
}

#[test]
fn a_corrupt_data_file_is_a_sentence_and_stays_as_it_is() {
    let data = folder("corrupt");
    fs::create_dir_all(&data).expect("a temporary directory");
    let file = data.join("dynamodb.sqlite");
    fs::write(&file, "this is no database, but it is somebody's".repeat(200)).expect("a file");
    let before = fs::read(&file).expect("the file");
    let path = data.to_string_lossy().into_owned();
    refuses(&["up", "--empty", "--port", &free_port(), "--data", &path], "dynamodb.sqlite");
    assert_eq!(fs::read(&file).expect("the file"), before, "nothing was overwritten");
    let _ = fs::remove_dir_all(data);
}

#[test]
fn a_wrong_configuration_shows_every_problem_with_its_place() {
    let data = folder("config");
    fs::create_dir_all(&data).expect("a temporary directory");
    let file = data.join("wrong.toml");
    let sample = include_str!("../../../local/sample/organisation.toml");
    let wrong = sample
        .replacen("pool = \"sdr_americas\"", "pool = \"sdr_mars\"", 1)
        .replacen("lane = \"inbound\"", "lane = \"outbound\"", 1)
        .replacen("lead.country in", "lead.contry in", 1);
    fs::write(&file, wrong).expect("a file");
    let output = output(&["check", &file.to_string_lossy()]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    for problem in ["sdr_mars", "outbound", "contry", "wrong.toml:"] {
        assert!(said.contains(problem), "no {problem} in {said}");
    }
    let _ = fs::remove_dir_all(data);
}

/// A running system, killed when it is dropped.
struct Running {
    child: Child,
    port: String,
}

impl Running {
    fn start(data: &Path) -> Self {
        let port = free_port();
        let data = data.to_string_lossy().into_owned();
        let mut child = handoff(&["up", "--empty", "--port", &port, "--data", &data])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        let mut lines = BufReader::new(child.stdout.take().expect("its stdout")).lines();
        let ready = lines.any(|line| line.is_ok_and(|line| line.starts_with("ready ")));
        assert!(ready, "it never became ready");
        Self { child, port }
    }

    fn call(&self, head: &str, body: &[u8]) -> Option<(u16, Value)> {
        let mut stream = TcpStream::connect(format!("127.0.0.1:{}", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
        let length = body.len();
        let head = format!(
            "{head}host: 127.0.0.1\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(body).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let status = answer.split_whitespace().nth(1)?.parse().ok()?;
        let body = answer.split_once("\r\n\r\n")?.1;
        Some((status, serde_json::from_str(body).ok()?))
    }

    /// Sends a demo request; the handoff it opened, if it was acknowledged.
    fn demo_request(&self, id: &str) -> Option<String> {
        self.request(id, &json!({ "country": "GB" }))
    }

    /// Sends a demo request of somebody of whom this is known.
    fn request(&self, id: &str, known: &Value) -> Option<String> {
        let now = Utc::now();
        let mut subject = json!({ "crm": "hubspot", "object": "contact", "id": id });
        subject.as_object_mut()?.extend(known.as_object()?.clone());
        let body = json!({
            "type": "demo.requested", "timestamp": now.to_rfc3339(), "data": { "subject": subject },
        });
        let answer = self.send(&Sender::new(PUBLIC_URL).generic(id, now, &body))?;
        answer["opened"][0].as_str().map(str::to_owned)
    }

    /// Sends a webhook; what it was answered.
    fn send(&self, request: &http::Request<bytes::Bytes>) -> Option<Value> {
        let mut head = format!("POST {} HTTP/1.1\r\n", request.uri());
        for (name, value) in request.headers() {
            head += &format!("{name}: {}\r\n", value.to_str().ok()?);
        }
        let (status, answer) = self.call(&head, request.body())?;
        assert_eq!(status, 200, "{answer}");
        Some(answer)
    }

    fn handoff(&self, id: &str) -> Option<(u16, Value)> {
        self.call(&format!("GET /api/handoffs/{id} HTTP/1.1\r\n"), b"")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_pushed_configuration_is_stored_once_and_shown_as_a_difference_and_up_runs_it() {
    let data = folder("push");
    fs::create_dir_all(&data).expect("a temporary directory");
    let path = data.to_string_lossy().into_owned();
    let file = data.join("organisation.toml");
    let name = file.to_string_lossy().into_owned();
    let said = |arguments: &[&str]| {
        let output = output(arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    fs::write(&file, local::sample::ORGANISATION).expect("a file");
    let push = ["push", &name, "--data", &path];
    let first = said(&push);
    assert!(first.starts_with("Stored as version 1, the first.\nInvited by mail to "), "{first}");
    let again = said(&push);
    let expected = "Version 1 says this already: nothing was stored.\nWere invited before and ";
    assert!(again.starts_with(expected), "{again}");
    let other = local::sample::ORGANISATION
        .replace("name = \"Northwind Analytics\"", "name = \"Southwind\"");
    fs::write(&file, &other).expect("a file");
    let preview = said(&["push", &name, "--data", &path, "--preview"]);
    assert!(preview.contains("-name = \"Northwind Analytics\""), "{preview}");
    assert!(preview.contains("+1 -1 lines. Nothing was stored.\n"), "{preview}");
    assert!(preview.ends_with("Nothing was handed over in the last thirty days to try it on.\n"));
    let elsewhere = data.join("nowhere");
    let nowhere = elsewhere.to_string_lossy().into_owned();
    refuses(&["push", &name, "--data", &nowhere, "--preview"], "There is nothing at");
    assert!(!elsewhere.exists(), "a preview makes nothing");
    let pushed = said(&push);
    assert!(pushed.contains("\nStored as version 2 after 1: +1 -1 lines.\n"), "{pushed}");
    // The system runs what was pushed, not the sample.
    let port = free_port();
    let mut up = handoff(&["up", "--empty", "--port", &port, "--data", &path]);
    let mut running = up.stdout(Stdio::piped()).spawn().expect("the binary runs");
    let mut ready = String::new();
    let out = running.stdout.take().expect("its output");
    BufReader::new(out).read_line(&mut ready).expect("a line");
    refuses(&push, "in use by another handoff process");
    let _ = running.kill();
    let _ = running.wait();
    assert!(ready.starts_with("ready "), "{ready}");
    assert!(said(&push).starts_with("Version 2 says this already: nothing was stored.\n"));
    fs::write(&file, "[organisation]\n").expect("a file");
    refuses(&push, "is no good");
    refuses(&["push", &name], "--data");
    let _ = fs::remove_dir_all(data);
}

#[test]
fn an_absence_is_recorded_where_nothing_runs_and_the_desk_shows_it() {
    let data = folder("absence");
    fs::create_dir_all(&data).expect("a temporary directory");
    let path = data.to_string_lossy().into_owned();
    let times = ["--from", "2020-07-06T08:00:00Z", "--to", "2126-07-08T08:00:00Z"];
    let absence = |rep: &str, more: &[&str]| {
        let arguments = [&["absence", rep, "--data", &path], more].concat();
        arguments.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let call =
        |arguments: &[String]| output(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let refused = call(&absence("amara", &times));
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no configuration there yet"));
    drop(Running::start(&data));
    let nobody = call(&absence("mallory", &times));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("nobody called `mallory`"));
    let done = call(&absence("amara", &times));
    assert!(done.status.success(), "{done:?}");
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(said.starts_with("Amara Okafor is away from Mon 6 Jul 2020 09:00:00 to "), "{said}");
    let running = Running::start(&data);
    let owner = |id: &str| {
        let id = running.demo_request(id).expect("it was acknowledged");
        let found = (0..100).find_map(|_| {
            std::thread::sleep(Duration::from_millis(50));
            running.handoff(&id)?.1["owner"].as_str().map(str::to_owned)
        });
        found.expect("it has an owner")
    };
    // The rotation would begin with her.
    assert_eq!([owner("a1"), owner("a2")], ["ben", "ben"]);
    drop(running);
    let back = call(&absence("amara", &["--end", "--json"]));
    let said: Value = serde_json::from_slice(&back.stdout).expect("a document");
    assert_eq!(said, json!({ "rep": "amara", "absent_from": null, "absent_to": null }));
    let _ = fs::remove_dir_all(data);
}

#[test]
fn what_is_in_quarantine_is_redriven_when_the_configuration_has_learned_to_read_it() {
    let data = folder("redrive");
    fs::create_dir_all(&data).expect("a temporary directory");
    let path = data.to_string_lossy().into_owned();
    let redrive = |more: &[&str]| {
        let arguments = [&["redrive", "--data", &path], more].concat();
        let output = output(&arguments);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), said)
    };
    refuses(&["redrive", "--data", &path], "no configuration there yet");
    let running = Running::start(&data);
    let entry = json!([{
        "eventId": 1, "subscriptionId": 2, "objectId": 3, "occurredAt": 1_767_605_400_000_u64,
        "subscriptionType": "contact.propertyChange",
        "propertyName": "recent_conversion_event_name", "propertyValue": "Booked a demo",
    }]);
    // HubSpot signs the address it was given.
    let sender = Sender::new(&format!("http://127.0.0.1:{}", running.port));
    let request = sender.hubspot_app(Utc::now(), entry.to_string().into());
    let answer = running.send(&request).expect("it was acknowledged");
    assert_eq!(answer["quarantined"], 1, "{answer}");
    let receipt = answer["receipt"].as_str().expect("a receipt").to_owned();
    let in_use = output(&["redrive", "--data", &path]);
    let said = String::from_utf8_lossy(&in_use.stderr).into_owned();
    assert!(in_use.status.code() == Some(2) && said.contains("in use by another"), "{said}");
    drop(running);

    let (code, said) = redrive(&[]);
    assert_eq!(code, Some(1), "{said}");
    let line = format!("left     receipt {receipt}, put aside by intake ");
    assert!(said.starts_with(&line) && said.contains(": field:portalId\n"), "{said}");
    assert!(said.ends_with("0 went through, 1 left.\n"), "{said}");
    let mended = data.join("mended.toml");
    let text = local::sample::ORGANISATION.replacen("senders = [\"62515\"]", "senders = []", 1);
    fs::write(&mended, text).expect("a file");
    let pushed = output(&["push", &mended.to_string_lossy(), "--data", &path]);
    assert!(pushed.status.success(), "{pushed:?}");

    let (code, said) = redrive(&["--until", "2020-01-01"]);
    assert_eq!((code, said.as_str()), (Some(0), "Nothing of that is in quarantine.\n"));
    let (code, said) = redrive(&["--dry-run"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.ends_with("can be read now\n1 would go through, 0 left.\n"), "{said}");
    let (code, said) = redrive(&["--json"]);
    let said: Value = serde_json::from_str(&said).expect("a document");
    let thing = &said["things"][0];
    assert_eq!((code, &said["through"], &said["left"]), (Some(0), &json!(1), &json!(0)), "{said}");
    assert_eq!((&thing["what"], &thing["came"]), (&json!(receipt), &json!("through")), "{said}");
    assert_eq!(
        (&thing["reasons"], &thing["said"]),
        (&json!({"field:portalId": 1}), &json!("1 opened"))
    );
    assert_eq!(redrive(&[]), (Some(0), "Nothing is in quarantine.\n".to_owned()));
    let (code, said) = redrive(&["--receipt", &receipt]);
    assert!(code == Some(0) && said.contains("1 settled before"), "{said}");
    let (code, said) = redrive(&["--receipt", "nobody"]);
    assert!(code == Some(1) && said.contains("there is no receipt `nobody`"), "{said}");
    refuses(&["redrive", "--data", &path, "--since", "yesterday"], "2026-01-05");
    refuses(
        &["redrive", "--data", &path, "--since", "2026-01-02", "--until", "2026-01-01"],
        "ends before it begins",
    );

    // What went through has its effect as soon as the system runs.
    let running = Running::start(&data);
    let health = running.call("GET /api/health HTTP/1.1\r\n", b"").expect("an answer").1;
    assert_eq!(health["quarantine"], 0, "{health}");
    let queue = running.call("GET /api/handoffs HTTP/1.1\r\n", b"").expect("an answer").1;
    assert_eq!(queue["handoffs"].as_array().map(Vec::len), Some(1), "{queue}");
    let id = queue["handoffs"][0]["id"].as_str().expect("an id").to_owned();
    drop(running);

    // Numbers that are put right before what waits is counted would have it twice.
    plant(&data, &aside("metrics", &format!("{id}:1")));
    refuses(&["audit", "--rebuild", "--data", &path], "run `handoff redrive` first");
    let (code, said) = redrive(&[]);
    assert!(code == Some(0) && said.contains("         counted\n"), "{said}");
    let _ = fs::remove_dir_all(data);
}

/// Puts something aside in a system that does not run.
fn plant(data: &Path, aside: &Quarantined) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let (clock, _) = runtime::Clock::hand(Utc::now());
        let (data, table) = (Some(data.to_owned()), assembly::TABLE.to_owned());
        let parts = Parts::start(Setup { data, table, rules: Vec::new(), clock });
        let parts = parts.expect("the engine starts");
        let store = assembly::environment(&parts).store();
        store.quarantine(aside, "1").await.expect("a table");
    });
}

fn aside(by: &str, what: &str) -> Quarantined {
    Quarantined {
        what: what.to_owned(),
        kind: "commit".to_owned(),
        by: by.to_owned(),
        reason: "json".to_owned(),
        at: Utc::now(),
        part: None,
    }
}

#[tokio::test]
async fn what_the_relay_put_aside_needs_a_bus_and_what_metrics_did_comes_before_a_rebuild() {
    let (clock, _) = runtime::Clock::hand(Utc::now());
    let table = assembly::TABLE.to_owned();
    let setup = Setup { data: None, table, rules: Vec::new(), clock: clock.clone() };
    let parts = Parts::start(setup).expect("the engine starts");
    let store = assembly::environment(&parts).store();
    let wiring = assembly::Wiring { clock, ids: runtime::Ids::seeded(1), abreast: 1 };
    let config = assembly::establish(&store, local::sample::ORGANISATION, &wiring).await;
    config.expect("the sample is good");
    let (endpoint, wire) = (parts.dynamodb_endpoint(), parts.wire_endpoint());
    let there = |arguments: &[&str]| {
        let mut command = handoff(arguments);
        command.args(["--table", assembly::TABLE]).env("AWS_REGION", "local");
        command.env("AWS_ACCESS_KEY_ID", "local").env("AWS_SECRET_ACCESS_KEY", "local");
        let output = command.env("AWS_ENDPOINT_URL", &endpoint).output().expect("the binary runs");
        let said = [&output.stdout[..], &output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    };
    assert_eq!(there(&["redrive"]), (Some(0), "Nothing is in quarantine.\n".to_owned()));
    store.quarantine(&aside("relay", "nobody:1"), "1").await.expect("a table");
    let (code, said) = there(&["redrive"]);
    assert!(code == Some(2) && said.contains("BusName and TopicArn"), "{said}");
    let (code, said) = there(&["redrive", "--by", "metrics"]);
    assert_eq!((code, said.as_str()), (Some(0), "Nothing of that is in quarantine.\n"));
    let (code, said) = there(&["redrive", "--bus", "handoff", "--topic", &wire]);
    assert!(code == Some(1) && said.contains("there is no commit `nobody:1`"), "{said}");

    let (code, said) = there(&["audit", "--rebuild"]);
    assert_eq!(code, Some(0), "{said}");
    store.quarantine(&aside("metrics", "nobody:1"), "2").await.expect("a table");
    assert_eq!(there(&["audit", "--rebuild"]).0, Some(0), "nobody can count that");
}

#[test]
fn everything_is_silenced_for_a_while_and_says_so_until_it_is_ended() {
    let data = folder("mute");
    fs::create_dir_all(&data).expect("a temporary directory");
    let path = data.to_string_lossy().into_owned();
    refuses(&["mute", "--data", &path], "no configuration there yet");
    let mut up = handoff(&["up", "--empty", "--port", &free_port(), "--data", &path]);
    let mut running = up.stdout(Stdio::piped()).spawn().expect("the binary runs");
    let mut ready = String::new();
    let out = running.stdout.take().expect("its output");
    BufReader::new(out).read_line(&mut ready).expect("a line");
    let _ = running.kill();
    let _ = running.wait();
    let muted = output(&["mute", "--for", "2h", "--data", &path, "--json"]);
    let said: Value = serde_json::from_slice(&muted.stdout).expect("a document");
    assert_eq!((&said["muted"], said["until"].is_string()), (&Value::Bool(true), true));
    let read = |data: &Path| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let (clock, _) = runtime::Clock::hand(Utc::now());
            let (data, table) = (Some(data.to_owned()), assembly::TABLE.to_owned());
            let parts = Parts::start(Setup { data, table, rules: Vec::new(), clock });
            let parts = parts.expect("the engine starts");
            assembly::environment(&parts).store().mute(Utc::now()).await.expect("a table")
        })
    };
    assert!(read(&data).is_some_and(|mute| mute.until.is_some()));
    let ended = output(&["unmute", "--data", &path]);
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(read(&data), None);
    refuses(&["mute", "--for", "soon", "--data", &path], "soon");
    let _ = fs::remove_dir_all(data);
}

#[test]
fn a_replay_says_what_another_configuration_would_have_made_of_the_past() {
    let data = folder("replay");
    fs::create_dir_all(&data).expect("a temporary directory");
    let path = data.to_string_lossy().into_owned();
    let other = data.join("other.toml");
    let name = other.to_string_lossy().into_owned();
    let text = local::sample::ORGANISATION;
    let shifted = text.replacen("{ rep = \"ben\" }", "{ rep = \"ben\", weight = 4 }", 1);
    fs::write(&other, shifted).expect("a file");
    let replay = ["replay", "--config", &name, "--data", &path];
    refuses(&replay, "no configuration yet");
    // The sample traffic is the past.
    let mut up = handoff(&["up", "--port", &free_port(), "--data", &path]);
    let mut running = up.stdout(Stdio::piped()).spawn().expect("the binary runs");
    let mut ready = String::new();
    let out = running.stdout.take().expect("its output");
    BufReader::new(out).read_line(&mut ready).expect("a line");
    assert!(ready.starts_with("ready "), "{ready}");
    let _ = running.kill();
    let _ = running.wait();
    let json = output(&[&replay[..], &["--json"]].concat());
    assert!(json.status.success(), "{json:?}");
    let said: Value = serde_json::from_slice(&json.stdout).expect("a document");
    assert!(said["handoffs"].as_u64() > Some(5), "{said}");
    let again = output(&[&replay[..], &["--json", "--until", "2020-01-01T00:00:00Z"]].concat());
    let none: Value = serde_json::from_slice(&again.stdout).expect("a document");
    assert_eq!(none["handoffs"], 0, "{none}");
    let told = output(&replay);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("Ben Whitlock") && told.contains("turns apart"), "{told}");
    let until = ["--since", "2026-01-02T00:00:00Z", "--until", "2026-01-01T00:00:00Z"];
    refuses(&[&replay[..], &until].concat(), "ends before it begins");
    let _ = fs::remove_dir_all(data);
}
