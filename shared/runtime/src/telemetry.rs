//! Logs: one JSON object a line, ids and never personal data, a failure logged once where it is
//! handled; and figures beside them, whatever the filter says.

use crate::{environment::log_filter, figures};
use tracing_subscriber::{EnvFilter, filter::FilterFn, fmt, prelude::*};

/// Writes JSON to stdout, as Lambda collects it; it adds the time itself.
pub fn in_lambda() {
    let lines = fmt::layer().json().without_time().flatten_event(true).with_current_span(false);
    let lines = lines.with_filter(words(EnvFilter::new(log_filter())));
    let figures = figures::Lines::new()
        .with_filter(FilterFn::new(|metadata| metadata.target() == figures::TARGET));
    // A second call, in a test, keeps the first subscriber.
    let _already_set = tracing_subscriber::registry().with(lines).with(figures).try_init();
}

/// Writes readable lines to stderr, so that stdout stays the command's own.
pub fn in_terminal(default_filter: &str) {
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(false).without_time();
    let filter = match log_filter().as_str() {
        "info" => EnvFilter::new(default_filter),
        chosen => EnvFilter::new(chosen),
    };
    let lines = lines.with_filter(words(filter));
    let _already_set = tracing_subscriber::registry().with(lines).try_init();
}

/// Leaves figures out of the words.
fn words(filter: EnvFilter) -> EnvFilter {
    match format!("{}=off", figures::TARGET).parse() {
        Ok(none) => filter.add_directive(none),
        Err(_) => filter,
    }
}
