//! The floor: what a client takes that only makes the writes, without knowing or deciding anything.
//!
//! In: how many releases and writes a release. Out: the time. Never reads, and never waits for anything but its answers.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::discovery::{ApiResource, pinned_kind};
use serde_json::{Value, json};

use crate::releases;
use crate::support::cluster::{FIELD_MANAGER, documents};
use crate::support::release;

/// The release name in the rendered objects that each release replaces by its own.
pub(crate) const PLACEHOLDER: &str = "placeholder";

/// Everything that one release writes to.
struct Targets {
    client: Client,
    namespace: String,
    /// The objects of the chart, rendered for a release called [`PLACEHOLDER`].
    rendered: Vec<(ApiResource, String)>,
    /// As long as the stored release of a real install.
    payload: String,
}

/// Makes `writes` writes for each of `count` releases, `concurrent` releases at a time; returns how long it took.
///
/// The writes are those of an install: the applies, the Secret's create and update, then status patches.
pub(crate) async fn measure(
    client: &Client,
    namespace: &str,
    manifest: &str,
    payload: String,
    count: usize,
    writes: usize,
    concurrent: usize,
) -> Result<Duration> {
    let mut rendered = Vec::new();
    for object in documents(manifest)? {
        let typed: DynamicObject = serde_json::from_value(object.clone())?;
        let gvk = GroupVersionKind::try_from(typed.types.unwrap_or_default())?;
        let (resource, _) = pinned_kind(client, &gvk).await?;
        rendered.push((resource, object.to_string()));
    }
    let targets = Targets { client: client.clone(), namespace: namespace.to_owned(), rendered, payload };
    let began = Instant::now();
    futures::stream::iter(0..count)
        .map(|index| targets.write(index, writes))
        .buffer_unordered(concurrent)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(began.elapsed())
}

impl Targets {
    async fn write(&self, index: usize, writes: usize) -> Result<()> {
        let name = releases::name(index);
        releases::create(&self.client, &self.namespace, &name, true).await?;
        let objects = self.rendered.len().min(writes.saturating_sub(2));
        self.write_secret(&name, false).await?;
        for (resource, text) in &self.rendered[..objects] {
            let object: Value = serde_json::from_str(&text.replace(PLACEHOLDER, &name))?;
            let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &self.namespace, resource);
            api.patch(&name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(&object)).await?;
        }
        self.write_secret(&name, true).await?;
        let api = release::in_namespace(&self.client, &self.namespace);
        for number in 0..writes.saturating_sub(objects + 2) {
            let status = json!({"status": {"failures": number + 1}});
            api.patch_status(&name, &PatchParams::default(), &Patch::Merge(status)).await?;
        }
        Ok(())
    }

    async fn write_secret(&self, name: &str, again: bool) -> Result<()> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let secret: Secret = serde_json::from_value(json!({
            "metadata": {"name": format!("sh.helm.release.v1.{name}.v1")},
            "type": "helm.sh/release.v1",
            "stringData": {"release": self.payload},
        }))?;
        if again {
            api.replace(secret.metadata.name.as_deref().unwrap_or_default(), &PostParams::default(), &secret).await?;
        } else {
            api.create(&PostParams::default(), &secret).await?;
        }
        Ok(())
    }
}
