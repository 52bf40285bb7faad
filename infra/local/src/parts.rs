//! The parts of a local cloud before it runs: table, stream, bus, topic and their state.
//!
//! They come first because the functions need their addresses: start the parts, make the SDK
//! clients, create the table through the store, build the functions, then run them in virtual time
//! ([`crate::Cloud`]) or on timers ([`crate::live`]).

use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;
use runtime::clock::Clock;
use serde_json::Value;

use crate::engine::{Engine, EngineError};
use crate::ledger::Ledger;
use crate::state::StateError;
use crate::stream::Stream;
use crate::wire::{Rule, Wire};

/// The file of the local cloud's own state in the data directory.
const STATE: &str = "cloud.sqlite";

/// What the parts are made from.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Where state is kept; without it, in memory and only as long as the parts.
    pub data: Option<PathBuf>,
    /// The table whose stream feeds the consumers.
    pub table: String,
    /// The bus's rules.
    pub rules: Vec<Rule>,
    /// The clock the functions have too.
    pub clock: Clock,
}

/// Lists what has changed since it was last asked, oldest first: records as `GetRecords` gives them.
pub type Changes = Arc<dyn Fn() -> BoxFuture<'static, Vec<Value>> + Send + Sync>;

/// A table that another engine holds.
#[derive(Clone)]
pub struct Elsewhere {
    /// Where an SDK client finds that engine.
    pub endpoint: String,
    /// Whose table it is: such engines keep accounts apart by their access keys.
    pub account: String,
    /// The table's stream.
    pub changes: Changes,
}

/// The running parts; dropping them stops them, and removes what was not to be kept.
pub struct Parts {
    // Dropped in this order: the directory goes with the engine, last.
    wire: Wire,
    pub(crate) stream: Stream,
    pub(crate) ledger: Ledger,
    pub(crate) clock: Clock,
    pub(crate) engine: Engine,
    elsewhere: Option<Elsewhere>,
}

impl Parts {
    /// Starts the parts.
    pub fn start(setup: Setup) -> Result<Self, EngineError> {
        let Setup { data, table, rules, clock } = setup;
        let engine = Engine::start(data)?;
        let ledger = Ledger::open(&engine.beside(STATE))?;
        let stream = Stream::open(&engine.file(), &table)?;
        let wire = Wire::start(ledger.clone(), rules, clock.clone())?;
        Ok(Self { wire, stream, ledger, clock, engine, elsewhere: None })
    }

    /// Leaves the table to another engine, whose stream is copied into this one's file: in virtual
    /// time only, for nothing else asks for it.
    pub fn elsewhere(self, elsewhere: Elsewhere) -> Self {
        Self { elsewhere: Some(elsewhere), ..self }
    }

    /// Says whether another engine holds the table.
    pub fn is_elsewhere(&self) -> bool {
        self.elsewhere.is_some()
    }

    /// Whose table it is: the access key to ask for it with.
    pub fn account(&self) -> &str {
        self.elsewhere.as_ref().map_or("local", |elsewhere| &elsewhere.account)
    }

    /// Where the SDK's DynamoDB client finds the table's engine.
    pub fn dynamodb_endpoint(&self) -> String {
        match &self.elsewhere {
            Some(elsewhere) => elsewhere.endpoint.clone(),
            None => self.engine.endpoint(),
        }
    }

    /// Brings the stream up to date, where another engine holds the table.
    pub(crate) async fn fetch(&self) -> Result<(), StateError> {
        match &self.elsewhere {
            Some(elsewhere) => self.stream.append(&(elsewhere.changes)().await),
            None => Ok(()),
        }
    }

    /// Where the SDK's EventBridge and SNS clients find the bus and the topic.
    pub fn wire_endpoint(&self) -> String {
        self.wire.endpoint()
    }

    /// Takes whatever has one of these texts in it from what was sent and given up, and from the
    /// stream what its consumers are past; and from the files what was there before.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn forget(&self, texts: &[String]) -> Result<(), StateError> {
        let past = self.ledger.forget(texts)?;
        self.stream.forget(past)
    }

    /// What each commit changed, in the order it was stored.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// What was sent, waits and was given up.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}
