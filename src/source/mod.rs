//! Getting chart bytes: repositories with an index over HTTP, registries, and artifacts that others serve.
//!
//! ```text
//! Secret ──▶ Access ──▶ Library ──▶ Fetched { chart, version, digest }
//!                         ├─ index (ETag, shared by address and who asks)
//!                         ├─ archive over HTTP, checked against the index's digest
//!                         └─ registry: tags, manifest, layer
//! ```
//!
//! Which version is chosen follows Flux's source-controller 1.9; beyond it, the digest in an index is checked, an index may point to a
//! registry, and the chart's layer of an artifact is found without being told.
//!
//! **Invariant:** a chart is parsed once for as long as anybody holds it, and never handed out under a digest that it does not have.

mod access;
mod error;
mod index;
mod library;

pub use access::{Access, ClientCertificate, Credentials, DEFAULT_TIMEOUT, RegistryLogin, Tls};
pub use error::{Class, Error, Step};
pub use index::Index;
pub use library::{ArtifactReference, ArtifactRevision, Fetched, Library};
