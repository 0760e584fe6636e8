//! Logs, metrics and spans: what the program says of itself.
//!
//! Log lines have the keys of Flux's controllers, metrics their names, so that existing alerts, dashboards and log queries go on working.
//!
//! **Invariant:** label values come from closed sets or from object names; error text and Secret values never become labels.

mod causes;
mod log;
mod metrics;
mod objects;
mod phase;
mod process;
mod queue;
mod requests;

pub use causes::causes;
pub use log::{Encoding, Error, SpanListener, install as install_logging};
pub use metrics::{Metrics, NotificationResult, ReconcileResult};
pub use objects::{ReleaseFacts, ReleaseState, ResourceInfo, UnderWay};
pub use phase::{PHASES, mark_failed, phase};
pub use queue::Waiting;
pub use requests::Requests;
