//! `handoff up`: the whole system on this machine.
//!
//! The port is taken before anything else, so that a second copy fails at once and touches nothing.
//! `ready` is printed when the gateway serves and the sample traffic is in: whoever waits for that
//! line finds a system with something to show.

mod loopback;

use crate::{Failure, organisation::Organisation, output, times};
use chrono::{DateTime, Utc};
use clap::Args;
use domain::{Config, SourceKey};
use local::{
    Gateway, Parts, Setup, assembly,
    assembly::Wiring,
    live,
    sample::{self, Parcel, Sender},
};
use runtime::{Clock, Ids};
use std::{path::PathBuf, process::ExitCode};
use store::Store;
use tokio::signal::unix::{SignalKind, signal};

/// How many things a function works on at once.
const ABREAST: usize = 10;

/// The options of `up`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The configuration [default: the sample organisation]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where state is kept [default: in memory]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The port on 127.0.0.1
    #[arg(long, value_name = "N", default_value_t = 8787)]
    pub port: u16,
    /// Start without sample traffic
    #[arg(long)]
    pub empty: bool,
    /// Start the clock at this time, such as 2026-01-05T09:00:00Z
    #[arg(long, value_name = "TIME", value_parser = times::parse)]
    pub at: Option<DateTime<Utc>>,
    /// Run the clock this many times as fast
    #[arg(long, value_name = "X", value_parser = speed)]
    pub speed: Option<f64>,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if speed.is_finite() && speed > 0.0 => Ok(speed),
        _ => Err("write a number above 0, such as 60".to_owned()),
    }
}

/// Runs the system until SIGINT or SIGTERM.
///
/// # Errors
/// When the port, the data directory or the configuration cannot be used.
pub fn run(options: Options) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(Failure::System)?.block_on(serve(options))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(options: Options) -> Result<(), Failure> {
    let gateway = Gateway::bind(options.port)?;
    let url = gateway.url();
    let named = options.config.as_deref().map(|path| Organisation::read(Some(path))).transpose()?;
    let clock = clock(&options);
    let setup = Setup {
        data: options.data.clone(),
        table: assembly::TABLE.to_owned(),
        rules: assembly::rules(),
        clock: clock.clone(),
    };
    let parts = Parts::start(setup)?;
    let environment = assembly::environment(&parts);
    let wiring = Wiring { clock: clock.clone(), ids: Ids::random(), abreast: ABREAST };
    let store = environment.store();
    let is_new = is_new(&store).await;
    let text = match (named, assembly::stored(&store).await?) {
        (Some(organisation), _) => organisation.text,
        // What was pushed there stands.
        (None, Some(stored)) if !sample::is_sample(&stored.text) => stored.text,
        (None, _) => Organisation::sample(&url)?.text,
    };
    let config = assembly::establish(&store, &text, &wiring).await?;
    let functions = assembly::functions(&environment, &wiring);
    let schedules = assembly::schedules(&config);
    let stopped = stopped()?;
    let running = tokio::spawn(live::run(parts, functions, schedules, gateway, stopped));
    if is_new && !options.empty {
        play(&url, &config, &clock).await;
    }
    if !running.is_finished() {
        output::say(&format!("ready {url}\n"))?;
    }
    let ended = running.await.map_err(|error| Failure::System(error.into()))?;
    Ok(ended?)
}

/// Makes the clock: the system's, unless it is to start elsewhere or run faster.
fn clock(options: &Options) -> Clock {
    let system = Clock::system();
    match (options.at, options.speed) {
        (None, None) => system,
        (at, speed) => Clock::scaled(at.unwrap_or_else(|| system.now()), speed.unwrap_or(1.0)),
    }
}

/// Tells whether nothing was ever stored: then the sample traffic is played, and never again.
async fn is_new(store: &Store) -> bool {
    !matches!(store.active_version().await, Ok(Some(_)))
}

/// Starts listening for the signals that stop the system; resolves when one comes.
fn stopped() -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::System)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::System)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Sends the sample's stretch to the front door, as the sources would.
async fn play(url: &str, config: &Config, clock: &Clock) {
    let sender = Sender::new(config.organisation.public_url.trim_end_matches('/'));
    for parcel in sample::stretch(clock.now()) {
        if !has_sample_source(config, &parcel) {
            continue;
        }
        let request = parcel.request(&sender, clock.now());
        match loopback::send(url, request).await {
            Ok((200, _)) => {}
            Ok((status, body)) => {
                let detail = String::from_utf8_lossy(&body).into_owned();
                let source = parcel.source();
                tracing::warn!(source, status, detail, "sample traffic was not taken");
            }
            Err(error) => tracing::warn!(%error, "sample traffic did not reach the gateway"),
        }
    }
}

/// Tells whether the configuration knows the parcel's source by the sample's secret.
fn has_sample_source(config: &Config, parcel: &Parcel) -> bool {
    let source = config.sources.get(&SourceKey::from(parcel.source()));
    source.is_some_and(|source| source.secret == "sample")
}
