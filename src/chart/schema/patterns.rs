//! Regular expressions in a schema that Go's `regexp` refuses.
//!
//! The library at hand reads patterns by other rules. Those that Go refuses are given to it in a form that it refuses as well, so that it
//! finds them where Go does.
//!
//! **Invariant:** a pattern that Go takes is left as it is.

use serde_json::Value as Json;

use crate::sprig::regex_fault;

/// Keywords whose values are data and no schemas.
const DATA: [&str; 4] = ["const", "enum", "default", "examples"];

/// How deep a schema is looked through; the library refuses deeper ones.
const MAX_DEPTH: usize = 200;

/// The start of what stands for a refused pattern; a group that is never closed.
const MARK: &str = "(?:refused by Go ";

/// The patterns that were refused.
#[derive(Debug, Default)]
pub(super) struct Patterns(Vec<String>);

impl Patterns {
    /// Takes the patterns out of a schema that Go refuses.
    pub(super) fn take(schema: &mut Json) -> Self {
        let mut patterns = Self::default();
        patterns.visit(schema, 0);
        patterns
    }

    /// The pattern that was there before.
    pub(super) fn original<'a>(&'a self, text: &'a str) -> &'a str {
        let taken = text.strip_prefix(MARK).and_then(|index| index.parse::<usize>().ok());
        taken.and_then(|index| self.0.get(index)).map_or(text, String::as_str)
    }

    fn visit(&mut self, schema: &mut Json, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        match schema {
            Json::Array(items) => items.iter_mut().for_each(|item| self.visit(item, depth + 1)),
            Json::Object(fields) => {
                for (keyword, value) in fields.iter_mut().filter(|(keyword, _)| !DATA.contains(&keyword.as_str())) {
                    match value {
                        Json::String(pattern) if keyword == "pattern" && regex_fault(pattern).is_some() => {
                            let mark = format!("{MARK}{}", self.0.len());
                            self.0.push(std::mem::replace(pattern, mark));
                        }
                        value => self.visit(value, depth + 1),
                    }
                }
            }
            _ => {}
        }
    }
}
