//! Secrets of sources: looked up by name, kept for minutes, current and previous both good while
//! one replaces the other.
//!
//! On a laptop every source's secret is the sample one, which the README's curl lines use; anywhere
//! else a configuration that says `sample` is refused. Secrets are never logged and never in the
//! table.

use aws_sdk_secretsmanager::Client;
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Duration, Utc};
use domain::{
    SourceKey,
    config::{Source, SourceKind},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// How long a secret is kept before it is asked for again, in minutes.
const KEPT_MINUTES: i64 = 5;

/// What a configuration writes for "the sample secret".
const SAMPLE: &str = "sample";

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// A sample secret outside a laptop.
    #[error("source `{0}` still has the sample secret: name one of your own in the configuration")]
    Sample(SourceKey),
    /// The secret store did not answer.
    #[error("the secret of source `{source_key}` could not be read ({reason})")]
    Unavailable {
        /// The source.
        source_key: SourceKey,
        /// What the store said.
        reason: String,
    },
}

/// Looks secrets up; clones share what is kept.
#[derive(Clone)]
pub struct Secrets {
    vault: Option<Client>,
    kept: Arc<Mutex<BTreeMap<String, Kept>>>,
}

/// The versions of a secret that are good, and when they were asked for.
type Kept = (DateTime<Utc>, Vec<String>);

impl Secrets {
    /// Looks secrets up in the account's secret store.
    pub fn vault(client: Client) -> Self {
        Self { vault: Some(client), kept: Arc::default() }
    }

    /// Knows only the sample secrets.
    pub fn sample() -> Self {
        Self { vault: None, kept: Arc::default() }
    }

    /// Finds a source's active secrets, the current one first.
    ///
    /// # Errors
    /// `Sample` outside a laptop; `Unavailable` when the store does not answer.
    pub async fn of(
        &self,
        key: &SourceKey,
        source: &Source,
        now: DateTime<Utc>,
    ) -> Result<Vec<String>, SecretError> {
        let Some(vault) = &self.vault else { return Ok(vec![sample(key, source.kind)]) };
        if source.secret == SAMPLE {
            return Err(SecretError::Sample(key.clone()));
        }
        let kept = self.kept().get(&source.secret).cloned();
        if let Some((asked, secrets)) = kept
            && now - asked < Duration::minutes(KEPT_MINUTES)
        {
            return Ok(secrets);
        }
        let mut secrets = vec![ask(vault, key, &source.secret, "AWSCURRENT").await?];
        // There is no previous version until the first rotation.
        secrets.extend(ask(vault, key, &source.secret, "AWSPREVIOUS").await.ok());
        self.kept().insert(source.secret.clone(), (now, secrets.clone()));
        Ok(secrets)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a source's sample secret: `local-<source>-secret`, in Standard Webhooks form for the
/// generic hook.
pub fn sample(key: &SourceKey, kind: SourceKind) -> String {
    let plain = format!("local-{key}-secret");
    match kind {
        SourceKind::Generic => format!("whsec_{}", STANDARD.encode(plain)),
        SourceKind::Hubspot | SourceKind::Salesforce => plain,
    }
}

async fn ask(
    vault: &Client,
    key: &SourceKey,
    name: &str,
    stage: &str,
) -> Result<String, SecretError> {
    let unavailable = |reason: String| SecretError::Unavailable { source_key: key.clone(), reason };
    let answer = vault.get_secret_value().secret_id(name).version_stage(stage).send().await;
    let answer = answer.map_err(|error| unavailable(error.into_service_error().to_string()))?;
    answer.secret_string.ok_or_else(|| unavailable("it is not text".to_owned()))
}
