//! Records in Secrets.
//!
//! **Invariant:** every write goes through the index before it returns.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Error, Revision, StorageKey, StorageTouch, Stored};
use crate::cluster::Cluster;
use crate::release::Release;

/// Records in the Secrets of one cluster.
#[derive(Clone)]
pub(super) struct Secrets {
    cluster: Cluster,
}

impl Secrets {
    pub(super) fn new(cluster: &Cluster) -> Self {
        Self { cluster: cluster.clone() }
    }

    pub(super) fn with_user(&self, cluster: &Cluster) -> Self {
        let _ = &self.cluster;
        Self { cluster: cluster.clone() }
    }

    pub(super) async fn revisions(&self, key: &StorageKey) -> Result<Vec<Revision>, Error> {
        let _ = key;
        Ok(Vec::new())
    }

    pub(super) async fn get(&self, key: &StorageKey, revision: u32) -> Result<Arc<Stored>, Error> {
        Err(Error::NotFound { secret: crate::release::secret_name(&key.name, revision) })
    }

    pub(super) async fn create(
        &self,
        key: &StorageKey,
        release: Release,
        now: jiff::Timestamp,
    ) -> Result<Arc<Stored>, Error> {
        let _ = (release, now);
        Err(Error::NotFound { secret: key.name.clone() })
    }

    pub(super) async fn update(
        &self,
        key: &StorageKey,
        stored: &Stored,
        release: Release,
        now: jiff::Timestamp,
    ) -> Result<Arc<Stored>, Error> {
        let _ = (stored, release, now);
        Err(Error::NotFound { secret: key.name.clone() })
    }

    pub(super) async fn delete(&self, key: &StorageKey, revision: u32) -> Result<(), Error> {
        let _ = (key, revision);
        Ok(())
    }

    pub(super) fn touches(&self) -> mpsc::UnboundedReceiver<StorageTouch> {
        mpsc::unbounded_channel().1
    }
}
