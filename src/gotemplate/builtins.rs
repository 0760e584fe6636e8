//! The functions that every template has.
//!
//! Counterpart of `text/template/funcs.go` (Go 1.26). Lists have no spare capacity here, so `slice` goes no further than the length.
//!
//! **Invariant:** depends on its arguments alone.

use crate::value::compare::{self, Incomparable};
use crate::value::{CallError, CallResult, Kind, List, Signature, Text, Type, UintType, Value, is_print, print};

use super::exec::Operand;
use super::funcs::{Body, Function};
use super::lex::rune_at;
use super::printf::sprintf;

/// A builtin that sees its arguments before they are evaluated, or whether they were in an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Builtin(pub(super) Special);

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Special {
    /// `and`, which stops at the first false argument.
    And,
    /// `or`, which stops at the first true argument.
    Or,
    /// `call`, which names the argument in its errors.
    Call,
    /// `len`, which tells no value from an empty interface.
    Len,
    /// `slice`, which takes no index out of an interface.
    Slice,
}

const ANY: &[Type] = &[Type::Any];
const TWO: &[Type] = &[Type::Any, Type::Any];

/// All of them.
pub(super) fn functions<H>() -> Vec<Function<H>> {
    let special = |name, signature, special| Function { name, signature, body: Body::Builtin(Builtin(special)) };
    vec![
        special("and", Signature::variadic(TWO), Special::And),
        special("or", Signature::variadic(TWO), Special::Or),
        special("call", Signature::variadic(TWO), Special::Call),
        special("len", Signature::fixed(ANY), Special::Len),
        special("slice", Signature::variadic(TWO), Special::Slice),
        Function::pure("not", Signature::fixed(ANY), |args| Ok(Value::Bool(!first(args).is_true()))),
        Function::pure("eq", Signature::variadic(TWO), eq),
        Function::pure("ne", Signature::fixed(TWO), |args| eq(args).map(|value| negated(&value))),
        Function::pure("lt", Signature::fixed(TWO), lt),
        Function::pure("le", Signature::fixed(TWO), le),
        Function::pure("gt", Signature::fixed(TWO), |args| le(args).map(|value| negated(&value))),
        Function::pure("ge", Signature::fixed(TWO), |args| lt(args).map(|value| negated(&value))),
        Function::pure("index", Signature::variadic(&[Type::Reflected, Type::Reflected]), index),
        Function::pure("print", Signature::variadic(ANY), |args| Ok(Value::String(print::sprint(args)))),
        Function::pure("println", Signature::variadic(ANY), |args| Ok(Value::String(print::sprintln(args)))),
        Function::pure("printf", Signature::variadic(&[Type::String, Type::Any]), |args| Ok(printf(args))),
        Function::pure("html", Signature::variadic(ANY), |args| Ok(escaped(args, html_escape))),
        Function::pure("js", Signature::variadic(ANY), |args| Ok(escaped(args, js_escape))),
        Function::pure("urlquery", Signature::variadic(ANY), |args| Ok(escaped(args, query_escape))),
    ]
}

fn first(args: &[Value]) -> &Value {
    args.first().unwrap_or(&Value::Nil)
}

fn negated(value: &Value) -> Value {
    Value::Bool(!value.is_true())
}

/// `len`.
pub(super) fn len(item: &Operand) -> CallResult {
    let length = match &item.value {
        Value::Nil if item.boxed => return Err(CallError::new("len of nil pointer")),
        Value::Nil => return Err(CallError::new("reflect: call of reflect.Value.Type on zero Value")),
        value => length(value),
    };
    match length {
        Some(length) => Ok(Value::int(i64::try_from(length).unwrap_or(i64::MAX))),
        None => Err(CallError::new(format!("len of type {}", pointee_type(&item.value)))),
    }
}

/// The type that a value has when pointers are followed.
fn pointee_type(value: &Value) -> &str {
    let name = value.type_name();
    if value.kind() == Kind::Ptr { name.trim_start_matches('*') } else { name }
}

