//! The three sets of rights that the chart can give the operator, enforced by the API server.
//!
//! The operator runs with the token of the chart's ServiceAccount and with the chart's arguments. Each set carries a release through its
//! life, and what it should forbid is refused.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::scene::{SOON, Scene, hello_spec};
use crate::support::cluster::{apply, wait_for, wait_gone};
use crate::support::installation::{Installation, user_may};
use crate::support::release::{condition, has_condition};

const PROGRAM: &str = env!("CARGO_BIN_EXE_rhumb");

/// The label by which a test's operator tells its objects from those of other tests.
const MINE: &str = "rhumb.test/scene";

/// Installs the chart with these values and starts the operator; what it watches is narrowed to the scene's objects by a label.
async fn installed(name: &str, values: &Value) -> Result<(Scene, Installation)> {
    let mut scene = Scene::prepare(name).await?;
    let mut values = values.clone();
    values["watchLabelSelector"] = json!(format!("{MINE}={}", scene.namespace));
    let kubeconfig = scene.cluster.operator_kubeconfig();
    let installation = Installation::apply(&scene.client, PROGRAM, kubeconfig, &scene.namespace, &values).await?;
    scene.start_operator_with(&installation.operator_options()?).await?;
    let labels = json!({"metadata": {"labels": {MINE: scene.namespace}}});
    let kind = crate::support::cluster::pin(&scene.client, "source.toolkit.fluxcd.io/v1", "HelmRepository").await?;
    let repositories: Api<DynamicObject> = Api::namespaced_with(scene.client.clone(), &scene.namespace, &kind);
    repositories.patch("charts", &PatchParams::default(), &Patch::Merge(labels)).await?;
    Ok((scene, installation))
}

/// A ServiceAccount that may do everything inside of a namespace.
async fn deployer(scene: &Scene, namespace: &str) -> Result<()> {
    let metadata = json!({"name": "deployer", "namespace": namespace});
    apply(&scene.client, &json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})).await?;
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "deployer", "namespace": namespace}],
    });
    apply(&scene.client, &binding).await?;
    Ok(())
}

/// Applies a release of the example chart that the scene's operator reconciles.
async fn release(scene: &Scene, name: &str, more: &Value) -> Result<()> {
    let mut spec = hello_spec("1.0.0");
    spec["interval"] = json!("1h");
    spec["chart"]["metadata"] = json!({"labels": {MINE: scene.namespace}});
    for (field, value) in more.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    let metadata = json!({"name": name, "namespace": scene.namespace, "labels": {MINE: scene.namespace}});
    let object =
        json!({"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": metadata, "spec": spec});
    apply(&scene.client, &object).await?;
    Ok(())
}

/// Installs a release, sees drift put right, and uninstalls it. `asks` for a look where no watch tells of the drift.
async fn lives(scene: &Scene, spec: &Value, asks: bool) -> Result<()> {
    release(scene, "web", spec).await?;
    scene.ready("web", "1.0.0").await?;
    let services = scene.services();
    let before = services.get("web-hello").await?.metadata.uid;
    services.delete("web-hello", &DeleteParams::default()).await?;
    if asks {
        scene.reconcile("web", "look for drift").await?;
    }
    wait_for(&services, "web-hello", SOON, "made again", |service| service.metadata.uid != before)
        .await
        .with_context(|| scene.operator_log())?;
    scene.release_is("web", "ready", |release| has_condition(release, "Ready", "True")).await?;
    scene.releases().delete("web", &DeleteParams::default()).await?;
    wait_gone(&scene.releases(), "web", SOON).await.with_context(|| scene.operator_log())?;
    ensure!(services.get_opt("web-hello").await?.is_none(), "the release is uninstalled");
    Ok(())
}

/// What the release says of why it is not ready.
async fn refusal(scene: &Scene, name: &str, words: &[&str]) -> Result<String> {
    let met = |release: &DynamicObject| {
        let ready = condition(release, "Ready");
        ready.is_some_and(|ready| {
            let message = ready["message"].as_str().unwrap_or_default();
            ready["status"] == "False" && words.iter().all(|word| message.contains(word))
        })
    };
    let what = format!("not ready, with {words:?}");
    let found = wait_for(&scene.releases(), name, SOON, &what, met).await.with_context(|| scene.operator_log())?;
    let ready = condition(&found, "Ready").context("it has no condition Ready any more")?;
    Ok(ready["message"].as_str().unwrap_or_default().to_owned())
}

