//! Drift of a release's objects: the store first, and the API server only where the store looks wrong.
//!
//! A suspicion is confirmed by a forced dry run of the apply; one that the server clears (it writes a value in its own way) is remembered
//! with the object's content, so that it costs one request and not one a look.
//!
//! **Invariant:** asks nothing of the API server while every object is as declared.

use std::hash::{DefaultHasher, Hash, Hasher};

use futures::{FutureExt as _, StreamExt as _, stream};
use serde_json::Value;

use super::objects::Prepared;
use super::{ApplyOptions, ApplyReport, Cluster, Error, Failure, LiveObject, ObjectReference};
use crate::diff::{self, Change, FieldChange, IgnoreRules, ObjectDrift};

/// How many dry runs go at a time.
const MAX_CONCURRENT: usize = 4;

/// What the store says of one object.
enum Look {
    AsDeclared,
    Suspicious(Box<Prepared>, Option<LiveObject>),
}

impl Cluster {
    /// Compares objects of a manifest with the live ones, but for those that are left alone. A suspicion is confirmed by a forced dry run
    /// before it counts.
    pub async fn drift(
        &self,
        objects: &[Value],
        left_alone: &[ObjectReference],
        options: &ApplyOptions,
        ignore: &IgnoreRules,
    ) -> Result<Vec<ObjectDrift>, Error> {
        let mut suspicious = Vec::new();
        for object in self.prepare(objects, &options.origin, options.mark).await? {
            if !left_alone.contains(&object.reference)
                && !diff::drift_detection_disabled(&object.object)
                && let Look::Suspicious(object, live) = self.look_for_drift(object, options, ignore).await?
            {
                suspicious.push((object, live));
            }
        }
        // Boxed, since the compiler cannot see that futures made by a closure over references are Send.
        let confirmations: Vec<_> = suspicious
            .iter()
            .map(|(object, live)| self.confirm(object, live.as_ref(), options, ignore).boxed())
            .collect();
        let outcomes: Vec<_> = stream::iter(confirmations).buffered(MAX_CONCURRENT).collect().await;
        let mut drifted = Vec::new();
        let mut failures = Vec::new();
        for outcome in outcomes {
            match outcome {
                Ok(drift) => drifted.extend(drift),
                Err(failure) => failures.push(failure),
            }
        }
        // What was found counts, whatever went wrong with other objects.
        if drifted.is_empty() && !failures.is_empty() { Err(Error::Requests(failures)) } else { Ok(drifted) }
    }

    async fn look_for_drift(
        &self,
        object: Prepared,
        options: &ApplyOptions,
        ignore: &IgnoreRules,
    ) -> Result<Look, Error> {
        let namespace = object.reference.namespace.as_deref();
        let live = if self.watches().follows(&object.kind, namespace).await {
            self.watches().get(&options.origin.release, &object.reference)
        } else {
            let read = self.read(&object.kind, &object.reference).await;
            read.map_err(|failure| Error::Requests(vec![failure]))?
                .map(|live| LiveObject::new(live, &self.shared.field_manager))
        };
        let Some(live) = live else { return Ok(Look::Suspicious(Box::new(object), None)) };
        if self.watches().store().is_cleared(
            &options.origin.release,
            &object.reference,
            question(&object, &live, ignore),
        ) {
            return Ok(Look::AsDeclared);
        }
        let current = live.parse();
        if diff::drift_detection_disabled(&current) {
            return Ok(Look::AsDeclared);
        }
        let mut desired = object.object.clone();
        diff::normalise(&mut desired);
        let changes = differences(&desired, &current, &live, ignore);
        if changes.is_empty() {
            self.watches().store().clear(&options.origin.release, &object.reference, question(&object, &live, ignore));
            return Ok(Look::AsDeclared);
        }
        Ok(Look::Suspicious(Box::new(object), Some(live)))
    }

