//! The audit: what must be true of everything that is stored, worked out once more.
//!
//! Acceptance is not effect: a deadline whose sweep never came, a row that says something else than
//! its history, a number nobody can recount are found by nobody who trusts what is stored. So
//! owners are followed change by change, and numbers are the last word on each fact, not sums of
//! differences: neither is worked out as what was stored was. What a row must say is folded as it is
//! everywhere, for that is what a history means. It finds; it mends nothing.

mod course;
mod recount;

pub use course::{OVERDUE_MINUTES, audit};
pub use recount::{Difference, Recount};

use crate::{
    config::Config,
    digest::{Mail, text::fold},
    ids::{HandoffId, PersonId},
    notice::defuse_subject,
};
use serde::Serialize;
use std::collections::BTreeSet;

/// How many findings a mail tells; of more, the number.
const TOLD_MAX: usize = 20;

/// Something that is stored and is not true.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// A stable name of the kind, such as `owner-chain`.
    pub code: &'static str,
    /// What it is about: a handoff, a rep, a row of numbers.
    pub about: String,
    /// What is wrong, a sentence.
    pub said: String,
}

impl Finding {
    fn of(code: &'static str, handoff: &HandoffId, said: String) -> Self {
        Self { code, about: handoff.to_string(), said }
    }
}

/// Writes what was found, for whoever has a role in the whole organisation.
pub fn mail(findings: &[Finding], config: &Config) -> (BTreeSet<PersonId>, Mail) {
    let desk = config.organisation.public_url.trim_end_matches('/');
    let things = match findings.len() {
        1 => "one thing is stored that is not so".to_owned(),
        count => format!("{count} things are stored that are not so"),
    };
    let mut body = vec![format!("{desk}/dashboard"), String::new()];
    let said = "The nightly audit read the last week's histories, and what is stored says \
                something else. Numbers can be put right with `handoff audit --rebuild`; for the \
                rest, keep this mail and ask whoever runs the system.";
    body.extend(fold(said, ""));
    body.push(String::new());
    for one in findings.iter().take(TOLD_MAX) {
        body.extend(fold(&format!("{} {}: {}", one.code, one.about, one.said), "- "));
    }
    if let Some(more) = findings.len().checked_sub(TOLD_MAX).filter(|more| *more > 0) {
        body.extend(fold(&format!("and {more} more"), "- "));
    }
    let to = config.organisation.roles.values().cloned().collect();
    let subject = defuse_subject(&format!("Audit: {things} - {}", config.organisation.name));
    (to, Mail { subject, body: body.join("\n") + "\n" })
}

#[cfg(test)]
mod tests;
