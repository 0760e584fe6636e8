//! Which subcharts are enabled and under which name, and which of their values the parent takes over.
//!
//! Counterpart: `pkg/chart/v2/util/dependencies.go` of Helm 4.3.1. A chart that declares no dependencies keeps every vendored subchart.
//!
//! **Invariant:** the loaded chart is never changed; a processed copy is made, which shares all file contents.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value as Json;

use super::coalesce::{Mode, coalesce_into, deep_copy, merge_tables};
use super::model::is_compatible;
use super::number::{from_map, to_map};
use super::{Chart, Dependency, Error, Values};
use crate::value::{Map, MapType, Text, Value};

/// The chart with disabled subcharts removed, aliases given and values imported (Helm's `ProcessDependencies`).
///
/// The result's `values` hold what was imported and, where dependencies are declared, the subcharts' defaults; releases store it so.
pub fn process_dependencies(chart: &Chart, user: &Values, warnings: &mut Vec<String>) -> Result<Chart, Error> {
    let mut chart = chart.clone();
    process_enabled(&mut chart, &to_map(user), "", warnings)?;
    import_values(&mut chart, warnings)?;
    Ok(chart)
}

fn process_enabled(chart: &mut Chart, values: &Map, path: &str, warnings: &mut Vec<String>) -> Result<(), Error> {
    if chart.metadata.dependencies.is_empty() && !chart.metadata.declares_dependencies {
        return Ok(());
    }
    chart.dependencies = declared_subcharts(chart);
    for dependency in &mut chart.metadata.dependencies {
        if !dependency.alias.is_empty() {
            dependency.name.clone_from(&dependency.alias);
        }
        dependency.enabled = true;
    }
    let values = deep_copy(values);
    coalesce_into(chart, &values, Mode::Coalesce, warnings)?;
    for dependency in &mut chart.metadata.dependencies {
        apply_tags(dependency, &values, warnings);
        apply_condition(dependency, &values, path, warnings);
    }
    let is_disabled = |dependency: &&Dependency| !dependency.enabled;
    let disabled: BTreeSet<String> =
        chart.metadata.dependencies.iter().filter(is_disabled).map(|dependency| dependency.name.clone()).collect();
    chart.dependencies.retain(|subchart| !disabled.contains(subchart.name()));
    chart.metadata.dependencies.retain(|dependency| !disabled.contains(&dependency.name));
    // Helm is left without a list where none of it is enabled; an empty one stays only in charts that it does not come to.
    chart.metadata.declares_dependencies = !chart.metadata.dependencies.is_empty();
    for subchart in &mut chart.dependencies {
        let path = format!("{path}{}.", subchart.name());
        process_enabled(subchart, &values, &path, warnings)?;
    }
    Ok(())
}

/// The vendored subcharts that no declaration asks for, then for each declaration the first that fits, under its alias.
fn declared_subcharts(chart: &Chart) -> Vec<Chart> {
    let fits = |subchart: &Chart, declared: &Dependency| {
        subchart.name() == declared.name && is_compatible(&declared.version, &subchart.metadata.version)
    };
    let declared = &chart.metadata.dependencies;
    let is_undeclared = |subchart: &&Chart| !declared.iter().any(|declared| fits(subchart, declared));
    let mut subcharts: Vec<Chart> = chart.dependencies.iter().filter(is_undeclared).cloned().collect();
    for declared in declared {
        let Some(subchart) = chart.dependencies.iter().find(|subchart| fits(subchart, declared)) else { continue };
        let mut subchart = subchart.clone();
        if !declared.alias.is_empty() {
            subchart.metadata.name.clone_from(&declared.alias);
        }
        subcharts.push(subchart);
    }
    subcharts
}

/// A dependency is disabled if some of its tags are false and none is true.
fn apply_tags(dependency: &mut Dependency, values: &Map, warnings: &mut Vec<String>) {
    let Some(Value::Map(tags)) = values.get("tags") else { return };
    let (mut any_true, mut any_false) = (false, false);
    for tag in &dependency.tags {
        match tags.get(tag) {
            None => {}
            Some(Value::Bool(true)) => any_true = true,
            Some(Value::Bool(false)) => any_false = true,
            Some(_) => warnings.push(format!("tag {tag} of dependency {} is not a boolean", dependency.name)),
        }
    }
    dependency.enabled = any_true || !any_false;
}

