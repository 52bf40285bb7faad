//! Configurations: immutable versions, one active, pushed by one at a time.

use super::{at, fresh};
use store::{Store, StoreError, StoredConfig, create_table};

/// Text that does not compress: hexadecimal digits of a counter's scramble.
fn long_text(bytes: usize) -> String {
    let mut state = 1_u64;
    let mut text = String::with_capacity(bytes + 16);
    while text.len() < bytes {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(&format!("{:08x}", state >> 32));
    }
    text
}

async fn push(
    store: &Store,
    text: &str,
    after: Option<u64>,
    attempt: &str,
) -> Result<u64, StoreError> {
    store.push_config(text, after, &attempt.into(), at(0)).await
}

#[tokio::test]
async fn each_push_is_the_next_version_and_the_active_one() {
    let (store, _parts) = fresh().await;
    assert_eq!(store.active_version().await.unwrap(), None);
    assert_eq!(push(&store, "first = 1", None, "a").await.unwrap(), 1);
    assert_eq!(push(&store, "second = \"é\"", Some(1), "b").await.unwrap(), 2);
    assert_eq!(store.active_version().await.unwrap(), Some(2));
    let stored = |version, text: &str| StoredConfig { version, text: text.to_owned() };
    assert_eq!(store.config(1).await.unwrap(), stored(1, "first = 1"));
    assert_eq!(store.config(2).await.unwrap(), stored(2, "second = \"é\""));
    let missing = store.config(3).await;
    assert!(
        matches!(missing, Err(StoreError::Missing { what: "configuration", .. })),
        "{missing:?}"
    );
}

#[tokio::test]
async fn of_two_who_push_after_the_same_version_one_is_told() {
    let (store, _parts) = fresh().await;
    let (one, other) =
        tokio::join!(push(&store, "a = 1", None, "a"), push(&store, "b = 1", None, "b"));
    assert_eq!(
        [one.is_ok(), other.is_ok()].iter().filter(|ok| **ok).count(),
        1,
        "{one:?} {other:?}"
    );
    let refused = if one.is_ok() { other } else { one };
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    let kept = store.config(1).await.unwrap();
    push(&store, "c = 1", Some(1), "c").await.unwrap();
    for stale in [None, Some(1), Some(5)] {
        let refused = push(&store, "d = 1", stale, &format!("d-{stale:?}")).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{stale:?}: {refused:?}");
    }
    assert_eq!(store.config(1).await.unwrap(), kept);
    assert_eq!(store.active_version().await.unwrap(), Some(2));
}

#[tokio::test]
async fn a_configuration_may_be_larger_than_an_item() {
    let (store, _parts) = fresh().await;
    let text = long_text(2_000_000);
    push(&store, &text, None, "a").await.unwrap();
    assert!(store.config(1).await.unwrap().text == text);
    let longer = format!("{text}\nand = 1\n");
    push(&store, &longer, Some(1), "b").await.unwrap();
    assert!(store.config(2).await.unwrap().text == longer);
    assert!(store.config(1).await.unwrap().text == text, "a version never changes");
}

#[tokio::test]
async fn the_table_is_made_once() {
    let (store, _parts) = fresh().await;
    push(&store, "a = 1", None, "a").await.unwrap();
    create_table(&store).await.unwrap();
    assert_eq!(store.active_version().await.unwrap(), Some(1));
}
