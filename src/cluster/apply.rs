//! Server-side apply of a release's objects, in order and with Helm's ownership metadata.
//!
//! Consecutive objects of one kind go concurrently, kinds strictly one after the other, as Helm does. What the server answers goes
//! straight into the shared store.
//!
//! **Invariant:** never changes the objects it is given; labels and annotations are put on the copies that are sent.

use futures::{FutureExt as _, StreamExt as _, stream};
use kube::api::{Patch, PatchParams, ValidationDirective};
use serde_json::Value;

use super::objects::{Prepared, foreign};
use super::request::{Answer, path};
use super::{Cluster, Error, Failure, FieldConflict, ObjectReference, Operation, ReleaseKey};

/// How many objects of one kind are applied at a time.
const MAX_CONCURRENT: usize = 8;

/// The release that objects belong to, for the marks that are put on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The HelmRelease: labels `helm.toolkit.fluxcd.io/name` and `/namespace`.
    pub release: ReleaseKey,
    /// The Helm release's name: annotation `meta.helm.sh/release-name`.
    pub helm_name: String,
    /// The Helm release's namespace: annotation `meta.helm.sh/release-namespace`, and where objects without a namespace go.
    pub helm_namespace: String,
}

/// What to do with an object that exists without our marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ownership {
    /// Take it over, as Flux does by default.
    #[default]
    Take,
    /// Refuse, as the helm program does; one read an object that the store does not know.
    Check,
}

/// How to apply.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of Helm's own")]
pub struct ApplyOptions {
    /// Marks and default namespace. The labels and annotations of `mark` are put on every object.
    pub origin: Origin,
    /// Put Helm's ownership metadata and Flux's origin labels on the objects; hooks get neither.
    pub mark: bool,
    /// What to do with somebody else's objects.
    pub ownership: Ownership,
    /// Refuse unknown and duplicate fields (Helm's OpenAPI validation).
    pub strict: bool,
    /// Take fields that other managers own.
    pub force: bool,
    /// Server-side apply; otherwise create and patch as Helm's client-side apply does, against `previous`.
    pub server_side: bool,
    /// The objects of the revision before, which a client-side patch takes removed fields from.
    pub previous: Vec<Value>,
    /// Managers whose fields become ours before the apply, such as `helm` after a revision that the helm program wrote; one read an
    /// object more. Our own fields from client-side apply are taken over as well wherever this is not empty.
    pub take_over: Vec<String>,
    /// Replace objects as a whole (`force` of an upgrade); only where `server_side` is off, as with Helm.
    pub replace: bool,
}

impl ApplyOptions {
    /// Forced, strict server-side apply with marks, as an install does it.
    pub fn new(origin: Origin) -> Self {
        Self {
            origin,
            mark: true,
            ownership: Ownership::Take,
            strict: true,
            force: true,
            server_side: true,
            previous: Vec::new(),
            take_over: Vec::new(),
            replace: false,
        }
    }
}

/// What an apply did to one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did not exist.
    Created,
    /// It exists, and the server changed it or may have: what was there before is not known.
    Changed,
    /// The server left it as it was.
    Unchanged,
}

/// An object that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Which object, with its namespace resolved.
    pub object: ObjectReference,
    /// What happened to it.
    pub outcome: Outcome,
    /// Fields that were taken from other managers by force.
    pub taken: Vec<FieldConflict>,
}

/// What an apply did, also where it failed half-way.
#[derive(Clone, Debug, Default)]
pub struct ApplyReport {
    /// Objects that were applied, in order.
    pub applied: Vec<Applied>,
    /// Objects that were not. The others are tried all the same, as Helm 4 does.
    pub failures: Vec<Failure>,
}

impl ApplyReport {
    /// Whether the server changed anything.
    pub fn has_changes(&self) -> bool {
        self.applied.iter().any(|applied| applied.outcome != Outcome::Unchanged)
    }

    /// The objects that did not exist before.
    pub fn created(&self) -> impl Iterator<Item = &ObjectReference> {
        self.applied.iter().filter(|applied| applied.outcome == Outcome::Created).map(|applied| &applied.object)
    }

    /// The failures as an error, or the report.
    pub fn into_result(self) -> Result<Self, Error> {
        if self.failures.is_empty() { Ok(self) } else { Err(Error::Requests(self.failures)) }
    }
}

impl Cluster {
    /// Applies objects in the order given, which is the manifest's install order.
    ///
    /// # Errors
    /// Objects that are no objects, kinds that the server does not serve and objects that belong to others are found before anything is
    /// written. Refusals by the server are in the report.
    pub async fn apply(&self, objects: &[Value], options: &ApplyOptions) -> Result<ApplyReport, Error> {
        let prepared = self.prepare(objects, &options.origin, options.mark).await?;
        let prepared: Vec<&Prepared> = prepared.iter().collect();
        if options.ownership == Ownership::Check {
            self.check_ownership(&prepared, &options.origin).await?;
        }
        let previous = if options.server_side {
            Vec::new()
        } else {
            self.prepare(&options.previous, &options.origin, options.mark).await?
        };
        self.apply_prepared(&prepared, &previous, options).await
    }

