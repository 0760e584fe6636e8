//! Tests of the pure half; they build with --no-default-features.

// Versions and constraints, against Masterminds/semver.
mod version;

// Generated files are current, and the examples fit the types.
mod generated;
