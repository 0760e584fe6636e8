//! The store behind the shared watches: lean copies of owned objects by release.
//!
//! In: live objects, from events and from answers to our own writes, in any order. Out: touches, and a wake-up for whoever waits for the
//! release.
//!
//! **Invariant:** an older version of an object never replaces a newer one.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::{Notify, mpsc};

use super::echo::{Echoes, is_newer};
use super::inventory::{LiveObject, ReleaseKey, Touch, TouchKind, label};
use super::{ObjectReference, ResourceKind};
use crate::diff;

/// Everything that the watches know; shared by their tasks.
pub(super) struct Store {
    /// Whose fields are ours.
    manager: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Counts changes, so that a list can tell what it has not confirmed.
    tick: u64,
    releases: HashMap<ReleaseKey, Objects>,
    echoes: Echoes<ReleaseKey, Touch>,
    subscribers: Vec<mpsc::UnboundedSender<Touch>>,
    /// Identifiers of objects that we deleted; late events must not bring them back.
    buried: HashSet<String>,
    waiters: HashMap<ReleaseKey, Arc<Notify>>,
}

struct Entry {
    live: LiveObject,
    /// What is ours of the object: changes when somebody takes or changes a field that we applied, or begins to delete it.
    ours: u64,
    /// When the entry was last confirmed.
    tick: u64,
    /// The last question about drift that was answered with no.
    cleared: Option<u64>,
}

/// The objects of a release, in order. Each takes its own place and no more: most releases have fewer objects than a node of a tree has room
/// for.
#[derive(Default)]
#[allow(clippy::vec_box, reason = "one more among thousands moves pointers, not objects")]
struct Objects(Vec<Box<(ObjectReference, Entry)>>);

impl Objects {
    fn position(&self, object: &ObjectReference) -> Result<usize, usize> {
        self.0.binary_search_by(|known| known.0.cmp(object))
    }

    fn get(&self, object: &ObjectReference) -> Option<&Entry> {
        self.0.get(self.position(object).ok()?).map(|known| &known.1)
    }

    fn get_mut(&mut self, object: &ObjectReference) -> Option<&mut Entry> {
        let position = self.position(object).ok()?;
        self.0.get_mut(position).map(|known| &mut known.1)
    }

    fn insert(&mut self, object: ObjectReference, entry: Entry) {
        match self.position(&object) {
            Ok(position) => {
                if let Some(known) = self.0.get_mut(position) {
                    known.1 = entry;
                }
            }
            Err(position) => self.0.insert(position, Box::new((object, entry))),
        }
    }

    fn remove(&mut self, object: &ObjectReference) -> Option<Entry> {
        let position = self.position(object).ok()?;
        Some(self.0.remove(position).1)
    }

    fn iter(&self) -> impl Iterator<Item = &(ObjectReference, Entry)> {
        self.0.iter().map(|known| &**known)
    }
}

/// A live object on its way into the store.
struct Arrival {
    release: ReleaseKey,
    object: ObjectReference,
    entry: Entry,
}

