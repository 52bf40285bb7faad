//! The configuration in force, and the ones handoffs were opened with, read once and kept.
//!
//! Versions are immutable, so they are kept for good; which one is active is asked again every half
//! minute, so that a push takes effect everywhere within that time without a read per event.

use chrono::{DateTime, Duration, Utc};
use domain::{Config, config, routing::Rules};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};
use store::{Store, StoreError};

/// How long the answer to "which version is active?" is believed, in seconds.
const BELIEVED_SECONDS: i64 = 30;

/// A configuration, and its rules once somebody routes by them.
pub struct Active {
    /// The configuration.
    pub config: Config,
    rules: OnceLock<Rules>,
}

impl Active {
    /// Reads its rules, compiled the first time they are asked for: most functions never do.
    pub fn rules(&self) -> &Rules {
        self.rules.get_or_init(|| Rules::compile(&self.config))
    }
}

/// Why there is no configuration to work with.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The table could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing was ever pushed.
    #[error("there is no configuration yet: push one with `handoff push FILE`")]
    None,
    /// A stored version does not pass this version's lint.
    #[error("configuration {version} cannot be used: {problem}")]
    Unusable {
        /// The version.
        version: u64,
        /// The first problem.
        problem: String,
    },
}

#[derive(Default)]
struct Cache {
    active: Option<(u64, DateTime<Utc>)>,
    versions: BTreeMap<u64, Arc<Active>>,
}

/// Reads configurations through a cache; clones share it.
#[derive(Clone)]
pub struct Configs {
    store: Store,
    cache: Arc<Mutex<Cache>>,
}

impl Configs {
    /// Reads from `store`.
    pub fn new(store: Store) -> Self {
        Self { store, cache: Arc::default() }
    }

    /// Reads the active configuration.
    ///
    /// # Errors
    /// `None` before the first push; `Store` when the table does not answer.
    pub async fn active(&self, now: DateTime<Utc>) -> Result<Arc<Active>, ConfigError> {
        let believed = self.cache().active.filter(|(_, asked)| {
            (*asked..*asked + Duration::seconds(BELIEVED_SECONDS)).contains(&now)
        });
        let version = match believed {
            Some((version, _)) => version,
            None => {
                let version = self.store.active_version().await?.ok_or(ConfigError::None)?;
                self.cache().active = Some((version, now));
                version
            }
        };
        self.version(version).await
    }

    /// Forgets which version is active if that is an older one than somebody knows of.
    pub fn at_least(&self, version: u64) {
        let mut cache = self.cache();
        cache.active = cache.active.filter(|(believed, _)| *believed >= version);
    }

    /// Reads one version.
    ///
    /// # Errors
    /// `Store` when there is no such version or the table does not answer.
    pub async fn version(&self, version: u64) -> Result<Arc<Active>, ConfigError> {
        if let Some(known) = self.cache().versions.get(&version) {
            return Ok(Arc::clone(known));
        }
        let stored = self.store.config(version).await?;
        let config =
            config::load_stored(&stored.text).map_err(|problems| ConfigError::Unusable {
                version,
                problem: problems.first().map(ToString::to_string).unwrap_or_default(),
            })?;
        let config = Config { version, ..config };
        let active = Arc::new(Active { config, rules: OnceLock::new() });
        self.cache().versions.insert(version, Arc::clone(&active));
        Ok(active)
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
