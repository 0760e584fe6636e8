//! Tests of the pure half; they build with --no-default-features.

// Versions and constraints, against Masterminds/semver.
mod version;
