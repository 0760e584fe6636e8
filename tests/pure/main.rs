//! Tests of the pure half; they build with --no-default-features.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test tells by a panic what is wrong, and so do its helpers"
)]

// Templates, against Go itself, and hostile ones.
mod gotemplate;
#[path = "../project.rs"]
mod project;

// Readiness of live objects by kind, by kstatus' rules.
mod readiness;

// YAML, against the answers of go-yaml.
mod goyaml;

// Versions and constraints, against Masterminds/semver.
mod version;

// Defaults, durations and readings of the API types.
mod api;
// The limits that SECURITY.md lists are those of the source.
mod limits;
// Generated files are current, and the examples fit the types.
mod generated;

// Loading of charts and making of values, against Helm.
mod chart_loading;
mod charts;

// The sprig functions, against sprig.
mod sprig;
// Rendering of small charts, against Helm.
mod render;
// What once differed, against Helm's own answers.
mod differential;
#[path = "../differential/harness/mod.rs"]
mod harness;
// Post-rendering, against kustomize.
mod postrender;

// The fuzz targets, for some seconds.
mod fuzz;

// Release records, against Flux and Helm.
mod release;

// The shape of the tree: imports, the wall between the halves, lengths, headers.
mod layering;

// Decisions about releases: observations, stories, and what must hold for all.
mod lifecycle;

// The chart, the install manifest and the READMEs hold together.
mod packaging;
