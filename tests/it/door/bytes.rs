//! What a body may be made of: rows 18 to 27. Every byte is stored whatever it says.

use super::{
    Door,
    hook::{ALL, Hook, JSON, SIGNED, bomb, gzip, set},
    posts,
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, process::Command};

/// The most memory a bomb may take, in kilobytes.
const BOMB_KB_MAX: u64 = 64_000;

#[tokio::test]
async fn row_18_an_empty_body_is_kept_aside() {
    let mut door = Door::open().await;
    for hook in ALL {
        for (number, body) in ["", " \r\n\t", "\u{feff}"].into_iter().enumerate() {
            let request = posts(&door, hook, &format!("m{number}"), body);
            door.aside(request, "empty", &format!("{hook:?} {body:?}")).await;
        }
    }
}

#[tokio::test]
async fn row_19_a_truncated_body_is_kept_aside() {
    let mut door = Door::open().await;
    for hook in ALL {
        let whole = hook.opens("7", door.world.now(), "x");
        let reason = if hook == Hook::Salesforce { "xml" } else { "json" };
        for left in [1, whole.len() / 2, whole.len() - 1] {
            let request = posts(&door, hook, &format!("m{left}"), whole[..left].to_owned());
            door.aside(request, reason, &format!("{hook:?}, {left} bytes left")).await;
        }
    }
}

#[tokio::test]
async fn row_20_a_byte_order_mark_is_stored_and_changes_nothing() {
    let mut door = Door::open().await;
    for hook in ALL {
        let id = format!("{}", hook as usize);
        let body = format!("\u{feff}{}", hook.opens(&id, door.world.now(), "x"));
        let request = posts(&door, hook, "m", body);
        door.opens(request, &format!("{hook:?}")).await;
    }
}

#[tokio::test]
async fn row_21_other_encodings_are_kept_aside_byte_for_byte() {
    let mut door = Door::open().await;
    for hook in ALL {
        let good = hook.opens("7", door.world.now(), "TOLD");
        let utf16: Vec<u8> = "\u{feff}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let utf16 = [utf16, good.encode_utf16().flat_map(u16::to_le_bytes).collect()].concat();
        let (before, after) = good.split_once("TOLD").unwrap();
        let with = |told: &[u8]| [before.as_bytes(), told, after.as_bytes()].concat();
        for (what, body) in [
            ("UTF-16", utf16),
            ("Latin-1", with(b"Jos\xe9")),
            ("invalid", with(b"\xff")),
            ("overlong", with(b"\xc0\xaf")),
            ("a surrogate", with(b"\xed\xa0\x80")),
            ("cut", with(b"\xe2\x82")),
        ] {
            let request = posts(&door, hook, what, body);
            door.aside(request, "utf8", &format!("{hook:?} {what}")).await;
        }
    }
}

#[tokio::test]
async fn row_22_a_key_that_comes_twice_is_kept_aside_wherever_it_stands() {
    let mut door = Door::open().await;
    for hook in JSON {
        let good = hook.opens("7", door.world.now(), "TOLD");
        let deep = good.replacen("\"TOLD\"", "{\"eventId\":1,\"event\\u0049d\":2}", 1);
        // Before the first member of the outermost object.
        let at = good.find('{').unwrap() + 1;
        let top = format!("{}\"eventId\":1,\"eventId\":2,{}", &good[..at], &good[at..]);
        for (what, body) in [("deep", deep), ("top", top)] {
            let request = posts(&door, hook, what, body);
            door.aside(request, "dup-key", &format!("{hook:?} {what}")).await;
        }
    }
    let twice = "<sf:StageName>Open</sf:StageName></sObject>";
    let body = Hook::Salesforce.opens("7", door.world.now(), "x").replace("</sObject>", twice);
    let request = posts(&door, Hook::Salesforce, "m", body);
    door.aside(request, "dup-key", "Salesforce").await;
}

