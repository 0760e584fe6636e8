//! Buckets: never fetched from, but what another controller has fetched is taken.
//!
//! **Invariant:** nothing of a Bucket is ever written.

use std::sync::Arc;

use super::kind::identity;
use crate::api::Bucket;
use crate::api::source::Artifact;
use crate::source::{Error, Library, Tree};

/// The artifact that another controller has put into a Bucket's status.
///
/// # Errors
/// There is none, and nobody here makes one.
pub(super) fn artifact(bucket: &Bucket) -> Result<&Artifact, Error> {
    bucket.status.as_ref().and_then(|status| status.artifact.as_ref()).ok_or_else(|| {
        let (namespace, name) = identity(bucket);
        let what = format!(
            "fetching from object stores, which Bucket {namespace}/{name} asks for (run Flux's source-controller and start with --sources=external)"
        );
        Error::Unsupported { what }
    })
}

/// The files of a Bucket, from where their fetcher serves them.
///
/// # Errors
/// There are none, or they are not what the Bucket's status says.
pub(super) async fn files(library: &Library, bucket: &Bucket) -> Result<Arc<Tree>, Error> {
    let artifact = artifact(bucket)?;
    library.tree(&artifact.url, artifact.digest.as_deref().unwrap_or_default()).await
}
