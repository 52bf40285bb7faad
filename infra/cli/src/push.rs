//! `handoff push FILE`: stores a configuration as the next version and shows what changes by it.
//!
//! A version is never changed once it is stored: handoffs that are open keep the clocks they opened
//! with. Functions look for a new version every half minute. With `--preview` nothing is stored:
//! besides the difference it says what the new one would have made of the last thirty days. The
//! topic's subscriptions follow the roster, also where the configuration itself is the active one:
//! so a push that was cut off is made good by pushing again.

mod follow;

use follow::Followed;

use crate::{Failure, organisation::Organisation, output, replay, table::Place};
use clap::Args;
use domain::AttemptId;
use local::assembly::SetupError;
use runtime::{Clock, Ids};
use serde_json::json;
use similar::{ChangeTag, TextDiff};
use std::{path::PathBuf, process::ExitCode};
use store::StoreError;

/// How many unchanged lines are shown around a change.
const CONTEXT_LINES: usize = 2;

/// The options of `push`.
#[derive(Debug, Args)]
pub struct Options {
    /// The configuration
    pub file: PathBuf,
    /// Where it is stored
    #[command(flatten)]
    pub place: Place,
    /// The topic whose subscriptions follow the roster, with --table [default: $TOPIC]
    #[arg(long, value_name = "ARN", requires = "table")]
    pub topic: Option<String>,
    /// Show what would change, also of the last thirty days, and store nothing
    #[arg(long)]
    pub preview: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Stores a configuration, unless it is the active one; exit 1 where the topic refused a part.
///
/// # Errors
/// When the file is no good, the table cannot be used, or somebody else pushed at the same time.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    let organisation = Organisation::read(Some(&options.file))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.map_err(Failure::System)?.block_on(push(options, &organisation))?;
    Ok(if done { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Tells whether everything was done; what was not is said.
async fn push(options: &Options, organisation: &Organisation) -> Result<bool, Failure> {
    let clock = Clock::system();
    if let Some(data) = options.place.data.as_ref().filter(|data| options.preview && !data.exists())
    {
        return Err(Failure::NoData(data.clone()));
    }
    let mut table = options.place.open(&clock)?;
    table.environment = table.environment.clone().with_outward(&None, &options.topic);
    let was = table.active().await?;
    let old = was.as_ref().map_or("", |was| was.text.as_str());
    let stores = old != organisation.text && !options.preview;
    let after = was.as_ref().map(|was| was.version);
    let version = match stores {
        true => {
            let now = clock.now();
            let attempt = AttemptId(Ids::random().ulid(now));
            let pushed = table.store.push_config(&organisation.text, after, &attempt, now).await;
            Some(pushed.map_err(|error| match error {
                StoreError::Conflict => Failure::PushedMeanwhile,
                other => SetupError::from(other).into(),
            })?)
        }
        false => after,
    };
    let late = match &was {
        Some(was) if options.preview => {
            Some(replay::of_late(&table.store, was, &organisation.config, clock.now()).await?)
        }
        _ => None,
    };
    let followed = match table.environment.has_topic() {
        true => {
            let topic = table.environment.topic();
            Some(follow::follow(&topic, &organisation.config, options.preview).await)
        }
        false => None,
    };
    let done = followed.as_ref().is_none_or(|it| it.as_ref().is_ok_and(Followed::is_done));
    let diff = TextDiff::from_lines(old, &organisation.text);
    let count = |tag| diff.iter_all_changes().filter(|change| change.tag() == tag).count();
    let (added, removed) = (count(ChangeTag::Insert), count(ChangeTag::Delete));
    if options.json {
        let (subscriptions, failed) = match followed.transpose() {
            Ok(followed) => (followed, None),
            Err(error) => (None, Some(error)),
        };
        output::document(&json!({
            "version": version, "was": after, "stored": stores, "added": added, "removed": removed,
            "recent": late.as_ref().map(replay::Told::document),
            "subscriptions": subscriptions,
        }))?;
        return failed.map_or(Ok(done), Err);
    }
    if was.is_some() {
        output::say(&diff.unified_diff().context_radius(CONTEXT_LINES).to_string())?;
    }
    output::say(&said(version, after, stores, (added, removed)))?;
    match followed {
        Some(followed) => output::say(&followed?.text())?,
        None => output::say(
            "Nobody was invited to the topic: name it with --topic, as the stack's output \
             TopicArn does.\n",
        )?,
    }
    match late {
        Some(late) if late.is_empty() => {
            output::say("Nothing was handed over in the last thirty days to try it on.\n")?;
        }
        Some(late) => output::say(&format!("\nThe last thirty days: {}", late.text()))?,
        None => {}
    }
    Ok(done)
}

fn said(
    version: Option<u64>,
    was: Option<u64>,
    stored: bool,
    (added, removed): (usize, usize),
) -> String {
    let lines = format!("+{added} -{removed} lines");
    match (version, was) {
        (Some(version), None) => format!("Stored as version {version}, the first.\n"),
        (Some(version), Some(was)) if stored => {
            format!("Stored as version {version} after {was}: {lines}.\n")
        }
        (Some(version), _) if added + removed == 0 => {
            format!("Version {version} says this already: nothing was stored.\n")
        }
        (Some(version), _) => format!("Against version {version}: {lines}. Nothing was stored.\n"),
        (None, _) => "There is no version yet. Nothing was stored.\n".to_owned(),
    }
}
