//! Shapes: a row that another version wrote is read and rewritten without loss, unless it says that
//! it must not be.

use super::{change, fresh, lead, open};
use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    primitives::Blob,
    types::AttributeValue,
};
use domain::{Change, HandoffId};
use local::{Parts, assembly};
use std::collections::HashMap;
use store::StoreError;

/// Looks at rows as no method of the store does.
pub(crate) fn raw(parts: &Parts) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("local"))
        .credentials_provider(Credentials::new(parts.account(), "local", None, None, "local"))
        .endpoint_url(parts.dynamodb_endpoint())
        .http_client(assembly::environment(parts).http())
        .build();
    Client::from_conf(config)
}

fn key(id: &HandoffId, row: &str) -> HashMap<String, AttributeValue> {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    HashMap::from([("pk".into(), text(&format!("HANDOFF#{id}"))), ("sk".into(), text(row))])
}

async fn set(parts: &Parts, id: &HandoffId, row: &str, name: &str, value: AttributeValue) {
    let request = raw(parts).update_item().table_name(assembly::TABLE);
    request
        .set_key(Some(key(id, row)))
        .update_expression("SET #name = :value")
        .expression_attribute_names("#name", name)
        .expression_attribute_values(":value", value)
        .send()
        .await
        .unwrap();
}

async fn row(parts: &Parts, id: &HandoffId, row: &str) -> HashMap<String, AttributeValue> {
    let request = raw(parts).get_item().table_name(assembly::TABLE);
    request.set_key(Some(key(id, row))).send().await.unwrap().item.unwrap()
}

/// What a newer version may have added, one of every type there is.
fn additions() -> Vec<(&'static str, AttributeValue)> {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let number = |value: &str| AttributeValue::N(value.to_owned());
    let nested = HashMap::from([
        (
            "why".to_owned(),
            AttributeValue::L(vec![number("1"), text("two"), AttributeValue::Null(true)]),
        ),
        ("bytes".to_owned(), AttributeValue::B(Blob::new([0, 255]))),
    ]);
    vec![
        ("mood", text("cheerful")),
        ("empty", text("")),
        ("whole", number("42")),
        ("part", number("0.1")),
        ("huge", number("12345678901234567890123456789012345678")),
        ("negative", number("-9007199254740993")),
        ("calm", AttributeValue::Bool(true)),
        ("nothing", AttributeValue::Null(true)),
        ("nested", AttributeValue::M(nested)),
        ("packed", AttributeValue::B(Blob::new([1, 2, 3]))),
        ("words", AttributeValue::Ss(vec!["a".to_owned(), "b".to_owned()])),
        ("numbers", AttributeValue::Ns(vec!["1".to_owned(), "2".to_owned()])),
    ]
}

#[tokio::test]
async fn what_a_newer_version_added_survives_a_rewrite() {
    let (store, parts) = fresh().await;
    let id = open(&store, &lead("one")).await.id.clone();
    for (name, value) in additions() {
        set(&parts, &id, "STATE", name, value.clone()).await;
        set(&parts, &id, "PACKAGE", name, value).await;
    }
    let handoff = store.handoff(&id).await.unwrap();
    let package = store.package(&id).await.unwrap();
    let write = super::changing(&handoff, Change::Noted, "rewrite").with_package(package);
    store.commit(write).await.unwrap();
    for kind in ["STATE", "PACKAGE"] {
        let rewritten = row(&parts, &id, kind).await;
        for (name, value) in additions() {
            assert_eq!(rewritten.get(name), Some(&value), "{name} of {kind}");
        }
    }
    assert_eq!(store.handoff(&id).await.unwrap().version, 2);
}

#[tokio::test]
async fn what_was_left_out_or_written_empty_reads_the_same() {
    let (store, parts) = fresh().await;
    let handoff = open(&store, &lead("one")).await;
    set(&parts, &handoff.id, "STATE", "owner", AttributeValue::Null(true)).await;
    set(&parts, &handoff.id, "STATE", "had", AttributeValue::L(Vec::new())).await;
    let read = store.handoff(&handoff.id).await.unwrap();
    assert_eq!(read.record, handoff.record);
    let owned = change(&store, &read, super::assigned(&read, &"amara".into())).await;
    assert_eq!(owned.owner, Some("amara".into()));
}

#[tokio::test]
async fn a_raised_breaks_number_is_refused_with_a_sentence() {
    let (store, parts) = fresh().await;
    let id = open(&store, &lead("one")).await.id.clone();
    for (kind, breaks) in [("STATE", "1"), ("PACKAGE", "1"), ("COMMIT#00000001", "1")] {
        set(&parts, &id, kind, "breaks", AttributeValue::N(breaks.to_owned())).await;
    }
    assert!(store.handoff_and_package(&id).await.is_ok());
    assert_eq!(store.history(&id).await.unwrap().len(), 1);
    let expected =
        "the row was written by a newer version of this software (breaks 2): upgrade first";
    let raise = async |kind| set(&parts, &id, kind, "breaks", AttributeValue::N("2".into())).await;
    raise("STATE").await;
    assert_eq!(store.handoff(&id).await.unwrap_err().to_string(), expected);
    assert_eq!(store.handoffs(std::slice::from_ref(&id)).await.unwrap_err().to_string(), expected);
    raise("PACKAGE").await;
    assert_eq!(store.package(&id).await.unwrap_err().to_string(), expected);
    raise("COMMIT#00000001").await;
    assert_eq!(store.history(&id).await.unwrap_err().to_string(), expected);
    let refused = store.commit_at(&id, 1).await.unwrap_err();
    assert!(matches!(refused, StoreError::TooNew { breaks: 2 }) && !refused.is_passing());
}

#[tokio::test]
async fn a_row_that_is_no_handoff_is_named_in_a_sentence() {
    let (store, parts) = fresh().await;
    let id = open(&store, &lead("one")).await.id.clone();
    set(&parts, &id, "STATE", "stage", AttributeValue::S("dancing".to_owned())).await;
    let refused = store.handoff(&id).await.unwrap_err();
    assert!(refused.to_string().starts_with("a stored handoff cannot be read: "), "{refused}");
}
