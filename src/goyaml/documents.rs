//! Streams of several documents: by the grammar, or by their separator lines alone.
//!
//! **Invariant:** splitting copies no more than the last document.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::decode::Decoder;
use super::error::{Error, ReadError};
use super::input::Input;
use super::parse::Parser;
use super::scan::Scanner;

/// What a line begins with that separates documents.
const SEPARATOR: &[u8] = b"---";

/// The JSON of every document of a stream, found by the grammar (a decoder of go-yaml v2.4).
pub fn documents(text: impl AsRef<[u8]>) -> Result<Vec<Json>, Error> {
    let input = Input::new(text.as_ref()).map_err(Error::Convert)?;
    let mut parser = Parser::new(Scanner::new(&input));
    let mut found = Vec::new();
    while let Some(mut document) = parser.next_document().map_err(Error::Convert)? {
        found.push(Decoder::new(&mut document, false).decode().map_err(Error::Convert)?);
    }
    Ok(found)
}

/// The texts between lines that begin with `---`, each line ending with a line feed; text without content between separators is left
/// out, and a leading separator stays with its document. Anything but a comment behind a separator is an error and ends the list. This
/// is how the `YAMLReader` of k8s.io/apimachinery 0.37 reads.
pub fn split(text: &[u8]) -> Vec<Result<Cow<'_, [u8]>, Error>> {
    let mut texts = Vec::new();
    let mut start = 0;
    for at in separators(text) {
        let line = text.get(at..).unwrap_or_default();
        let line = memchr::memchr(b'\n', line).and_then(|end| line.get(..=end)).unwrap_or(line);
        let rest = String::from_utf8_lossy(line.get(SEPARATOR.len()..).unwrap_or_default());
        let rest = rest.trim();
        if !rest.is_empty() && !rest.starts_with('#') {
            let problem = format!("invalid Yaml document separator: {rest}");
            texts.push(Err(Error::Separator(problem)));
            return texts;
        }
        if at > start {
            texts.push(Ok(with_line_feeds(text.get(start..at).unwrap_or_default())));
            start = at + line.len();
        }
    }
    match text.get(start..).unwrap_or_default() {
        [] => {}
        last => texts.push(Ok(with_line_feeds(last))),
    }
    texts
}

/// Where lines begin that are separators.
fn separators(text: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let first = text.starts_with(SEPARATOR).then_some(0);
    first.into_iter().chain(memchr::memmem::find_iter(text, b"\n---").map(|line_feed| line_feed + 1))
}

/// The text with each line ending in a line feed alone, the last one too.
fn with_line_feeds(text: &[u8]) -> Cow<'_, [u8]> {
    if text.ends_with(b"\n") && memchr::memmem::find(text, b"\r\n").is_none() {
        return Cow::Borrowed(text);
    }
    let mut plain = Vec::with_capacity(text.len() + 1);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\n").map_or(line, |line| line.strip_suffix(b"\r").unwrap_or(line));
        plain.extend_from_slice(line);
        plain.push(b'\n');
    }
    Cow::Owned(plain)
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        Self::Convert(error)
    }
}
