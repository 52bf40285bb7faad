//! Why a body, or one entry of it, could not be read.
//!
//! The codes are stored in the quarantine and shown to people, so they never change; none of them
//! quotes the body.

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// There is nothing in it.
    Empty,
    /// It is not UTF-8.
    Utf8,
    /// It is not JSON.
    Json,
    /// It is no form: an escape in it is broken.
    Form,
    /// An object has a key twice, so what it says depends on who reads it.
    DuplicateKey,
    /// It nests too deeply.
    Depth,
    /// It has more values than any real sender's.
    Size,
    /// It is readable, but not what this source sends.
    Shape,
    /// A field is missing or of another type: its path.
    Field(String),
    /// It is not well-formed XML.
    Xml,
    /// It declares a document type, which is where XML's attacks live.
    Dtd,
    /// Its compression is unknown, broken, or hides too much.
    Inflate,
}

impl Fault {
    /// Names a field that is missing or of another type.
    pub(super) fn field(path: &str) -> Self {
        Self::Field(path.to_owned())
    }

    /// Reads the stable code.
    pub(super) fn code(&self) -> String {
        let code = match self {
            Self::Empty => "empty",
            Self::Utf8 => "utf8",
            Self::Json => "json",
            Self::Form => "form",
            Self::DuplicateKey => "dup-key",
            Self::Depth => "depth",
            Self::Size => "size",
            Self::Shape => "shape",
            Self::Field(path) => return format!("field:{path}"),
            Self::Xml => "xml",
            Self::Dtd => "dtd",
            Self::Inflate => "inflate",
        };
        code.to_owned()
    }
}
