//! Reading arguments and answering as Go does: shared by all topics.
//!
//! The engine has checked the arguments against the declared parameters, so a reader never fails; on a wrong type it gives the zero
//! value.
//!
//! **Invariant:** no function makes a string or list beyond [`MAX_BYTES`] or [`MAX_ITEMS`].

use crate::value::{CallError, CallResult, List, Map, MapType, Type, Value};

/// Bytes in one string that a function makes; the engine's default limit.
pub(super) const MAX_BYTES: usize = 64 << 20;

/// Items in one list that a function makes; the engine's default limit.
pub(super) const MAX_ITEMS: usize = MAX_BYTES / 32;

/// Parameter lists that many functions have.
pub(super) const NONE: &[Type] = &[];
pub(super) const ANY: &[Type] = &[Type::Any];
pub(super) const ANY2: &[Type] = &[Type::Any, Type::Any];
pub(super) const STRING: &[Type] = &[Type::String];
pub(super) const STRING2: &[Type] = &[Type::String, Type::String];
pub(super) const STRING3: &[Type] = &[Type::String, Type::String, Type::String];
pub(super) const INT: &[Type] = &[Type::Int];
pub(super) const INT_STRING: &[Type] = &[Type::Int, Type::String];

/// The text of Go's panic about a nil pointer.
pub(super) const NIL_POINTER: &str = "runtime error: invalid memory address or nil pointer dereference";

const NIL: &Value = &Value::Nil;

/// The argument at a position.
pub(super) fn value(args: &[Value], position: usize) -> &Value {
    args.get(position).unwrap_or(NIL)
}

/// The bytes of a `string` argument.
pub(super) fn bytes(args: &[Value], position: usize) -> &[u8] {
    match args.get(position) {
        Some(Value::String(text)) => text.as_bytes(),
        _ => &[],
    }
}

/// The text of a `string` argument, with U+FFFD for what is not UTF-8.
pub(super) fn text(args: &[Value], position: usize) -> std::borrow::Cow<'_, str> {
    crate::value::to_str(bytes(args, position))
}

/// The number of an `int` or `int64` argument.
pub(super) fn int(args: &[Value], position: usize) -> i64 {
    match args.get(position) {
        Some(Value::Int(_, number)) => *number,
        _ => 0,
    }
}

/// A `bool` argument.
pub(super) fn boolean(args: &[Value], position: usize) -> bool {
    matches!(args.get(position), Some(Value::Bool(true)))
}

/// A map argument, as the plain `map[string]interface {}` that the parameter makes of a named map.
pub(super) fn map(args: &[Value], position: usize) -> Map {
    args.get(position).and_then(Value::as_map).map_or_else(
        || Map::new(MapType::Any),
        |map| match map.map_type() {
            MapType::Named(_) => map.retyped(MapType::Any),
            MapType::Any | MapType::Strings | MapType::Bytes => map,
        },
    )
}

/// What `strval` gives in sprig: strings and bytes as they are, anything else as `%v` prints it.
pub(super) fn to_bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::Bytes(bytes) => bytes.to_vec(),
        _ => value.to_text().as_bytes().to_vec(),
    }
}

/// The items of a slice or array; of bytes, each as a `uint8`.
pub(super) fn items(value: &Value) -> Option<List> {
    match value {
        Value::List(list) => Some(list.clone()),
        Value::Bytes(bytes) => {
            let items = bytes.iter().map(|byte| Value::Uint(crate::value::UintType::Uint8, u64::from(*byte)));
            Some(List::new(crate::value::ElementType::Named("[]uint8"), items.collect()))
        }
        Value::Object(object) => object.underlying().and_then(|value| items(&value)),
        _ => None,
    }
}

/// A failure with this text.
pub(super) fn fail<T>(message: impl Into<String>) -> Result<T, CallError> {
    Err(CallError::new(message))
}

/// The refusal of a result that would be too long.
pub(super) fn too_long<T>() -> Result<T, CallError> {
    fail(format!("exceeded maximum size of a value ({MAX_BYTES} bytes)"))
}

/// A `string` result.
#[expect(clippy::unnecessary_wraps, reason = "the shape of a function's answer")]
pub(super) fn string(text: impl Into<crate::value::Text>) -> CallResult {
    Ok(Value::string(text))
}
