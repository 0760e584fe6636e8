//! rhumb reconciles `HelmRelease` objects natively: no Go, no helm program, no second controller.
//!
//! ```text
//! HelmRelease ──▶ api ──▶ lifecycle::Desired ───────┐
//! source ──▶ chart bytes ──▶ chart ──▶ values ──────┤
//! storage ──▶ release records ──────────────────────┼─▶ Observation ─▶ decide ─▶ Decision
//! cluster ──▶ live objects ──▶ diff, readiness ─────┘                              │
//!  status ◀── record ◀── Outcome ◀── action ◀── Manifest ◀── render(chart, values, capabilities)
//! ```
//!
//! # The map, in reading order
//!
//! The pure half computes. It has no clock, no input or output and no tasks, and builds with `--no-default-features`:
//!
//! - [`value`]: values as Go programs see them, and [`goyaml`], [`gotemplate`], [`version`], [`sprig`] on top of it: the languages that
//!   charts are written in, each held to the Go library that it imitates.
//! - [`chart`], [`release`], [`render`]: Helm's own: charts and their values, release records, and what comes out of a chart.
//! - [`api`]: the custom resources, with every default in one place.
//! - [`diff`], [`readiness`]: live objects held against declared ones, and judged.
//! - [`lifecycle`]: the decision core: facts in, one decision out; the outcome in, new status and events out.
//!
//! The effect half acts, behind the feature `operator`. Its modules use each other only downwards:
//!
//! - `telemetry`: logs and metrics.
//! - `cluster`, `source`, `storage`: the API server, charts from repositories and registries, release records in Secrets.
//! - `action`: performs one decided action.
//! - `controller`: watches, queues, and the loop of observe, decide, act, record; `controller/helm_release.rs` is where to begin.
//! - `admin`, `cli`: probes and metrics over HTTP, and the program.
//!
//! # What must not happen
//!
//! - The pure half never imports the effect half, and no module imports one above it: `tests/pure/layering` holds the table.
//! - A reconcile that finds nothing to do writes nothing and downloads nothing.
//! - Nothing is applied before a release record says that an action is under way, so that any crash can be recovered from.
//! - The content of a Secret never reaches a log, an event, a condition, a metric or an error.

// The pure half: no clock, no input or output, no tasks. Builds with --no-default-features.
pub mod api;
pub mod chart;
pub mod diff;
pub mod gotemplate;
pub mod goyaml;
pub mod lifecycle;
pub mod readiness;
pub mod release;
pub mod render;
pub mod sprig;
pub mod value;
pub mod version;

// The effect half: everything that holds a client, a socket, a clock or a task.
#[cfg(feature = "operator")]
pub mod action;
#[cfg(feature = "operator")]
pub mod admin;
#[cfg(feature = "operator")]
pub mod cli;
#[cfg(feature = "operator")]
pub mod cluster;
#[cfg(feature = "operator")]
pub mod controller;
#[cfg(feature = "operator")]
pub mod source;
#[cfg(feature = "operator")]
pub mod storage;
#[cfg(feature = "operator")]
pub mod telemetry;
