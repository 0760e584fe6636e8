//! The files of a GitRepository: of its commit, without what is left out, with what is included.
//!
//! **Invariant:** everything here comes from the namespace of the GitRepository.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::access;
use super::content::{Sources, find};
use super::kind::identity;
use crate::api::GitRepository;
use crate::source::{Commit, Error, GitRevision, SourceIgnore, Tree, Wanted, clean_path};

/// How deep GitRepositories may include others; deeper ones include each other.
const MAX_INCLUDES: usize = 8;

/// The files of a GitRepository at a revision of it.
///
/// # Errors
/// The commit cannot be had any more, or its files do not fit the settings.
pub(super) async fn at(sources: &Sources, repository: &GitRepository, revision: &str) -> Result<Tree, Error> {
    within(sources, repository, revision, 0).await
}

/// The files of a commit that the settings of a GitRepository leave.
///
/// # Errors
/// As for [`at`].
pub(super) async fn select(sources: &Sources, repository: &GitRepository, commit: &Arc<Commit>) -> Result<Tree, Error> {
    select_within(sources, repository, commit, 0).await
}

fn within<'a>(
    sources: &'a Sources,
    repository: &'a GitRepository,
    revision: &'a str,
    depth: usize,
) -> BoxFuture<'a, Result<Tree, Error>> {
    async move {
        let invalid = || failed(repository, format!("revision '{revision}' names no commit"));
        let revision = GitRevision::parse(revision).ok_or_else(invalid)?;
        let access = access::of_git(&sources.client, repository).await?;
        let wanted = Wanted::Revision(revision);
        let found = sources.library.checkout(&access, &wanted, repository.spec.recurse_submodules).await?;
        let commit = found.commit.ok_or_else(invalid)?;
        select_within(sources, repository, &commit, depth).await
    }
    .boxed()
}

async fn select_within(
    sources: &Sources,
    repository: &GitRepository,
    commit: &Arc<Commit>,
    depth: usize,
) -> Result<Tree, Error> {
    let mut tree = filtered(repository, commit).await?;
    if depth >= MAX_INCLUDES && !repository.spec.include.is_empty() {
        return Err(failed(repository, format!("includes others more than {MAX_INCLUDES} deep")));
    }
    let (namespace, _) = identity(repository);
    for include in &repository.spec.include {
        let other = find(&sources.stores.git, namespace, &include.repository.name)?;
        let artifact = other.status.as_ref().and_then(|status| status.artifact.as_ref());
        let artifact = artifact.ok_or_else(|| failed(&other, "has no artifact".to_owned()))?;
        let files = within(sources, &other, &artifact.revision, depth + 1).await?;
        let from = clean_path(include.from_path.as_deref().unwrap_or_default());
        let to = include.to_path.as_deref().filter(|path| !path.is_empty()).unwrap_or(&include.repository.name);
        tree.put_below(&clean_path(to), &files, &from);
    }
    Ok(tree)
}

/// The files that sparse checkout and ignore rules leave.
async fn filtered(repository: &GitRepository, commit: &Arc<Commit>) -> Result<Tree, Error> {
    let (spec, commit) = (repository.spec.clone(), Arc::clone(commit));
    let filter = move || {
        let mut tree = commit.tree.clone();
        if !spec.sparse_checkout.is_empty() {
            let wanted: Vec<String> = spec.sparse_checkout.iter().map(|path| clean_path(path)).collect();
            if let Some((path, _)) = spec
                .sparse_checkout
                .iter()
                .zip(&wanted)
                .find(|(_, path)| !tree.has_folder(path) && !tree.has_file(path))
            {
                return Err(format!(
                    "failed to sparse checkout directories : sparse checkout dir '{path}' does not exist in repository"
                ));
            }
            tree.retain(|path| wanted.iter().any(|folder| is_below(path, folder)));
        }
        let rules = SourceIgnore::of(&tree, spec.ignore.as_deref())?;
        tree.retain(|path| !rules.ignores(path));
        Ok(tree)
    };
    let filtered = tokio::task::spawn_blocking(filter).await.unwrap_or_else(|error| Err(error.to_string()));
    filtered.map_err(|message| failed(repository, message))
}

fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn failed(repository: &GitRepository, message: String) -> Error {
    let (namespace, name) = identity(repository);
    Error::Object { object: format!("GitRepository {namespace}/{name}"), message }
}
