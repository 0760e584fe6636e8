//! The chart charts/rhumb on a control plane of its own: installed, upgraded and uninstalled by the helm program, and by the operator
//! from a HelmRelease.
//!
//! Nodes and Pods are played by kwok, so the Deployment becomes available although no image is there.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams};
use serde_json::{Value, json};

use crate::scene::{SOON, hello};
use crate::support::chart_server::ChartServer;
use crate::support::cluster::{Cluster, apply, install_crds, pin, wait_for, wait_gone};
use crate::support::helm::Helm;
use crate::support::installation::chart;
use crate::support::operator::{Operator, OperatorOptions};
use crate::support::process::temporary_folder;
use crate::support::release::{has_condition, in_namespace, is_ready_at};

/// Everything in the chart that can be turned on, for `--set`.
const EVERYTHING: &str = "replicaCount=2,serviceMonitor.enabled=true,podMonitor.enabled=true,prometheusRule.enabled=true,\
     grafanaDashboards.enabled=true,networkPolicy.enabled=true,flowSchema.enabled=true";

/// Stands in for the definitions of the Prometheus operator.
pub(crate) async fn monitoring_definitions(client: &Client) -> Result<()> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    for kind in ["ServiceMonitor", "PodMonitor", "PrometheusRule"] {
        let plural = format!("{}s", kind.to_lowercase());
        let name = format!("{plural}.monitoring.coreos.com");
        let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let definition = json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": name},
            "spec": {
                "group": "monitoring.coreos.com",
                "scope": "Namespaced",
                "names": {"kind": kind, "plural": plural},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
            },
        });
        apply(client, &definition).await?;
        wait_for(&definitions, &name, SOON, "established", is_established).await?;
    }
    Ok(())
}

fn is_established(definition: &CustomResourceDefinition) -> bool {
    let conditions = definition.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|it| it.type_ == "Established" && it.status == "True"))
}

/// The project's own definitions in a cluster, by name, with their identifiers.
async fn definitions(client: &Client) -> Result<Vec<(String, String)>> {
    let all: Api<CustomResourceDefinition> = Api::all(client.clone());
    let found = all.list(&ListParams::default()).await?.items.into_iter();
    let ours = found.filter(|it| it.spec.group.ends_with(".toolkit.fluxcd.io"));
    Ok(ours.map(|it| (it.metadata.name.unwrap_or_default(), it.metadata.uid.unwrap_or_default())).collect())
}

/// Whether an object is there.
async fn exists(client: &Client, namespace: &str, api_version: &str, kind: &str, name: &str) -> Result<bool> {
    let resource = pin(client, api_version, kind).await?;
    let api: Api<DynamicObject> = if namespace.is_empty() {
        Api::all_with(client.clone(), &resource)
    } else {
        Api::namespaced_with(client.clone(), namespace, &resource)
    };
    Ok(api.get_opt(name).await?.is_some())
}

/// What `flux check` reads of a cluster: controllers that are rolled out, with an image that has a tag, and definitions with a version.
async fn is_found_by_flux(client: &Client) -> Result<()> {
    let of_flux = ListParams::default().labels("app.kubernetes.io/part-of=flux");
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), "rhumb-system");
    let controllers = deployments.list(&of_flux).await?.items;
    let names: Vec<_> = controllers.iter().filter_map(|it| it.metadata.name.as_deref()).collect();
    assert_eq!(names, ["rhumb"]);
    for controller in &controllers {
        let status = controller.status.clone().unwrap_or_default();
        assert_eq!((status.available_replicas, status.observed_generation), (Some(1), controller.metadata.generation));
        let template = controller.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
        let image = template.and_then(|pod| pod.containers.first()?.image.as_deref()).unwrap_or_default();
        ensure!(image.split_once(':').is_some_and(|(_, tag)| !tag.is_empty()), "no tag in {image:?}");
    }
    let all: Api<CustomResourceDefinition> = Api::all(client.clone());
    let found = all.list(&of_flux).await?.items;
    assert_eq!(found.len(), definitions(client).await?.len());
    for definition in &found {
        ensure!(definition.status.as_ref().is_some_and(|it| it.stored_versions.is_some()), "no stored versions");
    }
    // Of this one it takes the version of the installation.
    let git = all.get("gitrepositories.source.toolkit.fluxcd.io").await?;
    let version = git.metadata.labels.unwrap_or_default().remove("app.kubernetes.io/version");
    assert_eq!(version.as_deref(), Some(env!("CARGO_PKG_VERSION")));
    Ok(())
}

