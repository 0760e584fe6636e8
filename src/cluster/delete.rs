//! Deleting a release's objects, in Helm's uninstall order.
//!
//! **Invariant:** never deletes an object whose manifest or live form carries `helm.sh/resource-policy: keep`.

use std::pin::pin;
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _, stream};
use kube::api::DeleteParams;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::objects::{Prepared, flatten, foreign};
use super::request::path;
use super::single::Ended;
use super::{Cluster, Error, Failure, ObjectReference, Operation, Origin};
use crate::render::KindOrder;

/// How many objects of one kind are deleted at a time.
const MAX_CONCURRENT: usize = 8;

/// Where Helm's resource policy is.
const RESOURCE_POLICY: &str = "/metadata/annotations/helm.sh~1resource-policy";

/// What happens to dependents (`spec.uninstall.deletionPropagation`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Propagation {
    /// The garbage collector deletes them afterwards.
    #[default]
    Background,
    /// They go first.
    Foreground,
    /// They stay.
    Orphan,
}

/// How to delete.
#[derive(Clone, Debug)]
pub struct DeleteOptions {
    /// Whose objects these are, and where objects without a namespace are.
    pub origin: Origin,
    /// What happens to dependents.
    pub propagation: Propagation,
    /// Wait until the objects are gone, at most so long.
    pub wait: Option<Duration>,
    /// Ends the wait early.
    pub cancel: CancellationToken,
    /// Delete only objects that carry the release's ownership marks; others are left alone without a word.
    pub only_owned: bool,
}

/// What a deletion did.
#[derive(Clone, Debug, Default)]
pub struct DeleteReport {
    /// Objects whose deletion was begun, in order.
    pub deleted: Vec<ObjectReference>,
    /// Objects that were not there.
    pub absent: Vec<ObjectReference>,
    /// Objects kept by their resource policy.
    pub kept: Vec<ObjectReference>,
    /// Refusals; other objects are deleted all the same.
    pub failures: Vec<Failure>,
    /// Objects that were still there when the wait ended.
    pub remaining: Vec<ObjectReference>,
}

/// What became of one object.
enum Deletion {
    /// Gone already.
    Gone,
    /// Marked for deletion; finalizers or its Pods hold it. Says whether the store had it.
    Pending {
        stored: bool,
    },
    Absent,
    Kept,
    /// Belongs to somebody else.
    Foreign,
}

impl Cluster {
    /// Deletes objects in uninstall order, whatever order they are given in.
    pub async fn delete(&self, objects: &[Value], options: &DeleteOptions) -> Result<DeleteReport, Error> {
        let deadline = options.wait.map(|wait| Instant::now() + wait);
        let mut report = DeleteReport::default();
        let mut prepared = Vec::new();
        for object in objects.iter().flat_map(flatten) {
            match self.prepare(std::slice::from_ref(object), &options.origin, false).await {
                Ok(one) => prepared.extend(one),
                // A kind that is not served any more has no objects.
                Err(Error::NoMatch { .. }) => report.absent.extend(ObjectReference::of(object)),
                Err(error) => return Err(error),
            }
        }
        prepared.sort_by(|a, b| KindOrder::Uninstall.compare(&a.reference.kind, &b.reference.kind));
        let mut pending = Vec::new();
        for batch in prepared.chunk_by(|one, next| one.reference.kind == next.reference.kind) {
            // Boxed, since the compiler cannot see that futures made by a closure over references are Send.
            let requests: Vec<_> = batch.iter().map(|object| self.delete_one(object, options).boxed()).collect();
            let outcomes: Vec<_> = stream::iter(requests).buffered(MAX_CONCURRENT).collect().await;
            for (object, outcome) in batch.iter().zip(outcomes) {
                let reference = object.reference.clone();
                match outcome {
                    Ok(Deletion::Gone) => report.deleted.push(reference),
                    Ok(Deletion::Pending { stored }) => {
                        report.deleted.push(reference);
                        pending.push((object, stored));
                    }
                    Ok(Deletion::Absent) => report.absent.push(reference),
                    Ok(Deletion::Kept) => report.kept.push(reference),
                    Ok(Deletion::Foreign) => {}
                    Err(failure) => report.failures.push(failure),
                }
            }
        }
        if let Some(deadline) = deadline {
            self.wait_gone(&pending, options, deadline, &mut report).await?;
        }
        Ok(report)
    }

