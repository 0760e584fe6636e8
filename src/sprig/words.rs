//! Words: conversions of case, initials, abbreviation, wrapping.
//!
//! Counterpart: the parts of goutils 1.1.1 and xstrings 1.5.0 that sprig 3.3.0 offers.
//!
//! **Invariant:** goutils walks bytes where it should walk letters; so do `nospace`, `initials`, `wrap` and `abbrev`, and they garble
//! what is not ASCII in the same way.

use super::args::{self, INT_STRING, STRING, bytes, fail, int, string};
use super::case;
use super::unicode::{map_runes, to_lower, to_title, to_upper};
use crate::gotemplate::Function;
use crate::value::category::{is_letter, is_lower, is_title, is_upper};
use crate::value::{CallError, CallResult, Signature, Type};

/// The functions on words.
pub(super) fn functions<H>() -> Vec<Function<H>> {
    let text = Signature::fixed(STRING);
    vec![
        Function::pure("upper", text, |args| string(map_runes(bytes(args, 0), to_upper))),
        Function::pure("lower", text, |args| string(map_runes(bytes(args, 0), to_lower))),
        Function::pure("title", text, |args| string(title(bytes(args, 0)))),
        Function::pure("untitle", text, |args| string(untitle(bytes(args, 0)))),
        Function::pure("swapcase", text, |args| string(swap_case(bytes(args, 0)))),
        Function::pure("nospace", text, |args| string(no_space(bytes(args, 0)))),
        Function::pure("initials", text, |args| string(initials(bytes(args, 0)))),
        Function::pure("snakecase", text, |args| string(case::separated(bytes(args, 0), '_'))),
        Function::pure("kebabcase", text, |args| string(case::separated(bytes(args, 0), '-'))),
        Function::pure("camelcase", text, |args| string(case::pascal(bytes(args, 0)))),
        Function::pure("abbrev", Signature::fixed(INT_STRING), |args| abbreviate(bytes(args, 1), 0, int(args, 0))),
        Function::pure("abbrevboth", Signature::fixed(&[Type::Int, Type::Int, Type::String]), |args| {
            abbreviate(bytes(args, 2), int(args, 0), int(args, 1))
        }),
        Function::pure("wrap", Signature::fixed(INT_STRING), |args| {
            string(wrap(bytes(args, 1), int(args, 0), b"\n", false)?)
        }),
        Function::pure("wrapWith", Signature::fixed(&[Type::Int, Type::String, Type::String]), |args| {
            let separator = bytes(args, 1);
            string(wrap(bytes(args, 2), int(args, 0), if separator.is_empty() { b"\n" } else { separator }, true)?)
        }),
    ]
}

/// `strings.Title`: a letter after a separator becomes title case. Beyond ASCII only spaces separate.
fn title(text: &[u8]) -> String {
    let mut previous = ' ';
    map_runes(text, |rune| {
        let separated = match previous {
            '_' => false,
            _ if previous.is_ascii() => !previous.is_ascii_alphanumeric(),
            _ => previous.is_whitespace(),
        };
        previous = rune;
        if separated { to_title(rune) } else { rune }
    })
}

fn untitle(text: &[u8]) -> String {
    let mut starts = true;
    map_runes(text, |rune| {
        if rune.is_whitespace() {
            starts = true;
            return rune;
        }
        if std::mem::take(&mut starts) { to_lower(rune) } else { rune }
    })
}

fn swap_case(text: &[u8]) -> String {
    let mut after_space = true;
    map_runes(text, |rune| {
        if is_upper(rune) || is_title(rune) {
            after_space = false;
            to_lower(rune)
        } else if is_lower(rune) {
            if std::mem::take(&mut after_space) { to_title(rune) } else { to_upper(rune) }
        } else {
            after_space = rune.is_whitespace();
            rune
        }
    })
}

fn no_space(text: &[u8]) -> Vec<u8> {
    let letters = text.iter().map(|byte| char::from(*byte));
    if !letters.clone().any(char::is_whitespace) {
        return text.to_vec();
    }
    letters.filter(|letter| !letter.is_whitespace()).collect::<String>().into_bytes()
}

fn initials(text: &[u8]) -> String {
    let mut after_gap = true;
    let letters = text.iter().map(|byte| char::from(*byte));
    letters
        .filter(|letter| {
            let is_gap = letter.is_whitespace();
            let starts = after_gap && !is_gap;
            after_gap = is_gap;
            starts
        })
        .collect()
}

/// `goutils.AbbreviateFull` behind sprig's checks.
fn abbreviate(text: &[u8], offset: i64, width: i64) -> CallResult {
    if width < 4 || (offset > 0 && width < 7) {
        return string(text);
    }
    let length = text.len() as i64;
    if length <= width {
        return string(text);
    }
    // Dots take three of the width.
    let room = width - 3;
    let offset = if length - offset.min(length) < room { length - room } else { offset.min(length) };
    let piece = |from: i64, to: i64| text.get(from as usize..to as usize).unwrap_or_default();
    if offset <= 4 {
        return string([piece(0, room), b"..."].concat());
    }
    if width < 7 {
        return string("");
    }
    if offset + room < length {
        // Both ends are cut: the rest is abbreviated once more in what room there is.
        return string([b"...", piece(offset, offset + room - 3), b"..."].concat());
    }
    string([b"...", piece(length - room, length)].concat())
}

/// `goutils.WrapCustom`: breaks at spaces, and within long words only if told to.
fn wrap(text: &[u8], width: i64, separator: &[u8], break_words: bool) -> Result<Vec<u8>, CallError> {
    let width = usize::try_from(width).unwrap_or(1).max(1);
    if separator.len().checked_mul(text.len() / width + 1).is_none_or(|length| length > args::MAX_BYTES) {
        return args::too_long();
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while rest.len() > width {
        if let Some(after) = rest.strip_prefix(b" ") {
            rest = after;
            continue;
        }
        let is_space = |byte: &u8| *byte == b' ';
        let (line, after) = if let Some(at) = rest.iter().take(width + 1).rposition(is_space) {
            (rest.get(..at), rest.get(at + 1..))
        } else if break_words {
            (rest.get(..width), rest.get(width..))
        } else if let Some(at) = rest.iter().skip(width).position(is_space) {
            (rest.get(..width + at), rest.get(width + at + 1..))
        } else {
            break;
        };
        let (Some(line), Some(after)) = (line, after) else { return fail(args::NIL_POINTER) };
        out.extend_from_slice(line);
        out.extend_from_slice(separator);
        rest = after;
    }
    out.extend_from_slice(rest);
    Ok(out)
}

/// Whether a letter is part of a word for xstrings: a letter, but not of the common ideographs.
pub(super) fn is_alphabet(rune: char) -> bool {
    is_letter(rune) && !is_ideograph(rune)
}

fn is_ideograph(rune: char) -> bool {
    matches!(rune, '\u{3400}'..='\u{4d85}' | '\u{4e00}'..='\u{9fcc}' | '\u{20000}'..='\u{2b81d}')
}
