//! `handoff schema`: the configuration's shape, for editors that complete and explain what is
//! written.

use crate::{Failure, output};
use domain::config::schema;
use std::process::ExitCode;

/// Prints the JSON Schema of a configuration.
///
/// # Errors
/// When it cannot be printed.
pub fn run() -> Result<ExitCode, Failure> {
    output::document(&schema())?;
    Ok(ExitCode::SUCCESS)
}
