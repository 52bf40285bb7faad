//! Writing to stdout; a reader who has had enough (`| head`) is no failure.

use crate::Failure;
use serde::Serialize;
use std::io::{ErrorKind, Write, stdout};

/// Writes a text to stdout, at once.
pub(crate) fn say(text: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::Output(error)),
        _ => Ok(()),
    }
}

/// Writes one JSON document.
pub(crate) fn document(value: &impl Serialize) -> Result<(), Failure> {
    say(&pretty(value)?)
}

/// Writes a value as JSON, with a line break at its end.
pub(crate) fn pretty(value: &impl Serialize) -> Result<String, Failure> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}
