//! Connections: in the cluster, by a kubeconfig, and in the name of a service account.
//!
//! Impersonation adds headers on top of the same connection pool, so a thousand tenants cost one TLS session.
//!
//! **Invariant:** a client of one identity never sends a request with another's headers.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How to reach the API server.
#[derive(Clone, Debug, Default)]
pub enum Connection {
    /// `KUBECONFIG` or `~/.kube/config` where there is one, else the pod's service account.
    #[default]
    Infer,
    /// A kubeconfig file.
    File(PathBuf),
    /// The text of a kubeconfig, as in a Secret.
    Text(String),
}

/// Which namespaces the shared watches cover.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WatchScope {
    /// All of them, which needs cluster-wide permissions.
    #[default]
    Cluster,
    /// One namespace (`--watch-all-namespaces=false`).
    Namespace(String),
}

/// How to connect and what to watch.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// How to reach the API server.
    pub connection: Connection,
    /// Which namespaces the shared watches cover.
    pub scope: WatchScope,
    /// The field manager of server-side apply.
    pub field_manager: String,
    /// Counts the requests.
    pub requests: RequestCounter,
    /// Allow a kubeconfig that runs programs (`--insecure-kubeconfig-exec`).
    pub allow_exec: bool,
    /// Allow a kubeconfig that turns off certificate checks (`--insecure-kubeconfig-tls`).
    pub allow_insecure_tls: bool,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            connection: Connection::default(),
            scope: WatchScope::default(),
            field_manager: super::FIELD_MANAGER.to_owned(),
            requests: RequestCounter::default(),
            allow_exec: false,
            allow_insecure_tls: false,
        }
    }
}

/// In whose name requests are made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Impersonation {
    /// A service account.
    ServiceAccount {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
}

/// Counts requests to the API server by verb; clones count together.
#[derive(Clone, Debug, Default)]
pub struct RequestCounter {
    counts: Arc<[AtomicU64; 6]>,
}

/// The verbs in the order of the counts.
const VERBS: [&str; 6] = ["get", "watch", "create", "update", "patch", "delete"];

impl RequestCounter {
    /// Requests so far by verb: `get` (lists included), `watch`, `create`, `update`, `patch`, `delete`.
    pub fn by_verb(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        VERBS.iter().copied().zip(self.counts.iter().map(|count| count.load(Ordering::Relaxed)))
    }

    /// All requests so far.
    pub fn total(&self) -> u64 {
        self.by_verb().map(|(_, count)| count).sum()
    }
}
