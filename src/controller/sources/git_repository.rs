//! GitRepositories: said plainly that this version does not fetch them.
//!
//! **Invariant:** an artifact that another controller has put into the status is left there.

use super::driver::{Reconcile, Shared};
use super::status::{Done, Failed};
use crate::api::GitRepository;
use crate::api::git_repository::GitRepositoryStatus;
use crate::source::{Error, Step};

impl Reconcile for GitRepository {
    async fn attempt(&self, _: &mut GitRepositoryStatus, _: &Shared) -> Result<Done, Failed> {
        let what = "fetching from Git (run Flux's source-controller and start with --sources=external)".to_owned();
        Err(Failed::of(&Error::Unsupported { what }, Step::Artifact))
    }
}
