//! CustomResourceDefinitions of a chart's `crds/` folder, before the release itself.
//!
//! **Invariant:** the policy Create never overwrites a definition that exists.

use std::time::Duration;

use kube::api::PostParams;
use kube::core::GroupVersionKind;
use serde_json::Value;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::objects::{Prepared, flatten, put_origin_labels};
use super::request::{Answer, path};
use super::single::Ended;
use super::{ApplyOptions, Cluster, Error, Failure, ObjectReference, Operation, Origin};
use crate::readiness::{Purpose, Readiness, State, readiness};

/// How often discovery is asked whether it knows a definition that has just been established.
const DISCOVERY_INTERVAL: Duration = Duration::from_millis(250);

/// What to do with the definitions (`spec.install.crds`, `spec.upgrade.crds`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CrdPolicy {
    /// Nothing.
    Skip,
    /// Create those that are missing.
    #[default]
    Create,
    /// Create those that are missing and replace the others.
    CreateReplace,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CrdReport {
    /// Definitions that were created.
    pub created: Vec<ObjectReference>,
    /// Definitions that were replaced.
    pub replaced: Vec<ObjectReference>,
    /// Definitions that were there already and stayed as they are.
    pub left: Vec<ObjectReference>,
    /// Documents of the folder that are no definitions; they are not applied.
    pub ignored: Vec<ObjectReference>,
}

impl Cluster {
    /// Applies definitions and waits until they are established and discovery knows them.
    ///
    /// # Errors
    /// A definition is refused or not established by the deadline, or the wait was called off.
    pub async fn apply_crds(
        &self,
        objects: &[Value],
        policy: CrdPolicy,
        origin: &Origin,
        deadline: Duration,
        cancel: &CancellationToken,
    ) -> Result<CrdReport, Error> {
        let mut report = CrdReport::default();
        if policy == CrdPolicy::Skip {
            return Ok(report);
        }
        let deadline = Instant::now() + deadline;
        let mut written = Vec::new();
        for object in objects.iter().flat_map(flatten) {
            if object.get("kind").and_then(Value::as_str) != Some("CustomResourceDefinition") {
                report.ignored.extend(ObjectReference::of(object));
                continue;
            }
            let mut prepared = self.prepare(std::slice::from_ref(object), origin, false).await?;
            for mut definition in prepared.drain(..) {
                put_origin_labels(&mut definition.object, origin);
                let reference = definition.reference.clone();
                let answer = match policy {
                    CrdPolicy::CreateReplace => self.replace_crd(&definition, origin).await.map(Some),
                    CrdPolicy::Create | CrdPolicy::Skip => self.create_crd(&definition).await,
                };
                match answer.map_err(|failure| Error::Requests(vec![failure]))? {
                    None => report.left.push(reference),
                    Some(answer) => {
                        let list = if answer.created { &mut report.created } else { &mut report.replaced };
                        list.push(reference);
                        written.push((definition, answer.body));
                    }
                }
            }
        }
        if !written.is_empty() {
            self.wait_established(&written, deadline, cancel).await?;
        }
        Ok(report)
    }

    /// Creates a definition; none where it exists.
    async fn create_crd(&self, definition: &Prepared) -> Result<Option<Answer>, Failure> {
        let params = PostParams { dry_run: false, field_manager: Some(self.shared.field_manager.clone()) };
        let request = path(&definition.kind, None).create(&params, definition.object.to_string().into_bytes());
        match self.send(Operation::Create, &definition.reference, request).await {
            Ok(answer) => Ok(Some(Answer { created: true, ..answer })),
            Err(failure) if failure.code == 409 => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn replace_crd(&self, definition: &Prepared, origin: &Origin) -> Result<Answer, Failure> {
        let options = ApplyOptions { strict: false, ..ApplyOptions::new(origin.clone()) };
        self.patch_once(definition, &options, true, false).await
    }

    async fn wait_established(
        &self,
        written: &[(Prepared, Value)],
        deadline: Instant,
        cancel: &CancellationToken,
    ) -> Result<(), Error> {
        let purpose = Purpose::Release { wait_for_jobs: false };
        for (definition, live) in written {
            let mut last = readiness(live, purpose);
            if !is_decided(&last) {
                let met = |live: Option<&Value>| {
                    last = live.map_or_else(Readiness::not_found, |live| readiness(live, purpose));
                    is_decided(&last)
                };
                let ended = self.watch_until(&definition.kind, &definition.reference, deadline, cancel, met).await;
                match ended {
                    Ended::Met => {}
                    Ended::TimedOut => return Err(timeout(&definition.reference, &last.message)),
                    Ended::Cancelled => return Err(Error::Cancelled),
                }
            }
            if last.state == State::Failed {
                return Err(Error::NotEstablished {
                    object: Box::new(definition.reference.clone()),
                    message: last.message,
                });
            }
        }
        self.discovery().invalidate();
        for (definition, _) in written {
            self.wait_discovered(definition, deadline).await?;
        }
        Ok(())
    }

    /// A server tells of a definition a moment after it is established; nothing but asking shows when.
    async fn wait_discovered(&self, definition: &Prepared, deadline: Instant) -> Result<(), Error> {
        for gvk in served_kinds(&definition.object) {
            while self.discovery().resolve(&gvk).await?.is_none() {
                if Instant::now() + DISCOVERY_INTERVAL > deadline {
                    return Err(timeout(&definition.reference, "not served yet"));
                }
                sleep(DISCOVERY_INTERVAL).await;
                self.discovery().invalidate();
            }
        }
        Ok(())
    }
}

fn is_decided(verdict: &Readiness) -> bool {
    matches!(verdict.state, State::Current | State::Failed)
}

fn timeout(object: &ObjectReference, message: &str) -> Error {
    Error::Timeout { what: format!("{object}: {message}") }
}

fn served_kinds(definition: &Value) -> Vec<GroupVersionKind> {
    let text = |pointer: &str| definition.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (group, kind) = (text("/spec/group"), text("/spec/names/kind"));
    let versions = definition.pointer("/spec/versions").and_then(Value::as_array).into_iter().flatten();
    let served = versions.filter(|version| version.get("served").and_then(Value::as_bool) == Some(true));
    let names = served.filter_map(|version| version.get("name").and_then(Value::as_str));
    names.map(|version| GroupVersionKind::gvk(group, version, kind)).collect()
}
