//! rhumb reconciles `HelmRelease` objects natively: no Go, no helm program, no second controller.
//!
//! ```text
//! HelmRelease ──▶ api ──▶ lifecycle::Desired ───────┐
//! source ──▶ chart bytes ──▶ chart ──▶ values ──────┤
//! storage ──▶ release records ──────────────────────┼─▶ Observation ─▶ decide ─▶ Decision
//! cluster ──▶ live objects ──▶ diff, readiness ─────┘                              │
//!  status ◀── record ◀── Outcome ◀── action ◀── Manifest ◀── render(chart, values, capabilities)
//! ```

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
