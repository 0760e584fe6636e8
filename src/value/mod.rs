//! Values as Go programs see them: what templates, sprig functions and YAML work on.
//!
//! Charts observe Go's types (`kindOf`, `%T`, comparison errors, `1e+06`), so a value keeps them: integers of every width, `float64`,
//! byte strings that need not be UTF-8, lists with an element type, maps with reference semantics, and typed objects with methods.
//! Values come from JSON ([`Value::from_json`]) or YAML and are printed ([`mod@print`]), compared ([`compare`]) or turned back into JSON.
//!
//! Values are cheap to clone and live on one thread for one render; what crosses threads is `serde_json::Value`.
//!
//! **Invariant:** a value never knows about templates, Helm or Kubernetes.

mod bytes;
pub mod category;
pub mod compare;
mod complex;
mod convert;
mod float;
pub mod json;
mod list;
mod map;
mod method;
mod object;
pub mod print;
mod quote;
mod release;
mod signature;
mod text;

pub use bytes::Bytes;
pub use complex::complex_parts;
pub use float::{append_float, format_float, format_float32};
pub use list::{ElementType, List};
pub use map::{Map, MapType};
pub use method::value_method;
pub use object::{BoundCall, Method, Object};
pub use quote::{is_print, quote, quote_rune, quote_to_ascii};
pub use signature::{CallError, CallResult, Signature, Type};
pub use text::{Text, to_str};

use std::rc::Rc;

/// How deep walks over values go (printing, comparing, encoding): values may contain themselves.
pub const MAX_DEPTH: usize = 1_000;

/// The width of a signed Go integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntType {
    /// `int`, 64 bits wide here.
    Int,
    /// `int8`.
    Int8,
    /// `int16`.
    Int16,
    /// `int32`, also `rune`.
    Int32,
    /// `int64`.
    Int64,
    /// `time.Duration`: nanoseconds, an `int64` with methods and a text form.
    Duration,
    /// `time.Month`: an `int` that prints as the month's English name.
    Month,
    /// `time.Weekday`: an `int` that prints as the day's English name.
    Weekday,
}

/// The width of an unsigned Go integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UintType {
    /// `uint`, 64 bits wide here.
    Uint,
    /// `uint8`, also `byte`.
    Uint8,
    /// `uint16`.
    Uint16,
    /// `uint32`.
    Uint32,
    /// `uint64`.
    Uint64,
}

/// A Go value of any type that a template can hold.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// An empty interface: no value at all.
    #[default]
    Nil,
    /// `bool`.
    Bool(bool),
    /// A signed integer with its type.
    Int(IntType, i64),
    /// An unsigned integer with its type.
    Uint(UintType, u64),
    /// `float64`; every number that comes from YAML or JSON.
    Float(f64),
    /// `string`: bytes, usually UTF-8.
    String(Text),
    /// `[]byte`.
    Bytes(Bytes),
    /// A slice.
    List(List),
    /// A map with string keys; clones share their entries.
    Map(Map),
    /// A typed object: a struct, a pointer to one, a named slice or map with methods.
    Object(Rc<dyn Object>),
}

/// Go's `reflect.Kind`, as far as values here have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The kind of nothing.
    Invalid,
    /// A boolean.
    Bool,
    /// `int`.
    Int,
    /// `int8`.
    Int8,
    /// `int16`.
    Int16,
    /// `int32`.
    Int32,
    /// `int64`.
    Int64,
    /// `uint`.
    Uint,
    /// `uint8`.
    Uint8,
    /// `uint16`.
    Uint16,
    /// `uint32`.
    Uint32,
    /// `uint64`.
    Uint64,
    /// `float64`.
    Float64,
    /// `complex128`.
    Complex128,
    /// A string.
    String,
    /// A slice.
    Slice,
    /// An array, such as a digest.
    Array,
    /// A map.
    Map,
    /// A struct.
    Struct,
    /// A pointer.
    Ptr,
    /// A function.
    Func,
}

