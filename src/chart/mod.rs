//! Charts: their model, how they are loaded from bytes, and how their values come about.
//!
//! ```text
//! archive or directory ──▶ Chart (shared by Arc) ──▶ dependencies ──▶ coalesce ──▶ schema ──▶ Prepared, for rendering
//! ```
//!
//! Loading follows `pkg/chart/v2/loader`, values `pkg/chart/common/util` and `pkg/chart/v2/util` of Helm 4.3.1. Where Helm walks
//! subcharts in random order, they come sorted by the name of their folder or file here.
//!
//! **Invariant:** never reads files itself; bytes come in.

mod archive;
mod coalesce;
mod decode;
mod dependency;
mod derived;
mod error;
mod file;
mod glob;
mod ignore;
mod load;
mod merge;
mod metadata;
mod model;
mod number;
mod path_pattern;
mod prepare;
mod schema;
mod set;
mod time;
mod validate;
mod yaml;

pub use archive::{MAX_CHART_SIZE, MAX_DEPTH, MAX_ENTRIES, MAX_NESTED_SIZE, MAX_STREAM_SIZE};
pub use coalesce::coalesce;
pub use decode::decode_values;
pub use dependency::process_dependencies;
pub use derived::Derived;
pub use error::Error;
pub use file::File;
pub use glob::Glob;
pub use ignore::Rules as IgnoreRules;
pub use merge::merge_values;
pub use metadata::{Dependency, Lock, Maintainer, Metadata};
pub use model::{Chart, Values};
pub use number::{from_value, to_value, with_float_numbers};
pub use path_pattern::PathPattern;
pub use prepare::{Prepared, prepare, prepare_telling};
pub use schema::{SchemaStep, check_schemas};
pub use set::{MAX_INDEX, MAX_NESTED_NAME_LEVEL, MAX_PADDING, Style, set_json_values, set_values};
