//! What is kept: copied, put back, and taken away for good.

use crate::{Running, folder, handoff, output, refuses};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// Runs a command on a data directory; what it said as JSON.
fn told(arguments: &[&str]) -> (Option<i32>, Value) {
    let output = output(arguments);
    let said = serde_json::from_slice(&output.stdout);
    assert!(said.is_ok(), "{arguments:?} {output:?}");
    (output.status.code(), said.unwrap_or_default())
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path")
}

/// A system that had a handoff which was cancelled, and one that is open.
fn a_past(data: &Path) -> (String, String) {
    let running = Running::start(data);
    let [over, open] =
        ["c1", "c2"].map(|id| running.demo_request(id).expect("it was acknowledged"));
    for id in [&over, &open] {
        let owned = |_: u32| {
            thread::sleep(Duration::from_millis(50));
            running.handoff(id)?.1["owner"].as_str().map(drop)
        };
        (0..200).find_map(owned).expect("it has an owner");
    }
    let order = format!("POST /api/handoffs/{over}/cancel HTTP/1.1\r\nx-handoff-person: priya\r\n");
    let (status, said) = running.call(&order, br#"{"reason":"spam"}"#).expect("an answer");
    assert_eq!(status, 200, "{said}");
    // Until all of it has been told and counted.
    let order = "GET /api/metrics?month=2000-01 HTTP/1.1\r\n";
    running.call(order, b"").expect("an answer");
    thread::sleep(Duration::from_millis(1_500));
    (over, open)
}

#[test]
fn a_copy_is_put_back_whole_and_nothing_is_told_or_counted_again() {
    let (data, copy, fresh) = (folder("copied"), folder("copy"), folder("restored"));
    fs::create_dir_all(&data).expect("a temporary directory");
    let (over, open) = a_past(&data);
    let (code, manifest) = told(&["backup", text(&copy), "--data", text(&data), "--json"]);
    assert_eq!(code, Some(0), "{manifest}");
    assert!(manifest["rows"].as_u64().is_some_and(|rows| rows > 20), "{manifest}");
    refuses(
        &["backup", text(&copy), "--data", text(&data)],
        "name a directory that is new or empty",
    );
    refuses(&["restore", text(&copy), "--data", text(&data)], "This table has been used");
    let nowhere = folder("nowhere");
    refuses(&["backup", text(&nowhere), "--data", text(&nowhere)], "There is nothing at");
    refuses(&["restore", text(&data), "--data", text(&fresh)], "is no whole copy");
    damaged(&copy, &fresh);

    let (code, said) = told(&["restore", text(&copy), "--data", text(&fresh), "--json"]);
    assert_eq!(code, Some(0), "{said}");
    refuses(&["restore", text(&copy), "--data", text(&fresh)], "This table has been used");
    let running = Running::start(&fresh);
    for (id, stage) in [(&over, "cancelled"), (&open, "assigned")] {
        let (status, shown) = running.handoff(id).expect("an answer");
        assert_eq!((status, &shown["stage"]), (200, &Value::from(stage)), "{shown}");
    }
    // Whoever consumes the stream has gone past what was put back once something new is through.
    let new = running.demo_request("c3").expect("it was acknowledged");
    let owned = |_: u32| {
        thread::sleep(Duration::from_millis(50));
        running.handoff(&new)?.1["owner"].as_str().map(drop)
    };
    (0..200).find_map(owned).expect("it has an owner");
    thread::sleep(Duration::from_millis(1_500));
    let (_, outbox) = running
        .call("GET /local/outbox HTTP/1.1\r\naccept: application/json\r\n", b"")
        .expect("an answer");
    for old in [&over, &open] {
        assert!(!outbox.to_string().contains(old.as_str()), "told again: {outbox}");
    }
    assert!(outbox.to_string().contains(&new), "{outbox}");
    drop(running);
    let (code, audited) = told(&["audit", "--data", text(&fresh), "--json"]);
    assert_eq!(code, Some(0), "{audited}");
    for folder in [data, copy, fresh] {
        let _ = fs::remove_dir_all(folder);
    }
}

/// A copy of which a piece is missing is found out, and nothing is written.
fn damaged(copy: &Path, fresh: &Path) {
    let half = folder("half");
    fs::create_dir_all(&half).expect("a temporary directory");
    let rows = fs::read(copy.join("rows.json.gz")).expect("its rows");
    fs::write(half.join("rows.json.gz"), &rows[..rows.len() / 2]).expect("a file");
    refuses(&["restore", text(&half), "--data", text(fresh)], "is no whole copy");
    fs::copy(copy.join("manifest.json"), half.join("manifest.json")).expect("a file");
    refuses(&["restore", text(&half), "--data", text(fresh)], "is damaged");
    assert!(!fresh.exists(), "nothing was made for it");
    let _ = fs::remove_dir_all(half);
}

/// Every file of a directory, whole.
fn bytes_of(data: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(data).expect("a directory").map(|entry| entry.expect("one").path());
    let files = entries.filter(|path| path.is_file());
    files.map(|path| (path.clone(), fs::read(&path).expect("a file"))).collect()
}

#[test]
fn somebody_who_is_erased_is_in_no_file_any_more() {
    let data = folder("erased");
    fs::create_dir_all(&data).expect("a temporary directory");
    let running = Running::start(&data);
    let zebedee = json!({
        "name": "Zebedee Quill", "email": "zebedee@quill.example", "country": "GB",
    });
    let id = running.request("e1", &zebedee).expect("it was acknowledged");
    let owned = |_: u32| {
        thread::sleep(Duration::from_millis(50));
        running.handoff(&id)?.1["owner"].as_str().map(drop)
    };
    (0..200).find_map(owned).expect("it has an owner");
    thread::sleep(Duration::from_millis(1_500));
    let order = format!("POST /api/handoffs/{id}/cancel HTTP/1.1\r\nx-handoff-person: priya\r\n");
    let erase = ["erase", "--email", "Zebedee@Quill.example", "--data", text(&data), "--json"];
    drop(running);
    let named = |data: &Path| {
        let found = |(path, bytes): (PathBuf, Vec<u8>)| {
            let said = String::from_utf8_lossy(&bytes).to_lowercase();
            ["zebedee", "quill"].iter().any(|name| said.contains(name)).then_some(path)
        };
        bytes_of(data).into_iter().filter_map(found).collect::<Vec<_>>()
    };
    assert!(!named(&data).is_empty(), "the test finds who is there");
    let (code, told_open) = told(&erase);
    assert_eq!((code, &told_open["open"]), (Some(1), &Value::from(vec![id.clone()])));
    assert!(!named(&data).is_empty(), "an open handoff is in the way");

    let running = Running::start(&data);
    let (status, said) = running.call(&order, br#"{"reason":"spam"}"#).expect("an answer");
    assert_eq!(status, 200, "{said}");
    thread::sleep(Duration::from_millis(1_500));
    drop(running);
    let dry: Vec<&str> = erase.iter().copied().chain(["--dry-run"]).collect();
    let (_, would) = told(&dry);
    let (code, went) = told(&erase);
    assert_eq!((code, &went), (Some(0), &would));
    assert_eq!(
        (&went["handoffs"], &went["receipts"]),
        (&Value::from(1), &Value::from(1)),
        "{went}"
    );
    assert_eq!(named(&data), Vec::<PathBuf>::new());
    let again = output(&erase[..5]);
    assert_eq!(String::from_utf8_lossy(&again.stdout), "Nothing of them is stored.\n");

    let running = Running::start(&data);
    let (status, shown) = running.handoff(&id).expect("an answer");
    assert_eq!((status, shown["title"].as_str()), (200, Some("Erased")), "{shown}");
    assert!(shown["erased_at"].is_string(), "{shown}");
    drop(running);
    let (code, audited) = told(&["audit", "--data", text(&data), "--json"]);
    assert_eq!(code, Some(0), "{audited}");
    refuses(&["erase", "--email", "zebedee", "--data", text(&data)], "is no email address");
    refuses(&["erase", "--data", text(&data)], "--email");
    let nobody =
        handoff(&["erase", "--reference", "hubspot:deal:7", "--data", text(&data)]).output();
    assert_eq!(nobody.expect("the binary runs").status.code(), Some(2));
    let _ = fs::remove_dir_all(data);
}
