//! Strings: cutting, padding, joining, searching.
//!
//! Counterpart: `strings.go` of sprig 3.3.0 with what it takes from Go's `strings` and from goutils; conversions of case and wrapping
//! are in `words`.
//!
//! **Invariant:** positions count bytes, as in Go, and may cut a letter in two.

use super::args::{
    self, ANY, INT_STRING, MAX_BYTES, STRING, STRING2, STRING3, bytes, fail, int, items, string, to_bytes,
};
use super::unicode;
use crate::gotemplate::Function;
use crate::value::{CallError, CallResult, ElementType, List, Map, MapType, Signature, Text, Type, Value, quote};

const fn fixed(params: &'static [Type]) -> Signature {
    Signature::fixed(params)
}

/// The functions on strings.
pub(super) fn functions<H>() -> Vec<Function<H>> {
    vec![
        Function::pure("hello", fixed(args::NONE), |_| string("Hello!")),
        Function::pure("trunc", fixed(INT_STRING), trunc),
        Function::pure("trim", fixed(STRING), |args| string(unicode::trim(bytes(args, 0), char::is_whitespace))),
        Function::pure("substr", fixed(&[Type::Int, Type::Int, Type::String]), substr),
        Function::pure("repeat", fixed(INT_STRING), |args| string(repeat(bytes(args, 1), int(args, 0))?)),
        Function::pure("trimall", fixed(STRING2), trim_all),
        Function::pure("trimAll", fixed(STRING2), trim_all),
        Function::pure("trimSuffix", fixed(STRING2), |args| {
            let text = bytes(args, 1);
            string(text.strip_suffix(bytes(args, 0)).unwrap_or(text))
        }),
        Function::pure("trimPrefix", fixed(STRING2), |args| {
            let text = bytes(args, 1);
            string(text.strip_prefix(bytes(args, 0)).unwrap_or(text))
        }),
        Function::pure("contains", fixed(STRING2), |args| Ok(Value::Bool(contains(bytes(args, 1), bytes(args, 0))))),
        Function::pure("hasPrefix", fixed(STRING2), |args| Ok(Value::Bool(bytes(args, 1).starts_with(bytes(args, 0))))),
        Function::pure("hasSuffix", fixed(STRING2), |args| Ok(Value::Bool(bytes(args, 1).ends_with(bytes(args, 0))))),
        Function::pure("quote", Signature::variadic(ANY), |args| {
            join_present(args, |value| quote(to_bytes(value)).into_bytes())
        }),
        Function::pure("squote", Signature::variadic(ANY), |args| {
            join_present(args, |value| [b"'", value.to_text().as_bytes(), b"'"].concat())
        }),
        Function::pure("cat", Signature::variadic(ANY), |args| {
            join_present(args, |value| value.to_text().as_bytes().to_vec())
        }),
        Function::pure("indent", fixed(INT_STRING), |args| string(indent(int(args, 0), bytes(args, 1))?)),
        Function::pure("nindent", fixed(INT_STRING), |args| {
            string([b"\n".to_vec(), indent(int(args, 0), bytes(args, 1))?].concat())
        }),
        Function::pure("replace", fixed(STRING3), |args| {
            string(replace(bytes(args, 2), bytes(args, 0), bytes(args, 1))?)
        }),
        Function::pure("plural", fixed(&[Type::String, Type::String, Type::Int]), |args| {
            string(bytes(args, usize::from(int(args, 2) != 1)))
        }),
        Function::pure("toString", fixed(ANY), |args| string(to_bytes(args::value(args, 0)))),
        Function::pure("toStrings", fixed(ANY), |args| Ok(Value::strings(to_strings(args::value(args, 0))))),
        Function::pure("join", fixed(&[Type::String, Type::Any]), |args| {
            string(to_strings(args::value(args, 1)).join(bytes(args, 0)))
        }),
        Function::pure("sortAlpha", fixed(ANY), sort_alpha),
        Function::pure("split", fixed(STRING2), |args| Ok(numbered(split(bytes(args, 1), bytes(args, 0), -1)))),
        Function::pure("splitn", fixed(&[Type::String, Type::Int, Type::String]), |args| {
            Ok(numbered(split(bytes(args, 2), bytes(args, 0), int(args, 1))))
        }),
        Function::pure("splitList", fixed(STRING2), |args| {
            let parts = split(bytes(args, 1), bytes(args, 0), -1).into_iter().map(Value::string).collect();
            Ok(Value::List(List::new(ElementType::String, parts)))
        }),
    ]
}

fn trunc(args: &[Value]) -> CallResult {
    let (count, text) = (int(args, 0), bytes(args, 1));
    let length = text.len() as i64;
    let kept = if count >= 0 {
        text.get(..usize::try_from(count).unwrap_or(usize::MAX))
    } else if length + count > 0 {
        text.get((length + count) as usize..)
    } else {
        None
    };
    string(kept.unwrap_or(text))
}

fn substr(args: &[Value]) -> CallResult {
    let (start, end, text) = (int(args, 0), int(args, 1), bytes(args, 2));
    let length = text.len() as i64;
    let (low, high) = match (start, end) {
        (..0, end) => (0, end),
        (start, end) if end < 0 || end > length => (start, length),
        (start, end) => (start, end),
    };
    string(slice(text, low, high)?)
}

