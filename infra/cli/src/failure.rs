//! Why a command could not do what it was told: a sentence on stderr, and exit code 2.

use crate::{copy::CopyError, problems};
use domain::{PersonId, TypeKey, config::Problem};
use local::{EngineError, GatewayError, StateError, assembly::SetupError};
use std::{io, path::PathBuf, process::ExitCode};

/// Why a command could not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A file cannot be read.
    #[error("{} cannot be read: {source}.", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A configuration is wrong.
    #[error("{name} is no good: it has {}.", problems::count(.problems.len()))]
    Config {
        /// The file's name.
        name: String,
        /// Its text.
        text: String,
        /// Everything that is wrong with it.
        problems: Vec<Problem>,
    },
    /// A lead file is no body of the generic hook.
    #[error(
        "{} is no lead: {reason}. It must be the JSON body of a generic hook, such as \
         {{\"type\":\"demo.requested\",\"data\":{{\"subject\":\
         {{\"email\":\"dana@acme.example\"}}}}}}.",
        path.display()
    )]
    Lead {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The configuration has no such type.
    #[error("There is no handoff type `{wanted}`. There are: {known}.")]
    UnknownType {
        /// What was asked for.
        wanted: TypeKey,
        /// What there is.
        known: String,
    },
    /// The configuration has no such person.
    #[error("There is nobody called `{wanted}`. There are: {known}.")]
    UnknownPerson {
        /// Who was asked for.
        wanted: PersonId,
        /// Who there is.
        known: String,
    },
    /// An absence that would end before it begins.
    #[error("An absence ends after it begins: say a later --to.")]
    AbsenceOver,
    /// Nothing was ever pushed.
    #[error("There is no configuration there yet: push one with `handoff push FILE`.")]
    NoConfig,
    /// What is stored cannot be audited.
    #[error("The table cannot be audited: {0}.")]
    Audit(#[from] audit::AuditError),
    /// Numbers would be put right that a redrive adds to.
    #[error(
        "{0} commits that were put aside can be counted now, and would be counted twice after \
         --rebuild: run `handoff redrive` first."
    )]
    Uncounted(usize),
    /// A copy cannot be written or read.
    #[error("The copy cannot be used: {0}.")]
    Copy(#[from] CopyError),
    /// The table is not for a copy.
    #[error(
        "This table has been used: a copy goes into one that nobody has, such as a new --data \
         directory, or the table of a stack that was just deployed and has no configuration yet."
    )]
    InUse,
    /// Another copy was begun there.
    #[error(
        "Another copy is being put back into this table: run `handoff restore` with that one \
         again, or take a new table."
    )]
    RestoringAnother,
    /// Nobody said where commits are told.
    #[error(
        "{0} commits that the relay put aside are told on the bus and the topic: name them with \
         --bus and --topic, as the stack's outputs BusName and TopicArn do, or leave them with \
         `--by intake` and `--by metrics`."
    )]
    NoOutward(usize),
    /// The topic does not let its subscriptions follow the roster.
    #[error(
        "The topic's subscriptions do not follow the roster yet: {0}. What was stored stays: push the \
         same file again when that is mended."
    )]
    Subscriptions(#[from] runtime::SubscriberError),
    /// A lead triggers nothing.
    #[error("A lead that says `{event}` like this opens no handoff: name a type with --type.")]
    TriggersNothing {
        /// The event.
        event: String,
    },
    /// The gateway cannot listen.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The local cloud cannot start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The local cloud cannot keep its state.
    #[error(transparent)]
    State(#[from] StateError),
    /// The table cannot be set up.
    #[error("The table cannot be used: {0}.")]
    Setup(#[from] SetupError),
    /// What AWS needs is not in the environment.
    #[error(
        "AWS cannot be reached: {0}, for functions. Here, export the credentials \
         (`aws configure export-credentials --format env`) and AWS_REGION."
    )]
    Environment(#[from] runtime::environment::EnvironmentError),
    /// The table has no configuration to compare with.
    #[error("This table has no configuration yet: there is no past to replay.")]
    NoPast,
    /// There is no data to look at.
    #[error("There is nothing at `{}`: name the --data directory of a system that ran.", .0.display())]
    NoData(PathBuf),
    /// A stretch of time is none.
    #[error("The time ends before it begins: give --since an earlier time than --until.")]
    NoStretch,
    /// Two people pushed at once.
    #[error("Somebody else stored a configuration just now: look at it, then push again.")]
    PushedMeanwhile,
    /// Signals cannot be listened for, or the runtime not started.
    #[error("The system does not let this process run: {0}.")]
    System(io::Error),
    /// A result cannot be written as JSON.
    #[error("The result cannot be written as JSON: {0}.")]
    Json(#[from] serde_json::Error),
    /// Stdout cannot be written.
    #[error("The output cannot be written: {0}.")]
    Output(io::Error),
    /// A part of the system answered what it never should.
    #[error("The {part} answered {status} where it should not: {detail}")]
    Answer {
        /// Which part.
        part: &'static str,
        /// The status.
        status: u16,
        /// What it said.
        detail: String,
    },
}

impl Failure {
    /// Says it on stderr.
    pub fn tell(&self) -> ExitCode {
        if let Self::Config { name, text, problems } = self {
            eprint!("{}", problems::report(name, text, problems));
        }
        eprintln!("{self}");
        ExitCode::from(2)
    }
}
