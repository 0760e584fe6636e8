//! Records in memory, with the same rules as in the cluster.
//!
//! **Invariant:** versions of a record only grow.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Error, Revision, StorageKey, Stored};
use crate::release::{Release, Slimming, secret_name};

/// Records by release and revision.
#[derive(Clone, Default)]
pub(super) struct Memory {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    version: u64,
    records: BTreeMap<StorageKey, BTreeMap<u32, Arc<Stored>>>,
}

impl State {
    fn write(&mut self, key: &StorageKey, release: Release, uid: Option<String>) -> Arc<Stored> {
        self.version += 1;
        let resource_version = self.version.to_string();
        let uid = uid.unwrap_or_else(|| format!("uid-{resource_version}"));
        let revision = release.revision;
        let stored = Arc::new(Stored { release, uid, resource_version, bytes: 0, slimming: Slimming::None });
        self.records.entry(key.clone()).or_default().insert(revision, stored.clone());
        stored
    }
}

impl Memory {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn revisions(&self, key: &StorageKey) -> Vec<Revision> {
        let state = self.state();
        let records = state.records.get(key).into_iter().flat_map(BTreeMap::values).rev();
        records
            .map(|stored| Revision {
                revision: stored.release.revision,
                status: stored.release.info.status,
                uid: stored.uid.clone(),
                resource_version: stored.resource_version.clone(),
            })
            .collect()
    }

    pub(super) fn get(&self, key: &StorageKey, revision: u32) -> Result<Arc<Stored>, Error> {
        let found = self.state().records.get(key).and_then(|records| records.get(&revision)).cloned();
        found.ok_or_else(|| Error::NotFound { secret: secret_name(&key.name, revision) })
    }

    pub(super) fn create(&self, key: &StorageKey, release: Release) -> Result<Arc<Stored>, Error> {
        let mut state = self.state();
        if state.records.get(key).is_some_and(|records| records.contains_key(&release.revision)) {
            return Err(Error::AlreadyExists { secret: secret_name(&key.name, release.revision) });
        }
        Ok(state.write(key, release, None))
    }

    pub(super) fn update(&self, key: &StorageKey, stored: &Stored, release: Release) -> Result<Arc<Stored>, Error> {
        let secret = || secret_name(&key.name, release.revision);
        let mut state = self.state();
        let current = state.records.get(key).and_then(|records| records.get(&release.revision));
        let current = current.ok_or_else(|| Error::NotFound { secret: secret() })?;
        if (&current.uid, &current.resource_version) != (&stored.uid, &stored.resource_version) {
            return Err(Error::Changed { secret: secret() });
        }
        Ok(state.write(key, release, Some(stored.uid.clone())))
    }

    pub(super) fn delete(&self, key: &StorageKey, revision: u32) {
        let mut state = self.state();
        if let Some(records) = state.records.get_mut(key) {
            records.remove(&revision);
        }
    }
}
