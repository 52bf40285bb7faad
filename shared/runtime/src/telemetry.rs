//! Logs: one JSON object a line, ids and never personal data, a failure logged once where it is
//! handled.

use crate::environment::log_filter;
use tracing_subscriber::{EnvFilter, fmt, prelude::*};

/// Writes JSON to stdout, as Lambda collects it; it adds the time itself.
pub fn in_lambda() {
    let lines = fmt::layer().json().without_time().flatten_event(true).with_current_span(false);
    let filter = EnvFilter::new(log_filter());
    // A second call, in a test, keeps the first subscriber.
    let _already_set = tracing_subscriber::registry().with(filter).with(lines).try_init();
}

/// Writes readable lines to stderr, so that stdout stays the command's own.
pub fn in_terminal(default_filter: &str) {
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(false).without_time();
    let filter = match log_filter().as_str() {
        "info" => EnvFilter::new(default_filter),
        chosen => EnvFilter::new(chosen),
    };
    let _already_set = tracing_subscriber::registry().with(filter).with(lines).try_init();
}
