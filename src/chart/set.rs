//! `--set` expressions: `a.b[0].c=v,d={x,y}` and its variants. Flux's `valuesFrom.targetPath` uses the same grammar.
//!
//! Counterpart: `pkg/strvals` of Helm 4.3.1. A backslash takes the next letter as it is; braces make lists; an index pads with nulls.
//! Go's panics on a value that is in the way are the same errors here, by their text.
//!
//! **Invariant:** untyped numbers become integers (`int64`), JSON numbers floats: see [`super::Chart`]. No value is in an error.

use serde_json::Value as Json;

use super::{Error, Values};
use crate::value::json;
use crate::version::quote;

/// The highest index of a list.
pub const MAX_INDEX: usize = 65_536;

/// How many nulls one expression may pad its lists with; Helm has no such limit.
pub const MAX_PADDING: usize = 16 * MAX_INDEX;

/// How deep lists may be nested in lists; Helm has no such limit.
const MAX_NESTED_LISTS: usize = 1000;

/// How deep keys may be nested.
pub const MAX_NESTED_NAME_LEVEL: usize = 30;

/// How the values of an expression are read.
pub enum Style<'a> {
    /// `--set`: booleans, null and integers are told from text.
    Typed,
    /// `--set-string`: everything is text.
    Text,
    /// `--set-json`: each value is a JSON document.
    Json,
    /// `--set-file`: each value is a path, which the function reads.
    File(&'a mut dyn FnMut(&str) -> Result<String, String>),
    /// `--set-literal`: everything after the equals sign is one text.
    Literal,
}

/// Sets values by an expression. What was set before an error stays set, as in Helm.
pub fn set_values(values: &mut Values, expression: &str, style: Style<'_>) -> Result<(), Error> {
    let mut parser = Parser { rest: expression, style, padding: MAX_PADDING, nested_lists: 0 };
    loop {
        match parser.key(values, 0) {
            Ok(()) => {}
            Err(Stop::End) => return Ok(()),
            Err(Stop::Failed(message)) => return Err(Error::Set(message)),
        }
    }
}

/// Sets values by a `--set-json` argument: an object is laid over the values, everything else is an expression.
pub fn set_json_values(values: &mut Values, argument: &str) -> Result<(), Error> {
    if !argument.trim_start().starts_with('{') {
        return set_values(values, argument, Style::Json);
    }
    let object: Values = serde_json::from_str(argument)
        .map_err(|error| Error::Set(format!("invalid JSON at line {} column {}", error.line(), error.column())))?;
    super::merge_values(values, super::with_float_numbers(object));
    Ok(())
}

/// Why parsing of a key ended early.
enum Stop {
    /// The expression is at its end, which is no failure.
    End,
    Failed(String),
}

impl From<String> for Stop {
    fn from(message: String) -> Self {
        Self::Failed(message)
    }
}

struct Parser<'e, 'f> {
    rest: &'e str,
    style: Style<'f>,
    /// How many nulls may still be padded.
    padding: usize,
    /// How many lists lie in lists so far.
    nested_lists: usize,
}

/// Text up to a stop letter, and that letter unless the expression ended first.
type Piece = (String, Option<char>);

impl Parser<'_, '_> {
    fn next(&mut self) -> Option<char> {
        let mut letters = self.rest.chars();
        let letter = letters.next();
        self.rest = letters.as_str();
        letter
    }

    fn until(&mut self, stops: &[char]) -> Piece {
        let mut text = String::new();
        while let Some(letter) = self.next() {
            if stops.contains(&letter) {
                return (text, Some(letter));
            }
            if letter != '\\' || self.is_literal() {
                text.push(letter);
                continue;
            }
            match self.next() {
                Some(escaped) => text.push(escaped),
                None => break,
            }
        }
        (text, None)
    }

    fn is_literal(&self) -> bool {
        matches!(self.style, Style::Literal)
    }

    fn key(&mut self, values: &mut Values, level: usize) -> Result<(), Stop> {
        let stops: &[char] = if self.is_literal() { &['=', '[', '.'] } else { &['=', '[', ',', '.'] };
        let (key, stop) = self.until(stops);
        match stop {
            None if key.is_empty() => Err(Stop::End),
            None => Err(Stop::Failed(format!("key {} has no value", quote(&key)))),
            Some('[') => self.indexed(values, &key, level),
            Some('=') => self.assign(values, &key),
            Some('.') => self.nested(values, &key, level + 1),
            Some(_) => {
                let message = format!("key {} has no value (cannot end with ,)", quote(&key));
                store(values, key, Json::String(String::new()));
                Err(Stop::Failed(message))
            }
        }
    }

