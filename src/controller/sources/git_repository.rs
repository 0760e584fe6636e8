//! Reconciles GitRepositories: finds the commit that the reference stands for now, and says in the status which files it has.
//!
//! Counterpart: Flux's source-controller 1.9. Nothing is packed or served; charts are made straight from the commit's files.
//!
//! **Invariant:** a commit that is the one in the status, under the same settings, is not fetched.

use kube_runtime::reflector::ObjectRef;

use super::driver::{Reconcile, Shared};
use super::kind::identity;
use super::status::{Done, Failed, FailedEnding, NewArtifact, put_artifact, tell_verified};
use super::{access, files};
use crate::api::GitRepository;
use crate::api::conditions::{condition_status, condition_type, find, reason};
use crate::api::git_repository::{GitRepositoryStatus, GitVerification, GitVerificationMode};
use crate::api::source::Artifact;
use crate::source::{AuthorKeys, Commit, Error, GitReference, GitRevision, GitTag, Step, Wanted};

impl Reconcile for GitRepository {
    async fn attempt(&self, status: &mut GitRepositoryStatus, shared: &Shared) -> Result<Done, Failed> {
        let failed = |error: Error| Failed::of(&error, Step::Git);
        let included = included(self, shared)?;
        let sources = &shared.sources;
        let access = access::of_git(&shared.dependencies.client, self).await.map_err(failed)?;
        let is_same = is_same_content(self, status, &included) && is_verified(self, status);
        let artifact = status.artifact.as_ref().filter(|_| is_same);
        let known = artifact.and_then(|artifact| GitRevision::parse(&artifact.revision));
        let wanted = Wanted::Reference { reference: reference_of(self), known };
        let found = sources.library.checkout(&access, &wanted, self.spec.recurse_submodules).await.map_err(failed)?;
        let revision = found.revision.to_string();
        let mut news = None;
        if self.spec.verify.is_none() {
            status.source_verification_mode = None;
            tell_verified(self, status, None);
        }
        if let Some(commit) = found.commit {
            let tag = found.tag.as_ref();
            verify(self, status, shared, (&commit, &found.revision.hash(), tag)).await?;
            let selected = files::select(sources, self, &commit).await.map_err(failed)?;
            let new = NewArtifact {
                file: &format!("{}.tar.gz", found.revision.hash()),
                latest: "latest.tar.gz",
                revision: revision.clone(),
                digest: selected.digest(),
                size: commit.size,
                metadata: std::collections::BTreeMap::new(),
            };
            put_artifact(self, status, &shared.host, new);
            // Flux links no newest file of a GitRepository.
            status.common.url = None;
            news = Some((reason::NEW_ARTIFACT, format!("stored artifact for commit '{}'", commit.subject)));
        }
        observe(self, status, included);
        let message = format!("stored artifact for revision '{revision}'");
        Ok(Done { reason: reason::SUCCEEDED, message, news, has_artifact: true })
    }
}

/// Whether the artifact was verified as the spec wants it; so it is if nothing has to be.
fn is_verified(repository: &GitRepository, status: &GitRepositoryStatus) -> bool {
    let Some(verification) = &repository.spec.verify else { return true };
    let told = find(&status.common.conditions, condition_type::SOURCE_VERIFIED);
    status.source_verification_mode == Some(mode_of(verification))
        && told.is_some_and(|told| {
            told.status == condition_status::TRUE && told.observed_generation == repository.metadata.generation
        })
}

/// The mode without its old spelling.
fn mode_of(verification: &GitVerification) -> GitVerificationMode {
    match verification.mode {
        GitVerificationMode::LegacyHead => GitVerificationMode::Head,
        mode => mode,
    }
}

/// Checks the signatures of what was found, if that is asked for, and says so.
async fn verify(
    repository: &GitRepository,
    status: &mut GitRepositoryStatus,
    shared: &Shared,
    (commit, hash, tag): (&Commit, &str, Option<&GitTag>),
) -> Result<(), Failed> {
    let Some(verification) = &repository.spec.verify else { return Ok(()) };
    let (namespace, _) = identity(repository);
    let keys = access::author_keys(&shared.dependencies.client, namespace, verification).await;
    let keys = keys.map_err(|error| Failed::of_verification(&error, Step::Git))?;
    let mode = mode_of(verification);
    let mut signed = Vec::new();
    if mode != GitVerificationMode::Head {
        signed.push(tag_signer(&keys, tag)?);
    }
    if mode != GitVerificationMode::Tag {
        let signer = keys.check(&commit.signed).map_err(|why| {
            let message =
                format!("signature verification of commit '{hash}' failed: unable to verify Git commit: {why}");
            unverified(reason::INVALID_COMMIT_SIGNATURE, message, FailedEnding::Retry)
        })?;
        signed.push(format!("commit '{hash}' with key '{signer}'"));
    }
    status.source_verification_mode = Some(mode);
    let message = format!("verified signature of\n\t- {}", signed.join("\n\t- "));
    tell_verified(repository, status, Some(Ok(message)));
    Ok(())
}

