//! Go maps with string keys: shared, changed in place, always walked in key order.
//!
//! `set`, `unset` and `merge` change a map for everyone who holds it, as in Go. Go walks maps at random; everything here walks them
//! in byte order of the keys, which is the order that templates and encoders sort by.
//!
//! **Invariant:** no borrow of the entries outlives a call, so a function may change a map while it walks a snapshot of it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::release::is_nesting;
use super::{Bytes, Text, Value};

/// The Go type of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapType {
    /// `map[string]interface {}`.
    Any,
    /// `map[string]string`: a missing key reads as an empty string.
    Strings,
    /// `map[string][]uint8`: a missing key reads as no bytes.
    Bytes,
    /// A named map type over `map[string]interface {}`, such as Helm's `common.Values`, by its `%T` name.
    Named(&'static str),
}

impl MapType {
    /// The type as `%T` prints it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "map[string]interface {}",
            Self::Strings => "map[string]string",
            Self::Bytes => "map[string][]uint8",
            Self::Named(name) => name,
        }
    }

    /// Whether the values are in interfaces, and not of a type of their own.
    pub fn boxes(self) -> bool {
        matches!(self, Self::Any | Self::Named(_))
    }
}

/// A map; clones share their entries.
#[derive(Clone, Debug)]
pub struct Map {
    go_type: MapType,
    is_nil: bool,
    entries: Rc<RefCell<BTreeMap<Text, Value>>>,
}

impl Map {
    /// An empty map.
    pub fn new(map_type: MapType) -> Self {
        Self::from_entries(map_type, BTreeMap::new())
    }

    /// A map of these entries.
    pub fn from_entries(map_type: MapType, entries: BTreeMap<Text, Value>) -> Self {
        Self { go_type: map_type, is_nil: false, entries: Rc::new(RefCell::new(entries)) }
    }

    /// A nil map: it reads as an empty one, but is `null` in JSON, and nothing may be stored in it.
    pub fn nil(map_type: MapType) -> Self {
        let mut map = Self::new(map_type);
        map.is_nil = true;
        map
    }

    /// Whether this is a nil map.
    pub fn is_nil(&self) -> bool {
        self.is_nil
    }

    /// The same entries under another type, as a Go conversion gives.
    pub fn retyped(&self, map_type: MapType) -> Self {
        Self { go_type: map_type, is_nil: self.is_nil, entries: Rc::clone(&self.entries) }
    }

    /// Moves nested lists and maps out, if nobody else holds the entries.
    pub(super) fn take_nested(&mut self, nested: &mut Vec<Value>) {
        if let Some(entries) = Rc::get_mut(&mut self.entries) {
            let values = entries.get_mut().values_mut();
            nested.extend(values.filter(|value| is_nesting(value)).map(std::mem::take));
        }
    }

    /// The Go type.
    pub fn map_type(&self) -> MapType {
        self.go_type
    }

    /// What a missing key reads as: the zero value of the elements.
    pub fn zero_element(&self) -> Value {
        match self.go_type {
            MapType::Strings => Value::string(""),
            MapType::Bytes => Value::Bytes(Bytes::NIL),
            MapType::Any | MapType::Named(_) => Value::Nil,
        }
    }

    /// The value at a key.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Option<Value> {
        self.entries.borrow().get(key.as_ref()).cloned()
    }

    /// Whether there is such a key.
    pub fn contains_key(&self, key: impl AsRef<[u8]>) -> bool {
        self.entries.borrow().contains_key(key.as_ref())
    }

    /// Stores a value and returns the one that was there.
    pub fn insert(&self, key: impl Into<Text>, value: Value) -> Option<Value> {
        self.entries.borrow_mut().insert(key.into(), value)
    }

    /// Removes a key and returns its value.
    pub fn remove(&self, key: impl AsRef<[u8]>) -> Option<Value> {
        self.entries.borrow_mut().remove(key.as_ref())
    }

    /// Removes every entry.
    pub fn clear(&self) {
        // Dropped outside the borrow: the last reference to this very map may be among the values.
        let entries = std::mem::take(&mut *self.entries.borrow_mut());
        drop(entries);
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.entries.borrow().len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.borrow().is_empty()
    }

    /// The keys in byte order.
    pub fn keys(&self) -> Vec<Text> {
        self.entries.borrow().keys().cloned().collect()
    }

    /// The entries in byte order of their keys, as they are now.
    pub fn snapshot(&self) -> Vec<(Text, Value)> {
        self.entries.borrow().iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Whether both are the same map, not merely equal ones.
    pub fn is_same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.entries, &other.entries)
    }
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}
