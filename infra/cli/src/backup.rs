//! `handoff backup DIR` and `handoff restore DIR`: the table as files, and back.
//!
//! A copy of a system that does not run is of one instant. One of a table that is in use is read
//! while it changes; for one instant's state there is DynamoDB's own export of a point in time,
//! which `restore` reads too. What is put back was told and counted before and is not again.

use crate::{
    Failure,
    copy::{Copy, Writer},
    output,
    table::Place,
};
use clap::Args;
use local::assembly::{self, SetupError};
use runtime::Clock;
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};
use store::{Store, StoreError};

/// How many rows are put back at a time.
const CHUNK: usize = 500;

/// The options of `backup`.
#[derive(Debug, Args)]
pub struct Options {
    /// The directory the copy goes to: new or empty
    #[arg(value_name = "DIR")]
    pub to: PathBuf,
    /// Where the table is
    #[command(flatten)]
    pub place: Place,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// The options of `restore`.
#[derive(Debug, Args)]
pub struct Restoring {
    /// The directory the copy is in: of `handoff backup`, or of a table's export to S3
    #[arg(value_name = "DIR")]
    pub from: PathBuf,
    /// The table it goes to, which nobody has used
    #[command(flatten)]
    pub place: Place,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Copies the table to files.
///
/// # Errors
/// When the table cannot be read, or the files not written.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    let clock = Clock::system();
    if options.place.data.as_ref().is_some_and(|data| !data.is_dir()) {
        return Err(Failure::NoData(options.place.data.clone().unwrap_or_default()));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let manifest = runtime.map_err(Failure::System)?.block_on(async {
        let table = options.place.open(&clock)?;
        table.active().await?.ok_or(Failure::NoConfig)?;
        let mut writer = Writer::begin(&options.to, clock.now())?;
        let mut after = None;
        loop {
            let (rows, next) = table.store.rows(after).await.map_err(SetupError::from)?;
            rows.iter().try_for_each(|row| writer.add(row))?;
            match next {
                Some(next) => after = Some(next),
                None => return Ok::<_, Failure>(writer.end()?),
            }
        }
    })?;
    if options.json {
        output::document(&manifest)?;
        return Ok(ExitCode::SUCCESS);
    }
    let (rows, to) = (manifest.rows, options.to.display());
    let still = match options.place.table {
        Some(_) => {
            " What changed meanwhile may be in it in part: for the state of one instant export the \
             table's point in time to S3, which `handoff restore` reads too."
        }
        None => "",
    };
    output::say(&format!("{rows} rows are in {to}, names and addresses among them.{still}\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// Puts a copy back into a table that nobody has used.
///
/// # Errors
/// When the copy is not whole, or the table is in use or cannot be written.
pub fn restore(options: &Restoring) -> Result<ExitCode, Failure> {
    let copy = Copy::find(&options.from)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let rows = runtime.map_err(Failure::System)?.block_on(async {
        // A damaged copy is found out before anything is written.
        copy.rows().try_for_each(|row| row.map(drop))?;
        let table = options.place.open(&Clock::system())?;
        if options.place.data.is_some() {
            assembly::stored(&table.store).await?;
        }
        put_back(&copy, &table.store).await
    })?;
    match options.json {
        true => output::document(&json!({ "rows": rows }))?,
        false => output::say(&format!(
            "{rows} rows were put back. What they say was told and counted before and is not \
             again; `handoff audit` looks whether it all fits together.\n"
        ))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Puts all rows back; the active configuration last, for no function works without one.
async fn put_back(copy: &Copy, store: &Store) -> Result<u64, Failure> {
    let setup = |error: StoreError| Failure::from(SetupError::from(error));
    match store.restoring().await.map_err(setup)? {
        Some(begun) if begun == copy.name => {}
        Some(_) => return Err(Failure::RestoringAnother),
        None if store.is_unused().await.map_err(setup)? => {}
        None => return Err(Failure::InUse),
    }
    store.set_restoring(Some(&copy.name)).await.map_err(setup)?;
    let (mut chunk, mut last, mut rows) = (Vec::with_capacity(CHUNK), Vec::new(), 0);
    for row in copy.rows() {
        match row? {
            row if row.is_of_the_running() => continue,
            row if row.is_active_config() => last.push(row),
            row => chunk.push(row),
        }
        rows += 1;
        if chunk.len() == CHUNK {
            store.put_back(&std::mem::take(&mut chunk)).await.map_err(setup)?;
        }
    }
    chunk.append(&mut last);
    store.put_back(&chunk).await.map_err(setup)?;
    store.set_restoring(None).await.map_err(setup)?;
    Ok(rows)
}
