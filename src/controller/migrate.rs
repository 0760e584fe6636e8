//! Brings objects of our kinds that are stored in an older version up to the version of today, once, after the operator has become leader.
//!
//! A cluster that had an older Flux may hold HelmReleases stored as v2beta1. They are served as v2 all the same, but no later definition may
//! drop v2beta1 as long as `status.storedVersions` names it. What `flux migrate` does by hand is done here at start-up.
//!
//! In: the definitions of our kinds. Out: every object written again as it is, then the definition's list of stored versions cut down to
//! the one that is written. Where the operator may not do that, it says so once and goes on.
//!
//! **Invariant:** the list is cut down only after every object was written in the version that remains.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::GroupVersionKind;
use serde_json::json;

use super::config::{Config, Sources};
use crate::api::metadata::{HELM_GROUP, SOURCE_GROUP};
use crate::telemetry::causes;

/// Objects asked for at a time.
const PAGE: u32 = 200;

/// The definitions whose objects this program keeps, by what comes before their group.
const RELEASES: &[&str] = &["helmreleases"];
const SOURCES: &[&str] = &["helmrepositories", "helmcharts", "ocirepositories", "gitrepositories"];

/// Migrates what needs it. Ends when all is done; errors are told and not tried again before the next start.
pub(super) async fn migrate(client: kube::Client, config: &Config) {
    // Definitions belong to the whole cluster, which an operator of one namespace or of one shard does not speak for.
    if config.watch_namespace.is_some() || config.watch_label_selector.is_some() {
        return;
    }
    let sources = if config.sources == Sources::Own { SOURCES } else { &[] };
    let named = |names: &'static [&'static str], group| names.iter().map(move |plural| format!("{plural}.{group}"));
    for name in named(RELEASES, HELM_GROUP).chain(named(sources, SOURCE_GROUP)) {
        match migrate_kind(&client, &name).await {
            Ok(None) => {}
            Ok(Some(Migrated { objects, version })) => {
                tracing::info!(definition = name, objects, version, "objects are stored in the present version");
            }
            Err(error) => tracing::warn!(
                definition = name,
                error = causes(&error),
                "cannot bring stored objects up to the present version; `flux migrate` does the same by hand"
            ),
        }
    }
}

/// What was done for a kind.
struct Migrated {
    objects: usize,
    version: String,
}

async fn migrate_kind(client: &kube::Client, name: &str) -> Result<Option<Migrated>, kube::Error> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let Some(definition) = definitions.get_opt(name).await? else { return Ok(None) };
    let stored = definition.status.as_ref().and_then(|status| status.stored_versions.clone()).unwrap_or_default();
    let Some(present) = definition.spec.versions.iter().find(|version| version.storage) else { return Ok(None) };
    let version = present.name.clone();
    if stored.iter().all(|stored| *stored == version) {
        return Ok(None);
    }
    let names = &definition.spec.names;
    let kind = GroupVersionKind::gvk(&definition.spec.group, &version, &names.kind);
    let kind = ApiResource::from_gvk_with_plural(&kind, &names.plural);
    let objects = write_again(client, &kind).await?;
    // With the version, so that a definition that was changed meanwhile is not told to store what it does not.
    let patch = json!({
        "metadata": {"resourceVersion": definition.metadata.resource_version},
        "status": {"storedVersions": [version]},
    });
    definitions.patch_status(name, &PatchParams::default(), &Patch::Merge(&patch)).await?;
    Ok(Some(Migrated { objects, version }))
}

/// Writes every object of a kind as it is; the server then stores it in the present version.
async fn write_again(client: &kube::Client, kind: &ApiResource) -> Result<usize, kube::Error> {
    let everywhere: Api<DynamicObject> = Api::all_with(client.clone(), kind);
    let mut page = ListParams::default().limit(PAGE);
    let mut count = 0;
    loop {
        let listed = everywhere.list_metadata(&page).await?;
        for object in listed.items {
            let (Some(namespace), Some(name)) = (object.metadata.namespace, object.metadata.name) else { continue };
            let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &namespace, kind);
            // A patch that changes nothing is not stored, unless what is stored is of another version.
            match api.patch_metadata(&name, &PatchParams::default(), &Patch::Merge(json!({}))).await {
                Ok(_) => count += 1,
                Err(kube::Error::Api(answer)) if answer.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        match listed.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(count),
        }
    }
}
