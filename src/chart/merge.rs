//! Merging of values files and other sources that the user gives.
//!
//! Counterpart: `MergeMaps` in `pkg/chart/v2/loader` of Helm 4.3.1.
//!
//! **Invariant:** a null is stored like any other value; only coalescing with a chart gives it its meaning.

use serde_json::Value as Json;
use serde_json::map::Entry;

use super::Values;

/// Lays values over others: tables are merged deeply, everything else is replaced.
pub fn merge_values(base: &mut Values, over: Values) {
    for (key, value) in over {
        match base.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(value);
            }
            Entry::Occupied(mut entry) => match (entry.get_mut(), value) {
                (Json::Object(base), Json::Object(over)) => merge_values(base, over),
                (base, value) => *base = value,
            },
        }
    }
}
