//! The HelmReleases of the benchmark: made, changed and waited for all together.
//!
//! Never polls: one watch sees them all.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::apps::v1::Deployment;
use kube::Client;
use kube::ResourceExt as _;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use serde_json::{Value, json};

use crate::support::release;

/// How many of the benchmark's own requests run at a time.
const CONCURRENT: usize = 10;

/// The name of a release.
pub(crate) fn name(index: usize) -> String {
    format!("bench-{index:04}")
}

/// Makes one HelmRelease of the benchmark's chart.
async fn create(client: &Client, namespace: &str, name: &str) -> Result<()> {
    let source = json!({"kind": "HelmRepository", "name": "charts"});
    let chart = json!({"spec": {"chart": "four", "version": "1.0.0", "sourceRef": source}});
    let object = DynamicObject::new(name, &release::resource())
        .data(json!({"spec": {"interval": "1h", "timeout": "1m", "chart": chart}}));
    release::in_namespace(client, namespace).create(&PostParams::default(), &object).await?;
    Ok(())
}

/// Makes all of them.
pub(crate) async fn create_all(client: &Client, namespace: &str, count: usize) -> Result<()> {
    let made =
        futures::stream::iter(0..count).map(|index| async move { create(client, namespace, &name(index)).await });
    made.buffer_unordered(CONCURRENT).try_collect::<Vec<()>>().await?;
    Ok(())
}

/// Patches all of them.
pub(crate) async fn patch_all(client: &Client, namespace: &str, count: usize, patch: &Value) -> Result<()> {
    let api = release::in_namespace(client, namespace);
    let patched = futures::stream::iter(0..count).map(|index| {
        let api = &api;
        async move { api.patch(&name(index), &PatchParams::default(), &Patch::Merge(patch)).await }
    });
    patched.buffer_unordered(CONCURRENT).try_collect::<Vec<_>>().await?;
    Ok(())
}

/// Waits until `met` holds for all of them.
pub(crate) async fn wait_all(
    client: &Client,
    namespace: &str,
    count: usize,
    deadline: Duration,
    met: impl Fn(&DynamicObject) -> bool,
) -> Result<()> {
    wait_for(release::in_namespace(client, namespace), count, deadline, met).await
}

/// Waits until the controllers have looked at so many Deployments.
pub(crate) async fn wait_for_deployments(client: &Client, namespace: &str, count: usize) -> Result<()> {
    let api: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let seen = |deployment: &Deployment| {
        let status = deployment.status.as_ref();
        status.and_then(|status| status.observed_generation) == deployment.metadata.generation
    };
    wait_for(api, count, deadline(count), seen).await
}

/// How long a phase with so many releases may take.
pub(crate) fn deadline(count: usize) -> Duration {
    Duration::from_secs(60) + Duration::from_secs(2) * u32::try_from(count).unwrap_or(u32::MAX / 4)
}

async fn wait_for<K>(api: Api<K>, count: usize, deadline: Duration, met: impl Fn(&K) -> bool) -> Result<()>
where
    K: kube::Resource + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
{
    let mut changes = std::pin::pin!(watcher(api, watcher::Config::default()).applied_objects());
    let mut done = BTreeSet::new();
    let all = async {
        while let Some(change) = changes.next().await {
            let object = change?;
            if met(&object) {
                done.insert(object.name_any());
            }
            if done.len() == count {
                return Ok(());
            }
        }
        bail!("the watch ended")
    };
    let waited = tokio::time::timeout(deadline, all).await;
    waited.with_context(|| format!("{} of {count} got there within {deadline:?}", done.len()))?
}
