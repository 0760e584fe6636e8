//! The HelmReleases of the benchmark: made, changed and waited for all together.
//!
//! Never polls: one watch sees them all.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures::{StreamExt as _, TryStreamExt as _};
use kube::Client;
use kube::ResourceExt as _;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::discovery::ApiResource;
use kube::runtime::{WatchStreamExt as _, watcher};
use serde_json::{Value, json};

/// How many of the benchmark's own requests run at a time.
const CONCURRENT: usize = 10;

/// The name of a release.
pub(crate) fn name(index: usize) -> String {
    format!("bench-{index:04}")
}

/// The HelmReleases of a namespace.
pub(crate) fn api(client: &Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &resource())
}

fn resource() -> ApiResource {
    ApiResource {
        group: "helm.toolkit.fluxcd.io".into(),
        version: "v2".into(),
        api_version: "helm.toolkit.fluxcd.io/v2".into(),
        kind: "HelmRelease".into(),
        plural: "helmreleases".into(),
    }
}

/// Makes one HelmRelease of the benchmark's chart.
pub(crate) async fn create(client: &Client, namespace: &str, name: &str, suspend: bool) -> Result<()> {
    let source = json!({"kind": "HelmRepository", "name": "charts"});
    let chart = json!({"spec": {"chart": "four", "version": "1.0.0", "sourceRef": source}});
    let release = DynamicObject::new(name, &resource())
        .data(json!({"spec": {"interval": "1h", "timeout": "1m", "suspend": suspend, "chart": chart}}));
    api(client, namespace).create(&PostParams::default(), &release).await?;
    Ok(())
}

/// Makes all of them.
pub(crate) async fn create_all(client: &Client, namespace: &str, count: usize) -> Result<()> {
    let made = futures::stream::iter(0..count)
        .map(|index| async move { create(client, namespace, &name(index), false).await });
    made.buffer_unordered(CONCURRENT).try_collect::<Vec<()>>().await?;
    Ok(())
}

/// Patches all of them.
pub(crate) async fn patch_all(client: &Client, namespace: &str, count: usize, patch: &Value) -> Result<()> {
    let api = api(client, namespace);
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
    let mut changes = std::pin::pin!(watcher(api(client, namespace), watcher::Config::default()).applied_objects());
    let mut done = BTreeSet::new();
    let all = async {
        while let Some(release) = changes.next().await {
            let release = release?;
            if met(&release) {
                done.insert(release.name_any());
            }
            if done.len() == count {
                return Ok(());
            }
        }
        bail!("the watch of the releases ended")
    };
    let waited = tokio::time::timeout(deadline, all).await;
    waited.with_context(|| format!("{} of {count} releases got there within {deadline:?}", done.len()))?
}

/// Is a release ready at its newest generation, with this version of the chart?
pub(crate) fn is_ready(release: &DynamicObject, version: &str) -> bool {
    let status = &release.data["status"];
    let ready = status["conditions"].as_array().is_some_and(|all| {
        all.iter().any(|one| {
            one["type"] == "Ready"
                && one["status"] == "True"
                && one["observedGeneration"].as_i64() == release.metadata.generation
        })
    });
    ready && status["history"][0]["chartVersion"] == version
}
