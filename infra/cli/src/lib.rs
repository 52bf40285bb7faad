//! The `handoff` command, one module a command.
//!
//! A command takes its options and returns how it went: 0 done, 1 findings, 2 the call was wrong.
//! What it was asked for goes to stdout, everything else to stderr.

pub mod absence;
pub mod audit;
pub mod backup;
pub mod check;
pub mod completions;
pub mod copy;
pub mod demo;
pub mod due;
pub mod erase;
mod failure;
mod lead;
pub mod mute;
mod organisation;
mod output;
mod problems;
pub mod push;
pub mod redrive;
pub mod replay;
pub mod route;
pub mod schema;
pub mod table;
mod times;
pub mod up;
pub mod words;

pub use failure::Failure;

use clap::{Parser, Subcommand};

/// Handoffs between teams, with an owner, a clock and a complete package.
#[derive(Debug, Parser)]
#[command(name = "handoff", version, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// What to do; `up` if nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The options of `up`.
    #[command(flatten)]
    pub up: up::Options,
}

/// What the command can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the whole system on this machine (the default)
    Up(up::Options),
    /// Plays sample traffic in virtual time and prints what happened
    Demo(demo::Options),
    /// Lints a configuration: every problem at once
    Check(check::Options),
    /// Prints a JSON Schema: of a configuration, a hook, a webhook or an event
    Schema(schema::Options),
    /// Says when every clock of a handoff falls due, and each step of its ladder
    Due(due::Options),
    /// Says who would get a lead now, and why
    Route(route::Options),
    /// Says what another configuration would have made of past handoffs
    Replay(replay::Options),
    /// Shows how notices read by a configuration, made of what really happened
    Words(words::Options),
    /// Stores a configuration as the next version, and shows what changes by it
    Push(push::Options),
    /// Holds what is stored against what the histories say
    Audit(audit::Options),
    /// Puts through again what is in quarantine
    Redrive(redrive::Options),
    /// Takes a person from everything that is kept, and keeps the counts
    Erase(erase::Options),
    /// Copies the table to files
    Backup(backup::Options),
    /// Puts a copy back into a table nobody has used
    Restore(backup::Restoring),
    /// Says from when to when a rep is away, or that they are back
    Absence(absence::Options),
    /// Silences everything outside at once; clocks and numbers go on
    Mute(mute::Options),
    /// Lets everything be said again
    Unmute(mute::Ending),
    /// Prints a shell's completions
    Completions(completions::Options),
}

impl Arguments {
    /// Says what is logged unless the environment says otherwise.
    ///
    /// The demo sends what cannot be read on purpose, and the table's engine warns of conditions
    /// that did not hold, as they are there to do.
    pub fn log_filter(&self) -> &'static str {
        match self.command {
            Some(Command::Demo(_)) => "error",
            // It says itself what stays aside.
            Some(Command::Redrive(_)) => "warn,dynoxide=error,intake=error",
            _ => "warn,dynoxide=error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn without_a_command_the_options_are_those_of_up() {
        let arguments = Arguments::parse_from(["handoff", "--port", "9000", "--empty"]);
        assert!(arguments.command.is_none());
        assert_eq!((arguments.up.port, arguments.up.empty), (9000, true));
    }
}
