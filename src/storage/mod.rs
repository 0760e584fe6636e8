//! Helm's release records in the cluster: Secrets as Helm 4.3 writes them, and an index of them that a label watch feeds.
//!
//! In: a [`Release`] and the time. Out: the Secret `sh.helm.release.v1.<name>.v<revision>`, and answers about which revisions exist that
//! need no request: the index knows each revision's number, status and version from metadata alone. Records are read only when somebody
//! wants the content, and stay at hand as they are packed in their Secrets, decoded anew for whoever asks.
//! Counterpart: Helm's `pkg/storage`. The difference: whoever writes a record that is not ours is noticed at once ([`StorageTouch`]).
//!
//! **Invariant:** never overwrites a record that has changed since it was read, and never creates a revision that exists.

mod error;
mod index;
mod memory;
mod secrets;

use std::sync::Arc;

use crate::cluster::Cluster;
use crate::release::{Release, Slimming, Status};

pub use error::Error;
use secrets::Secrets;

/// Where the records of one release are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StorageKey {
    /// The namespace of the Secrets (`spec.storageNamespace`).
    pub namespace: String,
    /// The name of the Helm release.
    pub name: String,
}

/// What is known of a revision without reading its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The revision, from 1.
    pub revision: u32,
    /// Its status by the Secret's label.
    pub status: Status,
    /// The Secret's identifier, new with each creation.
    pub uid: String,
    /// The Secret's version.
    pub resource_version: String,
}

/// A record as it is stored.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The release, with the user's labels.
    pub release: Release,
    /// The Secret's identifier.
    pub uid: String,
    /// The Secret's version.
    pub resource_version: String,
    /// The bytes of its text in the Secret; 0 for records in memory.
    pub bytes: usize,
    /// What was left out when it was written; [`Slimming::None`] for records that were read.
    pub slimming: Slimming,
}

/// Somebody else wrote or deleted a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageTouch {
    /// Whose record.
    pub key: StorageKey,
    /// Which revision.
    pub revision: u32,
}

/// Release records of one cluster, seen as one user. Clones share everything.
#[derive(Clone)]
pub struct Storage {
    driver: Driver,
}

#[derive(Clone)]
enum Driver {
    Secrets(Secrets),
    Memory(memory::Memory),
}

impl Storage {
    /// Records in Secrets. The watch begins with the first question.
    pub fn secrets(cluster: &Cluster) -> Self {
        Self { driver: Driver::Secrets(Secrets::new(cluster)) }
    }

    /// Records in memory, for tests and for rendering without a cluster.
    pub fn memory() -> Self {
        Self { driver: Driver::Memory(memory::Memory::default()) }
    }

    /// The same records, read and written in the name of another user; the index is shared.
    pub fn with_user(&self, cluster: &Cluster) -> Self {
        match &self.driver {
            Driver::Secrets(secrets) => Self { driver: Driver::Secrets(secrets.with_user(cluster)) },
            Driver::Memory(_) => self.clone(),
        }
    }

    /// The revisions of a release, newest first, without a request once the index is there.
    pub async fn revisions(&self, key: &StorageKey) -> Result<Vec<Revision>, Error> {
        match &self.driver {
            Driver::Secrets(secrets) => secrets.revisions(key).await,
            Driver::Memory(memory) => Ok(memory.revisions(key)),
        }
    }

    /// A record; without a request while it is at hand and has not changed.
    pub async fn get(&self, key: &StorageKey, revision: u32) -> Result<Arc<Stored>, Error> {
        match &self.driver {
            Driver::Secrets(secrets) => secrets.get(key, revision).await,
            Driver::Memory(memory) => memory.get(key, revision),
        }
    }

    /// The newest record, whatever its status; none where the release has no history.
    pub async fn newest(&self, key: &StorageKey) -> Result<Option<Arc<Stored>>, Error> {
        for known in self.revisions(key).await? {
            match self.get(key, known.revision).await {
                Ok(stored) => return Ok(Some(stored)),
                Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Writes a new revision. `now` becomes the label `createdAt`.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] when somebody else has just written the same revision: another operation is in progress.
    pub async fn create(&self, key: &StorageKey, release: Release, now: jiff::Timestamp) -> Result<Arc<Stored>, Error> {
        match &self.driver {
            Driver::Secrets(secrets) => secrets.create(key, release, now).await,
            Driver::Memory(memory) => memory.create(key, release),
        }
    }

    /// Writes a revision anew, as a whole, in place of `stored`. `now` becomes the label `modifiedAt`; `createdAt` goes, as with Helm.
    ///
    /// # Errors
    /// [`Error::Changed`] when somebody else has written the record since.
    pub async fn update(
        &self,
        key: &StorageKey,
        stored: &Stored,
        release: Release,
        now: jiff::Timestamp,
    ) -> Result<Arc<Stored>, Error> {
        match &self.driver {
            Driver::Secrets(secrets) => secrets.update(key, stored, release, now).await,
            Driver::Memory(memory) => memory.update(key, stored, release),
        }
    }

    /// Deletes a revision; one that is not there counts as deleted.
    pub async fn delete(&self, key: &StorageKey, revision: u32) -> Result<(), Error> {
        match &self.driver {
            Driver::Secrets(secrets) => secrets.delete(key, revision).await,
            Driver::Memory(memory) => {
                memory.delete(key, revision);
                Ok(())
            }
        }
    }

    /// Deletes the oldest revisions, so that one more makes no more than `max_history`; 0 keeps all. The newest deployed revision
    /// stays (Helm 4.3). Returns what was deleted.
    pub async fn prune(&self, key: &StorageKey, max_history: usize) -> Result<Vec<u32>, Error> {
        let excess = index::to_prune(&self.revisions(key).await?, max_history);
        for &revision in &excess {
            self.delete(key, revision).await?;
        }
        Ok(excess)
    }

    /// Tells of records that others write or delete, from now on.
    pub fn touches(&self) -> tokio::sync::mpsc::UnboundedReceiver<StorageTouch> {
        match &self.driver {
            Driver::Secrets(secrets) => secrets.touches(),
            Driver::Memory(_) => tokio::sync::mpsc::unbounded_channel().1,
        }
    }
}