    fn nested(&mut self, values: &mut Values, key: &str, level: usize) -> Result<(), Stop> {
        check_level(level)?;
        let mut inner = match values.get_mut(key).map(Json::take) {
            None => Values::new(),
            Some(Json::Object(inner)) => inner,
            Some(other) => {
                let message = conversion_panic(&other, "map[string]interface {}");
                values.insert(key.to_owned(), other);
                return Err(Stop::Failed(message));
            }
        };
        let result = self.key(&mut inner, level);
        if inner.is_empty() {
            restore_empty(values, key);
            if result.is_ok() {
                return Err(Stop::Failed(format!("key map {} has no value", quote(key))));
            }
        } else {
            store(values, key.to_owned(), Json::Object(inner));
        }
        result
    }

    fn indexed(&mut self, values: &mut Values, key: &str, level: usize) -> Result<(), Stop> {
        let index = self.index()?;
        let mut list = match values.get_mut(key).map(Json::take) {
            None => Vec::new(),
            Some(Json::Array(list)) => list,
            Some(other) => {
                let message = conversion_panic(&other, "[]interface {}");
                values.insert(key.to_owned(), other);
                return Err(Stop::Failed(message));
            }
        };
        let result = self.item(&mut list, index, level);
        if key.is_empty() {
            values.remove(key);
        }
        store(values, key.to_owned(), Json::Array(list));
        result
    }

    fn index(&mut self) -> Result<i64, Stop> {
        let (text, stop) = self.until(&[']']);
        if stop.is_none() {
            // Helm takes an index cut short for the end of the expression.
            return Err(Stop::End);
        }
        text.parse().map_err(|error: std::num::ParseIntError| {
            let reason = match error.kind() {
                std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => "value out of range",
                _ => "invalid syntax",
            };
            Stop::Failed(format!("error parsing index: strconv.Atoi: parsing {}: {reason}", quote(&text)))
        })
    }

    fn item(&mut self, list: &mut Vec<Json>, index: i64, level: usize) -> Result<(), Stop> {
        if index < 0 {
            return Err(Stop::Failed(format!("negative {index} index not allowed")));
        }
        let (key, stop) = self.until(&['[', '.', '=']);
        if !key.is_empty() {
            let letters = key.chars().map(quote_letter).collect::<Vec<_>>().join(" ");
            return Err(Stop::Failed(format!("unexpected data at end of array index: [{letters}]")));
        }
        match stop {
            None => Err(Stop::End),
            Some('=') => self.assign_item(list, index),
            Some('[') => self.nested_list(list, index, level),
            Some(_) => self.nested_item(list, index, level),
        }
    }

    fn nested_list(&mut self, list: &mut Vec<Json>, index: i64, level: usize) -> Result<(), Stop> {
        let next = self.index()?;
        self.nested_lists += 1;
        if self.nested_lists > MAX_NESTED_LISTS {
            return Err(Stop::Failed(format!("lists are nested deeper than {MAX_NESTED_LISTS}")));
        }
        let existing = usize::try_from(index).ok().and_then(|index| list.get_mut(index));
        let (mut inner, exists) = match existing {
            None | Some(Json::Null) => (Vec::new(), false),
            Some(Json::Array(inner)) => (std::mem::take(inner), true),
            Some(other) => return Err(Stop::Failed(conversion_panic(other, "[]interface {}"))),
        };
        let result = self.item(&mut inner, next, level);
        if result.is_ok() || exists {
            self.store_index(list, index, Json::Array(inner))?;
        }
        result
    }

    fn nested_item(&mut self, list: &mut Vec<Json>, index: i64, level: usize) -> Result<(), Stop> {
        let existing = usize::try_from(index).ok().and_then(|index| list.get_mut(index));
        let mut inner = match existing.map(Json::take) {
            Some(Json::Object(inner)) => inner,
            _ => Values::new(),
        };
        let result = self.key(&mut inner, level);
        let is_in_list = usize::try_from(index).is_ok_and(|index| index < list.len());
        if result.is_ok() || is_in_list {
            self.store_index(list, index, Json::Object(inner))?;
        }
        result
    }

    fn assign(&mut self, values: &mut Values, key: &str) -> Result<(), Stop> {
        if matches!(self.style, Style::Json) {
            let value = self.json()?;
            store(values, key.to_owned(), value);
            return Ok(());
        }
        if self.is_literal() {
            store(values, key.to_owned(), Json::String(std::mem::take(&mut self.rest).to_owned()));
            return Ok(());
        }
        if self.rest.is_empty() {
            store(values, key.to_owned(), Json::String(String::new()));
            return Err(Stop::End);
        }
        let value = self.value()?;
        store(values, key.to_owned(), value);
        Ok(())
    }

    fn assign_item(&mut self, list: &mut Vec<Json>, index: i64) -> Result<(), Stop> {
        let value = if matches!(self.style, Style::Json) {
            self.json()?
        } else if self.is_literal() {
            Json::String(std::mem::take(&mut self.rest).to_owned())
        } else {
            self.value()?
        };
        self.store_index(list, index, value)
    }

