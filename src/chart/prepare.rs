//! Everything between a loaded chart and its rendering, in Helm's order: dependencies, coalescing, schema.
//!
//! **Invariant:** what is prepared has passed every schema, unless the caller asked to skip them.

use super::coalesce::coalesce;
use super::dependency::process_dependencies;
use super::schema::{SchemaStep, check_schemas_telling};
use super::{Chart, Error, Values};
use crate::value::Map;

/// A chart and its values, ready for rendering. Bound to one thread, as values are.
#[derive(Debug)]
pub struct Prepared {
    /// The chart after processing of its dependencies; what a release stores.
    pub chart: Chart,
    /// The values of the root chart; those of a subchart are the table of its name, the very same map.
    pub values: Map,
    /// What Helm logs on the way; keys, never values.
    pub warnings: Vec<String>,
}

/// Prepares a chart for rendering with the user's values. Fails if they do not fit the chart or its schemas.
///
/// The check of the Kubernetes version comes after this: [`Chart::check_kube_version`].
pub fn prepare(chart: &Chart, user: &Values, skip_schema_validation: bool) -> Result<Prepared, Error> {
    prepare_telling(chart, user, skip_schema_validation, &mut |_| {})
}

/// Like [`prepare`], telling of every step of the check of schemas, also of one that fails.
pub fn prepare_telling(
    chart: &Chart,
    user: &Values,
    skip_schema_validation: bool,
    tell: &mut dyn FnMut(SchemaStep<'_>),
) -> Result<Prepared, Error> {
    let mut warnings = Vec::new();
    let chart = process_dependencies(chart, user, &mut warnings);
    let chart = chart.map_err(|error| Error::Dependencies(Box::new(error)))?;
    // Processing warns of the same things as coalescing, once per level.
    let mut coalesce_warnings = Vec::new();
    let values = coalesce(&chart, user, &mut coalesce_warnings)?;
    if !skip_schema_validation {
        check_schemas_telling(&chart, &values, tell)?;
    }
    warnings.extend(coalesce_warnings);
    let mut told = std::collections::BTreeSet::new();
    warnings.retain(|warning| told.insert(warning.clone()));
    Ok(Prepared { chart, values, warnings })
}
