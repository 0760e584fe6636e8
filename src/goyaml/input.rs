//! The bytes of a stream, made into text: encodings, byte order marks, forbidden characters.
//!
//! Counterpart: go-yaml v2.4 `readerc.go`. It checks the input in blocks of 512 bytes as it goes, so a fault is only an error if reading
//! comes as far as its block; [`Input`] remembers the fault and where its block begins.
//!
//! **Invariant:** the text never holds a NUL, so that a NUL can stand for the end of the text.

use std::borrow::Cow;

use super::error::ReadError;

/// The size of go-yaml's input buffer in bytes.
pub(super) const BLOCK: usize = 512;

/// A byte order mark.
pub(super) const MARK: &[u8] = "\u{feff}".as_bytes();

/// The fault of a character that is cut off by the end.
const INCOMPLETE: &str = "incomplete UTF-8 octet sequence";

/// How many bytes are looked at together when forbidden characters are searched.
const PLAIN_BLOCK: usize = 64;

/// Checked text of a stream, up to the block with the first fault.
pub(super) struct Input<'a> {
    /// The text without its byte order mark.
    pub(super) text: Cow<'a, str>,
    /// Why the text ends early.
    pub(super) fault: Option<&'static str>,
    /// How many bytes of the text go-yaml reads first, if there are byte order marks in it.
    pub(super) marks: Option<usize>,
}

impl<'a> Input<'a> {
    /// Checks the bytes of a stream: UTF-8, or UTF-16 with a byte order mark.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, ReadError> {
        match bytes {
            [0xFF, 0xFE, rest @ ..] => from_utf16(rest, u16::from_le_bytes),
            [0xFE, 0xFF, rest @ ..] => from_utf16(rest, u16::from_be_bytes),
            [0xEF, 0xBB, 0xBF, rest @ ..] => Ok(from_utf8(rest, BLOCK - 3)),
            _ => Ok(from_utf8(bytes, BLOCK)),
        }
    }
}

fn from_utf8(bytes: &[u8], first_block: usize) -> Input<'_> {
    let (text, invalid) = match std::str::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let (valid, rest) = bytes.split_at(error.valid_up_to());
            (std::str::from_utf8(valid).unwrap_or_default(), Some(utf8_fault(rest)))
        }
    };
    let found = find_forbidden(text).map(|at| (at, "control characters are not allowed"));
    let marks = memchr::memmem::find(text.as_bytes(), MARK).map(|_| first_block);
    match found.or(invalid.map(|fault| (text.len(), fault))) {
        None => Input { text: Cow::Borrowed(text), fault: None, marks },
        Some((at, fault)) => {
            // Only at the end is it certain that the rest of a character is missing.
            let start = if fault == INCOMPLETE { at } else { block_start(text, at, first_block) };
            Input { text: Cow::Borrowed(text.get(..start).unwrap_or_default()), fault: Some(fault), marks }
        }
    }
}

fn from_utf16<'a>(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Input<'a>, ReadError> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(ReadError::input("incomplete UTF-16 character"));
    }
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    let text = String::from_utf16(&units).map_err(|_| ReadError::input("expected low surrogate area"))?;
    if find_forbidden(&text).is_some() {
        return Err(ReadError::input("control characters are not allowed"));
    }
    Ok(Input { text: Cow::Owned(text), fault: None, marks: None })
}

/// Where go-yaml's block with the byte at `at` begins.
fn block_start(text: &str, at: usize, first_block: usize) -> usize {
    let (mut start, mut end) = (0, block_end(text, 0, first_block));
    while end <= at {
        (start, end) = (end, block_end(text, end, BLOCK));
    }
    start
}

/// Where a block of go-yaml's ends that begins at `start`. A letter that straddles two blocks belongs to the second.
pub(super) fn block_end(text: &str, start: usize, size: usize) -> usize {
    let mut end = start + size;
    while end < text.len() && !text.is_char_boundary(end) {
        end -= 1;
    }
    end
}

/// The first character that YAML forbids, NUL among them.
fn find_forbidden(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes.get(at..at + PLAIN_BLOCK).is_some_and(is_plain) {
            at += PLAIN_BLOCK;
            continue;
        }
        let end = bytes.len().min(at + PLAIN_BLOCK);
        if let Some(found) = (at..end).find(|at| is_forbidden(bytes, *at)) {
            return Some(found);
        }
        at = end;
    }
    None
}

/// Whether there is nothing but printable ASCII and line feeds.
fn is_plain(block: &[u8]) -> bool {
    // Without an early end, so that the compiler can look at many bytes at once.
    !block.iter().fold(false, |odd, byte| odd | !matches!(byte, b' '..=b'~' | b'\n'))
}

fn is_forbidden(bytes: &[u8], at: usize) -> bool {
    match bytes.get(at) {
        Some(b'\t' | b'\n' | b'\r') | None => false,
        Some(0..=0x1F | 0x7F) => true,
        Some(0xC2) => bytes.get(at + 1).is_some_and(|next| *next < 0xA0 && *next != 0x85),
        Some(0xEF) => matches!(bytes.get(at + 1..at + 3), Some([0xBF, 0xBE | 0xBF])),
        Some(_) => false,
    }
}

/// go-yaml's words for bytes that do not begin with a character.
fn utf8_fault(bytes: &[u8]) -> &'static str {
    let Some(&lead) = bytes.first() else { return INCOMPLETE };
    let width = match lead {
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF7 => 4,
        _ => return "invalid leading UTF-8 octet",
    };
    let Some(trailing) = bytes.get(1..width) else { return INCOMPLETE };
    if trailing.iter().any(|byte| byte & 0xC0 != 0x80) {
        return "invalid trailing UTF-8 octet";
    }
    match (lead, trailing.first()) {
        (0xED, Some(0xA0..)) | (0xF4, Some(0x90..)) | (0xF5.., _) => "invalid Unicode character",
        _ => "invalid length of a UTF-8 sequence",
    }
}
