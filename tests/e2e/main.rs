//! End-to-end tests on a real control plane. They need the programs of `tests/controlplane`, which are built on first use.

mod scene;
mod support;

/// The control plane itself plays its part: nodes, pods, Jobs, garbage collection.
mod control_plane;

/// The chart repository, the registry and the example charts serve as sources.
mod chart_sources;

/// The custom resources are accepted as written, or refused.
mod crds;

/// The life of a release.
mod releases;

/// Where charts and values come from, and what happens when they do not.
mod sources;

/// The operator ends, is killed, and is back.
mod resilience;
