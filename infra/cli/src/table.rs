//! The table a command works on: of a system on this machine that does not run now, or on AWS.

use crate::Failure;
use clap::Args;
use local::{
    Parts, Setup,
    assembly::{self, SetupError},
};
use runtime::{Clock, Environment};
use std::path::PathBuf;
use store::{Store, StoredConfig};

/// Where the table is.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Place {
    /// The data directory of a system on this machine that does not run now
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The table on AWS, by the credentials and the region of the environment
    #[arg(long, value_name = "NAME")]
    pub table: Option<String>,
}

/// An open table; it stays open as long as this lives.
pub(crate) struct Table {
    /// The table.
    pub(crate) store: Store,
    /// What it was reached by, and what else can be.
    pub(crate) environment: Environment,
    /// The engine, where it is on this machine.
    parts: Option<Parts>,
}

impl Place {
    /// Opens the table.
    ///
    /// # Errors
    /// When the directory is in use, or what AWS needs is not in the environment.
    pub(crate) fn open(&self, clock: &Clock) -> Result<Table, Failure> {
        if let Some(table) = &self.table {
            let environment = Environment::read()?.with_table(table);
            return Ok(Table { store: environment.store(), environment, parts: None });
        }
        let parts = Parts::start(Setup {
            data: self.data.clone(),
            table: assembly::TABLE.to_owned(),
            rules: assembly::rules(),
            clock: clock.clone(),
        })?;
        let environment = assembly::environment(&parts);
        Ok(Table { store: environment.store(), environment, parts: Some(parts) })
    }
}

impl Table {
    /// Takes whatever has one of these texts in it from what a laptop keeps beside the table: what
    /// was sent, and the stream.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn forget(&self, texts: &[String]) -> Result<(), Failure> {
        Ok(self.parts.as_ref().map_or(Ok(()), |parts| parts.forget(texts))?)
    }

    /// Reads the active configuration; none before the first push.
    ///
    /// # Errors
    /// When the table cannot be used.
    pub(crate) async fn active(&self) -> Result<Option<StoredConfig>, Failure> {
        match self.parts {
            Some(_) => Ok(assembly::stored(&self.store).await?),
            None => Ok(self.store.active_config().await.map_err(SetupError::from)?),
        }
    }
}
