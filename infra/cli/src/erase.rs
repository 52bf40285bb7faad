//! `handoff erase`: a person goes from everything that is kept, and the counts stay.
//!
//! All rows are looked at twice: which journeys are theirs, then what there is of them. It changes
//! nothing while a handoff of theirs is open, for somebody works on it and must hear of its end.
//! Whoever can use the table may do it, so nobody is asked who they are.

mod eraser;

pub use eraser::{Erased, Eraser, Found};

use crate::{Failure, output, table::Place};
use clap::Args;
use domain::{
    erasure::Address,
    subject::{ObjectKind, Reference},
};
use local::assembly::SetupError;
use runtime::Clock;
use std::process::ExitCode;

/// The options of `erase`.
#[derive(Debug, Args)]
pub struct Options {
    /// Whom to erase, and where they are stored
    #[command(flatten)]
    pub whom: Whom,
    /// Where the table is
    #[command(flatten)]
    pub place: Place,
    /// Say what would go, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Whom to erase: by their address, by what systems call them, or both.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct Whom {
    /// Their email address: whatever has it in it is found
    #[arg(long, value_name = "ADDRESS", value_parser = Address::read)]
    pub email: Option<Address>,
    /// What a system calls them, such as hubspot:contact:4711; may be given more than once
    #[arg(long, value_name = "SYSTEM:OBJECT:ID", value_parser = reference)]
    pub reference: Vec<Reference>,
}

fn reference(typed: &str) -> Result<Reference, String> {
    let mut parts = typed.splitn(3, ':');
    let parts = (parts.next(), parts.next().and_then(ObjectKind::from_word), parts.next());
    match parts {
        (Some(system), Some(object), Some(id)) if object.is_person() && !id.is_empty() => {
            Ok(Reference::new(system, object, id))
        }
        _ => {
            Err("say the system, `lead` or `contact`, and the id: hubspot:contact:4711".to_owned())
        }
    }
}

/// Erases a person; exit 1 where open handoffs are in the way.
///
/// # Errors
/// When the table cannot be used.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    let clock = Clock::system();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let erased = runtime.map_err(Failure::System)?.block_on(async {
        let table = options.place.open(&clock)?;
        table.active().await?.ok_or(Failure::NoConfig)?;
        let eraser = Eraser::new(table.store.clone(), clock.now());
        let Whom { email, reference } = &options.whom;
        let found = eraser.find(email.as_ref(), reference).await.map_err(SetupError::from)?;
        if options.dry_run || !found.open.is_empty() {
            return Ok(found.told());
        }
        let erased = eraser.erase(&found).await.map_err(SetupError::from)?;
        table.forget(&found.needles())?;
        Ok::<_, Failure>(erased)
    })?;
    match options.json {
        true => output::document(&erased)?,
        false => output::say(&erased.summary(options.dry_run))?,
    }
    Ok(if erased.open.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
