//! The `handoff` command: arguments, telemetry, run.

use clap::Parser;
use cli::{
    Arguments, Command, absence, audit, backup, check, completions, demo, due, erase, mute, push,
    redrive, replay, route, schema, up, words,
};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    runtime::telemetry::in_terminal(arguments.log_filter());
    let done = match arguments.command.unwrap_or(Command::Up(arguments.up)) {
        Command::Up(options) => up::run(options),
        Command::Demo(options) => demo::run(&options),
        Command::Check(options) => check::run(&options),
        Command::Schema(options) => schema::run(&options),
        Command::Due(options) => due::run(&options),
        Command::Route(options) => route::run(&options),
        Command::Push(options) => push::run(&options),
        Command::Replay(options) => replay::run(&options),
        Command::Words(options) => words::run(&options),
        Command::Audit(options) => audit::run(&options),
        Command::Redrive(options) => redrive::run(&options),
        Command::Erase(options) => erase::run(&options),
        Command::Backup(options) => backup::run(&options),
        Command::Restore(options) => backup::restore(&options),
        Command::Absence(options) => absence::run(&options),
        Command::Mute(options) => mute::run(&options),
        Command::Unmute(options) => mute::end(&options),
        Command::Completions(options) => completions::run(&options),
    };
    done.unwrap_or_else(|failure| failure.tell())
}
