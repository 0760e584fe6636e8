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
mod echo;
mod error;
mod fence;
mod inventory;
mod lookup;
mod merge;
mod namespace;
mod objects;
mod request;
mod retry;
mod single;
mod store;
mod takeover;
mod wait;
mod watch;

use std::sync::Arc;

use kube::Client;

pub use crate::diff::ObjectReference;
pub use apply::{Applied, ApplyOptions, ApplyReport, Origin, Outcome, Ownership};
pub use client::{Bearer, ConnectOptions, Connection, Impersonation, RequestCounter, WatchScope};
pub use crds::{CrdPolicy, CrdReport};
pub use delete::{DeleteOptions, DeleteReport, Propagation};
pub use discovery::{ApiVersions, Discovery, ResourceKind};
pub use error::{Class, Error, Failure, FieldConflict, Operation};
pub use fence::{Fence, Fenced};
pub use inventory::{ActionGuard, LiveObject, ReleaseKey, Touch, TouchKind, Watches, label};
pub use lookup::ClusterLookup;
pub use retry::pause;
pub use wait::{CustomRule, NotReady, WaitOptions, WaitOutcome};

pub(crate) use echo::{Echoes, is_newer};
pub(crate) use request::path;
pub(crate) use watch::{AbortOnDrop, Health, settled, spawn_watch};

/// The name that Flux's helm-controller applies fields under, and ours by default.
pub const FIELD_MANAGER: &str = "helm-controller";

/// One API server, seen as one user. Clones share everything.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    /// In whose name, if not the operator's own.
    user: Option<Impersonation>,
    shared: Arc<Shared>,
}

/// What all users of one API server share.
struct Shared {
    /// The operator's own client, which watches whatever user writes.
    own: Client,
    discovery: Discovery,
    watches: Watches,
    scope: WatchScope,
    field_manager: String,
    /// Keeps discovery up to date for as long as anybody has the cluster.
    _definitions: AbortOnDrop,
}

impl Cluster {
    /// Connects, but sends nothing yet.
    pub async fn connect(options: &ConnectOptions) -> Result<Self, Error> {
        let client = client::connect(options).await?;
        Ok(Self::from_client(client, options.scope.clone(), &options.field_manager))
    }

    /// A client with connections of its own and nothing else.
    pub async fn client_of(options: &ConnectOptions) -> Result<Client, Error> {
        client::connect(options).await
    }

    /// Uses a client that exists, such as one over a fake API server. Must be called on a tokio runtime.
    pub fn from_client(client: Client, scope: WatchScope, field_manager: &str) -> Self {
        let discovery = Discovery::new(client.clone());
        let watches = Watches::new(client.clone(), scope.clone(), field_manager);
        let shared = Shared {
            own: client.clone(),
            _definitions: discovery.follow(),
            discovery,
            watches,
            scope,
            field_manager: field_manager.to_owned(),
        };
        Self { client, user: None, shared: Arc::new(shared) }
    }

    /// The same cluster in another's name. Watches and discovery stay the operator's own.
    pub fn impersonate(&self, user: &Impersonation) -> Self {
        let client = client::impersonate(&self.shared.own, user);
        Self { client, user: Some(user.clone()), shared: self.shared.clone() }
    }

    /// Who makes the requests of this handle; none if the operator does.
    pub fn user(&self) -> Option<&Impersonation> {
        self.user.as_ref()
    }

    /// The client of this user.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The operator's own client.
    pub fn own_client(&self) -> &Client {
        &self.shared.own
    }

    /// Which namespaces the shared watches cover.
    pub fn scope(&self) -> &WatchScope {
        &self.shared.scope
    }

    /// The kinds that the server serves.
    pub fn discovery(&self) -> &Discovery {
        &self.shared.discovery
    }

    /// The shared watches over owned objects.
    pub fn watches(&self) -> &Watches {
        &self.shared.watches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_send<T: Send>(_: &T) {}

    /// Reconciles run as tasks, so every future of the handle must be able to move between threads. Never run, only compiled.
    #[expect(dead_code, reason = "compiling it is the test")]
    fn futures_can_be_spawned(cluster: &Cluster, apply: &ApplyOptions, wait: &WaitOptions, delete: &DeleteOptions) {
        let rules = crate::diff::IgnoreRules::default();
        is_send(&cluster.apply(&[], apply));
        is_send(&cluster.wait(Vec::new(), wait));
        is_send(&cluster.wait_single(&serde_json::Value::Null, wait));
        is_send(&cluster.delete(&[], delete));
        is_send(&cluster.drift(&[], &[], apply, &rules));
        is_send(&cluster.correct(&[], &[], apply, &rules));
        is_send(&cluster.lookup("", "", "", ""));
        is_send(&cluster.apply_crds(&[], CrdPolicy::Create, &apply.origin, std::time::Duration::ZERO, &wait.cancel));
    }
}
