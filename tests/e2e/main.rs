//! End-to-end tests on a real control plane: `cargo test --features e2e --test e2e`.
//!
//! They start what they need (see `tests/controlplane`, which is built with Go on first use) and end it again. With
//! `RHUMB_E2E_KUBECONFIG` they use an existing cluster instead; its nodes have to be played by kwok with the stages of
//! `tests/controlplane/stages`, for some pods must fail or never be ready.

#[path = "../differential/harness/mod.rs"]
mod harness;
#[path = "../operator/sources/malice.rs"]
mod malice;
#[path = "../project.rs"]
mod project;
mod scene;
mod support;

/// The engine answers as Helm's own code does.
mod differential;

/// The control plane itself plays its part: nodes, pods, Jobs, garbage collection.
mod control_plane;

/// The chart repository, the registry and the example charts serve as sources.
mod chart_sources;

/// The custom resources are accepted as written, or refused.
mod crds;

/// The life of a release.
mod releases;

/// What expressions in CEL say of objects and dependencies.
mod expressions;

/// Release records that do not fit into a Secret.
mod records;

/// What ends a wait early.
mod interruption;
mod leadership;

/// Where charts and values come from, and what happens when they do not.
mod sources;

/// Sources of other kinds, and sources that others keep.
mod source_kinds;

/// Servers that mean ill, beside one that does not.
mod hostile;

/// Registries with logins, certificates and signatures.
mod registries;

/// The calls of the flux program.
mod flux_cli;

/// `rhumb template` with a cluster, against helm.
mod dry_run;

/// The helm program on what the operator keeps.
mod helm_cli;

/// Manifests as people have written them.
mod manifests;

/// Releases in other clusters.
mod remote;

/// Kills and faults at random.
mod chaos;

/// Events for a notification-controller.
mod notifications;

/// Drift of live objects: found, told, put right, or left.
mod drift;

/// The operator ends, is killed, and is back.
mod resilience;

/// Several releases at once.
mod fleet;

/// Charts from Git repositories.
mod git;

/// The operator with the rights that the chart gives it.
mod permissions;

/// The chart, installed by helm and by the operator itself.
mod installation;

/// The files of the image, where a kubelet would run them.
mod image;

/// The commands of the README.
mod readme;

/// What must not be said.
mod secrecy;

/// A real Prometheus on the operator's metrics.
mod monitoring;

/// Operators that share the work.
mod sharding;

/// What Flux's own end-to-end tests assert.
mod flux_table;

/// Traces of reconciles.
#[cfg(feature = "otel")]
mod traces;

/// A day of faults, in short.
mod soak;