#[tokio::test]
async fn helm_installs_upgrades_and_uninstalls_the_chart_and_leaves_the_definitions() -> Result<()> {
    let cluster = Cluster::start().await?;
    let client = cluster.client().await?;
    monitoring_definitions(&client).await?;
    let helm = Helm::on(cluster.kubeconfig())?;
    let folder = chart().display().to_string();
    let on = ["--namespace", "rhumb-system"];
    let everything = ["--set", EVERYTHING, "--wait", "--timeout", "2m"];
    let command = ["install", "rhumb", &folder, "--create-namespace"];
    let said = helm.run(&[&command[..], &on, &everything].concat())?;
    ensure!(
        said.contains("acts as the ServiceAccount in spec.serviceAccountName"),
        "the notes say what releases need: {said}"
    );
    let status = helm.json(&[&["status", "rhumb"][..], &on].concat())?;
    assert_eq!(status["info"]["status"], "deployed");

    for (namespace, api_version, kind, name) in [
        ("rhumb-system", "apps/v1", "Deployment", "rhumb"),
        ("rhumb-system", "v1", "ServiceAccount", "rhumb"),
        ("rhumb-system", "v1", "Service", "rhumb"),
        ("rhumb-system", "rbac.authorization.k8s.io/v1", "Role", "rhumb"),
        ("", "rbac.authorization.k8s.io/v1", "ClusterRole", "rhumb-rhumb-system-view"),
        ("", "rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "rhumb-rhumb-system"),
        ("rhumb-system", "monitoring.coreos.com/v1", "ServiceMonitor", "rhumb"),
        ("rhumb-system", "monitoring.coreos.com/v1", "PodMonitor", "rhumb"),
        ("rhumb-system", "monitoring.coreos.com/v1", "PrometheusRule", "rhumb"),
        ("rhumb-system", "v1", "ConfigMap", "rhumb-dashboard-releases"),
        ("rhumb-system", "v1", "ConfigMap", "rhumb-dashboard-operator"),
        ("rhumb-system", "networking.k8s.io/v1", "NetworkPolicy", "rhumb"),
        ("rhumb-system", "policy/v1", "PodDisruptionBudget", "rhumb"),
        ("", "flowcontrol.apiserver.k8s.io/v1", "FlowSchema", "rhumb-rhumb-system"),
    ] {
        ensure!(exists(&client, namespace, api_version, kind, name).await?, "no {kind} {name}");
    }
    let installed = definitions(&client).await?;
    assert_eq!(installed.len(), std::fs::read_dir(chart().join("definitions"))?.count());

    let release = json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"chart": {"repo": "https://charts.example.test", "name": "hello", "version": "1.0.0"}},
    });
    apply(&client, &release).await?;
    // To another mode, for what is bound to whom cannot be changed in place.
    let upgrade = [
        "upgrade",
        "rhumb",
        &folder,
        "--reset-values",
        "--set",
        "rbac.mode=drop-in,partOf=flux",
        "--wait",
        "--timeout",
        "2m",
    ];
    helm.run(&[&upgrade[..], &on].concat())?;
    ensure!(!exists(&client, "rhumb-system", "policy/v1", "PodDisruptionBudget", "rhumb").await?);
    is_found_by_flux(&client).await?;
    let said = helm.run(&[&["uninstall", "rhumb"][..], &on].concat())?;
    ensure!(said.contains("helmreleases.helm.toolkit.fluxcd.io"), "helm tells what it leaves: {said}");
    assert_eq!(definitions(&client).await?, installed);
    ensure!(in_namespace(&client, "default").get_opt("web").await?.is_some(), "no HelmRelease goes with the chart");
    ensure!(!exists(&client, "rhumb-system", "apps/v1", "Deployment", "rhumb").await?);
    // What helm left behind is taken over by the next installation.
    let again = ["install", "rhumb", &folder, "--wait", "--timeout", "2m"];
    helm.run(&[&again[..], &on].concat())?;
    Ok(())
}