/// A good body of which the value told nests so that the whole document has so many levels.
fn nested(door: &Door, hook: Hook, levels: usize, id: &str) -> String {
    let good = hook.opens(id, door.world.now(), "TOLD");
    let before = good.find("\"TOLD\"").unwrap();
    let opened = |bracket| good[..before].matches(bracket).count();
    let above = opened(['{', '[']) - opened(['}', ']']);
    let own = levels - above;
    good.replacen("\"TOLD\"", &format!("{}1{}", "[".repeat(own), "]".repeat(own)), 1)
}

#[tokio::test]
async fn row_23_nesting_of_128_levels_is_kept_aside_and_of_127_read() {
    let mut door = Door::open().await;
    for hook in JSON {
        let body = nested(&door, hook, 127, &format!("{}", hook as usize));
        let request = posts(&door, hook, "m127", body);
        door.opens(request, &format!("{hook:?} 127")).await;
        for levels in [128, 100_000] {
            let body = nested(&door, hook, levels, "7");
            let request = posts(&door, hook, &format!("m{levels}"), body);
            door.aside(request, "depth", &format!("{hook:?} {levels}")).await;
        }
        // Never closed: it is refused on the way in, not on the way back.
        let request = posts(&door, hook, "open", "{\"a\":".repeat(100_000));
        door.aside(request, "depth", &format!("{hook:?} never closed")).await;
    }
    for levels in [128, 100_000] {
        let deep = format!("{}{}", "<a>".repeat(levels), "</a>".repeat(levels));
        let body = Hook::Salesforce.opens("7", door.world.now(), &deep);
        let request = posts(&door, Hook::Salesforce, "m", body);
        door.aside(request, "depth", &format!("Salesforce {levels}")).await;
    }
}

#[tokio::test]
async fn row_24_deeper_than_the_tables_maps_go_is_an_event_like_any_other() {
    let mut door = Door::open().await;
    for hook in JSON {
        for levels in [31, 32, 33, 64] {
            let id = format!("{}{levels}", hook as usize);
            let body = nested(&door, hook, levels, &id);
            let request = posts(&door, hook, &format!("m{levels}"), body);
            door.opens(request, &format!("{hook:?} {levels}")).await;
        }
    }
}

#[tokio::test]
async fn row_25_an_id_is_its_exact_text_and_two_never_merge() {
    let ids = [
        "9007199254740992",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "123456789012345678901234567890123456788",
        "123456789012345678901234567890123456789",
        "1.0",
        "1",
        "1e0",
        "10",
        "-1",
    ];
    for hook in JSON {
        let mut door = Door::open().await;
        let mut journeys = BTreeSet::new();
        for id in ids {
            // As a number, which no reader may round.
            let quoted = format!("\"{id}\"");
            let body = hook.opens(id, door.world.now(), "x").replace(&quoted, id);
            assert!(!body.contains(&quoted), "{body}");
            let what = format!("{hook:?} {id}");
            let handoff = door.opens(posts(&door, hook, &format!("n{id}"), body), &what).await;
            let package = door.world.store.package(&handoff.id).await.unwrap();
            assert_eq!(package.subject.id.as_deref(), Some(id), "{what}");
            assert!(journeys.insert(handoff.journey.clone()), "{what} merged with another");
            // As a text it is the same id.
            let body = hook.opens(id, door.world.now(), "y");
            let before = door.opened().await.len();
            let (answer, _) = door.kept(posts(&door, hook, &format!("t{id}"), body), &what).await;
            assert_eq!(door.opened().await.len(), before, "{what}: {answer:?}");
        }
        assert_eq!(journeys.len(), ids.len());
    }
}