/// The requests that the server refused for want of a right.
async fn forbidden(scene: &Scene) -> Result<Vec<String>> {
    let metrics = scene.metrics().await?;
    let lines = metrics.lines().filter(|line| line.starts_with("rest_client_requests_total{code=\"403\""));
    Ok(lines.map(str::to_owned).collect())
}

#[tokio::test]
async fn drop_in_may_do_everything_in_its_own_name() -> Result<()> {
    let (scene, installation) = installed("drop-in", &json!({"rbac": {"mode": "drop-in"}})).await?;
    lives(&scene, &json!({}), false).await?;
    ensure!(installation.may("*", "*.*", "").await?);
    assert_eq!(forbidden(&scene).await?, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn impersonation_writes_only_in_the_name_of_service_accounts() -> Result<()> {
    let (scene, installation) = installed("impersonation", &json!({})).await?;
    deployer(&scene, &scene.namespace).await?;
    lives(&scene, &json!({"serviceAccountName": "deployer"}), false).await?;
    assert_eq!(forbidden(&scene).await?, [""; 0], "the chart gives every right that this takes");
    for (verb, resource) in [
        ("create", "deployments.apps"),
        ("patch", "deployments.apps"),
        ("delete", "services"),
        ("create", "secrets"),
        ("update", "secrets"),
        ("create", "pods"),
        ("create", "namespaces"),
        ("create", "serviceaccounts/token"),
        ("create", "helmreleases.helm.toolkit.fluxcd.io"),
        ("create", "clusterrolebindings.rbac.authorization.k8s.io"),
        ("escalate", "clusterroles.rbac.authorization.k8s.io"),
        ("patch", "customresourcedefinitions.apiextensions.k8s.io"),
        ("impersonate", "users"),
        ("impersonate", "groups"),
    ] {
        ensure!(!installation.may(verb, resource, "").await?, "{verb} {resource} is allowed");
    }
    // Its Lease, and nobody else's.
    ensure!(installation.may("update", "leases.coordination.k8s.io", &scene.namespace).await?);
    ensure!(!installation.may("update", "leases.coordination.k8s.io", "kube-system").await?);

    release(&scene, "nameless", &json!({})).await?;
    let account = format!("system:serviceaccount:{}:default", scene.namespace);
    let message = refusal(&scene, "nameless", &[&account, "cannot"]).await?;
    ensure!(message.contains("secrets") && message.contains(&scene.namespace), "{message}");
    let elsewhere = scene.cluster.namespace(&scene.client, "elsewhere").await?;
    let spec =
        json!({"serviceAccountName": "deployer", "targetNamespace": elsewhere, "storageNamespace": scene.namespace});
    release(&scene, "stray", &spec).await?;
    let account = format!("system:serviceaccount:{}:deployer", scene.namespace);
    refusal(&scene, "stray", &[&account, "cannot", &elsewhere]).await?;
    Ok(())
}

#[tokio::test]
async fn impersonation_can_be_narrowed_to_accounts_of_a_name_and_to_what_they_may_read() -> Result<()> {
    let values = json!({"rbac": {"serviceAccounts": ["deployer"], "readAll": false}});
    let (scene, installation) = installed("narrow", &values).await?;
    deployer(&scene, &scene.namespace).await?;
    lives(&scene, &json!({"serviceAccountName": "deployer"}), true).await?;
    ensure!(!installation.may("list", "services", "").await?);
    ensure!(!installation.may("list", "pods", &scene.namespace).await?);
    release(&scene, "other", &json!({"serviceAccountName": "somebody"})).await?;
    refusal(&scene, "other", &["cannot impersonate", "serviceaccounts", "somebody"]).await?;
    Ok(())
}

/// The records of all releases go through one operator; what one account may read of them is no business of another.
#[tokio::test]
async fn a_tenant_does_not_get_at_the_records_of_another() -> Result<()> {
    let (scene, _installation) = installed("tenants", &json!({"noCrossNamespaceRefs": true})).await?;
    deployer(&scene, &scene.namespace).await?;
    let victim = scene.cluster.namespace(&scene.client, "victim").await?;
    deployer(&scene, &victim).await?;
    let chart = json!({"repo": scene.repository.url(), "name": "hello", "version": "1.0.0"});
    let labels = json!({MINE: scene.namespace});
    let theirs = json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": {"name": "web", "namespace": victim, "labels": labels},
        "spec": {"serviceAccountName": "deployer", "chart": chart, "values": {"message": "not for others"}},
    });
    apply(&scene.client, &theirs).await?;
    let releases = crate::support::release::in_namespace(&scene.client, &victim);
    let is_ready = |release: &DynamicObject| has_condition(release, "Ready", "True");
    wait_for(&releases, "web", SOON, "ready", is_ready).await.with_context(|| scene.operator_log())?;

    let spec = json!({
        "serviceAccountName": "deployer",
        "storageNamespace": victim,
        "releaseName": "web",
        "upgrade": {"preserveValues": true},
    });
    release(&scene, "thief", &spec).await?;
    let account = format!("system:serviceaccount:{}:deployer", scene.namespace);
    let message = refusal(&scene, "thief", &[&account, "cannot get resource \"secrets\"", &victim]).await?;
    ensure!(!message.contains("not for others"), "{message}");
    // Nor at its sources.
    let source = json!({"kind": "HelmRepository", "name": "charts", "namespace": victim});
    let chart = json!({"spec": {"chart": "hello", "sourceRef": source}});
    release(&scene, "borrower", &json!({"serviceAccountName": "deployer", "chart": chart})).await?;
    refusal(&scene, "borrower", &["cross-namespace references have been blocked"]).await?;
    Ok(())
}

