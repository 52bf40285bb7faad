//! The one way to change anything that matters: all of it, or none, with a reason per refused row.
//!
//! A cancelled transaction may be this writer's own, committed with its reply lost: the commit and
//! seen rows carry the attempt's id, and finding it there is success. The SDK's token protects ten
//! minutes; those rows protect thirty days.

use crate::{
    Store, StoreError,
    item::{Item, from_item, key_item, text, text_of},
    keys::Key,
    seen::Seen,
};
use aws_sdk_dynamodb::{
    operation::transact_write_items::TransactWriteItemsError,
    types::{
        AttributeValue, CancellationReason, Delete, Put, ReturnConsumedCapacity,
        ReturnValuesOnConditionCheckFailure as OnFailure, TransactWriteItem, Update,
    },
};
use domain::{AttemptId, PersonId};

/// What a refused row means.
#[derive(Clone, Debug)]
pub(crate) enum Guard {
    /// The decision was made on something that changed.
    Changed,
    /// This attempt's own mark, or a foreign duplicate's.
    Seen,
    /// This attempt's own history row.
    Commit,
    /// A rep's capacity.
    Capacity(PersonId),
}

/// Rows that change together.
pub(crate) struct Transaction {
    attempt: AttemptId,
    items: Vec<TransactWriteItem>,
    guards: Vec<Guard>,
}

/// An update of one row: expression, condition and values.
#[derive(Default)]
pub(crate) struct Change<'a> {
    pub(crate) update: &'a str,
    pub(crate) condition: Option<&'a str>,
    pub(crate) names: Vec<(&'a str, &'a str)>,
    pub(crate) values: Vec<(&'a str, AttributeValue)>,
}

/// How often rows that another transaction holds for an instant are tried again.
const CONFLICT_TRIES: usize = 5;

impl Transaction {
    pub(crate) fn new(attempt: &AttemptId) -> Self {
        Self { attempt: attempt.clone(), items: Vec::new(), guards: Vec::new() }
    }

    /// Reads the try that makes it.
    pub(crate) fn attempt(&self) -> &AttemptId {
        &self.attempt
    }

    /// Writes a whole row, if the condition holds.
    pub(crate) fn put(
        &mut self,
        store: &Store,
        guard: Guard,
        item: Item,
        condition: Option<(&str, Vec<(&str, AttributeValue)>)>,
    ) -> Result<(), StoreError> {
        let mut put = Put::builder().table_name(&store.table).set_item(Some(item));
        if let Some((condition, values)) = condition {
            put = put
                .condition_expression(condition)
                .return_values_on_condition_check_failure(OnFailure::AllOld);
            for (name, value) in values {
                put = put.expression_attribute_values(name, value);
            }
        }
        let put = put.build().map_err(|error| StoreError::Refused { reason: error.to_string() })?;
        self.items.push(TransactWriteItem::builder().put(put).build());
        self.guards.push(guard);
        Ok(())
    }

    /// Changes attributes of a row, if the condition holds.
    pub(crate) fn update(
        &mut self,
        store: &Store,
        guard: Guard,
        key: &Key,
        change: Change<'_>,
    ) -> Result<(), StoreError> {
        let mut update = Update::builder()
            .table_name(&store.table)
            .set_key(Some(key_item(key)))
            .update_expression(change.update)
            .set_condition_expression(change.condition.map(str::to_owned));
        for (name, real) in change.names {
            update = update.expression_attribute_names(name, real);
        }
        for (name, value) in change.values {
            update = update.expression_attribute_values(name, value);
        }
        let update =
            update.build().map_err(|error| StoreError::Refused { reason: error.to_string() })?;
        self.items.push(TransactWriteItem::builder().update(update).build());
        self.guards.push(guard);
        Ok(())
    }

    /// Takes a row away, if the condition holds.
    pub(crate) fn delete(
        &mut self,
        store: &Store,
        guard: Guard,
        key: &Key,
        condition: &str,
    ) -> Result<(), StoreError> {
        let delete = Delete::builder()
            .table_name(&store.table)
            .set_key(Some(key_item(key)))
            .condition_expression(condition)
            .build()
            .map_err(|error| StoreError::Refused { reason: error.to_string() })?;
        self.items.push(TransactWriteItem::builder().delete(delete).build());
        self.guards.push(guard);
        Ok(())
    }

    /// Commits, or says which row refused and what that means.
    pub(crate) async fn commit(self, store: &Store) -> Result<(), StoreError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let answer = store
                .client
                .transact_write_items()
                .set_transact_items(Some(self.items.clone()))
                .client_request_token(token(&self.attempt, tries))
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await;
            let error = match answer {
                Ok(answer) => {
                    store.meter.write_of("TransactWriteItems", answer.consumed_capacity());
                    return Ok(());
                }
                Err(error) => error,
            };
            store.meter.write_of("TransactWriteItems", &[]);
            let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
                error.as_service_error()
            else {
                return Err(StoreError::of(error));
            };
            let reasons = cancelled.cancellation_reasons();
            let held = reasons.iter().any(|reason| reason.code() == Some("TransactionConflict"));
            match self.verdict(reasons) {
                Err(StoreError::Conflict) if held && tries < CONFLICT_TRIES => {}
                verdict => return verdict,
            }
        }
    }

    /// Reads what the refused rows mean, the most telling first.
    fn verdict(&self, reasons: &[CancellationReason]) -> Result<(), StoreError> {
        let refused = |reason: &CancellationReason| reason.code() == Some("ConditionalCheckFailed");
        let failed: Vec<(&Guard, Option<&Item>)> = self
            .guards
            .iter()
            .zip(reasons)
            .filter(|(_, reason)| refused(reason))
            .map(|(guard, reason)| (guard, reason.item()))
            .collect();
        for (_, old) in &failed {
            let attempt = old.and_then(|old| text_of(old, "attempt"));
            if attempt.as_deref() == Some(self.attempt.as_str()) {
                return Ok(());
            }
        }
        for (guard, old) in &failed {
            if let (Guard::Seen, Some(old)) = (guard, old) {
                let seen: Seen = from_item("seen row", (*old).clone())?;
                return Err(StoreError::Duplicate(Box::new(seen)));
            }
        }
        if failed.iter().any(|(guard, _)| matches!(guard, Guard::Changed | Guard::Commit)) {
            return Err(StoreError::Conflict);
        }
        for (guard, _) in failed {
            if let Guard::Capacity(rep) = guard {
                return Err(StoreError::Full(rep.clone()));
            }
        }
        let code = |name| reasons.iter().any(|reason| reason.code() == Some(name));
        if code("ThrottlingError") || code("ProvisionedThroughputExceeded") {
            return Err(StoreError::Unavailable { reason: "throttled".to_owned() });
        }
        if code("ValidationError") || code("ItemCollectionSizeLimitExceeded") {
            let said = reasons.iter().find_map(|reason| reason.message()).unwrap_or_default();
            return Err(StoreError::Refused { reason: said.to_owned() });
        }
        Err(StoreError::Conflict)
    }
}

/// The SDK's token: the attempt's, and another for each try after a conflict, since those failed
/// for certain.
fn token(attempt: &AttemptId, tries: usize) -> String {
    let digest = crate::keys::hash(&[attempt.as_str(), &tries.to_string()]);
    digest[..36].to_owned()
}

/// Marks a row with the attempt that wrote it.
pub(crate) fn marked(mut item: Item, attempt: &AttemptId) -> Item {
    item.insert("attempt".to_owned(), text(attempt.as_str()));
    item
}