fn length(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.len()),
        Value::Bytes(bytes) => Some(bytes.len()),
        Value::List(list) => Some(list.len()),
        Value::Map(map) => Some(map.len()),
        Value::Object(object) => object.underlying().and_then(|value| length(&value)),
        _ => None,
    }
}

/// `call`: there are no function values, so it always fails.
pub(super) fn call(callee: &str, function: &Operand) -> CallResult {
    match &function.value {
        Value::Nil => Err(CallError::new("call of nil")),
        value => Err(CallError::new(format!("non-function {callee} of type {}", value.type_name()))),
    }
}

fn printf(args: &[Value]) -> Value {
    let (format, arguments) = args.split_first().unwrap_or((&Value::Nil, &[]));
    let format = format.as_text().cloned().unwrap_or_default();
    Value::String(sprintf(format.as_bytes(), arguments))
}

fn comparison_error(error: Incomparable, left: &Value, right: &Value) -> CallError {
    let text = |value: &Value| sprintf(b"%s", std::slice::from_ref(value));
    let (left_type, right_type) = (left.type_name(), right.type_name());
    CallError::new(match error {
        Incomparable::InvalidType => "invalid type for comparison".to_owned(),
        Incomparable::Incompatible => format!("incompatible types for comparison: {left_type} and {right_type}"),
        Incomparable::NonComparable => format!("non-comparable type {}: {right_type}", text(right)),
        // Go swaps the last two by mistake.
        Incomparable::DifferentKinds => {
            let right = sprintf(b"%v", std::slice::from_ref(right));
            format!("non-comparable types {}: {left_type}, {right_type}: {right}", text(left))
        }
    })
}

