//! Versions and constraints as Masterminds/semver 3.5 reads them; Helm, sprig and Flux all speak this dialect.
//!
//! Text goes in; versions, orders and yes-or-no answers with reasons come out. Cargo's `semver` differs in a third of all cases
//! (bare versions, partial versions, prereleases), so nothing of it is used.
//!
//! **Invariant:** never touches the outside, and never panics on any text.

mod constraint;
mod semver;

pub use constraint::{Constraints, MAX_CONSTRAINT_GROUPS, MAX_CONSTRAINT_LENGTH};
pub use semver::{MAX_VERSION_LENGTH, Version};

/// Why a text is no version or no constraint, in the words of Masterminds/semver 3.5.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not shaped like a version.
    #[error("invalid semantic version")]
    Invalid,
    /// Nothing to parse; strict parsing only.
    #[error("version string empty")]
    Empty,
    /// A number has something other than digits; strict parsing only.
    #[error("invalid characters in version")]
    InvalidCharacters,
    /// A number has a leading zero where that is not tolerated.
    #[error("version segment starts with 0")]
    SegmentStartsZero,
    /// Build metadata with an empty or ill-formed identifier.
    #[error("invalid metadata string")]
    InvalidMetadata,
    /// A prerelease with an empty or ill-formed identifier.
    #[error("invalid prerelease string")]
    InvalidPrerelease,
    /// Longer than [`MAX_VERSION_LENGTH`].
    #[error("version string is too long (max {MAX_VERSION_LENGTH} bytes)")]
    TooLong,
    /// A number beyond 64 bits, met in loose parsing.
    #[error("error parsing version segment: strconv.ParseUint: parsing {}: value out of range", quote(.0))]
    SegmentRange(String),
    /// A number beyond 64 bits (or none at all), met in strict parsing.
    #[error("strconv.ParseUint: parsing {}: {}", quote(.0), if .0.is_empty() { "invalid syntax" } else { "value out of range" })]
    StrictSegment(String),
    /// A number is at its limit and cannot grow; Masterminds panics here.
    #[error("{0} version increment would overflow uint64")]
    IncrementOverflow(&'static str),
    /// Not shaped like a constraint.
    #[error("improper constraint: {}", quote(.0))]
    ImproperConstraint(String),
    /// Shaped like a constraint, but the version in it is not one.
    #[error("constraint parser error")]
    ConstraintVersion,
    /// Longer than [`MAX_CONSTRAINT_LENGTH`].
    #[error("constraint string is too long (max {MAX_CONSTRAINT_LENGTH} bytes)")]
    ConstraintTooLong,
    /// More alternatives than [`MAX_CONSTRAINT_GROUPS`].
    #[error("too many constraint groups (max {MAX_CONSTRAINT_GROUPS})")]
    TooManyGroups,
}

/// Quotes as Go's `%q`.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{b}' => quoted.push_str("\\v"),
            '\u{c}' => quoted.push_str("\\f"),
            control if control.is_ascii_control() => quoted.extend(format!("\\x{:02x}", u32::from(control)).chars()),
            letter if is_printable(letter) => quoted.push(letter),
            letter if u32::from(letter) > 0xffff => quoted.extend(format!("\\U{:08x}", u32::from(letter)).chars()),
            letter => quoted.extend(format!("\\u{:04x}", u32::from(letter)).chars()),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether Go prints the letter as it is; the standard library keeps such a table for debug output.
pub(crate) fn is_printable(letter: char) -> bool {
    // A combining mark is escaped only at the start, hence the letter before it.
    !format!("{:?}", format!("a{letter}")).contains("\\u{")
}
