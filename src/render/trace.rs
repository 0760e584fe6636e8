//! Template errors in Helm's form.
//!
//! Counterpart: `reformatExecErrorMsg` and `cleanupParseError` in `pkg/engine/engine.go` of Helm 4.3.1. A chain of nested templates
//! becomes one block of lines each; the chain stays one raw line if its innermost error is not the template engine's own; `fail` and
//! `required` mark their messages, so that only those are shown.
//!
//! **Invariant:** the text is Helm's for every error that Helm has.

use std::error::Error as StdError;
use std::fmt::Write;

use crate::gotemplate::{Error, ErrorKind};

const MARK_START: &str = "HELM_ERR_START";
const MARK_END: &str = "HELM_ERR_END";

/// Marks the message of `fail` and `required`.
pub(super) fn mark(message: &str) -> String {
    format!("{MARK_START}{message}{MARK_END}")
}

/// The text of an error of parsing a file.
pub(super) fn parse_error(file: &str, error: &Error) -> String {
    let text = error.to_string();
    let tokens: Vec<&str> = text.split(": ").collect();
    match (tokens.get(1), tokens.last()) {
        (Some(location), Some(message)) => format!("parse error at ({location}): {message}"),
        _ => format!("parse error in ({file}): {text}"),
    }
}

/// The text of an error of executing a file.
pub(super) fn exec_error(file: &str, error: &Error) -> String {
    let text = error.to_string();
    if error.kind() == ErrorKind::NoTemplate || error.frame().is_none() {
        return text;
    }
    let mut tokens = text.splitn(3, ": ").skip(1);
    let (Some(location), Some(rest)) = (tokens.next(), tokens.next()) else {
        return format!("execution error in ({file}): {text}");
    };
    if let Some(message) = marked(rest) {
        return format!("execution error at ({location}): {message}");
    }
    trace(error).unwrap_or(text)
}

/// What is between the first start mark and the last end mark.
fn marked(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once(MARK_START)?;
    rest.rsplit_once(MARK_END).map(|(message, _)| message)
}

/// One level of the chain.
#[derive(PartialEq, Eq)]
struct Level {
    location: String,
    executing: String,
    message: String,
}

/// The chain as blocks of lines; nothing if a level is not the template engine's own.
fn trace(error: &Error) -> Option<String> {
    let mut levels: Vec<Level> = Vec::new();
    let mut current: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = current {
        let level = Level::parse(&error.to_string())?;
        if levels.last() != Some(&level) {
            levels.push(level);
        }
        current = error.source();
    }
    let mut text = String::new();
    for Level { location, executing, message } in levels {
        for (line, indent) in [(location, "\n  "), (executing, "\n    "), (message, "\n")] {
            if !line.is_empty() {
                let _ = write!(text, "{line}{indent}");
            }
        }
    }
    Some(text.trim().to_owned())
}

impl Level {
    /// Takes one level's text apart, the way Helm does it on Go's text.
    fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("template: ")?;
        if rest.starts_with("no template ") {
            return Some(Self { location: String::new(), executing: String::new(), message: text.to_owned() });
        }
        if let Some(level) = Self::parse_executing(rest) {
            return Some(level);
        }
        let (location, message) = rest.rsplit_once(": ")?;
        let message = before_next(message);
        Some(Self { location: location.to_owned(), executing: String::new(), message: message.to_owned() })
    }

    fn parse_executing(rest: &str) -> Option<Self> {
        let (location, after) = rest.split_once(": executing \"")?;
        let (template, after) = after.split_once('"')?;
        let (expression, message) = after.strip_prefix(" at <")?.split_once(">: ")?;
        Some(Self {
            location: location.to_owned(),
            executing: format!("executing \"{template}\" at <{expression}>:"),
            message: before_next(message).to_owned(),
        })
    }
}

/// The message without the next level of the chain.
fn before_next(message: &str) -> &str {
    message.split_once(" template:").map_or(message, |(own, _)| own)
}
