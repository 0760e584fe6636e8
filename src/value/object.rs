//! Typed objects: what in Go is a struct, a pointer to one, or a named type with methods.
//!
//! **Invariant:** an object answers the same way every time it is asked; only maps change.

use std::any::Any;
use std::fmt;

use super::{CallResult, Kind, Signature, Text, Value};

/// A method bound to its object.
pub type BoundCall<'a> = Box<dyn Fn(&[Value]) -> CallResult + 'a>;

/// A method of an object: its parameters and what it does.
pub struct Method<'a> {
    /// The parameters, checked before the call.
    pub signature: Signature,
    /// The call itself.
    pub call: BoundCall<'a>,
}

/// A typed Go object. Templates reach its fields and methods by name.
pub trait Object: fmt::Debug {
    /// The type as `%T` prints it, such as `*common.Capabilities`.
    fn type_name(&self) -> &str;

    /// The `reflect.Kind`.
    fn kind(&self) -> Kind;

    /// An exported field, if the object is a struct (or a pointer to one) that has it.
    fn field(&self, _name: &str) -> Option<Value> {
        None
    }

    /// The fields in order of declaration, for `%v`.
    fn fields(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }

    /// An exported method.
    fn method(&self, _name: &str) -> Option<Method<'_>> {
        None
    }

    /// The list or map underneath, if the object is a named slice or map; used by `range`, `index`, `len` and encoders.
    fn underlying(&self) -> Option<Value> {
        None
    }

    /// The items from one position to another as the same type, if the object is a named slice.
    fn part(&self, _from: usize, _to: usize) -> Option<Value> {
        None
    }

    /// What `String` or `Error` gives, if the object has such a method; used by `%v`, `print` and `toString`.
    fn text(&self) -> Option<Text> {
        None
    }

    /// What `GoString` gives, if the object has that method; used by `%#v`.
    fn go_text(&self) -> Option<Text> {
        None
    }

    /// The value that encoders (`toJson`, `toYaml`) see instead of the object: JSON marshalling in Go.
    fn encoded(&self) -> Option<Value> {
        None
    }

    /// The fields as `toJson` names and orders them.
    fn json_fields(&self) -> Vec<(&'static str, Value)> {
        self.fields()
    }

    /// What a function gets as its argument, if a copy in an interface has fewer methods than the object in its place.
    fn copied(&self) -> Option<Value> {
        None
    }

    /// What `deepCopy` makes of the object, where that is another one: Go copies no field that is not exported.
    fn deep_copied(&self) -> Option<Value> {
        None
    }

    /// Whether the object counts as true: a struct always does, a named slice or map if it is not empty.
    fn is_true(&self) -> bool {
        self.underlying().is_none_or(|value| value.is_true())
    }

    /// For functions that need the concrete type.
    fn as_any(&self) -> &dyn Any;
}
