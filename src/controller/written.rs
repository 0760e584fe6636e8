//! Objects as the API server answered to our own writes, until the store that reconciles read from has caught up.
//!
//! The store lags behind our own writes; without this, a reconcile could decide on a status older than the one it wrote itself.
//!
//! **Invariant:** holds at most about twice as many objects as the store is behind with, without managed fields.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube_runtime::reflector::{ObjectRef, Store};

/// So many objects are kept before any is looked at again.
const FEW: usize = 64;

/// The objects last written.
pub(super) struct Written<K: kube::Resource<DynamicType = ()> + Clone + 'static> {
    store: Store<K>,
    kept: Mutex<Kept<K>>,
}

struct Kept<K> {
    objects: HashMap<(String, String), Arc<K>>,
    /// How many there may be before those that the store has by now are dropped.
    room: usize,
}

impl<K: kube::Resource<DynamicType = ()> + Clone + 'static> Written<K> {
    /// Keeps what is written of the objects of a store.
    pub(super) fn new(store: Store<K>) -> Self {
        Self { store, kept: Mutex::new(Kept { objects: HashMap::new(), room: FEW }) }
    }

    fn kept(&self) -> MutexGuard<'_, Kept<K>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newer of the store's object and the one last written.
    pub(super) fn newest(&self, stored: Arc<K>) -> Arc<K> {
        let key = key(&*stored);
        let mut kept = self.kept();
        let Some(ours) = kept.objects.get(&key) else { return stored };
        if is_ahead(&**ours, &stored) {
            return Arc::clone(ours);
        }
        kept.objects.remove(&key);
        stored
    }

    /// Keeps the answer to a write, without its managed fields.
    pub(super) fn keep(&self, mut written: K) -> Arc<K> {
        written.meta_mut().managed_fields = None;
        let written = Arc::new(written);
        let mut kept = self.kept();
        kept.objects.insert(key(&*written), Arc::clone(&written));
        if kept.objects.len() > kept.room {
            kept.objects.retain(|_, ours| {
                self.store.get(&ObjectRef::from_obj(&**ours)).is_none_or(|stored| is_ahead(&**ours, &stored))
            });
            kept.room = FEW.max(kept.objects.len() * 2);
        }
        written
    }

    /// Forgets an object that is gone.
    pub(super) fn forget(&self, object: &K) {
        self.kept().objects.remove(&key(object));
    }
}

fn key(object: &impl kube::Resource) -> (String, String) {
    let metadata = object.meta();
    (metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default())
}

/// Whether what we wrote is newer than what the store has of the same object.
fn is_ahead<K: kube::Resource>(ours: &K, stored: &K) -> bool {
    ours.meta().uid == stored.meta().uid && version(ours) > version(stored)
}

/// Resource versions of one resource are ordered numbers (Kubernetes 1.35 and later say so); another form counts as oldest.
fn version(object: &impl kube::Resource) -> u128 {
    object.meta().resource_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
    use kube_runtime::reflector;
    use kube_runtime::watcher::Event;

    use super::*;

    fn object(name: &str, version: u32) -> ConfigMap {
        let metadata = ObjectMeta {
            namespace: Some("ns".into()),
            name: Some(name.into()),
            uid: Some(format!("uid of {name}")),
            resource_version: Some(version.to_string()),
            managed_fields: Some(vec![ManagedFieldsEntry::default()]),
            ..ObjectMeta::default()
        };
        ConfigMap { metadata, ..ConfigMap::default() }
    }

    fn version_of(object: &ConfigMap) -> &str {
        object.metadata.resource_version.as_deref().unwrap()
    }

    #[test]
    fn the_newer_of_both_counts_and_another_object_of_the_name_is_not_ours() {
        let written = Written::new(reflector::store::<ConfigMap>().0);
        assert_eq!(written.keep(object("a", 10)).metadata.managed_fields, None);
        assert_eq!(version_of(&written.newest(Arc::new(object("a", 9)))), "10");
        let mut replaced = object("a", 9);
        replaced.metadata.uid = Some("another".into());
        assert_eq!(version_of(&written.newest(Arc::new(replaced))), "9");
        written.keep(object("a", 10));
        assert_eq!(version_of(&written.newest(Arc::new(object("a", 11)))), "11");
        assert_eq!(
            version_of(&written.newest(Arc::new(object("a", 9)))),
            "9",
            "what the store has passed is forgotten"
        );
    }

    #[test]
    fn what_the_store_has_by_now_is_not_kept() {
        let (store, mut writer) = reflector::store::<ConfigMap>();
        let written = Written::new(store);
        for number in 0..1000 {
            let name = format!("map-{number}");
            written.keep(object(&name, 10));
            if number % 100 != 0 {
                writer.apply_watcher_event(&Event::Apply(object(&name, 10)));
            }
        }
        assert!(written.kept().objects.len() <= FEW + 1, "{} are kept", written.kept().objects.len());
        assert_eq!(version_of(&written.newest(Arc::new(object("map-500", 9)))), "10", "the store lags behind with it");
    }
}