#[tokio::test]
async fn namespaced_knows_nothing_of_other_namespaces() -> Result<()> {
    let values = json!({"rbac": {"mode": "namespaced"}, "crds": {"install": false}});
    let (scene, installation) = installed("namespaced", &values).await?;
    lives(&scene, &json!({}), false).await?;
    let other = scene.cluster.namespace(&scene.client, "other").await?;
    for (verb, resource) in [("get", "secrets"), ("list", "helmreleases.helm.toolkit.fluxcd.io"), ("create", "pods")] {
        ensure!(installation.may(verb, resource, &scene.namespace).await?, "{verb} {resource} is forbidden at home");
        ensure!(!installation.may(verb, resource, &other).await?, "{verb} {resource} is allowed elsewhere");
        ensure!(!installation.may(verb, resource, "").await?, "{verb} {resource} is allowed everywhere");
    }
    let secrets: Api<Secret> = Api::namespaced(installation.client().await?, &other);
    let refused = secrets.list(&ListParams::default()).await;
    ensure!(matches!(&refused, Err(kube::Error::Api(status)) if status.code == 403), "{refused:?}");
    release(&scene, "stray", &json!({"targetNamespace": other, "storageNamespace": scene.namespace})).await?;
    refusal(&scene, "stray", &["cannot", &other]).await?;
    Ok(())
}

#[tokio::test]
async fn the_built_in_roles_see_and_change_releases() -> Result<()> {
    let (scene, _installation) = installed("aggregated", &json!({})).await?;
    let client = &scene.client;
    let roles: Api<ClusterRole> = Api::all(client.clone());
    for (role, suffix) in [("view", "get"), ("edit", "create"), ("admin", "create")] {
        let holds = |found: &ClusterRole| {
            found.rules.iter().flatten().any(|rule| {
                rule.resources.iter().flatten().any(|resource| resource == "helmreleases")
                    && rule.verbs.iter().any(|verb| verb == suffix)
            })
        };
        wait_for(&roles, role, SOON, &format!("allowed to {suffix} helmreleases"), holds).await?;
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": role, "namespace": scene.namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": format!("a-{role}")}],
        });
        apply(client, &binding).await?;
    }
    let release = "helmreleases.helm.toolkit.fluxcd.io";
    let repository = "ocirepositories.source.toolkit.fluxcd.io";
    let may = |user: &'static str, verb: &'static str, resource: &'static str| {
        user_may(client, user, verb, resource, &scene.namespace)
    };
    let deadline = tokio::time::Instant::now() + SOON;
    // As with every right, nothing but asking shows when it holds.
    while !(may("a-view", "get", release).await?
        && may("a-edit", "create", release).await?
        && may("a-admin", "delete", repository).await?)
    {
        ensure!(tokio::time::Instant::now() < deadline, "the roles do not hold");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    ensure!(may("a-view", "watch", repository).await?);
    ensure!(!may("a-view", "create", release).await? && !may("a-view", "patch", repository).await?);
    ensure!(
        !may("a-edit", "patch", "helmreleases.helm.toolkit.fluxcd.io/status").await?,
        "a status is the operator's word"
    );
    ensure!(!user_may(client, "a-edit", "create", release, "default").await?);
    Ok(())
}
