//! `handoff schema`: the shapes of what is written for this system and of what it tells, as JSON
//! Schema: for editors that complete and explain, and for whoever takes webhooks or events.

use crate::{Failure, output};
use clap::{Args, ValueEnum};
use domain::{config, outward};
use std::process::ExitCode;

/// The options of `schema`.
#[derive(Debug, Args)]
pub struct Options {
    /// Whose shape
    #[arg(value_enum, default_value = "configuration")]
    pub of: Of,
}

/// What has a shape.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Of {
    /// A configuration
    Configuration,
    /// The body of a generic hook, which sources send
    Hook,
    /// The body of a webhook, which destinations take
    Webhook,
    /// The detail of an event on the bus
    Event,
}

/// Prints a JSON Schema.
///
/// # Errors
/// When it cannot be printed.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    match options.of {
        Of::Configuration => output::document(&config::schema())?,
        Of::Hook => output::say(intake::GENERIC_SCHEMA)?,
        Of::Webhook => output::document(&outward::webhook_schema())?,
        Of::Event => output::document(&outward::bus_schema())?,
    }
    Ok(ExitCode::SUCCESS)
}
