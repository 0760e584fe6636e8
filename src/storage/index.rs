//! What is known of all records from their metadata alone.
//!
//! In: metadata of Secrets, from a watch and from our own writes, in any order. Out: the revisions of a release, and touches by others.
//!
//! **Invariant:** never goes back to an older version of a record.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tokio::sync::mpsc;

use super::{Revision, StorageKey, StorageTouch};
use crate::cluster::{Echoes, is_newer};
use crate::release::{Status, label, secret_name};

/// The index of one cluster's records.
#[derive(Default)]
pub(super) struct Index {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tick: u64,
    releases: HashMap<StorageKey, BTreeMap<u32, Known>>,
    echoes: Echoes<StorageKey, StorageTouch>,
    subscribers: Vec<mpsc::UnboundedSender<StorageTouch>>,
    /// Identifiers of Secrets that we deleted; late events must not bring them back.
    buried: HashSet<String>,
}

struct Known {
    revision: Revision,
    tick: u64,
}

impl Index {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The revisions of a release, newest first.
    pub(super) fn revisions(&self, key: &StorageKey) -> Vec<Revision> {
        let state = self.state();
        let known = state.releases.get(key).into_iter().flat_map(BTreeMap::values).rev();
        known.map(|known| known.revision.clone()).collect()
    }

    /// Takes a record's metadata from a watch.
    pub(super) fn observe(&self, metadata: &ObjectMeta) {
        if let Some((key, revision)) = parse(metadata) {
            self.state().arrive(&key, revision, false);
        }
    }

    /// Takes the answer to a write of our own.
    pub(super) fn written(&self, key: &StorageKey, revision: Revision) {
        self.state().arrive(key, revision, true);
    }

    /// Takes a deletion from a watch.
    pub(super) fn gone(&self, metadata: &ObjectMeta) {
        let Some((key, revision)) = parse(metadata) else { return };
        let mut state = self.state();
        state.buried.remove(&revision.uid);
        state.remove(&key, revision.revision);
    }

    /// Takes our own deletion of a revision, or its absence.
    pub(super) fn deleted(&self, key: &StorageKey, revision: u32) {
        let mut state = self.state();
        let known = state.releases.get(key).and_then(|records| records.get(&revision));
        if let Some(uid) = known.map(|known| known.revision.uid.clone()) {
            state.echoes.own(key, (uid.clone(), None));
            state.buried.insert(uid);
            state.forget(key, revision);
        }
    }

    /// Begins a list; give the result to [`Index::listed`].
    pub(super) fn begin_list(&self) -> u64 {
        let mut state = self.state();
        state.tick += 1;
        state.tick
    }

    /// Ends a list: what it has not confirmed is gone.
    pub(super) fn listed(&self, begun: u64) {
        let mut state = self.state();
        let mut unconfirmed: Vec<(StorageKey, u32)> = state
            .releases
            .iter()
            .flat_map(|(key, records)| records.iter().map(move |(revision, known)| (key, *revision, known)))
            .filter(|(_, _, known)| known.tick < begun)
            .map(|(key, revision, _)| (key.clone(), revision))
            .collect();
        unconfirmed.sort();
        for (key, revision) in unconfirmed {
            state.remove(&key, revision);
        }
    }

    pub(super) fn subscribe(&self) -> mpsc::UnboundedReceiver<StorageTouch> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.state().subscribers.push(sender);
        receiver
    }

    /// Holds back touches of a release while a write of ours is under way.
    pub(super) fn hold(&self, key: &StorageKey) -> Hold<'_> {
        self.state().echoes.hold(key);
        Hold { index: self, key: key.clone() }
    }
}

/// Ends the holding back when dropped.
pub(super) struct Hold<'a> {
    index: &'a Index,
    key: StorageKey,
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        let mut state = self.index.state();
        for touch in state.echoes.release(&self.key) {
            state.tell(&touch);
        }
    }
}

impl State {
    fn arrive(&mut self, key: &StorageKey, revision: Revision, own: bool) {
        self.tick += 1;
        let tick = self.tick;
        if self.buried.contains(&revision.uid) {
            return;
        }
        let write = (revision.uid.clone(), Some(revision.resource_version.clone()));
        if own {
            self.echoes.own(key, write.clone());
        }
        let number = revision.revision;
        let records = self.releases.entry(key.clone()).or_default();
        if let Some(known) = records.get_mut(&number) {
            let same = known.revision.uid == revision.uid;
            if same && !is_newer(&revision.resource_version, &known.revision.resource_version) {
                known.tick = tick;
                return;
            }
        }
        records.insert(number, Known { revision, tick });
        if !own {
            self.touch(key, write, number);
        }
    }

    fn remove(&mut self, key: &StorageKey, revision: u32) {
        if let Some(uid) = self.forget(key, revision) {
            self.touch(key, (uid, None), revision);
        }
    }

    fn forget(&mut self, key: &StorageKey, revision: u32) -> Option<String> {
        let records = self.releases.get_mut(key)?;
        let known = records.remove(&revision)?;
        if records.is_empty() {
            self.releases.remove(key);
        }
        Some(known.revision.uid)
    }

