//! What Helm tells on the standard error beside the result: lines of Go's `slog` without times.
//!
//! Invariant: a line never holds a value that the user gave, but for names and paths.

use std::fmt::Write as _;
use std::io::Write;

use crate::value::quote;

/// Writes log lines.
pub(super) struct Log<'w> {
    out: &'w mut dyn Write,
    is_verbose: bool,
}

impl<'w> Log<'w> {
    /// Lines for people; those for debugging only if asked for.
    pub(super) fn new(out: &'w mut dyn Write, is_verbose: bool) -> Self {
        Self { out, is_verbose }
    }

    /// What people should know.
    pub(super) fn warn(&mut self, message: &str) {
        self.line("WARN", message, &[]);
    }

    /// What Go's old logger is told, which comes out as information.
    pub(super) fn info(&mut self, message: &str) {
        self.line("INFO", message, &[]);
    }

    /// The same with what it is about.
    pub(super) fn info_with(&mut self, message: &str, attributes: &[(&str, &str)]) {
        self.line("INFO", message, attributes);
    }

    /// What went wrong; the error comes again as the last line.
    pub(super) fn error(&mut self, message: &str, attributes: &[(&str, &str)]) {
        self.line("ERROR", message, attributes);
    }

    /// What helps to find faults.
    pub(super) fn debug(&mut self, message: &str, attributes: &[(&str, &str)]) {
        if self.is_verbose {
            self.line("DEBUG", message, attributes);
        }
    }

    /// The same with a text in bytes, which is always put in quotes.
    pub(super) fn debug_bytes(&mut self, message: &str, key: &str, bytes: &[u8]) {
        if self.is_verbose {
            self.plain(&format!("level=DEBUG msg={} {key}={}", quoted_if_needed(message), quote(bytes)));
        }
    }

    /// A line as it stands.
    pub(super) fn plain(&mut self, text: &str) {
        // Nobody can be told that the standard error is closed.
        let _ = writeln!(self.out, "{text}");
    }

    fn line(&mut self, level: &str, message: &str, attributes: &[(&str, &str)]) {
        let mut line = format!("level={level} msg={}", quoted_if_needed(message));
        for (key, value) in attributes {
            let _ = write!(line, " {key}={}", quoted_if_needed(value));
        }
        self.plain(&line);
    }
}

fn quoted_if_needed(text: &str) -> String {
    let is_plain =
        |letter: char| letter > ' ' && letter != '"' && letter != '=' && crate::version::is_printable(letter);
    if !text.is_empty() && text.chars().all(is_plain) { text.to_owned() } else { quote(text) }
}