impl Store {
    pub(super) fn new(manager: &str) -> Self {
        Self { manager: manager.to_owned(), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an object from a watch.
    pub(super) fn observe(&self, object: Value) {
        if let Some(arrival) = self.arrival(object) {
            self.state().arrive(arrival, false);
        }
    }

    /// Takes the answer to a write of our own.
    pub(super) fn written(&self, object: Value) {
        if let Some(arrival) = self.arrival(object) {
            self.state().arrive(arrival, true);
        }
    }

    /// Takes a deletion from a watch; an object that has lost its labels also leaves this way.
    pub(super) fn gone(&self, object: Value) {
        let Some(arrival) = self.arrival(object) else { return };
        let mut state = self.state();
        state.buried.remove(&arrival.entry.live.uid);
        state.remove(&arrival.release, &arrival.object);
    }

    /// Takes the answer to a deletion of our own that ended the object at once.
    pub(super) fn deleted(&self, release: &ReleaseKey, object: &ObjectReference) {
        let mut state = self.state();
        let entry = state.releases.get(release).and_then(|objects| objects.get(object));
        if let Some(uid) = entry.map(|entry| entry.live.uid.clone()) {
            state.echoes.own(release, (uid.clone(), None));
            state.buried.insert(uid);
            state.forget(release, object);
        }
    }

    /// Begins a list of a kind; give the result to [`Store::listed`].
    pub(super) fn begin_list(&self) -> u64 {
        let mut state = self.state();
        state.tick += 1;
        state.tick
    }

    /// Ends a list of a kind: what it has not confirmed is gone.
    pub(super) fn listed(&self, kind: &ResourceKind, begun: u64) {
        let mut state = self.state();
        let unconfirmed: Vec<_> = state
            .releases
            .iter()
            .flat_map(|(release, objects)| objects.iter().map(move |(object, entry)| (release, object, entry)))
            .filter(|(_, object, entry)| is_of(kind, object) && entry.tick < begun)
            .map(|(release, object, _)| (release.clone(), object.clone()))
            .collect();
        for (release, object) in unconfirmed {
            state.remove(&release, &object);
        }
    }

    pub(super) fn get(&self, release: &ReleaseKey, object: &ObjectReference) -> Option<LiveObject> {
        self.state().releases.get(release)?.get(object).map(|entry| entry.live.clone())
    }

    pub(super) fn inventory(&self, release: &ReleaseKey) -> Vec<(ObjectReference, LiveObject)> {
        let state = self.state();
        let objects = state.releases.get(release).into_iter().flat_map(Objects::iter);
        objects.map(|(object, entry)| (object.clone(), entry.live.clone())).collect()
    }

    /// Whether a question about drift has been answered with no before.
    pub(super) fn is_cleared(&self, release: &ReleaseKey, object: &ObjectReference, question: u64) -> bool {
        let state = self.state();
        let entry = state.releases.get(release).and_then(|objects| objects.get(object));
        entry.is_some_and(|entry| entry.cleared == Some(question))
    }

    /// Remembers that a question about drift is answered with no.
    pub(super) fn clear(&self, release: &ReleaseKey, object: &ObjectReference, question: u64) {
        let mut state = self.state();
        if let Some(entry) = state.releases.get_mut(release).and_then(|objects| objects.get_mut(object)) {
            entry.cleared = Some(question);
        }
    }

    /// How many objects are kept.
    pub(super) fn len(&self) -> usize {
        self.state().releases.values().map(|objects| objects.0.len()).sum()
    }

    pub(super) fn subscribe(&self) -> mpsc::UnboundedReceiver<Touch> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.state().subscribers.push(sender);
        receiver
    }

    pub(super) fn hold(&self, release: &ReleaseKey) {
        self.state().echoes.hold(release);
    }

    pub(super) fn release(&self, release: &ReleaseKey) {
        let mut state = self.state();
        for touch in state.echoes.release(release) {
            state.tell(&touch);
        }
    }

    /// A wake-up for every change of a release's objects.
    pub(super) fn waiter(&self, release: &ReleaseKey) -> Arc<Notify> {
        self.state().waiters.entry(release.clone()).or_default().clone()
    }

    /// Forgets wake-ups that nobody waits for.
    pub(super) fn drop_waiter(&self, release: &ReleaseKey) {
        let mut state = self.state();
        if state.waiters.get(release).is_some_and(|waiter| Arc::strong_count(waiter) == 1) {
            state.waiters.remove(release);
        }
    }

    fn arrival(&self, object: Value) -> Option<Arrival> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let release = ReleaseKey { namespace: text(label::NAMESPACE_POINTER)?, name: text(label::NAME_POINTER)? };
        let reference = ObjectReference::of(&object)?;
        let ours = ours(&object, &self.manager);
        let live = LiveObject::new(object, &self.manager);
        Some(Arrival { release, object: reference, entry: Entry { live, ours, tick: 0, cleared: None } })
    }
}

