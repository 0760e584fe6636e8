//! Reconciles OCIRepositories: finds the digest that the reference stands for now, and the layer that matters.
//!
//! Counterpart: Flux's source-controller 1.9. The layer itself is fetched by whoever wants the chart, so looking after a tag costs one
//! HEAD request; without a layer selector the chart's layer is taken, wherever it stands.
//!
//! **Invariant:** what is fetched is what the digest in the revision names, even when the tag has moved on since.

use super::access;
use super::content::reference_of;
use super::driver::{Reconcile, Shared};
use super::kind::identity;
use super::status::{Done, Failed, NewArtifact, put_artifact, tell_verified};
use crate::api::OciRepository;
use crate::api::conditions::{condition_status, condition_type, find, reason};
use crate::api::oci_repository::OciRepositoryStatus;
use crate::source::{Access, ArtifactRevision, Error, Step};

impl Reconcile for OciRepository {
    async fn attempt(&self, status: &mut OciRepositoryStatus, shared: &Shared) -> Result<Done, Failed> {
        let failed = |error: Error| Failed::of(&error, Step::Artifact);
        let access = access::of_oci(&shared.dependencies.client, self).await.map_err(failed)?;
        let library = &shared.sources.library;
        let found = library.find_artifact(&access, &reference_of(self)).await.map_err(|error| {
            let is_tag = matches!(error, Error::Registry { .. } | Error::InvalidReference { .. });
            let told = failed(error);
            if is_tag { Failed { reason: reason::READ_OPERATION_FAILED, ..told } } else { told }
        })?;
        let revision = found.to_string();
        verify(self, status, shared, (&access, &found)).await?;
        let mut news = None;
        if !is_current(self, status, &revision) {
            let selector = self.spec.layer_selector.as_ref().and_then(|selector| selector.media_type.as_deref());
            let layer = library.artifact_layer(&access, &found.digest, selector).await.map_err(failed)?;
            let new = NewArtifact {
                file: &format!("{}.tar.gz", found.digest),
                latest: "latest.tar.gz",
                revision: revision.clone(),
                digest: layer.digest,
                size: layer.size,
                metadata: layer.annotations,
            };
            put_artifact(self, status, &shared.host, new);
            let message = format!("stored artifact with revision '{revision}' from '{}'", self.spec.url);
            news = Some((reason::NEW_ARTIFACT, message));
        }
        status.observed_ignore.clone_from(&self.spec.ignore);
        status.observed_layer_selector.clone_from(&self.spec.layer_selector);
        let message = format!("stored artifact for digest '{revision}'");
        Ok(Done { reason: reason::SUCCEEDED, message, news, has_artifact: true })
    }
}

/// Checks the signature of what was found, if one is asked for and this was not found before, and says so.
async fn verify(
    repository: &OciRepository,
    status: &mut OciRepositoryStatus,
    shared: &Shared,
    (access, found): (&Access, &ArtifactRevision),
) -> Result<(), Failed> {
    let Some(verification) = &repository.spec.verify else {
        tell_verified(repository, status, None);
        return Ok(());
    };
    let revision = found.to_string();
    let known = find(&status.common.conditions, condition_type::SOURCE_VERIFIED);
    let is_known = known.is_some_and(|known| {
        known.status == condition_status::TRUE && known.observed_generation == repository.metadata.generation
    });
    if is_known && is_current(repository, status, &revision) {
        return Ok(());
    }
    let (namespace, _) = identity(repository);
    let checked = async {
        let keys = access::keys(&shared.dependencies.client, namespace, verification).await?;
        shared.sources.library.verify(access, None, &found.digest, &keys).await
    };
    if let Err(error) = checked.await {
        let failed = Failed::of_verification(&error, Step::Artifact);
        tell_verified(repository, status, Some(Err(&failed)));
        return Err(failed);
    }
    tell_verified(repository, status, Some(Ok(format!("verified signature of revision {revision}"))));
    Ok(())
}

/// Whether the artifact is what the reference stands for, made by the same settings.
fn is_current(repository: &OciRepository, status: &OciRepositoryStatus, revision: &str) -> bool {
    status.artifact.as_ref().is_some_and(|artifact| artifact.revision == revision)
        && status.observed_layer_selector == repository.spec.layer_selector
        && status.observed_ignore == repository.spec.ignore
}