    fn touch(&mut self, key: &StorageKey, write: (String, Option<String>), revision: u32) {
        let touch = StorageTouch { key: key.clone(), revision };
        if let Some(touch) = self.echoes.touch(key, write, touch) {
            self.tell(&touch);
        }
    }

    fn tell(&mut self, touch: &StorageTouch) {
        self.subscribers.retain(|subscriber| subscriber.send(touch.clone()).is_ok());
    }
}

/// A record by its labels; none for Secrets that are not named as Helm names them.
pub(super) fn parse(metadata: &ObjectMeta) -> Option<(StorageKey, Revision)> {
    let labels = metadata.labels.as_ref()?;
    let name = labels.get(label::NAME)?;
    let number: u32 = labels.get(label::VERSION)?.parse().ok()?;
    if metadata.name.as_deref() != Some(secret_name(name, number).as_str()) {
        return None;
    }
    let key = StorageKey { namespace: metadata.namespace.clone()?, name: name.clone() };
    let revision = Revision {
        revision: number,
        status: Status::from_word(labels.get(label::STATUS).map_or("", String::as_str)),
        uid: metadata.uid.clone().unwrap_or_default(),
        resource_version: metadata.resource_version.clone().unwrap_or_default(),
    };
    Some((key, revision))
}

/// The revisions to delete, oldest first, so that one more makes no more than `max_history`.
pub(super) fn to_prune(revisions: &[Revision], max_history: usize) -> Vec<u32> {
    let Some(room) = max_history.checked_sub(1) else { return Vec::new() };
    let deployed = revisions.iter().filter(|it| it.status == Status::Deployed).map(|it| it.revision).max();
    let mut numbers: Vec<u32> = revisions.iter().map(|it| it.revision).collect();
    numbers.sort_unstable();
    let excess = numbers.len().saturating_sub(room);
    numbers.into_iter().filter(|number| Some(*number) != deployed).take(excess).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> StorageKey {
        StorageKey { namespace: "apps".into(), name: "web".into() }
    }

    fn metadata(revision: u32, status: &str, version: u32) -> ObjectMeta {
        let labels = [("name", "web"), ("owner", "helm"), ("status", status), ("version", &revision.to_string())];
        ObjectMeta {
            name: Some(secret_name("web", revision)),
            namespace: Some("apps".into()),
            uid: Some(format!("uid-{revision}")),
            resource_version: Some(version.to_string()),
            labels: Some(labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into()),
            ..ObjectMeta::default()
        }
    }

    fn statuses(index: &Index) -> Vec<(u32, &'static str)> {
        index.revisions(&key()).iter().map(|it| (it.revision, it.status.as_str())).collect()
    }

    #[test]
    fn newest_revision_comes_first_and_older_versions_are_ignored() {
        let index = Index::default();
        index.observe(&metadata(1, "superseded", 7));
        index.observe(&metadata(2, "deployed", 9));
        index.observe(&metadata(2, "pending-upgrade", 8));
        assert_eq!(statuses(&index), [(2, "deployed"), (1, "superseded")]);
    }

    #[test]
    fn only_writes_of_others_are_told() {
        let index = Index::default();
        let mut touches = index.subscribe();
        let hold = index.hold(&key());
        index.observe(&metadata(1, "deployed", 5));
        index.written(&key(), parse(&metadata(1, "deployed", 5)).unwrap().1);
        drop(hold);
        assert!(touches.try_recv().is_err());
        index.observe(&metadata(2, "deployed", 6));
        assert_eq!(touches.try_recv().unwrap().revision, 2);
    }

    #[test]
    fn deleted_record_does_not_come_back_with_a_late_event() {
        let index = Index::default();
        let mut touches = index.subscribe();
        index.written(&key(), parse(&metadata(1, "deployed", 5)).unwrap().1);
        index.deleted(&key(), 1);
        index.observe(&metadata(1, "deployed", 5));
        assert_eq!(statuses(&index), []);
        index.gone(&metadata(1, "deployed", 6));
        assert!(touches.try_recv().is_err());
    }

    #[test]
    fn list_takes_away_what_it_does_not_confirm() {
        let index = Index::default();
        index.observe(&metadata(1, "superseded", 5));
        index.observe(&metadata(2, "deployed", 6));
        let begun = index.begin_list();
        index.observe(&metadata(2, "deployed", 6));
        index.listed(begun);
        assert_eq!(statuses(&index), [(2, "deployed")]);
    }

    #[test]
    fn pruning_makes_room_for_one_and_keeps_the_deployed_revision() {
        let revision = |(number, word): (u32, &str)| parse(&metadata(number, word, 1)).unwrap().1;
        let history = [(4, "superseded"), (3, "failed"), (2, "failed"), (1, "deployed")].map(revision);
        assert_eq!(to_prune(&history, 0), [0; 0]);
        assert_eq!(to_prune(&history, 5), [0; 0]);
        assert_eq!(to_prune(&history, 3), [2, 3]);
        assert_eq!(to_prune(&history, 1), [2, 3, 4]);
    }

    #[test]
    fn secrets_that_are_not_named_as_helm_names_them_are_none_of_ours() {
        let stranger = ObjectMeta { name: Some("other".into()), ..metadata(1, "deployed", 1) };
        assert_eq!(parse(&stranger), None);
    }
}
