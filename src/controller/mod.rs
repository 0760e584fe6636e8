//! kube-runtime wiring: watches wake a release, facts are observed, `lifecycle` decides, `action` acts, the outcome is recorded.
//!
//! ```text
//! watches ─▶ queue ─▶ helm_release: prerequisites ─▶ observe ─▶ decide ─▶ act ─▶ record ─▶ status, events
//! ```
//!
//! **Invariant:** a reconcile that finds nothing to do writes nothing.

mod act;
mod backoff;
mod chart;
mod config;
mod contests;
mod context;
mod dependencies;
mod engagement;
mod error;
mod events;
mod finalize;
mod helm_release;
mod interests;
mod lease;
mod migrate;
mod notify;
mod observe;
mod prerequisites;
mod queue;
mod remote;
mod requeue;
mod run;
mod sources;
mod status;
mod target;
mod trigger;
mod values;
mod watch;
mod workload;
mod written;

pub use config::{Config, KubeConfigTrust, Sources};
pub use error::Error;
pub use lease::LeaseTimes;
pub use notify::Notifier;
pub use run::run;
