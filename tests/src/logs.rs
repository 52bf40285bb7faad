//! Listens to what is logged: a test fails on an error it did not expect, and on personal data
//! anywhere.
//!
//! Everybody in the tests has an address that ends in `.example`, as the standard for examples has
//! it, so an address in a log is found without knowing whose it is.

use runtime::figures::Said;
use std::{
    fmt::{Debug, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{EnvFilter, Layer, filter::LevelFilter, layer::Context, prelude::*};

/// What was logged on this thread while it is kept.
pub(crate) struct Logs {
    kept: Arc<Mutex<Kept>>,
    _guard: tracing::subscriber::DefaultGuard,
}

#[derive(Default)]
struct Kept {
    errors: usize,
    lines: Vec<String>,
    figures: Vec<Said>,
}

struct Listener(Arc<Mutex<Kept>>);

/// An event's fields, as a line of the log has them.
#[derive(Default)]
struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, "{}={value:?} ", field.name());
    }
}

impl<S: Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut kept = lock(&self.0);
        if let Some(figure) = Said::of(event) {
            kept.figures.push(figure);
            return;
        }
        let (target, level) = (event.metadata().target(), *event.metadata().level());
        // The engine is the laptop's: in the cloud it is AWS.
        if target.starts_with("dynoxide") && level != Level::ERROR {
            return;
        }
        kept.errors += usize::from(level == Level::ERROR);
        let mut fields = Fields::default();
        event.record(&mut fields);
        kept.lines.push(format!("{level} {target} {}", fields.0));
    }
}

impl Logs {
    /// Starts listening; what is logged goes to the test's captured output too.
    pub(crate) fn listen() -> Self {
        let kept = Arc::<Mutex<Kept>>::default();
        let lines = tracing_subscriber::fmt::layer().with_test_writer().without_time();
        let filter =
            EnvFilter::try_from_default_env().unwrap_or_else(|_| "info,dynoxide=warn".into());
        let filter = filter.add_directive("handoff::figure=off".parse().expect("a directive"));
        let subscriber = tracing_subscriber::registry()
            .with(lines.with_filter(filter))
            .with(Listener(Arc::clone(&kept)).with_filter(LevelFilter::INFO));
        Self { kept, _guard: tracing::subscriber::set_default(subscriber) }
    }

    /// Reads how many errors there were, and starts again from none.
    pub(crate) fn take_errors(&self) -> usize {
        std::mem::take(&mut lock(&self.kept).errors)
    }

    /// Reads every line so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        lock(&self.kept).lines.clone()
    }

    /// Takes the figures so far.
    pub(crate) fn take_figures(&self) -> Vec<Said> {
        std::mem::take(&mut lock(&self.kept).figures)
    }

    /// Lists the lines that say an address.
    pub(crate) fn personal(&self) -> Vec<String> {
        let says = |line: &String| line.contains('@') && line.contains(".example");
        self.lines().into_iter().filter(says).collect()
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
