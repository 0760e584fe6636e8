//! From the end of an attempt to the status: conditions as Flux's source-controller 1.9 leaves them, and the write.
//!
//! **Invariant:** an equal status costs no request.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;

use super::kind::{Source, identity};
use crate::api::conditions::{condition_status, condition_type, reason};
use crate::api::metadata::REQUESTED_AT_ANNOTATION;
use crate::api::source::Artifact;
use crate::controller::status::merge_patch;
use crate::lifecycle::{Conditions, Event, EventType};
use crate::source;

/// The field manager of everything written to sources, Flux's name for it.
const FIELD_MANAGER: &str = "source-controller";

/// An attempt that went well.
#[derive(Debug)]
pub(super) struct Done {
    /// Reason of the conditions.
    pub(super) reason: &'static str,
    /// Their message.
    pub(super) message: String,
    /// What the event about a new artifact says; none if the artifact is the old one.
    pub(super) news: Option<(&'static str, String)>,
    /// Whether there is an artifact, which only a registry as a whole has not.
    pub(super) has_artifact: bool,
}

/// An attempt that did not.
#[derive(Debug)]
pub(super) struct Failed {
    /// Reason of the conditions.
    pub(super) reason: &'static str,
    /// Their message.
    pub(super) message: String,
    /// Which of the conditions that tell what failed.
    pub(super) condition: &'static str,
    /// What it means for the next try.
    pub(super) ending: FailedEnding,
}

/// What a failure means for the next try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailedEnding {
    /// Nothing helps until an input changes.
    Stalled,
    /// Something else has to become ready, which a watch tells.
    Waiting,
    /// To be tried again.
    Retry,
}

impl Failed {
    /// A failure of fetching.
    pub(super) fn of(error: &source::Error, step: source::Step) -> Self {
        let ending = match error.class() {
            source::Class::Terminal => FailedEnding::Stalled,
            source::Class::Transient => FailedEnding::Retry,
        };
        let condition = match error {
            source::Error::ValuesFile { .. } | source::Error::Build { .. } => condition_type::BUILD_FAILED,
            _ => condition_type::FETCH_FAILED,
        };
        Self { reason: error.reason(step), message: error.to_string(), condition, ending }
    }

    /// A failure of checking a signature, whatever the reason.
    pub(super) fn of_verification(error: &source::Error, step: source::Step) -> Self {
        let (condition, reason) = match step {
            source::Step::Chart => (condition_type::BUILD_FAILED, reason::CHART_VERIFICATION_ERROR),
            source::Step::Index | source::Step::Artifact | source::Step::Git => {
                (condition_type::SOURCE_VERIFIED, reason::VERIFICATION_ERROR)
            }
        };
        let message = match error {
            source::Error::Verification { .. } => error.to_string(),
            _ => format!("failed to verify the signature: {error}"),
        };
        Self { reason, message, condition, ..Self::of(error, step) }
    }
}

/// The status after an attempt, and the event to publish.
pub(super) fn conclude<K: Source>(
    object: &K,
    status: &mut K::Status,
    result: &Result<Done, Failed>,
    now: Timestamp,
) -> Option<Event> {
    let generation = object.meta().generation.unwrap_or_default();
    let edit = K::edit(status);
    if let Some(token) = object.meta().annotations.as_ref().and_then(|all| all.get(REQUESTED_AT_ANNOTATION)) {
        edit.common.last_handled_reconcile_at = Some(token.clone());
    }
    let mut conditions = Conditions::edit(&mut edit.common.conditions, generation, now);
    let before = conditions.get(condition_type::READY).map(|ready| (ready.status.clone(), ready.message.clone()));
    match result {
        Ok(done) => {
            edit.common.observed_generation = Some(generation);
            succeed(&mut conditions, done);
            let was_failing = before.is_some_and(|(status, _)| status == condition_status::FALSE);
            let recovered = || was_failing.then(|| (reason::SUCCEEDED, done.message.clone()));
            let (reason, message) = done.news.clone().or_else(recovered)?;
            Some(Event { event_type: EventType::Normal, reason, message })
        }
        Err(failed) => {
            if failed.ending == FailedEnding::Stalled {
                edit.common.observed_generation = Some(generation);
            }
            fail(&mut conditions, failed);
            // The same failure again is told by the condition alone.
            let is_new =
                before.is_none_or(|(status, message)| status != condition_status::FALSE || message != failed.message);
            let is_told = is_new && failed.ending != FailedEnding::Waiting;
            is_told.then(|| Event {
                event_type: EventType::Warning,
                reason: failed.reason,
                message: failed.message.clone(),
            })
        }
    }
}

