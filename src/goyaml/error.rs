//! Why YAML could not be read or written, in the words of go-yaml v2.4 and sigs.k8s.io/yaml 1.6, because users search for them.
//!
//! **Invariant:** printed, an error names lines, keys and types, but no scalar of the document beyond the one that is malformed.

use std::borrow::Cow;

use crate::value::json;

/// Why a document could not be read or a value could not be written, worded as sigs.k8s.io/yaml 1.6 does.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The YAML is malformed, or has no JSON form.
    #[error("error converting YAML to JSON: {0}")]
    Convert(#[source] ReadError),
    /// The document is sound but not of the kind that was asked for.
    #[error("error unmarshaling JSON: while decoding JSON: {0}")]
    Target(#[source] json::Error),
    /// A separator line of a stream has text behind it.
    #[error("{0}")]
    Separator(String),
    /// The value has no JSON form.
    #[error("error marshaling into JSON: {0}")]
    Marshal(#[source] json::Error),
    /// The value's JSON form cannot be read as YAML, because of a control character or an overlong key.
    #[error("{0}")]
    Reread(#[source] ReadError),
}

/// Why YAML could not be turned into JSON, worded as go-yaml v2.4 does.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The text is not YAML.
    #[error("yaml: {}{problem}", line_prefix(*.line))]
    Syntax {
        /// The line as go-yaml counts it, which is one too low in some errors; `None` where it gives no line.
        line: Option<usize>,
        /// What is wrong.
        problem: Cow<'static, str>,
    },
    /// The document is YAML, but a node does not mean anything.
    #[error("yaml: {0}")]
    Meaning(String),
    /// Keys that are given more than once, found by strict reading.
    #[error("yaml: unmarshal errors:\n  {}", .0.join("\n  "))]
    Duplicates(Vec<String>),
    /// A key that JSON cannot have.
    #[error("unsupported map key of type: {type_name}, key: {key}{}", harmless_value(.value))]
    Key {
        /// The Go type of the key.
        type_name: &'static str,
        /// The key in Go syntax.
        key: String,
        /// The value in Go syntax, which only [`Error::in_full`] shows, unless it is null.
        value: String,
    },
    /// A number that JSON cannot have.
    #[error("{0}")]
    Number(#[from] json::Error),
}

impl Error {
    /// The whole text as Go gives it. A value of the document may be in it, so this is for those who have the document anyway.
    pub fn in_full(&self) -> String {
        match self {
            Self::Convert(ReadError::Key { value, .. }) if value != NOTHING => format!("{self}, value: {value}"),
            _ => self.to_string(),
        }
    }
}

impl ReadError {
    /// An error of the scanner: go-yaml adds one to the line, unless it is the first.
    pub(super) fn scanner(line: usize, problem: impl Into<Cow<'static, str>>) -> Self {
        Self::Syntax { line: (line != 0).then_some(line + 1), problem: problem.into() }
    }

    /// An error of the parser: go-yaml counts its lines from zero and leaves out a zero, unless the context has another line.
    pub(super) fn parser(line: usize, context_line: usize, problem: impl Into<Cow<'static, str>>) -> Self {
        let line = if line == 0 { context_line } else { line };
        Self::Syntax { line: (line != 0).then_some(line), problem: problem.into() }
    }

    /// An error of the input as a whole.
    pub(super) fn input(problem: impl Into<Cow<'static, str>>) -> Self {
        Self::Syntax { line: None, problem: problem.into() }
    }
}

/// A null in Go syntax.
const NOTHING: &str = "<nil>";

/// What may always be said of a value: that there is none.
fn harmless_value(value: &str) -> &'static str {
    if value == NOTHING { ", value: <nil>" } else { "" }
}

fn line_prefix(line: Option<usize>) -> String {
    line.map(|line| format!("line {line}: ")).unwrap_or_default()
}
