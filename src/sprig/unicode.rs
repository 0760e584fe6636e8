//! Letters as Go's `unicode` and `unicode/utf8` packages see them (Go 1.26).
//!
//! Go changes case letter by letter with the simple mappings; Rust's full mappings may give several letters. Where they do, the simple
//! mapping is the letter itself but for a few, which are listed here.
//!
//! **Invariant:** every invalid byte counts as one U+FFFD, as in Go.

use crate::value::category::is_known;

/// What Go reads an invalid byte as.
const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// The letters of a text: `[]rune(text)` in Go.
pub(super) fn runes(bytes: &[u8]) -> Vec<char> {
    let mut runes = Vec::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        runes.extend(chunk.valid().chars());
        runes.extend(chunk.invalid().iter().map(|_| REPLACEMENT));
    }
    runes
}

/// The first letter of a text and its width: `utf8.DecodeRune` in Go.
pub(super) fn first_rune(bytes: &[u8]) -> Option<(char, usize)> {
    let first = *bytes.first()?;
    if first.is_ascii() {
        return Some((char::from(first), 1));
    }
    let chunk = bytes.get(..bytes.len().min(4))?.utf8_chunks().next()?;
    Some(chunk.valid().chars().next().map_or((REPLACEMENT, 1), |rune| (rune, rune.len_utf8())))
}

/// Maps every letter: `strings.Map` in Go.
pub(super) fn map_runes(bytes: &[u8], mut change: impl FnMut(char) -> char) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.extend(chunk.valid().chars().map(&mut change));
        out.extend(chunk.invalid().iter().map(|_| change(REPLACEMENT)));
    }
    out
}

/// The lengths of the letters in bytes, one after the other.
pub(super) fn rune_lengths(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    bytes.utf8_chunks().flat_map(|chunk| {
        let valid = chunk.valid().chars().map(char::len_utf8);
        valid.chain(chunk.invalid().iter().map(|_| 1))
    })
}

/// Cuts letters that match from both ends.
pub(super) fn trim(bytes: &[u8], matches: impl Fn(char) -> bool) -> &[u8] {
    let runes = runes(bytes);
    let lengths: Vec<usize> = rune_lengths(bytes).collect();
    let first = runes.iter().take_while(|rune| matches(**rune)).count();
    let last = runes.iter().skip(first).rev().take_while(|rune| matches(**rune)).count();
    let start = lengths.iter().take(first).sum();
    let end = bytes.len() - lengths.iter().rev().take(last).sum::<usize>();
    bytes.get(start..end).unwrap_or_default()
}

/// `unicode.ToUpper`.
pub(super) fn to_upper(rune: char) -> char {
    match rune {
        '\u{1f80}'..='\u{1faf}' => char::from_u32(u32::from(rune) | 8).unwrap_or(rune),
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => char::from_u32(u32::from(rune) + 9).unwrap_or(rune),
        _ => single(rune, rune.to_uppercase()),
    }
}

/// `unicode.ToLower`.
pub(super) fn to_lower(rune: char) -> char {
    if rune == '\u{130}' { 'i' } else { single(rune, rune.to_lowercase()) }
}

/// `unicode.ToTitle`: upper case, but for digraphs and Georgian.
pub(super) fn to_title(rune: char) -> char {
    match rune {
        '\u{1c4}'..='\u{1c6}' => '\u{1c5}',
        '\u{1c7}'..='\u{1c9}' => '\u{1c8}',
        '\u{1ca}'..='\u{1cc}' => '\u{1cb}',
        '\u{1f1}'..='\u{1f3}' => '\u{1f2}',
        '\u{10d0}'..='\u{10ff}' => rune,
        _ => to_upper(rune),
    }
}

fn single(rune: char, mut mapped: impl Iterator<Item = char>) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(mapped), None) if mapped == rune || is_known(mapped) => mapped,
        _ => rune,
    }
}
