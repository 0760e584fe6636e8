//! What the other tests rely on: the control plane and its played nodes behave as a cluster does.

use std::time::Duration;

use anyhow::Result;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::{Api, DeleteParams, ListParams};
use serde_json::{Value, json};

use crate::support::api_proxy::{ApiProxy, Lost};
use crate::support::cluster::{Cluster, apply, wait_for, wait_gone};
use crate::support::process::temporary_folder;

const SOON: Duration = Duration::from_secs(30);

/// A pod template whose pods take the given course (see `tests/controlplane/stages/pods.yaml`).
fn pod_template(course: Option<&str>) -> Value {
    let mut labels = json!({"app": "web"});
    if let Some(course) = course {
        labels["rhumb.test/pod"] = json!(course);
    }
    json!({
        "metadata": {"labels": labels},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "web", "image": "web"}]},
    })
}

fn deployment(namespace: &str, course: Option<&str>) -> Value {
    let mut template = pod_template(course);
    template["spec"]["restartPolicy"] = json!("Always");
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template},
    })
}

fn job(namespace: &str, course: Option<&str>) -> Value {
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "once", "namespace": namespace},
        "spec": {"backoffLimit": 0, "template": pod_template(course)},
    })
}

fn job_has(job: &Job, condition: &str) -> bool {
    let conditions = job.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|one| one.type_ == condition && one.status == "True"))
}

#[tokio::test]
async fn server_reports_the_version_of_its_module() -> Result<()> {
    let cluster = Cluster::shared().await?;
    if cluster.plane().is_none() {
        eprintln!("skipped: the server of this cluster is not ours");
        return Ok(());
    }
    let version = cluster.client().await?.apiserver_version().await?;
    let module = std::fs::read_to_string(crate::support::programs::modules().join("go.mod"))?;
    let required = format!("k8s.io/kubernetes {}\n", version.git_version);
    assert!(module.contains(&required), "go.mod does not require {required}");
    assert!(version.git_version.starts_with(&format!("v{}.{}.", version.major, version.minor)));
    Ok(())
}

#[tokio::test]
async fn deployment_becomes_available_and_its_objects_are_collected() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let client = cluster.client().await?;
    let namespace = cluster.namespace(&client, "deployment").await?;
    apply(&client, &deployment(&namespace, None)).await?;
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), &namespace);
    wait_for(&deployments, "web", SOON, "available", |web| {
        web.status.as_ref().and_then(|status| status.available_replicas) == Some(2)
    })
    .await?;

    let pods: Api<Pod> = Api::namespaced(client, &namespace);
    let running = pods.list(&ListParams::default()).await?;
    deployments.delete("web", &DeleteParams::foreground()).await?;
    wait_gone(&deployments, "web", SOON).await?;
    assert_eq!(running.items.len(), 2);
    assert!(pods.list(&ListParams::default()).await?.items.is_empty());
    Ok(())
}

#[tokio::test]
async fn pod_labelled_unready_never_becomes_ready() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let client = cluster.client().await?;
    let namespace = cluster.namespace(&client, "unready").await?;
    let mut pod = pod_template(Some("unready"));
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["name"] = json!("web");
    pod["metadata"]["namespace"] = json!(namespace);
    apply(&client, &pod).await?;
    let pods: Api<Pod> = Api::namespaced(client, &namespace);
    let running = wait_for(&pods, "web", SOON, "running", |pod| {
        pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running")
    })
    .await?;
    let conditions = running.status.and_then(|status| status.conditions).unwrap_or_default();
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready");
    assert_eq!(ready.map(|condition| condition.status.as_str()), Some("False"));
    Ok(())
}

#[tokio::test]
async fn job_completes() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let client = cluster.client().await?;
    let namespace = cluster.namespace(&client, "job").await?;
    apply(&client, &job(&namespace, None)).await?;
    let jobs: Api<Job> = Api::namespaced(client, &namespace);
    wait_for(&jobs, "once", SOON, "complete", |job| job_has(job, "Complete")).await?;
    Ok(())
}

#[tokio::test]
async fn job_with_failing_pods_fails() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let client = cluster.client().await?;
    let namespace = cluster.namespace(&client, "job-fails").await?;
    apply(&client, &job(&namespace, Some("fail"))).await?;
    let jobs: Api<Job> = Api::namespaced(client, &namespace);
    wait_for(&jobs, "once", SOON, "failed", |job| job_has(job, "Failed")).await?;
    Ok(())
}

#[tokio::test]
async fn requests_of_the_operators_user_are_counted() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let Some(audit) = cluster.audit() else {
        eprintln!("skipped: the audit log of this cluster is not ours");
        return Ok(());
    };
    let admin = cluster.client().await?;
    let namespace = cluster.namespace(&admin, "audit").await?;
    let operator = crate::support::cluster::client(cluster.operator_kubeconfig()).await?;
    let services: Api<Service> = Api::namespaced(operator.clone(), &namespace);
    assert!(services.get_opt("absent").await?.is_none());
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"ports": [{"port": 80}]},
    });
    apply(&operator, &service).await?;
    apply(&admin, &service).await?;
    let requests = audit.requests_with(1, "services", |touched| touched == namespace).await?;
    assert_eq!(requests.to_string(), "get services 1, patch services 1");
    assert_eq!((requests.writes(), requests.reads()), (1, 1));
    Ok(())
}

#[tokio::test]
async fn proxy_passes_requests_until_its_cut() -> Result<()> {
    let cluster = Cluster::shared().await?;
    if cluster.plane().is_none() {
        eprintln!("skipped: the proxy reads kubeconfigs of our own control plane only");
        return Ok(());
    }
    for (lost, arrives) in [(Lost::Request, false), (Lost::Answer, true)] {
        let namespace = cluster.namespace(&cluster.client().await?, "proxy").await?;
        let folder = temporary_folder("rhumb-proxy-")?;
        let proxy = ApiProxy::start(cluster.kubeconfig(), folder.path(), Some((2, lost))).await?;
        let through = crate::support::cluster::client(proxy.kubeconfig()).await?;
        apply(&through, &job(&namespace, None)).await?;
        let jobs: Api<Job> = Api::namespaced(through.clone(), &namespace);
        wait_for(&jobs, "once", SOON, "complete", |job| job_has(job, "Complete")).await?;

        let second = deployment(&namespace, None);
        tokio::select! {
            answer = apply(&through, &second) => panic!("the proxy answered: {answer:?}"),
            () = proxy.went_silent() => {}
        }
        let deployments: Api<Deployment> = Api::namespaced(cluster.client().await?, &namespace);
        assert_eq!(deployments.get_opt("web").await?.is_some(), arrives, "{lost:?}");
        assert_eq!(proxy.writes(), 2);
    }
    Ok(())
}
