//! A stored request is put through again, from its bytes: by the queue, when its events were not
//! all settled in time, and by whoever redrives it, when it can be read better than it was.
//!
//! It is read with today's connector and configuration. Settling is idempotent, so it does not
//! matter which of its events were settled before.

use crate::{Envelope, Intake, Settled, connector};
use chrono::Duration;
use domain::ReceiptId;
use http::{HeaderMap, HeaderName, HeaderValue};
use settle::SettleError;
use std::collections::BTreeMap;
use store::AsideKey;

impl Intake {
    /// Puts a stored request through again, waiting for `patience` at most; `None` where its source
    /// is in the configuration no longer.
    ///
    /// # Errors
    /// `Store` with `Missing` when its thirty days are over; anything else means later.
    pub async fn again(
        &self,
        id: &ReceiptId,
        patience: Duration,
    ) -> Result<Option<Settled>, SettleError> {
        let Some((envelope, reading)) = self.read_again(id).await? else { return Ok(None) };
        let settled = self.settle_all(&envelope, reading, patience).await?;
        if settled.pending == 0 {
            self.store.await_receipt(id, None).await?;
        }
        Ok(Some(settled))
    }

    /// Tells where entries of a stored request would be put aside today, and why each; writes
    /// nothing. `None` where its source is in the configuration no longer.
    ///
    /// # Errors
    /// `Store` with `Missing` when its thirty days are over; anything else means later.
    pub async fn look_again(
        &self,
        id: &ReceiptId,
    ) -> Result<Option<BTreeMap<AsideKey, String>>, SettleError> {
        let read = self.read_again(id).await?;
        Ok(read.map(|(envelope, reading)| Self::would_put_aside(&envelope, reading)))
    }

    async fn read_again(
        &self,
        id: &ReceiptId,
    ) -> Result<Option<(Envelope, connector::Reading)>, SettleError> {
        let receipt = self.store.receipt(id).await?;
        let active = self.configs.active(self.clock.now()).await?;
        let key = receipt.kind.source.clone();
        let Some(source) = active.config.sources.get(&key) else { return Ok(None) };
        let headers = headers_of(&receipt.kind.headers);
        let reading = connector::read(&key, source, &headers, &receipt.body);
        let envelope =
            Envelope { source: key, receipt: id.clone(), received_at: receipt.kind.received_at };
        Ok(Some((envelope, reading)))
    }
}

fn headers_of(kept: &BTreeMap<String, String>) -> HeaderMap {
    let pairs = kept.iter().filter_map(|(name, value)| {
        Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value).ok()?))
    });
    pairs.collect()
}