fn eq(args: &[Value]) -> CallResult {
    let (left, others) = args.split_first().unwrap_or((&Value::Nil, &[]));
    if others.is_empty() {
        return Err(CallError::new("missing argument for comparison"));
    }
    for right in others {
        if compare::eq(left, right).map_err(|error| comparison_error(error, left, right))? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn lt(args: &[Value]) -> CallResult {
    let (left, right) = (first(args), args.get(1).unwrap_or(&Value::Nil));
    compare::lt(left, right).map(Value::Bool).map_err(|error| comparison_error(error, left, right))
}

fn le(args: &[Value]) -> CallResult {
    let (left, right) = (first(args), args.get(1).unwrap_or(&Value::Nil));
    compare::le(left, right).map(Value::Bool).map_err(|error| comparison_error(error, left, right))
}

/// An index as a number from 0 to the bound.
fn position(index: &Value, bound: usize) -> Result<usize, CallError> {
    let number = match index {
        Value::Int(_, number) => *number,
        Value::Uint(_, number) => *number as i64,
        Value::Nil => return Err(CallError::new("cannot index slice/array with nil")),
        _ => {
            return Err(CallError::new(format!("cannot index slice/array with type {}", index.type_name())));
        }
    };
    match usize::try_from(number) {
        Ok(position) if position <= bound => Ok(position),
        _ => Err(CallError::new(format!("index out of range: {number}"))),
    }
}

fn index(args: &[Value]) -> CallResult {
    let (item, indexes) = args.split_first().unwrap_or((&Value::Nil, &[]));
    if matches!(item, Value::Nil) {
        return Err(CallError::new("index of untyped nil"));
    }
    let mut item = item.clone();
    for index in indexes {
        item = index_once(&item, index)?;
    }
    Ok(item)
}

fn index_once(item: &Value, index: &Value) -> CallResult {
    let byte = |byte: &u8| Value::Uint(UintType::Uint8, u64::from(*byte));
    let (found, what) = match item {
        Value::Nil => return Err(CallError::new("index of nil pointer")),
        Value::String(text) => (text.as_bytes().get(position(index, text.len())?).map(byte), "string"),
        Value::Bytes(bytes) => (bytes.get(position(index, bytes.len())?).map(byte), "slice"),
        Value::List(list) => (list.get(position(index, list.len())?).cloned(), "slice"),
        Value::Map(map) => match index {
            Value::String(key) => return Ok(map.get(key).unwrap_or_else(|| map.zero_element())),
            Value::Nil => return Err(CallError::new("value is nil; should be of type string")),
            _ => {
                return Err(CallError::new(format!("value has type {}; should be string", index.type_name())));
            }
        },
        Value::Object(object) => match object.underlying() {
            Some(underlying) => return index_once(&underlying, index),
            None => return Err(cannot_index(item)),
        },
        _ => return Err(cannot_index(item)),
    };
    // An index that equals the length passes Go's own check, and then its runtime complains.
    found.ok_or_else(|| CallError::new(format!("reflect: {what} index out of range")))
}

fn cannot_index(item: &Value) -> CallError {
    CallError::new(format!("can't index item of type {}", pointee_type(item)))
}

/// `slice`.
pub(super) fn slice(args: &[Operand]) -> CallResult {
    let (item, indexes) = match args.split_first() {
        Some((item, indexes)) if !matches!(item.value, Value::Nil) => (&item.value, indexes),
        _ => return Err(CallError::new("slice of untyped nil")),
    };
    if indexes.len() > 3 {
        return Err(CallError::new(format!("too many slice indexes: {}", indexes.len())));
    }
    let underlying = match item {
        Value::Object(object) => object.underlying(),
        _ => None,
    };
    let item = underlying.as_ref().unwrap_or(item);
    let is_sliceable = matches!(item.kind(), Kind::String | Kind::Slice | Kind::Array);
    let Some(bound) = length(item).filter(|_| is_sliceable) else {
        return Err(CallError::new(format!("can't slice item of type {}", pointee_type(item))));
    };
    if matches!(item, Value::String(_)) && indexes.len() == 3 {
        return Err(CallError::new("cannot 3-index slice a string"));
    }
    let positions = indexes.iter().map(|index| bare_position(index, bound)).collect::<Result<Vec<_>, _>>()?;
    let from = positions.first().copied().unwrap_or(0);
    let to = positions.get(1).copied().unwrap_or(bound);
    for (low, high) in [(from, to), (to, positions.get(2).copied().unwrap_or(to))] {
        if low > high {
            return Err(CallError::new(format!("invalid slice index: {low} > {high}")));
        }
    }
    Ok(match item {
        Value::String(text) => Value::string(text.as_bytes().get(from..to).unwrap_or_default()),
        Value::Bytes(bytes) => Value::Bytes(bytes.get(from..to).unwrap_or_default().into()),
        Value::List(list) => {
            let items = list.get(from..to).unwrap_or_default().to_vec();
            Value::List(List::new(list.element_type(), items))
        }
        _ => item.clone(),
    })
}

/// As [`position`], for an index that must not be in an interface.
fn bare_position(index: &Operand, bound: usize) -> Result<usize, CallError> {
    if index.boxed {
        return Err(CallError::new("cannot index slice/array with type interface {}"));
    }
    position(&index.value, bound)
}

/// Arguments as one text, escaped.
fn escaped(args: &[Value], escape: fn(&[u8]) -> Vec<u8>) -> Value {
    Value::String(Text::from(escape(print::sprint_printable(args).as_bytes())))
}

fn html_escape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        match byte {
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            _ => out.push(byte),
        }
    }
    out
}

fn js_escape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some((rune, width)) = rune_at(text, at) {
        match rune {
            '\\' => out.extend_from_slice(b"\\\\"),
            '\'' => out.extend_from_slice(b"\\'"),
            '"' => out.extend_from_slice(b"\\\""),
            '<' | '>' | '&' | '=' | '\0'..='\x1f' => {
                out.extend_from_slice(format!("\\u{:04X}", u32::from(rune)).as_bytes());
            }
            _ if rune.is_ascii() || is_print(rune) => {
                out.extend_from_slice(text.get(at..at + width).unwrap_or_default());
            }
            _ => out.extend_from_slice(format!("\\u{:04X}", u32::from(rune)).as_bytes()),
        }
        at += width;
    }
    out
}

fn query_escape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte),
            b' ' => out.push(b'+'),
            _ => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    out
}
