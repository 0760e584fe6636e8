//! The finalizer: added before anything else, and taken off once the release is gone.
//!
//! As in Flux 1.6, deleting a suspended HelmRelease leaves its release in the cluster.
//!
//! **Invariant:** nothing is installed for an object that carries no finalizer.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;

use super::Error;
use super::chart::delete_helm_chart;
use super::context::{Context, identity};
use super::engagement::Engagement;
use super::prerequisites::{account, workbench};
use super::remote::{self, Place};
use super::requeue::Ending;
use crate::action::{Settings, Uninstalled, uninstall};
use crate::api::conditions::reason;
use crate::api::metadata::FINALIZER;
use crate::api::{HelmRelease, HelmReleaseStatus};
use crate::cluster::ReleaseKey;
use crate::lifecycle::{self, Event, EventType};

/// Puts the finalizer on.
pub(super) async fn ensure_finalizer(release: &Arc<HelmRelease>, ctx: &Context) -> Result<Arc<HelmRelease>, Error> {
    let finalizers = release.metadata.finalizers.clone().unwrap_or_default();
    if finalizers.iter().any(|finalizer| finalizer == FINALIZER) {
        return Ok(Arc::clone(release));
    }
    let mut all = finalizers;
    all.push(FINALIZER.to_owned());
    write_finalizers(release, &all, ctx).await
}

/// Uninstalls the release and takes the finalizer off.
pub(super) async fn finalize(
    release: &Arc<HelmRelease>,
    engagement: &Engagement,
    ctx: &Context,
) -> Result<Ending, Error> {
    let finalizers = release.metadata.finalizers.clone().unwrap_or_default();
    if !finalizers.iter().any(|finalizer| finalizer == FINALIZER) {
        return Ok(Ending::Left);
    }
    if !release.spec.suspend
        && let Err(error) = leave_unless_outdated(release, engagement, ctx).await
    {
        let generation = release.metadata.generation.unwrap_or_default();
        let message = format!("Helm uninstall failed for release {}: {error}", release_name(release));
        let status = release.status.clone().unwrap_or_default();
        let now = jiff::Timestamp::now();
        let refused = lifecycle::refuse(&status, generation, reason::UNINSTALL_FAILED, &message, false, now);
        ctx.write_status(release, &refused).await?;
        let event = Event { event_type: EventType::Warning, reason: reason::UNINSTALL_FAILED, message };
        ctx.publish(release, &[event]);
        return Ok(Ending::Failed);
    }
    let rest: Vec<String> = finalizers.into_iter().filter(|finalizer| finalizer != FINALIZER).collect();
    write_finalizers(release, &rest, ctx).await?;
    let (namespace, name) = identity(release);
    ctx.written.forget(release);
    ctx.backoff.reset(namespace, name);
    ctx.contests.forget(&ReleaseKey { namespace: namespace.to_owned(), name: name.to_owned() });
    ctx.metrics.forget("HelmRelease", namespace, name);
    Ok(Ending::Left)
}

fn release_name(release: &HelmRelease) -> String {
    format!("{}/{}", release.release_namespace(), release.release_name())
}

/// Uninstalls the release. A wait for objects to go ends when the spec changes: it may ask for another way to uninstall, or for none.
async fn leave_unless_outdated(
    release: &Arc<HelmRelease>,
    engagement: &Engagement,
    ctx: &Context,
) -> Result<(), Error> {
    tokio::select! {
        biased;
        result = Box::pin(leave_cluster(release, engagement, ctx)) => result,
        never = engagement.keep_watch(release, None, ctx) => match never {},
    }
}

async fn leave_cluster(release: &Arc<HelmRelease>, engagement: &Engagement, ctx: &Context) -> Result<(), Error> {
    let status = release.status.clone().unwrap_or_default();
    if let Some(storage_namespace) = status.storage_namespace.as_deref().filter(|namespace| !namespace.is_empty()) {
        // The newest snapshot knows under which name it was installed, should the spec have changed since.
        let newest = status.history.first();
        let helm_name = newest.map_or_else(|| release.release_name(), |newest| newest.name.clone());
        let helm_namespace =
            newest.map_or_else(|| release.release_namespace().to_owned(), |newest| newest.namespace.clone());
        let place = match reach(release, ctx).await? {
            Ok(place) => place,
            Err(why) => {
                let message = format!("Helm uninstall skipped for release {}: {why}", release_name(release));
                let event = Event { event_type: EventType::Warning, reason: reason::UNINSTALL_FAILED, message };
                ctx.publish(release, &[event]);
                return leave_chart(&status, ctx).await;
            }
        };
        let bench = workbench(release, &helm_name, &helm_namespace, storage_namespace, engagement, &place, ctx);
        let _quiet = bench.cluster.watches().hold(&bench.origin.release);
        let settings = Settings::uninstall(release);
        if let Uninstalled::Gone { revision, chart } = uninstall(&bench, &settings).await? {
            let message = format!(
                "Helm uninstall succeeded for release {helm_namespace}/{helm_name}.v{revision} with chart {chart}"
            );
            ctx.publish(
                release,
                &[Event { event_type: EventType::Normal, reason: reason::UNINSTALL_SUCCEEDED, message }],
            );
        }
    }
    leave_chart(&status, ctx).await
}

/// Where the release is, or why nobody can reach it any more: its kubeconfig or the account that it acts as is gone, as when a whole
/// namespace is deleted. Holding the object back would not change that, so its release is left behind, as in Flux 1.6.
async fn reach(release: &HelmRelease, ctx: &Context) -> Result<Result<Place, String>, Error> {
    let place = match remote::place(release, ctx).await {
        Ok(place) => place,
        Err(error @ Error::KubeConfigMissing { .. }) => return Ok(Err(error.to_string())),
        Err(error) => return Err(error),
    };
    let Some(account) = account(release, ctx) else { return Ok(Ok(place)) };
    let (namespace, _) = identity(release);
    let accounts: Api<ServiceAccount> = Api::namespaced(place.cluster.own_client().clone(), namespace);
    match accounts.get_metadata_opt(account).await {
        Ok(None) => Ok(Err(format!("ServiceAccount '{namespace}/{account}' not found"))),
        // Where it cannot be asked for, the uninstall itself will tell.
        Ok(Some(_)) | Err(_) => Ok(Ok(place)),
    }
}

/// Deletes the release's own HelmChart.
async fn leave_chart(status: &HelmReleaseStatus, ctx: &Context) -> Result<(), Error> {
    match &status.helm_chart {
        Some(location) => delete_helm_chart(location, ctx).await,
        None => Ok(()),
    }
}

async fn write_finalizers(
    release: &HelmRelease,
    finalizers: &[String],
    ctx: &Context,
) -> Result<Arc<HelmRelease>, Error> {
    let (namespace, name) = identity(release);
    let api: Api<HelmRelease> = Api::namespaced(ctx.client.clone(), namespace);
    // With the version, so that another controller's finalizer is never overwritten.
    let patch =
        json!({ "metadata": { "finalizers": finalizers, "resourceVersion": release.metadata.resource_version } });
    let params = PatchParams { field_manager: Some(ctx.config.field_manager.clone()), ..PatchParams::default() };
    let what = || format!("the finalizers of HelmRelease {namespace}/{name}");
    match api.patch(name, &params, &Patch::Merge(&patch)).await {
        Ok(written) => Ok(ctx.written.keep(written)),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(Arc::new(release.clone())),
        Err(source) => Err(Error::write(what(), source)),
    }
}
