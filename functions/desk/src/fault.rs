//! Why a request is not answered as asked: every way it can fail, with the sentence a person reads
//! and the status a machine reads.
//!
//! What is wrong with the request says how to ask instead; what is wrong here is logged once, and
//! says no more than when to try again. Nothing personal is in any of them.

use http::StatusCode;
use runtime::configs::ConfigError;
use settle::{may::Forbidden, order::OrderError, plan::Refused, said::Wrong};
use store::StoreError;

/// Why a request is not answered as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// There is nothing under that address.
    #[error("{0}")]
    NotFound(String),
    /// The address takes another method.
    #[error("This address takes {0} only.")]
    Method(&'static str),
    /// The request cannot be understood.
    #[error("{0}")]
    Malformed(String),
    /// Some of its fields cannot be read.
    #[error("{0}")]
    Fields(Wrong),
    /// The body is too large.
    #[error("The body is larger than {0} bytes: say it shorter.")]
    TooLarge(usize),
    /// Nobody knows who asks.
    #[error("Say who you are: send `Authorization: Bearer TOKEN` with a token this desk knows.")]
    Unknown,
    /// Whoever asks may not.
    #[error("{0}")]
    Forbidden(String),
    /// What is asked does not fit what is.
    #[error("{0}")]
    Conflict(String),
    /// One idempotency key came with two contents.
    #[error(
        "This was sent before with another content under the same key: reload the page, or send it \
         under a new `Idempotency-Key`."
    )]
    KeyReused,
    /// It cannot be done for now.
    #[error("{0}")]
    NotNow(String),
    /// A mistake of this software, or a row it cannot read.
    #[error("Something is wrong on this side. It was logged: tell whoever runs this desk.")]
    Broken(String),
}

impl Fault {
    /// Reads the status it is answered with.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Malformed(_) | Self::Fields(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unknown => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NotNow(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Writes what the people who run this must know to the log.
    pub(crate) fn log(&self, path: &str) {
        if let Self::Broken(reason) = self {
            tracing::error!(reason, path, "a request failed");
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Missing { what, id } => {
                Self::NotFound(format!("There is no {what} `{id}`."))
            }
            passing if passing.is_passing() => {
                tracing::warn!(error = %passing, "the table could not be used");
                Self::NotNow("The table does not answer just now: try again.".to_owned())
            }
            other => Self::Broken(other.to_string()),
        }
    }
}

impl From<ConfigError> for Fault {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::Store(error) => error.into(),
            ConfigError::None => {
                let first = "There is no configuration yet: push one with `handoff push FILE`.";
                Self::NotNow(first.to_owned())
            }
            ConfigError::Unusable { .. } => Self::Broken(error.to_string()),
        }
    }
}

impl From<Forbidden> for Fault {
    fn from(forbidden: Forbidden) -> Self {
        Self::Forbidden(forbidden.to_string())
    }
}

impl From<OrderError> for Fault {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Forbidden(forbidden) => forbidden.into(),
            OrderError::Refused(Refused::Fields(wrong), _) => Self::Fields(wrong),
            OrderError::Stale(_) | OrderError::Refused(..) => Self::Conflict(error.to_string()),
            OrderError::KeyReused => Self::KeyReused,
            OrderError::Busy => Self::NotNow(error.to_string()),
            OrderError::Store(error) => error.into(),
            OrderError::Config(error) => error.into(),
            OrderError::Broken(_) => Self::Broken(error.to_string()),
        }
    }
}
