//! Coalescing: the user's values laid over the defaults of a chart and of all its subcharts.
//!
//! Counterpart: `pkg/chart/common/util/coalesce.go` of Helm 4.3.1, whose treatment of nulls is kept exactly: a null of the user removes
//! a default; a null that no default meets stays; nulls among a chart's defaults are dropped. It works on shared maps as Go does,
//! because the sharing shows: tables deep inside `global` are the same map in parent and subchart.
//!
//! **Invariant:** the given values and the chart are never changed; warnings name keys, never values.

use super::number::{to_map, to_value};
use super::{Chart, Error, Values};
use crate::value::{List, Map, MapType, Text, Value};

/// The key whose table flows down to all subcharts.
pub(super) const GLOBAL: &str = "global";

/// What a null does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// It removes the default.
    Coalesce,
    /// It is kept, for a later coalescing to act on.
    Merge,
}

/// The values that a chart is rendered with, subcharts' tables included (Helm's `CoalesceValues`).
pub fn coalesce(chart: &Chart, user: &Values, warnings: &mut Vec<String>) -> Result<Map, Error> {
    let values = to_map(user);
    coalesce_into(chart, &values, Mode::Coalesce, warnings)?;
    Ok(values)
}

/// Coalesces into a map that the caller owns.
pub(super) fn coalesce_into(chart: &Chart, values: &Map, mode: Mode, warnings: &mut Vec<String>) -> Result<(), Error> {
    Coalescer { mode, warnings }.chart(chart, values, "")
}

/// Lays a table over another, keeping nulls (Helm's `MergeTables`).
pub(super) fn merge_tables(over: &Map, base: &Map, warnings: &mut Vec<String>) {
    Coalescer { mode: Mode::Merge, warnings }.tables(over, base, "", Mode::Merge);
}

struct Coalescer<'a> {
    mode: Mode,
    warnings: &'a mut Vec<String>,
}

