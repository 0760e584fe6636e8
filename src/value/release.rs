//! Dropping nested lists and maps without recursion.
//!
//! A template can nest lists in lists as deep as it has iterations; the compiler's own drop would recurse as deep.
//!
//! **Invariant:** only values that nobody else holds are taken apart.

use super::{List, Map, Value};

/// Drops values, and what they alone contain, one after the other.
pub(super) fn release(mut pending: Vec<Value>) {
    while let Some(mut value) = pending.pop() {
        match &mut value {
            Value::List(list) => list.take_nested(&mut pending),
            Value::Map(map) => map.take_nested(&mut pending),
            _ => {}
        }
    }
}

/// Whether a value may contain others.
pub(super) fn is_nesting(value: &Value) -> bool {
    matches!(value, Value::List(_) | Value::Map(_))
}

impl Drop for List {
    fn drop(&mut self) {
        let mut nested = Vec::new();
        self.take_nested(&mut nested);
        if !nested.is_empty() {
            release(nested);
        }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        let mut nested = Vec::new();
        self.take_nested(&mut nested);
        if !nested.is_empty() {
            release(nested);
        }
    }
}
