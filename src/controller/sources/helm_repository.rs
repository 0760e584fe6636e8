//! Reconciles HelmRepositories: fetches the index, and says in the status which one it is.
//!
//! Counterpart: Flux's source-controller 1.9, with one difference: an unchanged index is not sent again where the server can tell. A
//! repository of type oci has no index, and is left alone here as there.
//!
//! **Invariant:** an index that has not changed costs no write.

use super::access;
use super::driver::{Reconcile, Shared};
use super::kind::Source as _;
use super::status::{Done, Failed, FailedEnding, NewArtifact, put_artifact};
use crate::api::HelmRepository;
use crate::api::conditions::{condition_type, reason};
use crate::api::helm_repository::HelmRepositoryStatus;
use crate::source::{Error, Step};

impl Reconcile for HelmRepository {
    async fn attempt(&self, status: &mut HelmRepositoryStatus, shared: &Shared) -> Result<Done, Failed> {
        let dependencies = &shared.dependencies;
        let access = access::of_repository(&dependencies.client, self).await.map_err(|error| failed(&error))?;
        let index = shared.sources.library.index(&access).await.map_err(|error| failed(&error))?;
        let known = status.artifact.as_ref().map(|artifact| artifact.revision.as_str());
        let mut news = None;
        if known != Some(index.digest.as_str()) {
            let hex = index.digest.trim_start_matches("sha256:");
            let new = NewArtifact {
                file: &format!("index-{hex}.yaml"),
                latest: "index.yaml",
                revision: index.digest.clone(),
                digest: index.digest.clone(),
                size: index.size,
                metadata: std::collections::BTreeMap::new(),
            };
            put_artifact(self, status, &shared.host, new);
            let message = format!("stored fetched index of size {} from '{}'", bytes(index.size), self.url());
            news = Some((reason::NEW_ARTIFACT, message));
        }
        let message = format!("stored artifact: revision '{}'", index.digest);
        Ok(Done { reason: reason::SUCCEEDED, message, news, has_artifact: true })
    }
}

/// The failure in Flux's words, which alerts match on.
fn failed(error: &Error) -> Failed {
    let failed = Failed::of(error, Step::Index);
    let message = match error {
        Error::Status { .. } | Error::Request { .. } | Error::TooLarge { .. } => {
            format!("failed to fetch Helm repository index: failed to cache index to temporary file: {error}")
        }
        _ => failed.message,
    };
    // Whatever is wrong with an index may be put right at the server.
    let ending = match error {
        Error::InvalidUrl { .. } | Error::Unsupported { .. } => FailedEnding::Stalled,
        _ => FailedEnding::Retry,
    };
    Failed { message, ending, condition: condition_type::FETCH_FAILED, ..failed }
}

/// A size for people, in powers of ten with one digit behind the point, as Flux writes it.
fn bytes(size: u64) -> String {
    let mut size = size as f64;
    for unit in ["B", "kB", "MB"] {
        if size < 1000.0 {
            return format!("{}{unit}", (size * 10.0).round() / 10.0);
        }
        size /= 1000.0;
    }
    format!("{}GB", (size * 10.0).round() / 10.0)
}