impl State {
    fn arrive(&mut self, arrival: Arrival, own: bool) {
        let Arrival { release, object, mut entry } = arrival;
        self.tick += 1;
        entry.tick = self.tick;
        if self.buried.contains(&entry.live.uid) {
            return;
        }
        let write = (entry.live.uid.clone(), Some(entry.live.resource_version.clone()));
        if own {
            self.echoes.own(&release, write.clone());
        }
        let objects = self.releases.entry(release.clone()).or_default();
        let mut touched = false;
        if let Some(known) = objects.get_mut(&object) {
            let same = known.live.uid == entry.live.uid;
            if same && !is_newer(&entry.live.resource_version, &known.live.resource_version) {
                known.tick = entry.tick;
                return;
            }
            touched = !own && (!same || known.ours != entry.ours);
            entry.cleared = known.cleared;
        }
        objects.insert(object.clone(), entry);
        self.wake(&release);
        if touched {
            self.touch(&release, write, object, TouchKind::Changed);
        }
    }

    fn remove(&mut self, release: &ReleaseKey, object: &ObjectReference) {
        if let Some(uid) = self.forget(release, object) {
            self.touch(release, (uid, None), object.clone(), TouchKind::Deleted);
        }
    }

    /// Drops an object and returns its identifier, where it was known.
    fn forget(&mut self, release: &ReleaseKey, object: &ObjectReference) -> Option<String> {
        let objects = self.releases.get_mut(release)?;
        let entry = objects.remove(object)?;
        if objects.0.is_empty() {
            self.releases.remove(release);
        }
        self.wake(release);
        Some(entry.live.uid)
    }

    fn touch(
        &mut self,
        release: &ReleaseKey,
        write: (String, Option<String>),
        object: ObjectReference,
        kind: TouchKind,
    ) {
        let touch = Touch { release: release.clone(), object, kind };
        if let Some(touch) = self.echoes.touch(release, write, touch) {
            self.tell(&touch);
        }
    }

    fn tell(&mut self, touch: &Touch) {
        self.subscribers.retain(|subscriber| subscriber.send(touch.clone()).is_ok());
    }

    fn wake(&self, release: &ReleaseKey) {
        if let Some(waiter) = self.waiters.get(release) {
            waiter.notify_waiters();
        }
    }
}

fn is_of(kind: &ResourceKind, object: &ObjectReference) -> bool {
    (&kind.api.group, &kind.api.version, &kind.api.kind) == (&object.group, &object.version, &object.kind)
}

/// What is ours of an object: the fields that our manager applied, and whether it is being deleted. Where we applied nothing, all of
/// its content counts.
fn ours(object: &Value, manager: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    object.pointer("/metadata/deletionTimestamp").is_some().hash(&mut hasher);
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array).into_iter().flatten();
    let is_ours = |entry: &&Value| {
        entry.get("manager").and_then(Value::as_str) == Some(manager) && entry.get("subresource").is_none()
    };
    let mut found = false;
    for entry in entries.filter(is_ours) {
        found = true;
        entry.get("operation").and_then(Value::as_str).hash(&mut hasher);
        entry.get("fieldsV1").map(Value::to_string).hash(&mut hasher);
    }
    if !found {
        content(object).hash(&mut hasher);
    }
    hasher.finish()
}

/// A digest of everything but status and bookkeeping.
pub(super) fn content(object: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    let Some(fields) = object.as_object() else { return 0 };
    for (name, value) in fields.iter().filter(|(name, _)| *name != "status" && *name != "metadata") {
        name.hash(&mut hasher);
        value.to_string().hash(&mut hasher);
    }
    let metadata = fields.get("metadata").and_then(Value::as_object).into_iter().flatten();
    for (name, value) in metadata.filter(|(name, _)| !diff::is_bookkeeping(name)) {
        name.hash(&mut hasher);
        value.to_string().hash(&mut hasher);
    }
    hasher.finish()
}
