//! How large a body may be: rows 28 and 29.

use super::{
    Door,
    hook::{ALL, Hook},
    posts,
};

/// A text that does not compress: an item of the table would be too small for it.
fn noise(bytes: usize) -> String {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let letter = |number: u64| {
        char::from(
            b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQR-_"
                [usize::try_from(number % 56).unwrap_or_default()],
        )
    };
    (0..bytes)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            letter(state >> 20)
        })
        .collect()
}

/// A body of exactly so many bytes that opens one handoff.
fn sized(door: &Door, hook: Hook, id: &str, bytes: usize) -> String {
    let small = hook.opens(id, door.world.now(), "");
    hook.opens(id, door.world.now(), &noise(bytes - small.len()))
}

#[tokio::test]
async fn row_28_a_large_body_is_one_receipt_and_one_effect() {
    let mut door = Door::open().await;
    for hook in ALL {
        for bytes in [399_000, 401_000, 4_400_000, 4_500_000] {
            let id = format!("{}{bytes}", hook as usize);
            let body = sized(&door, hook, &id, bytes);
            assert_eq!(body.len(), bytes);
            door.opens(posts(&door, hook, &id, body), &format!("{hook:?} {bytes}")).await;
        }
    }
    let rows = door.asked.put().iter().filter(|key| key.starts_with("RECEIPT#")).count();
    assert!(rows > 2 * door.receipts().len(), "what no item holds is in parts: {rows}");
}

#[tokio::test]
async fn row_29_a_body_that_is_too_large_is_refused_unread() {
    let mut door = Door::open().await;
    for hook in ALL {
        for bytes in [4_500_001, 6_100_000, 10_500_000] {
            let body = sized(&door, hook, "7", bytes);
            let request = posts(&door, hook, "m", body);
            let answer = door.refused(request, 413, &format!("{hook:?} {bytes}")).await;
            let detail = answer.body["detail"].as_str().unwrap();
            assert!(detail.contains("send smaller batches"), "{detail}");
        }
    }
}
