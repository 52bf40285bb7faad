//! The queue side of intake: a receipt whose events are not all settled is put through again, from
//! its stored bytes.
//!
//! Settling is idempotent, so it does not matter which of its events were settled before.

use crate::{Envelope, Intake, connector};
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use domain::ReceiptId;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use settle::SettleError;
use std::collections::BTreeMap;
use store::StoreError;

/// A bus event as the queue carries it.
#[derive(Deserialize)]
struct Event {
    detail: Detail,
}

#[derive(Deserialize)]
struct Detail {
    receipt: ReceiptId,
}

impl Intake {
    /// Puts stored requests through again; those that failed come back.
    pub async fn drain(&self, batch: SqsEvent) -> SqsBatchResponse {
        let mut response = SqsBatchResponse::default();
        for message in batch.records {
            if let Err(reason) = Box::pin(self.put_through(&message)).await {
                tracing::warn!(reason, "not settled yet");
                response.add_failure(message.message_id.unwrap_or_default());
            }
        }
        response
    }

    async fn put_through(&self, message: &SqsMessage) -> Result<(), String> {
        let body = message.body.as_deref().unwrap_or_default();
        let event: Event = serde_json::from_str(body).map_err(|error| error.to_string())?;
        match self.settle_again(&event.detail.receipt).await {
            // It expired: its thirty days are over.
            Err(SettleError::Store(StoreError::Missing { .. })) => Ok(()),
            result => result.map_err(|error| error.to_string()),
        }
    }

    async fn settle_again(&self, id: &ReceiptId) -> Result<(), SettleError> {
        let receipt = self.store.receipt(id).await?;
        let active = self.configs.active(self.clock.now()).await?;
        let key = receipt.kind.source.clone();
        let Some(source) = active.config.sources.get(&key) else { return Ok(()) };
        let headers = headers_of(&receipt.kind.headers);
        let reading = connector::read(&key, source, &headers, &receipt.body);
        let envelope =
            Envelope { source: key, receipt: id.clone(), received_at: receipt.kind.received_at };
        let settled = self.settle_all(&envelope, reading).await?;
        if settled.pending == 0 {
            self.store.await_receipt(id, None).await?;
        }
        Ok(())
    }
}

fn headers_of(kept: &BTreeMap<String, String>) -> HeaderMap {
    let pairs = kept.iter().filter_map(|(name, value)| {
        Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value).ok()?))
    });
    pairs.collect()
}