    async fn delete_one(&self, object: &Prepared, options: &DeleteOptions) -> Result<Deletion, Failure> {
        if is_kept(&object.object) {
            return Ok(Deletion::Kept);
        }
        let reference = &object.reference;
        let release = &options.origin.release;
        let stored = self.watches().get(release, reference);
        let was_stored = stored.is_some();
        let live = match stored {
            Some(live) => Some(live.parse()),
            None => self.read(&object.kind, reference).await?,
        };
        let Some(live) = live else { return Ok(Deletion::Absent) };
        if is_kept(&live) {
            return Ok(Deletion::Kept);
        }
        if options.only_owned && foreign(&live, &options.origin).is_some() {
            return Ok(Deletion::Foreign);
        }
        let params = match options.propagation {
            Propagation::Background => DeleteParams::background(),
            Propagation::Foreground => DeleteParams::foreground(),
            Propagation::Orphan => DeleteParams::orphan(),
        };
        let request = path(&object.kind, reference.namespace.as_deref()).delete(&reference.name, &params);
        match self.send(Operation::Delete, reference, request).await {
            // The answer is not stored: the watch may have told already that the object is gone.
            Ok(answer) if is_held(&answer.body) => Ok(Deletion::Pending { stored: was_stored }),
            Ok(_) => {
                self.watches().store().deleted(release, reference);
                Ok(Deletion::Gone)
            }
            Err(failure) if failure.code == 404 => {
                self.watches().store().deleted(release, reference);
                Ok(Deletion::Absent)
            }
            Err(failure) => Err(failure),
        }
    }

    async fn wait_gone(
        &self,
        pending: &[(&Prepared, bool)],
        options: &DeleteOptions,
        deadline: Instant,
        report: &mut DeleteReport,
    ) -> Result<(), Error> {
        for (object, stored) in pending {
            let namespace = object.reference.namespace.as_deref();
            let ended = if *stored && self.watches().follows(&object.kind, namespace).await {
                self.leaves_store(&options.origin, &object.reference, deadline, &options.cancel).await
            } else {
                let gone = |live: Option<&Value>| live.is_none();
                self.watch_until(&object.kind, &object.reference, deadline, &options.cancel, gone).await
            };
            match ended {
                Ended::Met => {}
                // The server may have been away, and nothing was told meanwhile.
                Ended::TimedOut => match self.read(&object.kind, &object.reference).await {
                    Ok(None) => {}
                    Err(failure) if failure.is_fault() => return Err(Error::Requests(vec![failure])),
                    Ok(Some(_)) | Err(_) => report.remaining.push(object.reference.clone()),
                },
                Ended::Cancelled => return Err(Error::Cancelled),
            }
        }
        self.watches().store().drop_waiter(&options.origin.release);
        Ok(())
    }

    async fn leaves_store(
        &self,
        origin: &Origin,
        object: &ObjectReference,
        deadline: Instant,
        cancel: &CancellationToken,
    ) -> Ended {
        let waiter = self.watches().store().waiter(&origin.release);
        loop {
            let mut changed = pin!(waiter.notified());
            changed.as_mut().enable();
            if self.watches().get(&origin.release, object).is_none() {
                return Ended::Met;
            }
            tokio::select! {
                () = changed => {}
                () = sleep_until(deadline) => return Ended::TimedOut,
                () = cancel.cancelled() => return Ended::Cancelled,
            }
        }
    }
}

/// Whether the answer to a deletion tells of an object that is still there: marked, and held by a finalizer or its grace period. Otherwise
/// the answer is a status or, for kinds such as Service, the object as it was.
fn is_held(answer: &Value) -> bool {
    let metadata = answer.get("metadata");
    let field = |name: &str| metadata.and_then(|metadata| metadata.get(name));
    let has_finalizers = field("finalizers").and_then(Value::as_array).is_some_and(|finalizers| !finalizers.is_empty());
    let has_grace = field("deletionGracePeriodSeconds").and_then(Value::as_i64).is_some_and(|seconds| seconds > 0);
    field("deletionTimestamp").is_some() && (has_finalizers || has_grace)
}

fn is_kept(object: &Value) -> bool {
    object
        .pointer(RESOURCE_POLICY)
        .and_then(Value::as_str)
        .is_some_and(|policy| policy.trim().eq_ignore_ascii_case("keep"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    // Answers of a Kubernetes 1.36.3 API server.
    #[test]
    fn an_answer_tells_whether_the_object_is_still_there() {
        assert!(!is_held(&json!({"kind": "Status", "status": "Success"})));
        assert!(!is_held(&json!({"kind": "Service", "metadata": {"name": "web", "resourceVersion": "7"}})));
        let deleted = "2026-01-01T00:00:00Z";
        let gone = json!({"metadata": {"deletionTimestamp": deleted, "deletionGracePeriodSeconds": 0}});
        assert!(!is_held(&gone));
        let pod = json!({"metadata": {"deletionTimestamp": deleted, "deletionGracePeriodSeconds": 30}});
        assert!(is_held(&pod));
        let waiting = json!({"metadata": {"deletionTimestamp": deleted, "finalizers": ["foregroundDeletion"]}});
        assert!(is_held(&waiting));
    }
}
