//! The template function `lookup` over a live cluster.
//!
//! Rendering is synchronous and runs on a blocking thread; each look-up blocks that thread on the async client.
//!
//! **Invariant:** never used from an async task's thread.

use tokio::runtime::Handle;

use super::Cluster;

/// Answers `lookup` by reading from the API server.
#[derive(Clone)]
pub struct ClusterLookup {
    _cluster: Cluster,
    _runtime: Handle,
}
