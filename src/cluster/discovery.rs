//! Which kinds the API server serves, asked once and kept for all releases.
//!
//! Two requests (aggregated discovery) fill the cache. It is read again when a CustomResourceDefinition has changed and somebody needs
//! a kind or the capabilities, or when a kind is missing, then at most once every few seconds.
//!
//! **Invariant:** never asks the server about a kind that the cache knows.

use std::sync::Arc;

use kube::core::ApiResource;

/// A kind that the server serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceKind {
    /// Group, version, kind and plural name.
    pub api: ApiResource,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// Whether objects can be listed and watched.
    pub watchable: bool,
}

/// What a chart may ask of the server, as Helm 4.3 lists it in `.Capabilities`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiVersions {
    /// The server's version with the leading `v`, such as `v1.36.3`.
    pub version: String,
    /// Major version.
    pub major: String,
    /// Minor version; some vendors add a `+`.
    pub minor: String,
    /// `v1`, `apps/v1`, `apps/v1/Deployment`, …, sorted.
    pub api_versions: Arc<Vec<String>>,
}

/// The shared cache.
#[derive(Clone)]
pub struct Discovery {
    _inner: Arc<()>,
}
