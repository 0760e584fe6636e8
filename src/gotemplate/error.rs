//! Errors of parsing and execution, in Go's own words, with the structure kept.
//!
//! An error of a nested execution (`include`, `tpl`) is carried inside the error of the call that ran it, as
//! [`CallError`], and only printing joins them to Go's one line.
//!
//! **Invariant:** the printed text equals that of `text/template` (Go 1.26), but for limits that Go does not have.

use std::fmt;

use crate::value::{CallError, quote};

use super::limits::Limit;

/// What kind of failure this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The text does not parse.
    Parse,
    /// A template of that name was to be executed and there is none.
    NoTemplate,
    /// Execution failed: Go's `ExecError`.
    Exec,
    /// A limit was reached while executing, here or in a nested execution.
    Limit(Limit),
}

/// Where an execution failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The name of the file in which the failing node was parsed.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The byte offset in the line, from 0, as Go counts.
    pub column: usize,
    /// The template that was executing: the file itself or a `define`.
    pub executing: String,
    /// The failing node, printed again.
    pub expression: String,
}

/// A failure to parse or to execute a template.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    frame: Option<Frame>,
    message: String,
    cause: Option<CallError>,
}

impl Error {
    /// What kind of failure this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Where execution failed; nothing for errors of parsing and of missing templates.
    pub fn frame(&self) -> Option<&Frame> {
        self.0.frame.as_ref()
    }

    /// The message after the position, that of the cause included.
    pub fn message(&self) -> String {
        match &self.0.cause {
            Some(cause) => format!("{}{cause}", self.0.message),
            None => self.0.message.clone(),
        }
    }

    /// The message up to the cause's, such as `error calling include: `; the whole one if there is no cause.
    pub fn own_message(&self) -> &str {
        &self.0.message
    }

    /// The failure of the function or method that was called.
    pub fn cause(&self) -> Option<&CallError> {
        self.0.cause.as_ref()
    }

    /// The error of the template that the failing function ran, however deep the function wrapped it.
    pub fn nested(&self) -> Option<&Self> {
        let mut source: &(dyn std::error::Error + 'static) = self.0.cause.as_ref()?;
        loop {
            if let Some(error) = source.downcast_ref::<Self>() {
                return Some(error);
            }
            source = source.source()?;
        }
    }

    pub(super) fn parse(file: &str, line: usize, message: &str) -> Self {
        Self::new(ErrorKind::Parse, None, format!("template: {file}:{line}: {message}"), None)
    }

    pub(super) fn no_template(name: &str, set: &str) -> Self {
        let (name, set) = (quote(name), quote(set));
        let message = format!("template: no template {name} associated with template {set}");
        Self::new(ErrorKind::NoTemplate, None, message, None)
    }

    pub(super) fn incomplete(name: &str) -> Self {
        let message = format!("template: {name}: {} is an incomplete or empty template", quote(name));
        Self::new(ErrorKind::NoTemplate, None, message, None)
    }

    pub(super) fn exec(frame: Frame, message: String) -> Self {
        Self::new(ErrorKind::Exec, Some(frame), message, None)
    }

    pub(super) fn call(frame: Frame, function: &str, cause: CallError) -> Self {
        let mut error = Self::new(ErrorKind::Exec, Some(frame), format!("error calling {function}: "), Some(cause));
        if let Some(kind @ ErrorKind::Limit(_)) = error.nested().map(Self::kind) {
            error.0.kind = kind;
        }
        error
    }

    pub(super) fn limit(frame: Option<Frame>, limit: Limit) -> Self {
        Self::new(ErrorKind::Limit(limit), frame, limit.to_string(), None)
    }

    fn new(kind: ErrorKind, frame: Option<Frame>, message: String, cause: Option<CallError>) -> Self {
        Self(Box::new(Inner { kind, frame, message, cause }))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { frame, message, cause, .. } = &*self.0;
        if let Some(Frame { file, line, column, executing, expression }) = frame {
            let executing = quote(executing);
            write!(f, "template: {file}:{line}:{column}: executing {executing} at <{expression}>: ")?;
        }
        f.write_str(message)?;
        match cause {
            Some(cause) => write!(f, "{cause}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Error").field(&self.0.kind).field(&self.to_string()).finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.as_ref().map(|cause| -> &(dyn std::error::Error + 'static) { cause })
    }
}
