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

/// The JSON of every document of a stream, found by the grammar (a decoder of go-yaml v2.4).
pub fn documents(text: impl AsRef<[u8]>) -> Result<Vec<Json>, Error> {
    let input = Input::new(text.as_ref()).map_err(Error::Convert)?;
    let mut parser = Parser::new(Scanner::new(&input.text, input.fault));
    let mut found = Vec::new();
    while let Some(mut document) = parser.next_document().map_err(Error::Convert)? {
        found.push(Decoder::new(&mut document, false).decode().map_err(Error::Convert)?);
    }
    Ok(found)
}

/// The texts between lines that begin with `---`, each ending with a line break; text without content between separators is left out,
/// and a leading separator stays with its document. Errors: anything but a comment behind a separator. This is how the `YAMLReader` of
/// k8s.io/apimachinery 0.37 reads.
pub fn split(text: &str) -> Result<Vec<Cow<'_, str>>, Error> {
    let mut texts = Vec::new();
    let mut start = 0;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if let Some(rest) = line.strip_prefix("---") {
            let rest = rest.trim();
            if !rest.is_empty() && !rest.starts_with('#') {
                let problem = format!("invalid Yaml document separator: {rest}");
                return Err(Error::Separator(problem));
            }
            if at > start {
                texts.push(Cow::Borrowed(text.get(start..at).unwrap_or_default()));
                start = at + line.len();
            }
        }
        at += line.len();
    }
    match text.get(start..).unwrap_or_default() {
        "" => {}
        last if last.ends_with('\n') => texts.push(Cow::Borrowed(last)),
        last => texts.push(Cow::Owned(format!("{last}\n"))),
    }
    Ok(texts)
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        Self::Convert(error)
    }
}