impl Kind {
    /// The kind's name as `reflect.Kind.String` gives it (Go 1.26).
    pub fn name(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Uint => "uint",
            Self::Uint8 => "uint8",
            Self::Uint16 => "uint16",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Float64 => "float64",
            Self::Complex128 => "complex128",
            Self::String => "string",
            Self::Slice => "slice",
            Self::Array => "array",
            Self::Map => "map",
            Self::Struct => "struct",
            Self::Ptr => "ptr",
            Self::Func => "func",
        }
    }
}

impl Value {
    /// A Go `int`.
    pub fn int(value: i64) -> Self {
        Self::Int(IntType::Int, value)
    }

    /// A Go `int64`.
    pub fn int64(value: i64) -> Self {
        Self::Int(IntType::Int64, value)
    }

    /// A Go `string`.
    pub fn string(text: impl Into<Text>) -> Self {
        Self::String(text.into())
    }

    /// A `[]interface {}`.
    pub fn list(items: Vec<Self>) -> Self {
        Self::List(List::new(ElementType::Any, items))
    }

    /// A `[]string`.
    pub fn strings<T: Into<Text>>(items: impl IntoIterator<Item = T>) -> Self {
        let items = items.into_iter().map(Self::string).collect();
        Self::List(List::new(ElementType::String, items))
    }

    /// An empty `map[string]interface {}`.
    pub fn map() -> Self {
        Self::Map(Map::new(MapType::Any))
    }

    /// An object.
    pub fn object(object: impl Object + 'static) -> Self {
        Self::Object(Rc::new(object))
    }

    /// The value's `reflect.Kind`.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Nil => Kind::Invalid,
            Self::Bool(_) => Kind::Bool,
            Self::Int(width, _) => match width {
                IntType::Int | IntType::Month | IntType::Weekday => Kind::Int,
                IntType::Int8 => Kind::Int8,
                IntType::Int16 => Kind::Int16,
                IntType::Int32 => Kind::Int32,
                IntType::Int64 | IntType::Duration => Kind::Int64,
            },
            Self::Uint(width, _) => match width {
                UintType::Uint => Kind::Uint,
                UintType::Uint8 => Kind::Uint8,
                UintType::Uint16 => Kind::Uint16,
                UintType::Uint32 => Kind::Uint32,
                UintType::Uint64 => Kind::Uint64,
            },
            Self::Float(_) => Kind::Float64,
            Self::String(_) => Kind::String,
            Self::Bytes(_) | Self::List(_) => Kind::Slice,
            Self::Map(_) => Kind::Map,
            Self::Object(object) => object.kind(),
        }
    }

    /// The type as `%T` prints it; `<nil>` for nothing (Go 1.26).
    pub fn type_name(&self) -> &str {
        match self {
            Self::Nil => "<nil>",
            Self::Int(IntType::Duration, _) => "time.Duration",
            Self::Int(IntType::Month, _) => "time.Month",
            Self::Int(IntType::Weekday, _) => "time.Weekday",
            Self::Bytes(_) => "[]uint8",
            Self::List(list) => list.element_type().slice_name(),
            Self::Map(map) => map.map_type().name(),
            Self::Object(object) => object.type_name(),
            Self::Bool(_) | Self::Int(..) | Self::Uint(..) | Self::Float(_) | Self::String(_) => self.kind().name(),
        }
    }

    /// Whether the value counts as true in `if`, `and` and `or`: `template.IsTrue` (Go 1.26).
    pub fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(_, value) => *value != 0,
            Self::Uint(_, value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::String(text) => !text.is_empty(),
            Self::Bytes(bytes) => !bytes.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::Object(object) => object.is_true(),
        }
    }

    /// The map behind the value: a map itself, or an object that is one underneath (named map types).
    pub fn as_map(&self) -> Option<Map> {
        match self {
            Self::Map(map) => Some(map.clone()),
            Self::Object(object) => object.underlying().and_then(|value| value.as_map()),
            _ => None,
        }
    }

    /// The text of a `string`.
    pub fn as_text(&self) -> Option<&Text> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether this is no value, or a nil slice or map.
    pub fn is_nil(&self) -> bool {
        match self {
            Self::Nil => true,
            Self::Bytes(bytes) => bytes.is_nil(),
            Self::List(list) => list.is_nil(),
            Self::Map(map) => map.is_nil(),
            _ => false,
        }
    }
}
