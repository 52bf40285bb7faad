//! `handoff completions SHELL`: what a shell needs to complete the command.

use crate::{Arguments, Failure, output};
use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};
use std::process::ExitCode;

/// The options of `completions`.
#[derive(Debug, Args)]
pub struct Options {
    /// The shell
    pub shell: Shell,
}

/// Prints the completions.
///
/// # Errors
/// When stdout cannot be written.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    generate(options.shell, &mut Arguments::command(), "handoff", &mut script);
    output::say(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