/// Says what came of checking the signature of an artifact: a message of success or of failure; nothing if there is none to check.
pub(super) fn tell_verified<K: Source>(object: &K, status: &mut K::Status, result: Option<Result<String, &Failed>>) {
    let generation = object.meta().generation.unwrap_or_default();
    let mut conditions = Conditions::edit(&mut K::edit(status).common.conditions, generation, Timestamp::now());
    let of = condition_type::SOURCE_VERIFIED;
    match result {
        None => conditions.remove(of),
        Some(Ok(message)) => conditions.set(of, condition_status::TRUE, reason::SUCCEEDED, &message),
        Some(Err(failed)) => {
            conditions.set(of, condition_status::FALSE, reason::VERIFICATION_ERROR, &failed.message);
        }
    }
}

fn succeed(conditions: &mut Conditions<'_>, done: &Done) {
    for gone in [
        condition_type::FETCH_FAILED,
        condition_type::BUILD_FAILED,
        condition_type::INCLUDE_UNAVAILABLE,
        condition_type::STORAGE_OPERATION_FAILED,
        condition_type::ARTIFACT_OUTDATED,
        condition_type::STALLED,
        condition_type::RECONCILING,
    ] {
        conditions.remove(gone);
    }
    if done.has_artifact {
        conditions.set(condition_type::ARTIFACT_IN_STORAGE, condition_status::TRUE, done.reason, &done.message);
    } else {
        conditions.remove(condition_type::ARTIFACT_IN_STORAGE);
    }
    conditions.set(condition_type::READY, condition_status::TRUE, done.reason, &done.message);
}

fn fail(conditions: &mut Conditions<'_>, failed: &Failed) {
    for other in [condition_type::FETCH_FAILED, condition_type::BUILD_FAILED, condition_type::INCLUDE_UNAVAILABLE] {
        if other != failed.condition {
            conditions.remove(other);
        }
    }
    // Of the conditions that tell what failed, this one alone is good when it holds.
    let is_positive = failed.condition == condition_type::SOURCE_VERIFIED;
    let status = if is_positive { condition_status::FALSE } else { condition_status::TRUE };
    conditions.set(failed.condition, status, failed.reason, &failed.message);
    conditions.not_ready(failed.reason, &failed.message);
    match failed.ending {
        FailedEnding::Stalled => conditions.stalled(failed.reason, &failed.message),
        FailedEnding::Waiting | FailedEnding::Retry => {
            conditions.reconciling(reason::PROGRESSING_WITH_RETRY, "reconciliation in progress");
        }
    }
}

/// What is new of an artifact that is put into a status.
pub(super) struct NewArtifact<'a> {
    /// The file's name in the folder of the object.
    pub(super) file: &'a str,
    /// The name of the newest file, by which the status links it.
    pub(super) latest: &'a str,
    /// Version of the content.
    pub(super) revision: String,
    /// Digest of the file.
    pub(super) digest: String,
    /// Bytes of the file.
    pub(super) size: u64,
    /// Further facts.
    pub(super) metadata: std::collections::BTreeMap<String, String>,
}

/// Puts an artifact into a status. Nothing is served at its URL, which names the place that Flux would serve it at.
pub(super) fn put_artifact<K: Source>(object: &K, status: &mut K::Status, host: &str, new: NewArtifact<'_>) {
    let (namespace, name) = identity(object);
    let folder = format!("{}/{namespace}/{name}", K::CONTROLLER);
    let edit = K::edit(status);
    edit.common.url = Some(format!("http://{host}/{folder}/{}", new.latest));
    *edit.artifact = Some(Artifact {
        path: format!("{folder}/{}", new.file),
        url: format!("http://{host}/{folder}/{}", new.file),
        revision: new.revision,
        digest: Some(new.digest),
        last_update_time: Time(Timestamp::now()),
        size: i64::try_from(new.size).ok(),
        metadata: new.metadata,
        checksum: None,
    });
}

