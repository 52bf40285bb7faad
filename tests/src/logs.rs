//! Counts what is logged as an error, so that a test fails on one it did not expect.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{Layer, layer::Context, prelude::*};

/// The errors logged on this thread while it is kept.
pub(crate) struct Errors {
    count: Arc<AtomicUsize>,
    _guard: tracing::subscriber::DefaultGuard,
}

struct Counter(Arc<AtomicUsize>);

impl<S: Subscriber> Layer<S> for Counter {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() == Level::ERROR {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Errors {
    /// Starts listening; what is logged goes to the test's captured output too.
    pub(crate) fn listen() -> Self {
        let count = Arc::new(AtomicUsize::new(0));
        let lines = tracing_subscriber::fmt::layer().with_test_writer().without_time();
        let filter = tracing_subscriber::EnvFilter::try_from_default_env()
            .unwrap_or_else(|_| "info,dynoxide=warn".into());
        let subscriber = tracing_subscriber::registry()
            .with(filter)
            .with(lines)
            .with(Counter(Arc::clone(&count)));
        Self { count, _guard: tracing::subscriber::set_default(subscriber) }
    }

    /// Reads how many there were, and starts again from none.
    pub(crate) fn take(&self) -> usize {
        self.count.swap(0, Ordering::SeqCst)
    }
}