/// `text[low:high]` with Go's texts about bounds.
fn slice(text: &[u8], low: i64, high: i64) -> Result<&[u8], CallError> {
    let length = text.len() as i64;
    let bounds = if high > length {
        format!("[:{high}] with length {length}")
    } else if high < 0 {
        format!("[:{high}]")
    } else if low > high {
        format!("[{low}:{high}]")
    } else {
        return Ok(text.get(low as usize..high as usize).unwrap_or_default());
    };
    fail(format!("runtime error: slice bounds out of range {bounds}"))
}

/// `strings.Repeat`.
pub(super) fn repeat(text: &[u8], count: i64) -> Result<Vec<u8>, CallError> {
    let count = usize::try_from(count).or_else(|_| fail("strings: negative Repeat count"))?;
    if text.len().checked_mul(count).is_none_or(|length| length > MAX_BYTES) {
        return args::too_long();
    }
    Ok(text.repeat(count))
}

fn trim_all(args: &[Value]) -> CallResult {
    let cutset = unicode::runes(bytes(args, 0));
    string(unicode::trim(bytes(args, 1), |rune| cutset.contains(&rune)))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}

/// Joins with spaces what is there of the values; nil is left out.
fn join_present(values: &[Value], show: impl Fn(&Value) -> Vec<u8>) -> CallResult {
    let shown: Vec<Vec<u8>> = values.iter().filter(|value| !matches!(value, Value::Nil)).map(show).collect();
    string(shown.join(&b' '))
}

fn indent(spaces: i64, text: &[u8]) -> Result<Vec<u8>, CallError> {
    let padding = repeat(b" ", spaces)?;
    let lines = text.split(|byte| *byte == b'\n').count();
    if padding.len().checked_mul(lines).is_none_or(|length| length > MAX_BYTES) {
        return args::too_long();
    }
    let mut out = Vec::with_capacity(text.len() + padding.len() * lines);
    for (position, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if position > 0 {
            out.push(b'\n');
        }
        out.extend_from_slice(&padding);
        out.extend_from_slice(line);
    }
    Ok(out)
}

/// `strings.ReplaceAll`; an empty old text stands before every letter and at the end.
fn replace(text: &[u8], old: &[u8], new: &[u8]) -> Result<Vec<u8>, CallError> {
    let parts = if old.is_empty() {
        // An empty piece at both ends, so that joining puts the new text there too.
        let mut parts = vec![&[][..]];
        parts.extend(explode(text));
        parts.push(&[]);
        parts
    } else {
        split(text, old, -1)
    };
    if new.len().checked_mul(parts.len()).is_none_or(|length| length > MAX_BYTES) {
        return args::too_long();
    }
    Ok(parts.join(new))
}

/// The letters of a text, each as its bytes.
fn explode(text: &[u8]) -> Vec<&[u8]> {
    let mut rest = text;
    let mut parts = Vec::new();
    for length in unicode::rune_lengths(text) {
        let Some((part, after)) = rest.split_at_checked(length) else { break };
        parts.push(part);
        rest = after;
    }
    parts
}

/// `strings.SplitN`: at most `count` parts, all if it is negative, none if it is zero.
pub(super) fn split<'a>(text: &'a [u8], separator: &[u8], count: i64) -> Vec<&'a [u8]> {
    let limit = usize::try_from(count).unwrap_or(usize::MAX);
    let mut parts = Vec::new();
    if limit == 0 {
        return parts;
    }
    if separator.is_empty() {
        let letters = explode(text);
        let head = letters.len().min(limit - 1);
        parts.extend(letters.iter().take(head).copied());
        let done: usize = parts.iter().map(|part| part.len()).sum();
        return match text.get(done..) {
            Some(rest) if !rest.is_empty() => [parts, vec![rest]].concat(),
            _ => parts,
        };
    }
    let mut rest = text;
    while parts.len() + 1 < limit {
        let Some(at) = rest.windows(separator.len()).position(|window| window == separator) else { break };
        parts.push(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + separator.len()..).unwrap_or_default();
    }
    parts.push(rest);
    parts
}

fn numbered(parts: Vec<&[u8]>) -> Value {
    let map = Map::new(MapType::Strings);
    for (position, part) in parts.into_iter().enumerate() {
        map.insert(format!("_{position}"), Value::string(part));
    }
    Value::Map(map)
}

/// What `toStrings` gives: the items of a list as strings, without nil ones; one string for anything else, none for nil.
fn to_strings(value: &Value) -> Vec<Vec<u8>> {
    match (items(value), value) {
        (Some(list), _) => list.iter().filter(|item| !matches!(item, Value::Nil)).map(to_bytes).collect(),
        (None, Value::Nil) => Vec::new(),
        (None, value) => vec![to_bytes(value)],
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a function's answer")]
fn sort_alpha(args: &[Value]) -> CallResult {
    let value = args::value(args, 0);
    let mut texts = if matches!(value, Value::Nil) { vec![b"<nil>".to_vec()] } else { to_strings(value) };
    texts.sort();
    Ok(Value::strings(texts.into_iter().map(Text::from)))
}