/// Writes what differs between the object's status and the new one, and returns the object as it is then; none if nothing differs or the
/// object is gone.
///
/// # Errors
/// The API server refuses the write.
pub(super) async fn write<K: Source>(
    client: &kube::Client,
    object: &K,
    status: &K::Status,
) -> Result<Option<K>, kube::Error> {
    let to_json = |status: &K::Status| serde_json::to_value(status).unwrap_or_default();
    let before = object.status().map_or_else(|| json!({}), to_json);
    let Some(change) = merge_patch(&before, &to_json(status)) else { return Ok(None) };
    let (namespace, name) = identity(object);
    let patch = json!({ "metadata": { "uid": object.meta().uid }, "status": change });
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    match api.patch_status(name, &manager(), &Patch::Merge(&patch)).await {
        Ok(written) => Ok(Some(written)),
        Err(kube::Error::Api(answer)) if answer.code == 404 => Ok(None),
        Err(error) => Err(error),
    }
}

/// How we name ourselves in writes.
pub(super) fn manager() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}

#[cfg(test)]
mod tests {
    //! The conditions are those that Flux's source-controller 1.9 leaves behind in the same cases.

    use super::*;
    use crate::api::HelmRepository;
    use crate::api::conditions::{find, is_true};
    use crate::api::helm_repository::HelmRepositoryStatus;

    fn repository() -> HelmRepository {
        let mut repository = HelmRepository::new("repo", crate::api::helm_repository::HelmRepositorySpec::default());
        repository.metadata.generation = Some(2);
        let token = [(REQUESTED_AT_ANNOTATION.to_owned(), "now".to_owned())];
        repository.metadata.annotations = Some(token.into());
        repository
    }

    fn missing(ending: FailedEnding) -> Failed {
        let condition = condition_type::FETCH_FAILED;
        Failed { reason: reason::FAILED, message: "404 Not Found".to_owned(), condition, ending }
    }

    fn stored() -> Done {
        Done { reason: reason::SUCCEEDED, message: "stored artifact".to_owned(), news: None, has_artifact: true }
    }

    #[test]
    fn failures_keep_the_generation_unobserved_until_they_stall() {
        let mut status = HelmRepositoryStatus::default();
        status.common.observed_generation = Some(-1);
        let now = Timestamp::UNIX_EPOCH;
        let event = conclude(&repository(), &mut status, &Err(missing(FailedEnding::Retry)), now).unwrap();
        assert_eq!((event.event_type, event.reason), (EventType::Warning, "Failed"));
        let types: Vec<_> = status.common.conditions.iter().map(|condition| condition.type_.as_str()).collect();
        assert_eq!(types, ["FetchFailed", "Ready", "Reconciling"]);
        assert_eq!(status.common.observed_generation, Some(-1));
        assert_eq!(status.common.last_handled_reconcile_at.as_deref(), Some("now"));
        // The same again tells nothing new, and changes nothing.
        let before = status.clone();
        assert!(conclude(&repository(), &mut status, &Err(missing(FailedEnding::Retry)), Timestamp::MAX).is_none());
        assert_eq!(status, before);

        conclude(&repository(), &mut status, &Err(missing(FailedEnding::Stalled)), now);
        assert!(
            is_true(&status.common.conditions, "Stalled") && find(&status.common.conditions, "Reconciling").is_none()
        );
        assert_eq!(status.common.observed_generation, Some(2));
    }

    #[test]
    fn success_clears_what_failed_and_tells_of_the_recovery_once() {
        let mut status = HelmRepositoryStatus::default();
        let now = Timestamp::UNIX_EPOCH;
        conclude(&repository(), &mut status, &Err(missing(FailedEnding::Retry)), now);
        let event = conclude(&repository(), &mut status, &Ok(stored()), now).unwrap();
        assert_eq!((event.event_type, event.reason), (EventType::Normal, "Succeeded"));
        let types: Vec<_> = status.common.conditions.iter().map(|condition| condition.type_.as_str()).collect();
        assert_eq!(types, ["Ready", "ArtifactInStorage"]);
        let before = status.clone();
        assert!(conclude(&repository(), &mut status, &Ok(stored()), Timestamp::MAX).is_none());
        assert_eq!(status, before);
    }
}
