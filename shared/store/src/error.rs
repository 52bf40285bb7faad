//! What can go wrong with the table, in terms of what the caller should do next.

use crate::seen::Seen;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use domain::PersonId;
use std::error::Error;

/// Why a read or a write did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else changed what the decision was made on.
    #[error("somebody else changed this first: decide again on what is stored now")]
    Conflict,
    /// This was done before; the answer given then is the answer now.
    #[error("this was done before")]
    Duplicate(Box<Seen>),
    /// The rep took their last free place in the meantime.
    #[error("{0} has no free place any more: choose again")]
    Full(PersonId),
    /// There is no such row.
    #[error("there is no {what} `{id}`")]
    Missing {
        /// The kind of thing.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// A row was written by a newer version that older ones must not touch.
    #[error(
        "the row was written by a newer version of this software (breaks {breaks}): upgrade first"
    )]
    TooNew {
        /// The row's `breaks` number.
        breaks: u32,
    },
    /// A row does not have the shape its key promises.
    #[error("a stored {what} cannot be read: {reason}")]
    Malformed {
        /// The kind of row.
        what: &'static str,
        /// Why not.
        reason: String,
    },
    /// The table did not answer, or refused for now.
    #[error("the table did not answer ({reason}): try again")]
    Unavailable {
        /// What it said.
        reason: String,
    },
    /// The table will never take what was to be written.
    #[error("the table refused what was to be written ({reason})")]
    Refused {
        /// What it said.
        reason: String,
    },
    /// The table is not there, or not for this function: a mistake of the deployment.
    #[error("the table cannot be used ({reason}): look at its name and the function's role")]
    Barred {
        /// What it said.
        reason: String,
    },
}

impl StoreError {
    /// Tells whether trying the same thing again can help.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Conflict | Self::Full(_))
    }

    pub(crate) fn of<E, R>(error: SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        let code = error.as_service_error().and_then(|service| service.code()).map(str::to_owned);
        let reason = match (&code, error.as_service_error().and_then(|service| service.message())) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.clone(),
            _ => deepest(&error),
        };
        match code.as_deref() {
            Some("ConditionalCheckFailedException" | "TransactionConflictException") => {
                Self::Conflict
            }
            Some("ValidationException") => Self::Refused { reason },
            Some(
                "ResourceNotFoundException"
                | "AccessDeniedException"
                | "IdempotentParameterMismatchException",
            ) => Self::Barred { reason },
            _ => Self::Unavailable { reason },
        }
    }
}

/// Reads the innermost cause, which names the fault where the outer ones only say that there was
/// one.
fn deepest(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
