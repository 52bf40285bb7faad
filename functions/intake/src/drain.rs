//! The queue side of intake: a receipt whose events are not all settled is put through again, from
//! its stored bytes.
//!
//! Settling is idempotent, so it does not matter which of its events were settled before.

use crate::{Intake, settling::PATIENCE};
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use domain::ReceiptId;
use futures::FutureExt;
use serde::Deserialize;
use settle::SettleError;
use std::panic::AssertUnwindSafe;
use store::{Quarantined, StoreError};

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
    /// Puts stored requests through again; those that failed come back. One that panics is one
    /// that failed: it does not take the others with it.
    pub async fn drain(&self, batch: SqsEvent) -> SqsBatchResponse {
        let mut response = SqsBatchResponse::default();
        for message in batch.records {
            let put = AssertUnwindSafe(Box::pin(self.put_through(&message))).catch_unwind().await;
            if let Err(reason) = put.unwrap_or_else(|_| Err("it panicked".to_owned())) {
                tracing::warn!(reason, "not settled yet");
                response.add_failure(message.message_id.unwrap_or_default());
            }
        }
        response
    }

    async fn put_through(&self, message: &SqsMessage) -> Result<(), String> {
        let body = message.body.as_deref().unwrap_or_default();
        let event: Event = serde_json::from_str(body).map_err(|error| error.to_string())?;
        let id = &event.detail.receipt;
        match self.again(id, PATIENCE).await {
            // It expired: its thirty days are over.
            Err(SettleError::Store(StoreError::Missing { .. })) => Ok(()),
            Ok(Some(_)) => Ok(()),
            Ok(None) => self.source_is_gone(id).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Puts aside a request whose source the configuration has no more, instead of waiting for it
    /// for ever: once the source is back, it can be redriven.
    async fn source_is_gone(&self, id: &ReceiptId) -> Result<(), StoreError> {
        tracing::error!(receipt = %id, "its source left the configuration: it is in quarantine");
        let aside = Quarantined {
            what: id.to_string(),
            kind: "receipt".to_owned(),
            by: "intake".to_owned(),
            reason: "source".to_owned(),
            at: self.clock.now(),
            part: None,
        };
        self.store.quarantine(&aside, "0").await?;
        self.store.await_receipt(id, None).await
    }
}
