//! Talking to the API server: applying, watching, waiting for and deleting the objects of releases.
//!
//! A [`Cluster`] is one API server seen as one user. It holds what is shared by all releases there: the connection pool, discovery, and
//! the [`Watches`] that keep every owned object in memory, one watch a kind. Applying writes through to that store and waiting and
//! drift detection read from it, so neither asks the API server again.
//!
//! ```text
//! manifest objects ──▶ apply ──▶ API server ──▶ watches (store) ──▶ wait, drift, delete's wait
//!                                                   └──▶ touches: which release to look at again
//! ```
//!
//! **Invariant:** never more than one watch a kind, and nothing that grows with releases but the store itself.

mod apply;
mod client;
mod crds;
mod delete;
mod discovery;
mod drift;
mod error;
mod inventory;
mod lookup;
mod order;
mod request;
mod single;
mod wait;

use std::sync::Arc;

use kube::Client;

pub use crate::diff::ObjectReference;
pub use apply::{ApplyOptions, ApplyReport, Applied, Origin, Outcome, Ownership};
pub use client::{ConnectOptions, Connection, Impersonation, RequestCounter, WatchScope};
pub use crds::{CrdPolicy, CrdReport};
pub use delete::{DeleteOptions, DeleteReport, Propagation};
pub use discovery::{ApiVersions, Discovery, ResourceKind};
pub use error::{Class, Error, Failure, Operation};
pub use inventory::{ActionGuard, LiveObject, ReleaseKey, Touch, TouchKind, Watches};
pub use lookup::ClusterLookup;
pub use wait::{NotReady, WaitOptions, WaitOutcome};

/// The name that Flux's helm-controller applies fields under, and ours by default.
pub const FIELD_MANAGER: &str = "helm-controller";

/// One API server, seen as one user. Clones share everything.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    shared: Arc<Shared>,
}

/// What all users of one API server share.
struct Shared {
    /// The operator's own client, which watches whatever user writes.
    own: Client,
    discovery: Discovery,
    watches: Watches,
    field_manager: String,
}
