//! Tests of the effect half: the real clients over fakes. They need neither network nor cluster.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod support;

/// Applying, watching, waiting for, deleting and comparing the objects of releases.
mod cluster;
/// Charts from repositories and registries.
mod sources;
/// Release records in Secrets.
mod storage;