    pub(super) async fn apply_prepared(
        &self,
        prepared: &[&Prepared],
        previous: &[Prepared],
        options: &ApplyOptions,
    ) -> Result<ApplyReport, Error> {
        let mut report = ApplyReport::default();
        for batch in prepared.chunk_by(|one, next| one.reference.kind == next.reference.kind) {
            // Boxed, since the compiler cannot see that futures made by a closure over references are Send.
            let requests: Vec<_> =
                batch.iter().map(|object| self.apply_one(object, previous, options).boxed()).collect();
            let outcomes: Vec<_> = stream::iter(requests).buffered(MAX_CONCURRENT).collect().await;
            for outcome in outcomes {
                match outcome {
                    Ok(applied) => report.applied.push(applied),
                    Err(failure) => report.failures.push(failure),
                }
            }
        }
        Ok(report)
    }

    async fn apply_one(
        &self,
        prepared: &Prepared,
        previous: &[Prepared],
        options: &ApplyOptions,
    ) -> Result<Applied, Failure> {
        if options.mark {
            // The store is to follow the object from its first version on; the answer does not wait for that.
            self.watches().begin(&prepared.kind);
        }
        let before = self.watches().get(&options.origin.release, &prepared.reference);
        if options.server_side && !options.take_over.is_empty() {
            self.take_over(prepared, &options.take_over).await?;
        }
        let (answer, taken) = if options.server_side {
            self.patch(prepared, options).await?
        } else {
            (self.merge(prepared, previous, options).await?, Vec::new())
        };
        let text = |pointer: &str| answer.body.pointer(pointer).and_then(Value::as_str);
        let version = (text("/metadata/uid"), text("/metadata/resourceVersion"));
        let unchanged = before.is_some_and(|it| (Some(&*it.uid), Some(&*it.resource_version)) == version);
        let outcome = match (answer.created, unchanged) {
            (true, _) => Outcome::Created,
            (false, true) => Outcome::Unchanged,
            (false, false) => Outcome::Changed,
        };
        if options.mark {
            self.watches().store().written(answer.body);
        }
        Ok(Applied { object: prepared.reference.clone(), outcome, taken })
    }

    /// Applies without force first, so that the server tells whose fields are taken; only a conflict costs the second request.
    async fn patch(
        &self,
        prepared: &Prepared,
        options: &ApplyOptions,
    ) -> Result<(Answer, Vec<FieldConflict>), Failure> {
        match self.patch_once(prepared, options, false, false).await {
            Err(failure) if options.force && failure.code == 409 => {
                let taken = failure.conflicts;
                Ok((self.patch_once(prepared, options, true, false).await?, taken))
            }
            outcome => Ok((outcome?, Vec::new())),
        }
    }

    /// One server-side apply.
    pub(super) async fn patch_once(
        &self,
        prepared: &Prepared,
        options: &ApplyOptions,
        force: bool,
        dry_run: bool,
    ) -> Result<Answer, Failure> {
        let params = PatchParams {
            dry_run,
            force,
            field_manager: Some(self.shared.field_manager.clone()),
            field_validation: Some(if options.strict {
                ValidationDirective::Strict
            } else {
                ValidationDirective::Ignore
            }),
        };
        let reference = &prepared.reference;
        let operation = if dry_run { Operation::DryRun } else { Operation::Patch };
        let request = path(&prepared.kind, reference.namespace.as_deref()).patch(
            &reference.name,
            &params,
            &Patch::Apply(&prepared.object),
        );
        self.send(operation, reference, request).await
    }

    /// Refuses objects that exist and carry another release's marks or none. Objects that the store has are ours by their labels.
    async fn check_ownership(&self, prepared: &[&Prepared], origin: &Origin) -> Result<(), Error> {
        let unknown = prepared.iter().filter(|it| self.watches().get(&origin.release, &it.reference).is_none());
        let reads: Vec<_> =
            unknown.map(|it| async move { (*it, self.read(&it.kind, &it.reference).await) }.boxed()).collect();
        let mut reads = stream::iter(reads).buffered(MAX_CONCURRENT);
        while let Some((object, read)) = reads.next().await {
            let live = read.map_err(|failure| Error::Requests(vec![failure]))?;
            if let Some(message) = live.and_then(|live| foreign(&live, origin)) {
                return Err(Error::Ownership { object: Box::new(object.reference.clone()), message });
            }
        }
        Ok(())
    }
}