/// The first path that leads to a boolean decides, over any tags.
fn apply_condition(dependency: &mut Dependency, values: &Map, path: &str, warnings: &mut Vec<String>) {
    for condition in dependency.condition.trim().split(',').filter(|condition| !condition.is_empty()) {
        match value_at(values, &format!("{path}{condition}")) {
            Some(Value::Bool(enabled)) => {
                dependency.enabled = enabled;
                return;
            }
            Some(Value::Map(_)) | None => {}
            Some(_) => {
                warnings.push(format!("condition {condition} of dependency {} is not a boolean", dependency.name));
            }
        }
    }
}

/// The value at a path of keys split by dots.
fn value_at(values: &Map, path: &str) -> Option<Value> {
    match path.rsplit_once('.') {
        None => values.get(path),
        Some((tables, key)) => table_at(values, tables)?.get(key),
    }
}

/// The table at a path of keys split by dots.
fn table_at(values: &Map, path: &str) -> Option<Map> {
    path.split('.').try_fold(values.clone(), |table, key| match table.get(key) {
        Some(Value::Map(table)) => Some(table),
        _ => None,
    })
}

fn import_values(chart: &mut Chart, warnings: &mut Vec<String>) -> Result<(), Error> {
    for subchart in &mut chart.dependencies {
        import_values(subchart, warnings)?;
    }
    if chart.metadata.dependencies.is_empty() && !chart.metadata.declares_dependencies {
        return Ok(());
    }
    let merged = Map::new(MapType::Any);
    coalesce_into(chart, &merged, Mode::Merge, warnings)?;
    let imported = Map::new(MapType::Any);
    for dependency in &mut chart.metadata.dependencies {
        let imports: Vec<_> = dependency.import_values.iter().filter_map(Import::parse).collect();
        for import in &imports {
            match table_at(&merged, &format!("{}.{}", dependency.name, import.child)) {
                // Helm makes a new map of an empty one, so that nothing is merged into the subchart's own.
                Some(table) if table.is_empty() => {
                    merge_tables(&imported, &nest(&import.parent, Map::new(MapType::Any)), warnings);
                }
                Some(table) => merge_tables(&imported, &nest(&import.parent, table), warnings),
                None => {
                    warnings.push(format!("dependency {} has no table {} to import", dependency.name, import.child));
                }
            }
        }
        dependency.import_values = imports.iter().map(Import::to_json).collect();
    }
    let merged = if imported.is_empty() { merged } else { deep_copy(&merged) };
    merge_tables(&merged, &imported, warnings);
    chart.values = Some(Arc::new(from_map(&merged)));
    Ok(())
}

/// One entry of `import-values`.
struct Import {
    child: String,
    parent: String,
}

impl Import {
    /// A text imports a table from `exports` to the root; other kinds than texts and tables are passed over.
    fn parse(json: &Json) -> Option<Self> {
        match json {
            Json::String(export) => Some(Self { child: format!("exports.{export}"), parent: ".".to_owned() }),
            Json::Object(entry) => Some(Self { child: print(entry.get("child")), parent: print(entry.get("parent")) }),
            _ => None,
        }
    }

    fn to_json(&self) -> Json {
        serde_json::json!({ "child": self.child, "parent": self.parent })
    }
}

/// As Go's `%v`: a missing path becomes the key `<nil>`.
fn print(value: Option<&Json>) -> String {
    match value {
        None | Some(Json::Null) => "<nil>".to_owned(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// The table below the path; `.` is the root.
fn nest(path: &str, table: Map) -> Map {
    if path == "." {
        return table;
    }
    path.rsplit('.')
        .fold(table, |table, key| Map::from_entries(MapType::Any, [(Text::from(key), Value::Map(table))].into()))
}