    /// Asks the server what an apply would change.
    async fn confirm(
        &self,
        object: &Prepared,
        live: Option<&LiveObject>,
        options: &ApplyOptions,
        ignore: &IgnoreRules,
    ) -> Result<Option<ObjectDrift>, Failure> {
        if ignore.paths(&object.object).any(str::is_empty) {
            return Ok(None);
        }
        let reference = object.reference.clone();
        let answer = self.patch_once(object, options, true, true).await?;
        if answer.created {
            return Ok(Some(ObjectDrift { object: reference, change: Change::Missing }));
        }
        let live = match live {
            Some(live) => live.clone(),
            // It exists, but has lost its labels or has come a moment ago: the store cannot tell what it looks like.
            None => match self.read(&object.kind, &reference).await? {
                Some(current) => LiveObject::new(current, &self.shared.field_manager),
                None => return Ok(Some(ObjectDrift { object: reference, change: Change::Missing })),
            },
        };
        let current = live.parse();
        if diff::drift_detection_disabled(&current) {
            return Ok(None);
        }
        let mut applied = answer.body;
        diff::normalise(&mut applied);
        let changes = differences(&applied, &current, &live, ignore);
        if changes.is_empty() {
            self.watches().store().clear(&options.origin.release, &reference, question(object, &live, ignore));
            return Ok(None);
        }
        Ok(Some(ObjectDrift { object: reference, change: Change::Changed(changes) }))
    }

    /// Puts drifted objects right: missing ones are created, changed ones applied, ignored fields left as they are live.
    pub async fn correct(
        &self,
        objects: &[Value],
        drifted: &[ObjectDrift],
        options: &ApplyOptions,
        ignore: &IgnoreRules,
    ) -> Result<ApplyReport, Error> {
        let mut prepared = self.prepare(objects, &options.origin, options.mark).await?;
        prepared.retain(|it| drifted.iter().any(|drift| drift.object == it.reference));
        for object in &mut prepared {
            let mut paths: Vec<String> = ignore.paths(&object.object).map(str::to_owned).collect();
            let known = self.watches().get(&options.origin.release, &object.reference);
            if known.is_some_and(|live| diff::is_autoscaled(&live.owners, &object.object)) {
                paths.push(diff::REPLICAS.to_owned());
            }
            if paths.is_empty() {
                continue;
            }
            let live = self.read(&object.kind, &object.reference).await;
            if let Some(live) = live.map_err(|failure| Error::Requests(vec![failure]))? {
                for path in paths {
                    keep_live(&mut object.object, &live, &path);
                }
            }
        }
        let prepared: Vec<&Prepared> = prepared.iter().collect();
        let options = ApplyOptions { force: true, replace: false, take_over: Vec::new(), ..options.clone() };
        self.apply_prepared(&prepared, &[], &options).await
    }
}

/// The fields that differ and matter, each with the other manager that has it. A number of replicas that an autoscaler has set is its
/// business, whatever the manifest says.
fn differences(declared: &Value, current: &Value, live: &LiveObject, ignore: &IgnoreRules) -> Vec<FieldChange> {
    let mut changes = ignore.retain(declared, diff::compare(declared, current));
    if changes.iter().any(|change| change.pointer == diff::REPLICAS) && diff::is_autoscaled(&live.owners, declared) {
        changes.retain(|change| change.pointer != diff::REPLICAS);
    }
    for change in &mut changes {
        change.manager = diff::owner_of(&live.owners, declared, &change.pointer).map(str::to_owned);
    }
    changes
}

/// Takes an ignored field's live value into the object to apply. Leaving the field out instead would take it away where we own it.
fn keep_live(object: &mut Value, live: &Value, path: &str) {
    if let (Some(field), Some(value)) = (object.pointer_mut(path), live.pointer(path)) {
        *field = value.clone();
    }
}

/// What was asked about an object, as a number: its desired form, its live content and the ignore rules.
fn question(object: &Prepared, live: &LiveObject, ignore: &IgnoreRules) -> u64 {
    let mut hasher = DefaultHasher::new();
    object.object.to_string().hash(&mut hasher);
    live.uid.hash(&mut hasher);
    live.content.hash(&mut hasher);
    ignore.paths(&object.object).for_each(|path| path.hash(&mut hasher));
    hasher.finish()
}
