//! Getting chart bytes: repositories with an index over HTTP, registries, and artifacts that others serve.
//!
//! ```text
//! Secret ──▶ Access ──▶ Library ──▶ Fetched { chart, version, digest }
//!                         ├─ index (ETag, shared by address and who asks)
//!                         ├─ archive over HTTP, checked against the index's digest
//!                         ├─ registry: tags, manifest, layer, signature
//!                         └─ transport: TLS, proxy, guard of addresses, redirects
//! ```
//!
//! Which version is chosen follows Flux's source-controller 1.9; beyond it, the digest in an index is checked, an index may point to a
//! registry, and the chart's layer of an artifact is found without being told.
//!
//! **Invariant:** a chart is parsed once for as long as anybody holds it, and never handed out under a digest that it does not have.

mod access;
mod build;
mod cache;
mod cosign;
mod digest;
mod egress;
mod error;
mod flight;
mod git;
mod http;
mod index;
mod library;
mod registry;
mod secret;
mod served;
mod transport;
mod tree;
mod values_files;

pub use access::{
    Access, ClientCertificate, Credentials, DEFAULT_TIMEOUT, GitHubApp, Installation, Proxy, RegistryLogin,
    SshIdentity, Tls, url_login,
};
pub use build::{AccessTo, BuildRequest, build_chart, chart_version, normalise};
pub use cosign::PublicKeys;
pub use egress::Egress;
pub use error::{BuildStage, Class, Error, Step};
pub use git::{
    AuthorKeys, Checkout, Commit, GitReference, GitRevision, GitTag, MAX_COMMIT_FILES, MAX_FOLDER_DEPTH,
    MAX_OBJECT_SIZE, MAX_PACK_SIZE, Signed, Wanted,
};
pub use index::{Entry, Index, MAX_INDEX_SIZE};
pub use library::{ArtifactLayer, ArtifactReference, ArtifactRevision, Fetched, Library, MAX_CHART_ARCHIVE_SIZE};
pub use registry::CHART_LAYER;
pub use secret::Secret;
pub use served::MAX_TREE_ARCHIVE_SIZE;
pub use tree::{MAX_TREE_FILE_SIZE, MAX_TREE_SIZE, SourceIgnore, Tree, clean_path};
pub use values_files::{Merged, is_override, merge};
