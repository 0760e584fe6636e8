//! The CRDs as the real API server takes them: installation, versions, validation.

use anyhow::Result;
use kube::ResourceExt as _;
use serde_json::json;

use crate::scene::installed_crds;
use crate::support::cluster::{Cluster, apply};

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