    fn store_index(&mut self, list: &mut Vec<Json>, index: i64, value: Json) -> Result<(), Stop> {
        let position = usize::try_from(index).map_err(|_| format!("negative {index} index not allowed"))?;
        if position > MAX_INDEX {
            let limit = "is greater than maximum supported index of";
            return Err(Stop::Failed(format!("index of {index} {limit} {MAX_INDEX}")));
        }
        if list.len() <= position {
            let padding = self.padding.checked_sub(position - list.len());
            self.padding = padding.ok_or_else(|| format!("lists are padded with more than {MAX_PADDING} nulls"))?;
            list.resize(position + 1, Json::Null);
        }
        if let Some(slot) = list.get_mut(position) {
            *slot = value;
        }
        Ok(())
    }

    /// A value or a list of values.
    fn value(&mut self) -> Result<Json, Stop> {
        if let Some(rest) = self.rest.strip_prefix('{') {
            self.rest = rest;
            return self.list();
        }
        if self.rest.is_empty() {
            return Ok(Json::String(String::new()));
        }
        let (text, _) = self.until(&[',']);
        self.read(text)
    }

    fn list(&mut self) -> Result<Json, Stop> {
        let mut items = Vec::new();
        loop {
            let (text, stop) = self.until(&[',', '}']);
            if stop.is_none() {
                return Err(Stop::Failed("list must terminate with '}'".to_owned()));
            }
            items.push(self.read(text)?);
            if stop == Some('}') {
                self.rest = self.rest.strip_prefix(',').unwrap_or(self.rest);
                return Ok(Json::Array(items));
            }
        }
    }

    fn read(&mut self, text: String) -> Result<Json, Stop> {
        match &mut self.style {
            Style::Typed => Ok(typed(text)),
            Style::File(read) => read(&text).map(Json::String).map_err(Stop::Failed),
            Style::Text | Style::Json | Style::Literal => Ok(Json::String(text)),
        }
    }

    /// A JSON document and the comma after it; nothing at all is null.
    fn json(&mut self) -> Result<Json, Stop> {
        if self.skip_blanks_and_comma() {
            return Ok(Json::Null);
        }
        if self.rest.trim_start_matches([' ', '\t', '\r', '\n']).is_empty() {
            return Err(Stop::End);
        }
        let (document, end) =
            json::parse_first(self.rest.as_bytes()).map_err(|error| Stop::Failed(error.to_string()))?;
        self.rest = self.rest.get(end..).unwrap_or_default();
        self.skip_blanks_and_comma();
        let mut wrapped = Values::new();
        wrapped.insert(String::new(), document);
        Ok(super::with_float_numbers(wrapped).remove("").unwrap_or_default())
    }

    /// Whether the value ends here: at the end of the expression or at a comma, which is taken.
    fn skip_blanks_and_comma(&mut self) -> bool {
        self.rest = self.rest.trim_start();
        if let Some(rest) = self.rest.strip_prefix(',') {
            self.rest = rest;
            return true;
        }
        self.rest.is_empty()
    }
}

fn check_level(level: usize) -> Result<(), Stop> {
    if level <= MAX_NESTED_NAME_LEVEL {
        return Ok(());
    }
    let limit = "value name nested level is greater than maximum supported nested level of";
    Err(Stop::Failed(format!("{limit} {MAX_NESTED_NAME_LEVEL}")))
}

/// An empty key stores nothing.
fn store(values: &mut Values, key: String, value: Json) {
    if !key.is_empty() {
        values.insert(key, value);
    }
}

/// Puts back the empty table that was taken out, if there was one.
fn restore_empty(values: &mut Values, key: &str) {
    if let Some(taken) = values.get_mut(key) {
        *taken = Json::Object(Values::new());
    }
}

/// As Go's `%q` of a rune.
fn quote_letter(letter: char) -> String {
    match letter {
        '\'' => "'\\''".to_owned(),
        '"' => "'\"'".to_owned(),
        letter => quote(&letter.to_string()).replace('"', "'"),
    }
}

/// Tells booleans, null and integers from text; what begins with a zero is text, but for zero itself.
fn typed(text: String) -> Json {
    if text.eq_ignore_ascii_case("true") {
        return Json::Bool(true);
    }
    if text.eq_ignore_ascii_case("false") {
        return Json::Bool(false);
    }
    if text.eq_ignore_ascii_case("null") {
        return Json::Null;
    }
    if text == "0" || !text.starts_with('0') {
        return text.parse::<i64>().map_or(Json::String(text), Json::from);
    }
    Json::String(text)
}

fn conversion_panic(found: &Json, wanted: &str) -> String {
    let found = match found {
        Json::Null => return format!("unable to parse key: interface conversion: interface {{}} is nil, not {wanted}"),
        Json::Bool(_) => "bool",
        Json::Number(number) if number.is_f64() => "float64",
        Json::Number(_) => "int64",
        Json::String(_) => "string",
        Json::Array(_) => "[]interface {}",
        Json::Object(_) => "map[string]interface {}",
    };
    format!("unable to parse key: interface conversion: interface {{}} is {found}, not {wanted}")
}