#[tokio::test]
async fn row_26_another_shape_is_kept_aside_and_an_empty_list_is_nothing() {
    let mut door = Door::open().await;
    for hook in JSON {
        for body in ["42", "\"text\"", "true", "null"] {
            let request = posts(&door, hook, body, body);
            door.aside(request, "shape", &format!("{hook:?} {body}")).await;
        }
        for body in ["[]", " [ ] "] {
            let (answer, receipt) = door.kept(posts(&door, hook, body, body), body).await;
            assert_eq!(door.set_aside(&receipt).await, [], "{hook:?}: {answer:?}");
        }
    }
    let now = door.world.now();
    let outside_its_list = Hook::Hubspot.document("7", now, "x")[0].to_string();
    let request = posts(&door, Hook::Hubspot, "m", outside_its_list);
    door.aside(request, "shape", "an app event outside a list").await;
    let listed = json!([Hook::Generic.document("7", now, "x")]).to_string();
    let request = posts(&door, Hook::Generic, "m", listed);
    door.aside(request, "shape", "a list where an object is expected").await;
    assert_eq!(door.opened().await, []);
}

#[tokio::test]
async fn row_27_gzip_is_inflated_after_its_bytes_are_proven_and_a_bomb_is_not() {
    let mut door = Door::open().await;
    for hook in ALL {
        let packed =
            gzip(hook.opens(&format!("{}", hook as usize), door.world.now(), "x").as_bytes());
        let mut request = posts(&door, hook, "m", packed.clone());
        set(&mut request, "content-encoding", "gzip");
        door.opens(request, &format!("{hook:?}")).await;
        // The bytes as received are what is signed.
        let inflated = hook.opens("7", door.world.now(), "x");
        if SIGNED.iter().any(|(signed, _)| *signed == hook) {
            let mut request = posts(&door, hook, "m2", inflated);
            set(&mut request, "content-encoding", "gzip");
            *request.body_mut() = packed.into();
            door.refused(request, 401, &format!("{hook:?} signed before it was packed")).await;
        }
        for (what, encoding, body) in [
            ("a bomb", "gzip", bomb()),
            ("cut", "gzip", gzip(b"{\"a\":1}")[..12].to_vec()),
            ("not packed", "gzip", b"{}".to_vec()),
            ("packed in another way", "br", b"{}".to_vec()),
            ("packed twice", "gzip, gzip", gzip(&gzip(b"{}"))),
        ] {
            let mut request = posts(&door, hook, what, body);
            set(&mut request, "content-encoding", encoding);
            door.aside(request, "inflate", &format!("{hook:?} {what}")).await;
        }
    }
}

/// What a process of its own does for the test below, which measures it.
#[tokio::test]
async fn a_bomb_of_a_gigabyte_goes_off() {
    let mut door = Door::open().await;
    let bomb = bomb();
    let before = most_resident_kb();
    let mut request = posts(&door, Hook::Generic, "m", bomb);
    set(&mut request, "content-encoding", "gzip");
    door.aside(request, "inflate", "a bomb").await;
    if let (Some(before), Some(after)) = (before, most_resident_kb()) {
        println!("the bomb took {} kB", after - before);
    }
}

#[test]
fn row_27_a_bomb_takes_little_memory() {
    let this = std::env::current_exe().unwrap();
    let alone = ["--exact", "door::bytes::a_bomb_of_a_gigabyte_goes_off", "--nocapture"];
    let run = Command::new(this).args(alone).output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
    if most_resident_kb().is_none() {
        return;
    }
    let took = said.split("the bomb took ").nth(1).unwrap().split(' ').next().unwrap();
    assert!(took.parse::<u64>().unwrap() < BOMB_KB_MAX, "{took} kB");
}

/// The most memory this process ever had, in kilobytes; unknown where the system does not say.
fn most_resident_kb() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// Checks that a document really has as many levels as [`nested`] promises.
#[test]
fn levels_are_counted_as_they_are() {
    fn levels(value: &Value) -> usize {
        match value {
            Value::Array(items) => 1 + items.iter().map(levels).max().unwrap_or(0),
            Value::Object(members) => 1 + members.values().map(levels).max().unwrap_or(0),
            _ => 0,
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let door = runtime.block_on(Door::open());
    for hook in JSON {
        let document: Value = serde_json::from_str(&nested(&door, hook, 40, "7")).unwrap();
        assert_eq!(levels(&document), 40, "{hook:?}");
    }
    drop(door);
}
