//! Flooded by strangers: every genuine webhook is answered 200, every other 401, and nothing of a
//! stranger's is stored; what strangers hold is bounded.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    sync::Mutex,
    thread,
};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use crate::{
    client::{Client, SECRET, now, signed},
    outside::{open_files, receipts},
    system::{System, folder},
};

/// Genuine webhooks, by how many senders.
const GENUINE: usize = 60;
const SENDERS: usize = 3;

/// Webhooks of strangers, by how many of them.
const STRANGE: usize = 10 * GENUINE;
const STRANGERS: usize = 12;

/// Connections that say half of something, and stay.
const HELD: usize = 300;

/// Connections the gateway keeps, and files a program may usually have open where that is least.
const CONNECTIONS_MAX: usize = 128;
const FILES_MAX: usize = 256;

/// How often a sender tries a webhook whose connection broke.
const TRIES: usize = 5;

#[test]
fn a_flood_of_strangers_stores_nothing_and_keeps_nobody_out() {
    let data = folder("rough-flood");
    let log = data.with_extension("log");
    let system = System::start(&["--data", &data.to_string_lossy()], &log);
    let address = system.ready().expect("it starts");
    let held: Vec<TcpStream> = (0..HELD).map(|_| half_said(&address)).collect();
    let (answered, refused) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for stranger in 0..STRANGERS {
            let (address, refused) = (&address, &refused);
            scope.spawn(move || {
                for number in (stranger..STRANGE).step_by(STRANGERS) {
                    let status = strange(&mut Client::new(address), number);
                    refused.lock().expect("nobody panicked").push(status);
                }
            });
        }
        for sender in 0..SENDERS {
            let (address, answered) = (&address, &answered);
            scope.spawn(move || {
                let mut client = Client::new(address);
                for number in (sender..GENUINE).step_by(SENDERS) {
                    let opened = genuine(&mut client, number);
                    answered.lock().expect("nobody panicked").push(opened);
                }
            });
        }
    });
    let (answered, refused) = (answered.into_inner(), refused.into_inner());
    let (mut opened, refused) = (answered.expect("all"), refused.expect("all"));
    opened.sort();
    opened.dedup();
    assert_eq!(opened.len(), GENUINE, "each opened one of its own");
    assert_eq!(refused, vec![401; STRANGE]);
    let kept = held.iter().filter(|stream| is_open(stream)).count();
    assert!(kept <= CONNECTIONS_MAX, "{kept} connections are held that say nothing");
    if let Some(files) = open_files(&system.process()) {
        assert!(files < FILES_MAX, "{files} files are open");
    }
    assert_eq!(receipts(&data).ok(), i64::try_from(GENUINE).ok(), "what is genuine is stored");
    drop(held);
    assert!(system.stop().success());
    let _ = std::fs::remove_file(log);
    let _ = std::fs::remove_dir_all(data);
}

/// Connects, says half of a head, and stays.
fn half_said(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(b"POST /hooks/generic HTTP/1.1\r\nhost:").expect("it takes that");
    stream.set_nonblocking(true).expect("a socket");
    stream
}

/// Tells whether the other side still holds a connection.
fn is_open(mut stream: &TcpStream) -> bool {
    stream.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// Sends what no source signed, in every way that is not; the status.
fn strange(client: &mut Client, number: usize) -> u16 {
    let (id, at) = (format!("strange-{number}"), now());
    let body = match number {
        0..4 => vec![b'x'; 4_000_000],
        _ => lead(&id, at),
    };
    let headers = match number % 4 {
        0 => String::new(),
        1 => signed(&id, at, &body, b"another secret"),
        2 => signed(&id, at - TimeDelta::hours(1), &body, SECRET),
        _ => signed(&id, at, b"something else", SECRET),
    };
    // A stranger whose place was given away comes again.
    let mut tries = (0..TRIES).map(|_| client.send("POST /hooks/generic", &headers, &body));
    tries.find_map(Result::ok).expect("an answer").status
}

/// Sends what the source signed, again if its connection broke; the handoff that opened.
fn genuine(client: &mut Client, number: usize) -> String {
    let (id, at) = (format!("genuine-{number}"), now());
    let body = lead(&id, at);
    let mut tries = (0..TRIES).map(|_| client.post(&id, at, &body));
    let answer = tries.find_map(Result::ok).expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.said["opened"][0].as_str().expect("it opened").to_owned()
}

fn lead(id: &str, at: DateTime<Utc>) -> Vec<u8> {
    let subject = json!({ "crm": "hubspot", "object": "contact", "id": id, "country": "GB" });
    let data = json!({ "subject": subject });
    let event = json!({ "type": "demo.requested", "timestamp": at.to_rfc3339(), "data": data });
    event.to_string().into_bytes()
}
