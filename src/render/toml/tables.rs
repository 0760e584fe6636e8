//! The document that a TOML text builds up, and which keys may be set when.
//!
//! Counterpart: `addContext`, `setValue` and their kin in `parse.go` of BurntSushi/toml 1.6.0, which keeps a set of keys that exist
//! only because a longer one was named. What it lets pass, though TOML forbids it, passes here.
//!
//! **Invariant:** a context names a table that exists, or an error says why it does not.

use std::collections::{BTreeMap, BTreeSet};

use super::quoted_key;
use crate::value::{ElementType, List, Map, MapType, Text, Value};

/// A table of the document.
pub(super) type Table = BTreeMap<String, Node>;

/// What a key stands for.
pub(super) enum Node {
    Value(Value),
    Table(Table),
    Tables(Vec<Table>),
}

/// The document so far.
#[derive(Default)]
pub(super) struct Document {
    root: Table,
    /// The table that keys go into.
    pub(super) context: Vec<String>,
    /// The key whose value is being read; empty between keys.
    pub(super) key: String,
    implicit: BTreeSet<String>,
    arrays: BTreeSet<String>,
}

/// A key as errors name it.
pub(super) fn name(key: &[String]) -> String {
    key.iter().map(|part| quoted_key(part)).collect::<Vec<_>>().join(".")
}

impl Document {
    /// The key that errors name as the last one.
    pub(super) fn last_key(&self) -> String {
        match (self.context.is_empty(), self.key.is_empty()) {
            (_, true) => name(&self.context),
            (true, false) => self.key.clone(),
            (false, false) => format!("{}.{}", name(&self.context), self.key),
        }
    }

    pub(super) fn mark_implicit(&mut self, key: &[String]) {
        self.implicit.insert(name(key));
    }

    /// Notes whether a key of the context holds an array; without a key, whether the context itself does.
    pub(super) fn set_array(&mut self, key: &str, is_array: bool) {
        let mut path = self.context.clone();
        if !key.is_empty() || path.is_empty() {
            path.push(key.to_owned());
        }
        let path = name(&path);
        if is_array {
            self.arrays.insert(path);
        } else {
            self.arrays.remove(&path);
        }
    }

    /// Makes a table the context: a new one, or a new one at the end of an array of tables.
    pub(super) fn enter(&mut self, key: &[String], in_array: bool) -> Result<(), String> {
        let Some((last, parents)) = key.split_last() else { return Ok(()) };
        let mut table = &mut self.root;
        for (position, part) in parents.iter().enumerate() {
            let path = key.get(..=position).unwrap_or_default();
            if !table.contains_key(part) {
                self.implicit.insert(name(path));
            }
            let node = table.entry(part.clone()).or_insert_with(|| Node::Table(Table::new()));
            table = within(node).ok_or_else(|| format!("Key '{}' was already created as a hash.", name(path)))?;
        }
        self.context = parents.to_vec();
        if in_array {
            match table.entry(last.clone()).or_insert_with(|| Node::Tables(Vec::new())) {
                Node::Tables(tables) => tables.push(Table::new()),
                _ => return Err(format!("Key '{}' was already created and cannot be used as an array.", name(key))),
            }
        } else {
            self.set(last, Node::Table(Table::new()))?;
        }
        self.context.push(last.clone());
        Ok(())
    }

    /// Makes a table the context that a dotted key names in passing.
    pub(super) fn enter_implicit(&mut self, part: &str) -> Result<(), String> {
        let mut path = self.context.clone();
        path.push(part.to_owned());
        self.mark_implicit(&path);
        self.enter(&path, false)
    }

    /// Sets a key of the context.
    pub(super) fn set(&mut self, key: &str, node: Node) -> Result<(), String> {
        let defined = |path: &[String]| format!("Key '{}' has already been defined.", name(path));
        let mut table = &mut self.root;
        for (position, part) in self.context.iter().enumerate() {
            let path = self.context.get(..=position).unwrap_or_default();
            table = table.get_mut(part).and_then(within).ok_or_else(|| defined(path))?;
        }
        let mut path = self.context.clone();
        path.push(key.to_owned());
        let joined = name(&path);
        if table.contains_key(key) {
            if !self.implicit.remove(&joined) {
                return Err(defined(&path));
            }
            if !self.arrays.contains(&joined) {
                // It exists as a table, and keeps what is in it.
                return Ok(());
            }
        }
        table.insert(key.to_owned(), node);
        Ok(())
    }

    /// The whole document.
    pub(super) fn into_value(self) -> Value {
        table_value(self.root)
    }
}

/// The table that a key stands for: the last one of an array.
fn within(node: &mut Node) -> Option<&mut Table> {
    match node {
        Node::Table(table) => Some(table),
        Node::Tables(tables) => tables.last_mut(),
        Node::Value(_) => None,
    }
}

fn table_value(table: Table) -> Value {
    let entries = table.into_iter().map(|(key, node)| {
        let value = match node {
            Node::Value(value) => value,
            Node::Table(table) => table_value(table),
            Node::Tables(tables) => {
                Value::List(List::new(ElementType::Map, tables.into_iter().map(table_value).collect()))
            }
        };
        (Text::from(key), value)
    });
    Value::Map(Map::from_entries(MapType::Any, entries.collect()))
}