/// The tag and the key that it is signed with, as the condition tells it.
fn tag_signer(keys: &AuthorKeys, tag: Option<&GitTag>) -> Result<String, Failed> {
    let tag = tag.ok_or_else(|| {
        let message = "cannot verify tag object's signature if a tag reference is not specified".to_owned();
        unverified(reason::INVALID_VERIFICATION_MODE, message, FailedEnding::Stalled)
    })?;
    if !tag.signed.has_signature() {
        let message = format!("cannot verify signature of tag '{tag}' since it is not signed");
        return Err(unverified(reason::INVALID_GIT_OBJECT, message, FailedEnding::Retry));
    }
    let signer = keys.check(&tag.signed).map_err(|why| {
        let message = format!("signature verification of tag '{tag}' failed: unable to verify Git tag: {why}");
        unverified(reason::INVALID_TAG_SIGNATURE, message, FailedEnding::Retry)
    })?;
    Ok(format!("tag '{tag}' with key '{signer}'"))
}

fn unverified(reason: &'static str, message: String, ending: FailedEnding) -> Failed {
    Failed { reason, message, condition: condition_type::SOURCE_VERIFIED, ending }
}

/// Notes down the settings that the artifact was made by.
fn observe(repository: &GitRepository, status: &mut GitRepositoryStatus, included: Vec<Artifact>) {
    let spec = &repository.spec;
    status.included_artifacts = included;
    status.observed_ignore.clone_from(&spec.ignore);
    status.observed_recurse_submodules = spec.recurse_submodules.then_some(true);
    status.observed_include.clone_from(&spec.include);
    status.observed_sparse_checkout.clone_from(&spec.sparse_checkout);
}

/// Whether the artifact was made by the same settings.
fn is_same_content(repository: &GitRepository, status: &GitRepositoryStatus, included: &[Artifact]) -> bool {
    let spec = &repository.spec;
    let marks = |artifact: &Artifact| (artifact.revision.clone(), artifact.digest.clone());
    status.observed_ignore == spec.ignore
        && status.observed_recurse_submodules.unwrap_or_default() == spec.recurse_submodules
        && status.observed_include == spec.include
        && status.observed_sparse_checkout == spec.sparse_checkout
        && status.included_artifacts.iter().map(marks).eq(included.iter().map(marks))
}

/// The artifacts of the repositories that are included, in order.
fn included(repository: &GitRepository, shared: &Shared) -> Result<Vec<Artifact>, Failed> {
    let (namespace, _) = identity(repository);
    let unavailable = |reason, message| Failed {
        reason,
        message,
        condition: condition_type::INCLUDE_UNAVAILABLE,
        ending: FailedEnding::Waiting,
    };
    let artifact_of = |name: &str| {
        let found = shared.sources.stores.git.get(&ObjectRef::new(name).within(namespace)).ok_or_else(|| {
            let missing = format!("gitrepositories.source.toolkit.fluxcd.io \"{name}\" not found");
            unavailable(reason::NOT_FOUND, format!("could not get resource for include '{name}': {missing}"))
        })?;
        let artifact = found.status.as_ref().and_then(|status| status.artifact.clone());
        artifact.ok_or_else(|| unavailable(reason::NO_ARTIFACT, format!("no artifact available for include '{name}'")))
    };
    repository.spec.include.iter().map(|include| artifact_of(&include.repository.name)).collect()
}

/// Which commit a GitRepository asks for.
fn reference_of(repository: &GitRepository) -> GitReference {
    let reference = repository.spec.reference.clone().unwrap_or_default();
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    GitReference {
        commit: given(reference.commit),
        name: given(reference.name),
        semver: given(reference.semver),
        tag: given(reference.tag),
        branch: given(reference.branch),
    }
}