impl Coalescer<'_> {
    fn chart(&mut self, chart: &Chart, values: &Map, prefix: &str) -> Result<(), Error> {
        self.defaults(chart, values, prefix);
        let prefix = join(prefix, chart.name());
        for subchart in &chart.dependencies {
            let table = match values.get(subchart.name()) {
                Some(Value::Map(table)) => table,
                Some(other) => {
                    return Err(Error::TypeMismatch { name: subchart.name().to_owned(), value: not_a_bool(&other) });
                }
                None => {
                    let table = Map::new(MapType::Any);
                    values.insert(subchart.name(), Value::Map(table.clone()));
                    table
                }
            };
            self.globals(&table, values, &prefix);
            self.chart(subchart, &table, &prefix)?;
        }
        Ok(())
    }

    /// Lays the values over the defaults of one chart.
    fn defaults(&mut self, chart: &Chart, values: &Map, prefix: &str) {
        let prefix = join(prefix, chart.name());
        for (key, default) in chart.values.iter().flat_map(|defaults| defaults.iter()) {
            match (values.get(key), default) {
                (Some(Value::Nil), _) if self.mode == Mode::Coalesce => {
                    values.remove(key);
                }
                (Some(Value::Map(table)), serde_json::Value::Object(defaults)) => {
                    let is_subchart = chart.dependencies.iter().any(|subchart| subchart.name() == key);
                    let mode = if is_subchart { Mode::Merge } else { self.mode };
                    let defaults = to_map(defaults);
                    if mode == Mode::Coalesce {
                        remove_nulls(&defaults);
                    }
                    self.tables(&table, &defaults, &join(&prefix, key), mode);
                }
                (Some(Value::Map(_)), default) if !default.is_null() => {
                    self.warnings.push(format!("skipped value for {prefix}.{key}: Not a table."));
                }
                (None, default) => self.copy_default(values, key, default),
                (Some(_), _) => {}
            }
        }
    }

    fn copy_default(&self, values: &Map, key: &str, default: &serde_json::Value) {
        let value = to_value(default);
        if self.mode == Mode::Coalesce {
            match &value {
                Value::Nil => return,
                Value::Map(table) => remove_nulls(table),
                _ => {}
            }
        }
        values.insert(key, value);
    }

    /// Lays a table over another. As in Go, nulls of the former show up in the latter.
    fn tables(&mut self, over: &Map, base: &Map, prefix: &str, mode: Mode) {
        for (key, value) in over.snapshot() {
            if matches!(value, Value::Nil) && !matches!(base.get(&key), Some(Value::Nil)) {
                let had_default = base.insert(key.clone(), Value::Nil).is_some();
                if had_default && mode == Mode::Coalesce {
                    over.remove(&key);
                    base.remove(&key);
                }
            }
        }
        for (key, value) in base.snapshot() {
            let full_key = || join(prefix, &key.to_str());
            match (over.get(&key), value) {
                (None, value) => {
                    over.insert(key, value);
                }
                (Some(Value::Map(over)), Value::Map(base)) => self.tables(&over, &base, &full_key(), mode),
                (Some(_), Value::Map(_)) => {
                    self.warnings.push(format!("cannot overwrite table with non table for {}", full_key()));
                }
                (Some(Value::Map(_)), value) if !matches!(value, Value::Nil) => {
                    self.warnings.push(format!("destination for {} is a table. Ignoring non-table value", full_key()));
                }
                (Some(_), _) => {}
            }
        }
    }

    /// Lays the parent's globals over those of a subchart.
    fn globals(&mut self, subchart: &Map, parent: &Map, prefix: &str) {
        let table_of = |values: &Map| match values.get(GLOBAL) {
            None => Some(Map::new(MapType::Any)),
            Some(Value::Map(table)) => Some(table),
            Some(_) => None,
        };
        let Some(own) = table_of(subchart) else {
            self.warnings.push(format!("skipping globals because destination {GLOBAL} is not a table."));
            return;
        };
        let Some(inherited) = table_of(parent) else {
            self.warnings.push(format!("skipping globals because source {GLOBAL} is not a table."));
            return;
        };
        for (key, value) in inherited.snapshot() {
            match (value, own.get(&key)) {
                (Value::Map(inherited), own_value) => {
                    let merged = shallow_copy(&inherited);
                    match own_value {
                        None => {}
                        Some(Value::Map(own)) => self.tables(&merged, &own, &join(prefix, &key.to_str()), Mode::Merge),
                        Some(_) => {
                            self.warnings
                                .push(format!("cannot merge map onto non-map for {:?}. Skipping.", key.to_str()));
                            continue;
                        }
                    }
                    own.insert(key, Value::Map(merged));
                }
                (_, Some(Value::Map(_))) => self.warnings.push(format!("key {key} is table. Skipping")),
                (value, _) => {
                    own.insert(key, value);
                }
            }
        }
        subchart.insert(GLOBAL, Value::Map(own));
    }
}

/// A copy of the table whose nested tables are shared with the original.
fn shallow_copy(table: &Map) -> Map {
    Map::from_entries(MapType::Any, table.snapshot().into_iter().collect())
}

/// A copy that shares nothing with the original.
pub(super) fn deep_copy(table: &Map) -> Map {
    let copy = |value: &Value| deep_copy_value(value);
    Map::from_entries(MapType::Any, table.snapshot().iter().map(|(key, value)| (key.clone(), copy(value))).collect())
}

fn deep_copy_value(value: &Value) -> Value {
    match value {
        Value::Map(table) => Value::Map(deep_copy(table)),
        Value::List(items) => Value::List(List::new(items.element_type(), items.iter().map(deep_copy_value).collect())),
        other => other.clone(),
    }
}

/// Removes nulls from the table and the tables in it; lists are left alone.
fn remove_nulls(table: &Map) {
    for (key, value) in table.snapshot() {
        match value {
            Value::Nil => {
                table.remove(&key);
            }
            Value::Map(nested) => remove_nulls(&nested),
            _ => {}
        }
    }
}

fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") }
}

/// A value as Go's `%t` prints it, which wants a boolean.
fn not_a_bool(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Nil => "%!t(<nil>)".to_owned(),
        Value::List(items) => format!("[{}]", items.iter().map(not_a_bool).collect::<Vec<_>>().join(" ")),
        Value::Map(table) => {
            let entry = |(key, value): (Text, Value)| format!("%!t(string={key}):{}", not_a_bool(&value));
            format!("map[{}]", table.snapshot().into_iter().map(entry).collect::<Vec<_>>().join(" "))
        }
        other => format!("%!t({}={})", other.type_name(), other.to_text()),
    }
}