/// A chart repository with the operator's own chart in two versions, and a HelmRelease of it.
struct OwnRelease {
    client: Client,
    namespace: String,
    repository: ChartServer,
}

impl OwnRelease {
    async fn apply(&self, version: &str) -> Result<()> {
        let spec = json!({
            "interval": "1h",
            "timeout": "1m",
            "releaseName": "rhumb",
            "chart": {"repo": self.repository.url(), "name": "rhumb", "version": version},
            "values": {"rbac": {"mode": "drop-in"}, "replicaCount": 2},
        });
        let metadata = json!({"name": "rhumb", "namespace": self.namespace});
        let release = json!({"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": metadata, "spec": spec});
        apply(&self.client, &release).await?;
        Ok(())
    }

    async fn is_ready(&self, version: &str, operator: &Operator) -> Result<DynamicObject> {
        let releases = in_namespace(&self.client, &self.namespace);
        let what = format!("ready at {version}");
        let met = |release: &DynamicObject| has_condition(release, "Ready", "True") && is_ready_at(release, version);
        wait_for(&releases, "rhumb", SOON, &what, met).await.with_context(|| operator.log_tail(60))
    }

    async fn deployment(&self) -> Result<Deployment> {
        Ok(Api::<Deployment>::namespaced(self.client.clone(), &self.namespace).get("rhumb").await?)
    }
}

fn image(deployment: &Deployment) -> String {
    let deployment = serde_json::to_value(deployment).unwrap_or_default();
    let image: &Value = &deployment["spec"]["template"]["spec"]["containers"][0]["image"];
    image.as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn the_operator_installs_upgrades_and_uninstalls_itself_and_leaves_the_definitions() -> Result<()> {
    let cluster = Cluster::start().await?;
    let client = cluster.client().await?;
    // Somebody has to bring the definitions before there can be a HelmRelease of them; the release takes them over.
    install_crds(&client).await?;
    let before = definitions(&client).await?;
    let namespace = cluster.namespace(&client, "own").await?;
    let helm = Helm::on(cluster.kubeconfig())?;
    let charts = temporary_folder("rhumb-charts-")?;
    let folder = chart().display().to_string();
    let target = charts.path().display().to_string();
    let own = env!("CARGO_PKG_VERSION");
    helm.package(&chart(), own, charts.path())?;
    helm.run(&["package", &folder, "--version", "9.9.9", "--app-version", "9.9.9", "-d", &target])?;
    helm.package(&hello(), "1.0.0", charts.path())?;
    let repository = ChartServer::start(charts.path())?;
    let operator = Operator::start(&OperatorOptions {
        program: PathBuf::from(env!("CARGO_BIN_EXE_rhumb")),
        kubeconfig: cluster.operator_kubeconfig().to_owned(),
        namespace: namespace.clone(),
        flags: Vec::new(),
        authorities: None,
    })
    .await?;
    let release = OwnRelease { client: client.clone(), namespace: namespace.clone(), repository };
    release.apply(own).await?;
    release.is_ready(own, &operator).await?;
    ensure!(image(&release.deployment().await?).ends_with(&format!(":{own}")));

    release.apply("9.9.9").await?;
    release.is_ready("9.9.9", &operator).await?;
    ensure!(image(&release.deployment().await?).ends_with(":9.9.9"));
    assert_eq!(helm.history(&namespace, "rhumb")?.len(), 2);
    assert_eq!(definitions(&client).await?, before, "no definition was made anew");
    let all: Api<CustomResourceDefinition> = Api::all(client.clone());
    for (name, _) in &before {
        let labels = all.get(name).await?.metadata.labels.unwrap_or_default();
        assert_eq!(labels.get("app.kubernetes.io/version").map(String::as_str), Some("9.9.9"), "{name} is upgraded");
    }

    let releases = in_namespace(&client, &namespace);
    releases.delete("rhumb", &DeleteParams::default()).await?;
    wait_gone(&releases, "rhumb", SOON).await.with_context(|| operator.log_tail(60))?;
    ensure!(!exists(&client, &namespace, "apps/v1", "Deployment", "rhumb").await?);
    assert_eq!(definitions(&client).await?, before);
    Ok(())
}
