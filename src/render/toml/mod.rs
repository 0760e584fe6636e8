//! TOML out and in: `toToml` and `fromToml`.
//!
//! Counterpart: BurntSushi/toml 1.6.0, whose layout and whose error texts are kept.
//!
//! **Invariant:** what is written reads back as the same document, but for nils, which TOML does not have.

mod numbers;
mod read;
mod scan;
mod strings;
mod tables;
mod write;

pub(super) use read::from_toml;
pub(super) use write::to_toml;

use std::fmt::Write as _;

/// The text between quotes, as keys and strings are written.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, letter| {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\0'..='\u{1f}' | '\u{7f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            _ => out.push(letter),
        }
        out
    })
}

/// A part of a key, in quotes if it needs them.
fn quoted_key(key: &str) -> String {
    if !key.is_empty() && key.chars().all(is_bare) { key.to_owned() } else { format!("\"{}\"", escaped(key)) }
}

/// Whether a key may have the letter without quotes.
fn is_bare(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || letter == '-'
}
