//! What every reconcile of a release shares.
//!
//! **Invariant:** everything here is cheap to clone and safe to use from many reconciles at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;
use kube_runtime::reflector::{ObjectRef, Store};

use super::backoff::Backoff;
use super::config::Config;
use super::contests::Contests;
use super::engagement::Engagements;
use super::events::Events;
use super::observe::ForeignActions;
use super::remote::Remotes;
use super::requeue::Patience;
use super::sources::{SourceStores, Sources};
use super::written::Written;
use crate::action::Slots;
use crate::api::conditions::{condition_status, condition_type, find, is_true, reason};
use crate::api::metadata::{
    EVENT_ANNOTATION_PREFIX, EVENT_APP_VERSION_ANNOTATION, EVENT_OCI_DIGEST_ANNOTATION, EVENT_REVISION_ANNOTATION,
    EVENT_TOKEN_ANNOTATION, HELM_GROUP,
};
use crate::api::{ChartRequest, HelmRelease};
use crate::cluster::Cluster;
use crate::lifecycle::Event;
use crate::storage::Storage;
use crate::telemetry::{Metrics, ReleaseFacts, ReleaseState, ResourceInfo};

/// The shared handles.
pub(super) struct Context {
    pub(super) config: Arc<Config>,
    pub(super) client: kube::Client,
    pub(super) cluster: Cluster,
    pub(super) storage: Storage,
    pub(super) sources: Sources,
    pub(super) remotes: Remotes,
    pub(super) source_stores: SourceStores,
    pub(super) releases: Store<HelmRelease>,
    pub(super) written: Written<HelmRelease>,
    pub(super) events: Events,
    pub(super) metrics: Arc<Metrics>,
    pub(super) backoff: Backoff,
    pub(super) foreign_actions: ForeignActions,
    pub(super) contests: Contests,
    pub(super) patience: Patience,
    pub(super) slots: Slots,
    pub(super) engagements: Engagements,
}

/// The namespace and name of an object.
pub(super) fn identity(release: &HelmRelease) -> (&str, &str) {
    let metadata = &release.metadata;
    (metadata.namespace.as_deref().unwrap_or_default(), metadata.name.as_deref().unwrap_or_default())
}

impl Context {
    /// Revisions kept of releases that state none.
    pub(super) fn default_max_history(&self) -> u32 {
        u32::try_from(self.config.default_max_history).unwrap_or_default()
    }

    /// Tells the metrics what state a release is in, unless it is gone or another shard's business by now.
    pub(super) fn tell_metrics(&self, release: &HelmRelease) {
        let (namespace, name) = identity(release);
        let is_ours = self.releases.get(&ObjectRef::new(name).within(namespace)).is_some();
        if release.metadata.deletion_timestamp.is_some() || !is_ours {
            return;
        }
        let status = release.status.clone().unwrap_or_default();
        let newest = status.history.first();
        let ready = find(&status.conditions, condition_type::READY).map(|ready| ready.status.clone());
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let chart_source_name = match release.chart_request() {
            Ok(ChartRequest::Template(template)) => template.spec.source_ref.name,
            _ => String::new(),
        };
        let info = ResourceInfo {
            group: HELM_GROUP,
            version: "v2",
            ready: ready.clone().unwrap_or_else(|| condition_status::UNKNOWN.to_owned()),
            suspended: release.spec.suspend,
            revision: text(newest.map(|newest| newest.chart_version.as_str())),
            chart_name: text(newest.map(|newest| newest.chart_name.as_str())),
            chart_app_version: text(newest.and_then(|newest| newest.app_version.as_deref())),
            chart_ref_name: text(release.spec.chart_ref.as_ref().map(|reference| reference.name.as_str())),
            chart_source_name,
            url: String::new(),
        };
        self.metrics.set_object("HelmRelease", namespace, name, &info);
        let stalled = find(&status.conditions, condition_type::STALLED);
        let stalled = stalled.filter(|stalled| stalled.status == condition_status::TRUE);
        let facts = ReleaseFacts {
            release: release.release_name(),
            chart: info.chart_name,
            version: info.revision,
            is_drifted: is_true(&status.conditions, condition_type::DRIFTED),
            has_exhausted_retries: stalled.is_some_and(|stalled| stalled.reason == reason::RETRIES_EXCEEDED),
        };
        let state = if release.spec.suspend {
            ReleaseState::Suspended
        } else if stalled.is_some() {
            ReleaseState::Stalled
        } else {
            match ready.as_deref() {
                Some(condition_status::TRUE) => ReleaseState::Succeeded,
                Some(condition_status::FALSE) => ReleaseState::Failed,
                _ => ReleaseState::InProgress,
            }
        };
        self.metrics.set_release(namespace, name, &facts, state);
    }

    /// Publishes events about a release, with Flux's annotations.
    pub(super) fn publish(&self, release: &HelmRelease, events: &[Event]) {
        for event in events {
            tracing::info!(reason = event.reason, "{}", event.message);
            self.events.publish(reference(release), event, annotations(release));
        }
    }
}

/// What events say they are about.
fn reference(release: &HelmRelease) -> ObjectReference {
    let metadata = &release.metadata;
    ObjectReference {
        api_version: Some("helm.toolkit.fluxcd.io/v2".to_owned()),
        kind: Some("HelmRelease".to_owned()),
        namespace: metadata.namespace.clone(),
        name: metadata.name.clone(),
        uid: metadata.uid.clone(),
        resource_version: metadata.resource_version.clone(),
        field_path: None,
    }
}

/// Flux's annotations of events: which chart, values and artifact it was about, and what the user wants passed on.
fn annotations(release: &HelmRelease) -> BTreeMap<String, String> {
    let mut annotations: BTreeMap<String, String> = release
        .metadata
        .annotations
        .iter()
        .flatten()
        .filter(|(key, _)| key.starts_with(EVENT_ANNOTATION_PREFIX))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let status = release.status.as_ref();
    let newest = status.and_then(|status| status.history.first());
    let known = [
        (EVENT_REVISION_ANNOTATION, status.and_then(|status| status.last_attempted_revision.clone())),
        (EVENT_TOKEN_ANNOTATION, status.and_then(|status| status.last_attempted_config_digest.clone())),
        (EVENT_APP_VERSION_ANNOTATION, newest.and_then(|newest| newest.app_version.clone())),
        (EVENT_OCI_DIGEST_ANNOTATION, status.and_then(|status| status.last_attempted_revision_digest.clone())),
    ];
    annotations.extend(known.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    annotations
}
