//! Receipts: an authentic request's bytes come back exactly, and one that waits is found until it
//! is settled.

use super::{all_due, at, fresh, spoiled};
use domain::ReceiptId;
use std::collections::BTreeMap;
use store::{Due, ReceiptKind, Store, StoreError};
use tests::faults::Fault;

/// More than the largest body intake takes fills.
const LARGEST: usize = 4_400_000;

fn kind() -> ReceiptKind {
    let headers = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
    ReceiptKind { source: "generic".into(), received_at: at(0), headers, parts: 0, tries: 0 }
}

/// Bytes no compression makes smaller: a xorshift's, so that they are the same each time.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(length).collect()
}

async fn check(store: &Store, id: &str, body: &[u8], parts: usize) {
    let id = ReceiptId::from(id);
    store.put_receipt(&id, &kind(), body).await.unwrap();
    let read = store.receipt(&id).await.unwrap();
    assert!(read.body == body, "{} bytes came back as {}", body.len(), read.body.len());
    assert_eq!(read.kind, ReceiptKind { parts, ..kind() });
}

#[tokio::test]
async fn bytes_of_any_length_come_back_exactly() {
    let (store, _parts) = fresh().await;
    check(&store, "none", b"", 1).await;
    check(&store, "one", b"\xff", 1).await;
    check(&store, "zeros", &[0; 5_000_000], 1).await;
    check(&store, "within", &noise(349_000), 1).await;
    check(&store, "399 kB", &noise(399_000), 2).await;
    check(&store, "401 kB", &noise(401_000), 2).await;
    check(&store, "the largest", &noise(LARGEST), 13).await;
    let missing = store.receipt(&"nobody".into()).await;
    assert!(matches!(missing, Err(StoreError::Missing { what: "receipt", .. })), "{missing:?}");
}

#[tokio::test]
async fn a_receipt_that_was_not_stored_whole_is_missing() {
    let (store, parts) = fresh().await;
    for stored in 0..3 {
        let id = ReceiptId(format!("half-{stored}"));
        let breaks = spoiled(&parts, move |_, number| match number < stored {
            true => Fault::None,
            false => Fault::Error(400, "ValidationException"),
        });
        assert!(breaks.put_receipt(&id, &kind(), &noise(1_000_000)).await.is_err());
        let read = store.receipt(&id).await;
        assert!(matches!(read, Err(StoreError::Missing { .. })), "{stored} rows: {read:?}");
    }
}

#[tokio::test]
async fn a_receipt_that_waits_is_due_until_it_is_settled() {
    let (store, _parts) = fresh().await;
    let id = ReceiptId::from("waits");
    store.put_receipt(&id, &kind(), b"{}").await.unwrap();
    assert!(all_due(&store, at(1_000)).await.is_empty());
    store.await_receipt(&id, Some(at(30))).await.unwrap();
    assert!(all_due(&store, at(29)).await.is_empty());
    assert_eq!(all_due(&store, at(30)).await, [Due::Receipt(id.clone(), at(30))]);
    store.await_receipt(&id, Some(at(90))).await.unwrap();
    assert_eq!(all_due(&store, at(1_000)).await, [Due::Receipt(id.clone(), at(90))]);
    let read = store.receipt(&id).await.unwrap();
    assert_eq!((read.kind.tries, read.body.as_slice()), (2, b"{}".as_slice()));

    store.await_receipt(&id, None).await.unwrap();
    store.await_receipt(&id, None).await.unwrap();
    assert!(all_due(&store, at(1_000)).await.is_empty());
    assert_eq!(store.receipt(&id).await.unwrap().body, b"{}");
}

#[tokio::test]
async fn a_receipt_that_expired_is_not_brought_back_by_waiting() {
    let (store, _parts) = fresh().await;
    let gone = ReceiptId::from("gone");
    store.await_receipt(&gone, Some(at(30))).await.unwrap();
    store.await_receipt(&gone, None).await.unwrap();
    assert!(all_due(&store, at(1_000)).await.is_empty());
    assert!(matches!(store.receipt(&gone).await, Err(StoreError::Missing { .. })));
}
