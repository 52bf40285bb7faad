//! The table itself, for engines that start empty. In the cloud the deployment template makes the
//! same one, and a test compares the two.

use crate::{
    Store, StoreError,
    keys::{DAY_AT, DUE_AT, PK, SK, TTL},
    lists::INDEXES,
};
use aws_sdk_dynamodb::{
    error::BuildError,
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType,
        Projection, ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType,
        TimeToLiveSpecification,
    },
};

/// Makes the table, its indexes, its stream and its time to live; a table that is there stays as it
/// is.
///
/// # Errors
/// `Unavailable` when the engine does not answer.
pub async fn create_table(store: &Store) -> Result<(), StoreError> {
    let there = store.client.describe_table().table_name(&store.table).send().await;
    if there.is_ok() {
        return Ok(());
    }
    let refused = |error: BuildError| StoreError::Refused { reason: error.to_string() };
    let mut request = store
        .client
        .create_table()
        .table_name(&store.table)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key(PK, KeyType::Hash).map_err(refused)?)
        .key_schema(key(SK, KeyType::Range).map_err(refused)?)
        .attribute_definitions(attribute(PK).map_err(refused)?)
        .attribute_definitions(attribute(SK).map_err(refused)?);
    for (name, partition, sort, shows) in INDEXES {
        let projection = match shows {
            [] => Projection::builder().projection_type(ProjectionType::KeysOnly),
            shows => Projection::builder()
                .projection_type(ProjectionType::Include)
                .set_non_key_attributes(Some(
                    shows.iter().map(|name| (*name).to_owned()).collect(),
                )),
        };
        let index = GlobalSecondaryIndex::builder()
            .index_name(name)
            .key_schema(key(partition, KeyType::Hash).map_err(refused)?)
            .key_schema(key(sort, KeyType::Range).map_err(refused)?)
            .projection(projection.build())
            .build()
            .map_err(refused)?;
        request = request
            .global_secondary_indexes(index)
            .attribute_definitions(attribute(partition).map_err(refused)?)
            .attribute_definitions(attribute(sort).map_err(refused)?);
    }
    let stream = StreamSpecification::builder()
        .stream_enabled(true)
        .stream_view_type(StreamViewType::NewImage)
        .build()
        .map_err(refused)?;
    request.stream_specification(stream).send().await.map_err(StoreError::of)?;
    let ttl = TimeToLiveSpecification::builder()
        .enabled(true)
        .attribute_name(TTL)
        .build()
        .map_err(refused)?;
    let expiring = store.client.update_time_to_live().table_name(&store.table);
    expiring.time_to_live_specification(ttl).send().await.map_err(StoreError::of)?;
    Ok(())
}

fn key(name: &str, kind: KeyType) -> Result<KeySchemaElement, BuildError> {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build()
}

fn attribute(name: &str) -> Result<AttributeDefinition, BuildError> {
    let numeric = [DUE_AT, DAY_AT].contains(&name);
    let kind = if numeric { ScalarAttributeType::N } else { ScalarAttributeType::S };
    AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build()
}
