//! The CRDs as the real API server takes them: installation, versions, validation.

use anyhow::{Context as _, Result};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionVersion,
};
use kube::ResourceExt;
use kube::api::{Api, ListParams, Patch, PatchParams};
use serde_json::json;

use crate::scene::{SOON, installed_crds};
use crate::support::cluster::{Cluster, apply, install_crds, wait_for};
use crate::support::operator::{Operator, OperatorOptions};

#[tokio::test]
async fn every_served_version_of_a_release_is_accepted() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let client = cluster.client().await?;
    installed_crds(&client).await?;
    let namespace = cluster.namespace(&client, "crds").await?;
    for version in ["v2", "v2beta2", "v2beta1"] {
        let source = json!({"kind": "HelmRepository", "name": "charts"});
        let release = json!({
            "apiVersion": format!("helm.toolkit.fluxcd.io/{version}"),
            "kind": "HelmRelease",
            "metadata": {"name": version, "namespace": namespace},
            "spec": {
                "interval": "10m",
                "suspend": true,
                "chart": {"spec": {"chart": "hello", "version": "1.x", "sourceRef": source}},
                "values": {"nested": {"anything": [1, "two", null]}},
            },
        });
        let applied = apply(&client, &release).await?;
        assert_eq!(applied.data["spec"]["values"]["nested"]["anything"][1], "two");
        assert_eq!(applied.name_any(), version);
    }
    Ok(())
}

#[tokio::test]
async fn an_unknown_source_kind_is_refused() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let client = cluster.client().await?;
    installed_crds(&client).await?;
    let namespace = cluster.namespace(&client, "crds").await?;
    let release = json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {
            "interval": "10m",
            "chart": {"spec": {"chart": "hello", "sourceRef": {"kind": "Pigeon", "name": "charts"}}},
        },
    });
    let refusal = format!("{:#}", apply(&client, &release).await.unwrap_err());
    assert!(refusal.contains("spec.chart.spec.sourceRef.kind"), "{refusal}");
    Ok(())
}

/// A cluster of its own, for definitions belong to the whole of it.
#[tokio::test]
async fn what_an_older_flux_stored_is_stored_in_the_present_version_once_the_operator_leads() -> Result<()> {
    let cluster = Cluster::start().await?;
    let client = cluster.client().await?;
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let name = "helmreleases.helm.toolkit.fluxcd.io";
    install_crds(&client).await?;
    let present = definitions.get(name).await?;
    // As Flux 2.2 had it: the same versions, but v2beta2 is the one that is stored.
    let mut older = present.spec.clone();
    older.versions.iter_mut().for_each(|version| version.storage = version.name == "v2beta2");
    let stores = |versions: &[CustomResourceDefinitionVersion]| json!({"spec": {"versions": versions}});
    let patch = |versions| Patch::Merge(stores(versions));
    definitions.patch(name, &PatchParams::default(), &patch(&older.versions)).await?;
    let namespace = cluster.namespace(&client, "migration").await?;
    for number in 0..3 {
        let release = json!({
            "apiVersion": "helm.toolkit.fluxcd.io/v2beta2",
            "kind": "HelmRelease",
            "metadata": {"name": format!("old-{number}"), "namespace": namespace},
            "spec": {"interval": "10m", "suspend": true, "chartRef": {"kind": "OCIRepository", "name": "charts"}},
        });
        apply(&client, &release).await?;
    }
    definitions.patch(name, &PatchParams::default(), &patch(&present.spec.versions)).await?;
    let stored = |definition: &CustomResourceDefinition| {
        definition.status.as_ref().and_then(|status| status.stored_versions.clone()).unwrap_or_default()
    };
    assert_eq!(stored(&definitions.get(name).await?), ["v2", "v2beta2"], "this is where an older Flux leaves it");
    let operator = Operator::start(&OperatorOptions {
        program: env!("CARGO_BIN_EXE_rhumb").into(),
        kubeconfig: cluster.operator_kubeconfig().to_owned(),
        namespace: namespace.clone(),
        flags: Vec::new(),
        authorities: None,
    })
    .await?;
    let migrated = |definition: &CustomResourceDefinition| stored(definition) == ["v2"];
    wait_for(&definitions, name, SOON, "migrated", migrated).await.with_context(|| operator.log_tail(20))?;
    // The server refuses to drop a version that may be stored, and could not read such an object afterwards.
    let only: Vec<_> = present.spec.versions.iter().filter(|version| version.name == "v2").cloned().collect();
    definitions.patch(name, &PatchParams::default(), &patch(&only)).await?;
    let releases = crate::support::release::in_namespace(&client, &namespace);
    let left = releases.list(&ListParams::default()).await?.items;
    assert_eq!(left.iter().map(ResourceExt::name_any).collect::<Vec<_>>(), ["old-0", "old-1", "old-2"]);
    Ok(())
}
