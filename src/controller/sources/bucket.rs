//! Buckets: never fetched from, but what another controller has fetched is taken.
//!
//! **Invariant:** nothing of a Bucket is ever written.

use super::kind::identity;
use crate::api::Bucket;
use crate::source::{Error, Library};

/// Why no chart can be had from a Bucket: nobody has fetched it, its artifact is not what it says, or building is not possible.
pub(super) async fn refusal(library: &Library, bucket: &Bucket) -> Error {
    let (namespace, name) = identity(bucket);
    let Some(artifact) = bucket.status.as_ref().and_then(|status| status.artifact.as_ref()) else {
        let what = format!(
            "fetching from object stores, which Bucket {namespace}/{name} asks for (run Flux's source-controller and start with --sources=external)"
        );
        return Error::Unsupported { what };
    };
    match library.tree(&artifact.url, artifact.digest.as_deref().unwrap_or_default()).await {
        Ok(_) => {
            let what = format!("building a chart from the files of Bucket {namespace}/{name} at {}", artifact.revision);
            Error::Unsupported { what }
        }
        Err(error) => error,
    }
}
