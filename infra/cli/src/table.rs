//! The table a command works on: a data directory of this machine, or one on AWS.

use crate::Failure;
use clap::Args;
use local::{
    Parts, Setup,
    assembly::{self, SetupError},
};
use runtime::{Clock, Environment};
use std::path::PathBuf;
use store::Store;

/// Where a table is.
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

/// A table that can be used; the engine under it lives as long.
pub(crate) struct Table {
    /// Its records.
    pub(crate) store: Store,
    _parts: Option<Parts>,
}

impl Place {
    /// Opens the table; one on this machine is made if there is none.
    pub(crate) async fn open(&self, clock: &Clock) -> Result<Table, Failure> {
        if let Some(table) = &self.table {
            let store = Environment::read()?.with_table(table).store();
            return Ok(Table { store, _parts: None });
        }
        let parts = Parts::start(Setup {
            data: self.data.clone(),
            table: assembly::TABLE.to_owned(),
            rules: assembly::rules(),
            clock: clock.clone(),
        })?;
        let store = assembly::environment(&parts).store();
        store::create_table(&store).await.map_err(SetupError::from)?;
        Ok(Table { store, _parts: Some(parts) })
    }
}
