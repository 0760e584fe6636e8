//! The CRDs as the real API server takes them: installation, versions, validation.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionVersion,
};
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use crate::scene::{SOON, installed_crds};
use crate::support::cluster::{Cluster, apply, install_crds, wait_for};
use crate::support::installation::Installation;
use crate::support::operator::Operator;

const PROGRAM: &str = env!("CARGO_BIN_EXE_rhumb");

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

const RELEASES: &str = "helmreleases.helm.toolkit.fluxcd.io";
const REPOSITORIES: &str = "helmrepositories.source.toolkit.fluxcd.io";

/// The definitions as an older Flux left them, by the objects that it stored: of each kind some are stored in an older version.
async fn age(client: &Client, namespace: &str) -> Result<()> {
    let chart = json!({"kind": "OCIRepository", "name": "charts"});
    let release = json!({"interval": "10m", "suspend": true, "chartRef": chart});
    let repository = json!({"interval": "10m", "suspend": true, "url": "https://charts.example.test"});
    for (definition, kind, group, older, spec) in [
        (RELEASES, "HelmRelease", "helm.toolkit.fluxcd.io", "v2beta2", release),
        (REPOSITORIES, "HelmRepository", "source.toolkit.fluxcd.io", "v1beta2", repository),
    ] {
        let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
        let present = definitions.get(definition).await?;
        let mut versions = present.spec.versions.clone();
        // The same versions as Flux 2.2 had, but the older one is the one that is stored.
        for version in &mut versions {
            version.storage = version.name == older;
        }
        definitions.patch(definition, &PatchParams::default(), &versions_patch(&versions)).await?;
        for number in 0..3 {
            let metadata = json!({"name": format!("old-{number}"), "namespace": namespace});
            let object =
                json!({"apiVersion": format!("{group}/{older}"), "kind": kind, "metadata": metadata, "spec": spec});
            apply(client, &object).await?;
        }
        definitions.patch(definition, &PatchParams::default(), &versions_patch(&present.spec.versions)).await?;
        let left = stored(&definitions.get(definition).await?);
        assert_eq!(left.len(), 2, "this is where an older Flux leaves it: {left:?}");
    }
    Ok(())
}

fn versions_patch(versions: &[CustomResourceDefinitionVersion]) -> Patch<Value> {
    Patch::Merge(json!({"spec": {"versions": versions}}))
}

fn stored(definition: &CustomResourceDefinition) -> Vec<String> {
    definition.status.as_ref().and_then(|status| status.stored_versions.clone()).unwrap_or_default()
}

/// Clusters of their own, for definitions belong to the whole of one.
#[tokio::test]
async fn what_an_older_flux_stored_is_stored_in_the_present_version_once_the_operator_leads() -> Result<()> {
    let cluster = Cluster::start().await?;
    let client = cluster.client().await?;
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    install_crds(&client).await?;
    // With the rights that the chart gives in each mode that speaks for the whole cluster, and with no more.
    for mode in ["impersonation", "drop-in"] {
        let namespace = cluster.namespace(&client, mode).await?;
        age(&client, &namespace).await?;
        let values = json!({"rbac": {"mode": mode}});
        let kubeconfig = cluster.operator_kubeconfig();
        let installation = Installation::apply(&client, PROGRAM, kubeconfig, &namespace, &values).await?;
        let mut operator = Operator::start(&installation.operator_options()?).await?;
        for (name, version) in [(RELEASES, "v2"), (REPOSITORIES, "v1")] {
            let migrated = |definition: &CustomResourceDefinition| stored(definition) == [version];
            wait_for(&definitions, name, SOON, "migrated", migrated).await.with_context(|| operator.log_tail(20))?;
        }
        let metrics = operator.metrics().await?;
        ensure!(!metrics.contains("rest_client_requests_total{code=\"403\""), "{mode}: {metrics}");
        let may = installation.may("update", "customresourcedefinitions.apiextensions.k8s.io", "").await?;
        ensure!(may == (mode == "drop-in"), "{mode} may change definitions: {may}");
        ensure!(operator.stop().is_some_and(|status| status.success()), "{}", operator.log_tail(20));
    }
    // The server refuses to drop a version that may be stored, and could not read such an object afterwards.
    let present = definitions.get(RELEASES).await?;
    let only: Vec<_> = present.spec.versions.into_iter().filter(|version| version.name == "v2").collect();
    definitions.patch(RELEASES, &PatchParams::default(), &versions_patch(&only)).await?;
    let releases = crate::support::release::in_all_namespaces(&client);
    assert_eq!(releases.list(&ListParams::default()).await?.items.len(), 6);
    Ok(())
}

#[tokio::test]
async fn an_operator_of_one_namespace_leaves_definitions_to_others() -> Result<()> {
    let cluster = Cluster::start().await?;
    let client = cluster.client().await?;
    install_crds(&client).await?;
    let namespace = cluster.namespace(&client, "namespaced").await?;
    age(&client, &namespace).await?;
    let values = json!({"rbac": {"mode": "namespaced"}, "crds": {"install": false}});
    let installation =
        Installation::apply(&client, PROGRAM, cluster.operator_kubeconfig(), &namespace, &values).await?;
    let operator = Operator::start(&installation.operator_options()?).await?;
    let releases = crate::support::release::in_namespace(&client, &namespace);
    let is_seen = |release: &DynamicObject| release.metadata.finalizers.iter().flatten().next().is_some();
    wait_for(&releases, "old-0", SOON, "seen", is_seen).await.with_context(|| operator.log_tail(20))?;
    let log = std::fs::read_to_string(operator.log())?;
    ensure!(!log.contains("cannot bring stored objects up"), "what it leaves to others is no fault:\n{log}");
    let definitions: Api<CustomResourceDefinition> = Api::all(client);
    assert_eq!(stored(&definitions.get(RELEASES).await?).len(), 2);
    Ok(())
}
