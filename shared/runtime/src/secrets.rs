//! Secrets of sources and of links: looked up by name, kept for minutes, current and previous both
//! good while one replaces the other.
//!
//! On a laptop every secret is the sample one, which the README's curl lines use; anywhere
//! else a configuration that says `sample` is refused. Secrets are never logged and never in the
//! table.

use aws_sdk_secretsmanager::{Client, error::SdkError};
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

/// How long it is kept although somebody says that it is another by now, and how long the store is
/// left alone when it did not answer, in seconds: whoever cannot prove themselves must not make this
/// ask as often as they like.
const DOUBTED_SECONDS: i64 = 10;

/// What a configuration writes for "the sample secret".
const SAMPLE: &str = "sample";

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// A sample secret outside a laptop.
    #[error("{0} still has the sample secret: name one of your own in the configuration")]
    Sample(String),
    /// The secret store did not answer.
    #[error("the secret of {what} could not be read ({reason})")]
    Unavailable {
        /// Whose secret.
        what: String,
        /// What the store said.
        reason: String,
    },
}

/// Looks secrets up; clones share what is kept.
#[derive(Clone)]
pub struct Secrets {
    vault: Option<Client>,
    kept: Arc<Mutex<BTreeMap<String, Kept>>>,
    /// Why the store did not answer when it was last asked, and when that was.
    failed: Arc<Mutex<BTreeMap<String, Failed>>>,
}

/// A secret that is wanted.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// Whose it is, as an error says it.
    pub what: String,
    /// The name the configuration gives it.
    pub name: &'a str,
    /// What it is on a laptop.
    pub sample: String,
}

impl<'a> Wanted<'a> {
    /// Wants a source's secret.
    fn of(key: &SourceKey, source: &'a Source) -> Self {
        let sample = sample(key, source.kind);
        Self { what: format!("source `{key}`"), name: &source.secret, sample }
    }
}

/// The versions of a secret that are good, and when they were asked for.
type Kept = (DateTime<Utc>, Vec<String>);

/// When the store did not answer, and why.
type Failed = (DateTime<Utc>, String);

impl Secrets {
    /// Looks secrets up in the account's secret store.
    pub fn vault(client: Client) -> Self {
        Self { vault: Some(client), kept: Arc::default(), failed: Arc::default() }
    }

    /// Knows only the sample secrets.
    pub fn sample() -> Self {
        Self { vault: None, kept: Arc::default(), failed: Arc::default() }
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
        self.named(&Wanted::of(key, source), now).await
    }

    /// Finds the versions of a secret that are good, the current one first.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub async fn named(
        &self,
        wanted: &Wanted<'_>,
        now: DateTime<Utc>,
    ) -> Result<Vec<String>, SecretError> {
        let Some(vault) = &self.vault else { return Ok(vec![wanted.sample.clone()]) };
        if wanted.name == SAMPLE {
            return Err(SecretError::Sample(wanted.what.clone()));
        }
        match self.kept_since(wanted, now, Duration::minutes(KEPT_MINUTES)) {
            Some(secrets) => Ok(secrets),
            None => self.ask_anew(vault, wanted, now).await,
        }
    }

    /// Finds a source's secrets after those that [`Self::of`] gave proved nothing: one may have
    /// taken another's place since they were asked for. `None` when they are as good as new.
    ///
    /// # Errors
    /// `Unavailable` when the store does not answer.
    pub async fn renewed(
        &self,
        key: &SourceKey,
        source: &Source,
        now: DateTime<Utc>,
    ) -> Result<Option<Vec<String>>, SecretError> {
        let Some(vault) = &self.vault else { return Ok(None) };
        let wanted = Wanted::of(key, source);
        match self.kept_since(&wanted, now, Duration::seconds(DOUBTED_SECONDS)) {
            Some(_) => Ok(None),
            None => self.ask_anew(vault, &wanted, now).await.map(Some),
        }
    }

    fn failed(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Failed>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the store for the versions that are good, unless it did not answer just now: whoever
    /// cannot prove themselves must not keep it busy.
    async fn ask_anew(
        &self,
        vault: &Client,
        wanted: &Wanted<'_>,
        now: DateTime<Utc>,
    ) -> Result<Vec<String>, SecretError> {
        let failed = self.failed().get(wanted.name).cloned();
        let lately = |asked: DateTime<Utc>| now - asked < Duration::seconds(DOUBTED_SECONDS);
        if let Some((_, reason)) = failed.filter(|(asked, _)| lately(*asked)) {
            return Err(SecretError::Unavailable { what: wanted.what.clone(), reason });
        }
        let asked = self.ask_both(vault, wanted, now).await;
        match &asked {
            Err(SecretError::Unavailable { reason, .. }) => {
                self.failed().insert(wanted.name.to_owned(), (now, reason.clone()));
            }
            _ => {
                self.failed().remove(wanted.name);
            }
        }
        asked
    }

    async fn ask_both(
        &self,
        vault: &Client,
        wanted: &Wanted<'_>,
        now: DateTime<Utc>,
    ) -> Result<Vec<String>, SecretError> {
        let current = ask(vault, wanted, "AWSCURRENT").await?;
        let current = current.ok_or_else(|| SecretError::Unavailable {
            what: wanted.what.clone(),
            reason: format!("there is no secret `{}`", wanted.name),
        })?;
        let mut secrets = vec![current];
        // There is no previous version until the first rotation; but one that is not told just now
        // may be the one a message is signed with.
        secrets.extend(ask(vault, wanted, "AWSPREVIOUS").await?);
        self.kept().insert(wanted.name.to_owned(), (now, secrets.clone()));
        Ok(secrets)
    }

    /// Reads what is kept, if it was asked for within a time.
    fn kept_since(
        &self,
        wanted: &Wanted<'_>,
        now: DateTime<Utc>,
        within: Duration,
    ) -> Option<Vec<String>> {
        let kept = self.kept().get(wanted.name).cloned();
        kept.filter(|(asked, _)| now - *asked < within).map(|(_, secrets)| secrets)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a source's sample secret: `local-<source>-secret`, in Standard Webhooks form for the
/// generic hook, and for Pipedrive the password of a user `handoff`.
pub fn sample(key: &SourceKey, kind: SourceKind) -> String {
    let plain = format!("local-{key}-secret");
    match kind {
        SourceKind::Generic => format!("whsec_{}", STANDARD.encode(plain)),
        SourceKind::Hubspot | SourceKind::Salesforce | SourceKind::Slack => plain,
        SourceKind::Pipedrive => format!("handoff:{plain}"),
    }
}

/// Reads one version of a secret; `None` when there is no such version.
async fn ask(
    vault: &Client,
    wanted: &Wanted<'_>,
    stage: &str,
) -> Result<Option<String>, SecretError> {
    let unavailable =
        |reason: String| SecretError::Unavailable { what: wanted.what.clone(), reason };
    let answer = vault.get_secret_value().secret_id(wanted.name).version_stage(stage).send().await;
    match answer.map_err(SdkError::into_service_error) {
        Ok(answer) => match answer.secret_string {
            None => Err(unavailable("it is not text".to_owned())),
            text => Ok(text),
        },
        Err(error) if error.is_resource_not_found_exception() => Ok(None),
        Err(error) => Err(unavailable(error.to_string())),
    }
}
