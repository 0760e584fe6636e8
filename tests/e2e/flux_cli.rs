//! The calls of the flux program (2.9), replayed: what it reads has to be there, what it waits for has to come, and the words that it
//! prints are those that it prints with Flux.
//!
//! Where the variable `RHUMB_FLUX` names a flux program, that is run as well and its output is looked at.

use std::path::PathBuf;
use std::pin::pin;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{Event, Secret};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use serde_json::{Value, json};

use crate::scene::{SOON, Scene, hello, hello_spec};
use crate::support::cluster::{apply, pin, wait_for, wait_gone};
use crate::support::git_server::{GitFolder, GitServer};
use crate::support::registry::Registry;
use crate::support::release::{condition, has_condition};

const HELM: &str = "helm.toolkit.fluxcd.io/v2";
const SOURCE: &str = "source.toolkit.fluxcd.io/v1";

/// The program's side: its API versions, its waits, its tables.
struct Flux<'a> {
    scene: &'a Scene,
}

impl Flux<'_> {
    async fn api(&self, kind: &str) -> Result<Api<DynamicObject>> {
        let version = if kind == "HelmRelease" { HELM } else { SOURCE };
        let resource = pin(&self.scene.client, version, kind).await?;
        Ok(Api::namespaced_with(self.scene.client.clone(), &self.scene.namespace, &resource))
    }

    async fn get(&self, kind: &str, name: &str) -> Result<DynamicObject> {
        Ok(self.api(kind).await?.get(name).await?)
    }

    async fn patch(&self, kind: &str, name: &str, patch: &Value) -> Result<DynamicObject> {
        Ok(self.api(kind).await?.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?)
    }

    /// `flux reconcile`: a token as an annotation, and others with the same value; done when it was handled and all is well.
    async fn reconcile(&self, kind: &str, name: &str, others: &[&str]) -> Result<DynamicObject> {
        let before = self.get(kind, name).await?;
        ensure!(before.data["spec"]["suspend"] != true, "resource is suspended");
        let token = jiff::Timestamp::now().to_string();
        let mut annotations = json!({"reconcile.fluxcd.io/requestedAt": token});
        for other in others {
            annotations[*other] = json!(token);
        }
        self.patch(kind, name, &json!({"metadata": {"annotations": annotations}})).await?;
        let handled = before.data["status"]["lastHandledReconcileAt"].clone();
        self.wait(kind, name, "reconciled", move |object| {
            object.data["status"]["lastHandledReconcileAt"] != handled && has_condition(object, "Ready", "True")
        })
        .await
    }

    /// `flux resume` and `flux create`: the newest generation was seen, and Ready speaks of it.
    async fn settled(&self, kind: &str, name: &str) -> Result<DynamicObject> {
        self.wait(kind, name, "settled", |object| {
            object.data["status"]["observedGeneration"].as_i64().is_some_and(|seen| seen >= 1)
                && condition(object, "Ready").is_some()
        })
        .await
    }

    async fn wait(
        &self,
        kind: &str,
        name: &str,
        what: &str,
        met: impl Fn(&DynamicObject) -> bool,
    ) -> Result<DynamicObject> {
        let api = self.api(kind).await?;
        let found = wait_for(&api, name, SOON, what, |object| {
            state(object) == "Failed" || state(object) == "Current" && met(object)
        })
        .await;
        let found = found.with_context(|| self.scene.operator_log())?;
        ensure!(state(&found) == "Current", "{kind} {name} failed: {}", found.data["status"]);
        Ok(found)
    }

    /// A row of `flux get`: name, revision, suspended, ready, message.
    fn row(object: &DynamicObject) -> [String; 5] {
        let status = &object.data["status"];
        let revision =
            [&status["history"][0]["chartVersion"], &status["lastAttemptedRevision"], &status["artifact"]["revision"]];
        let revision = revision.iter().find_map(|value| value.as_str()).unwrap_or_default();
        let ready = condition(object, "Ready").cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let suspended = if object.data["spec"]["suspend"] == true { "True" } else { "False" };
        let name = object.metadata.name.clone().unwrap_or_default();
        [name, revision.to_owned(), suspended.to_owned(), text(&ready["status"]), text(&ready["message"])]
    }

    /// `flux get KIND`, with a name as it asks for one.
    async fn rows(&self, kind: &str, name: Option<&str>) -> Result<Vec<[String; 5]>> {
        let mut parameters = ListParams::default();
        if let Some(name) = name {
            parameters = parameters.fields(&format!("metadata.name={name}"));
        }
        Ok(self.api(kind).await?.list(&parameters).await?.iter().map(Self::row).collect())
    }

    /// Waits for a row of `flux events --for KIND/NAME --watch` whose columns REASON and MESSAGE begin so.
    async fn told(&self, kind: &str, name: &str, beginning: &str) -> Result<()> {
        let api: Api<Event> = Api::namespaced(self.scene.client.clone(), &self.scene.namespace);
        let about = format!("involvedObject.kind={kind},involvedObject.name={name}");
        let mut events = pin!(watcher(api, watcher::Config::default().fields(&about)).applied_objects());
        let found = tokio::time::timeout(SOON, async {
            while let Some(event) = events.next().await {
                // The watcher tries again by itself; the deadline bounds it.
                let Ok(event) = event else { continue };
                let row = format!("{} {}", event.reason.unwrap_or_default(), event.message.unwrap_or_default());
                if row.starts_with(beginning) {
                    return;
                }
            }
        });
        found.await.with_context(|| format!("no event about {kind} {name} begins with '{beginning}'"))
    }

    /// `flux events --for KIND/NAME`: reasons of events about these objects, as core/v1 has them.
    async fn events(&self, about: &[(&str, &str)]) -> Result<Vec<String>> {
        let api: Api<Event> = Api::namespaced(self.scene.client.clone(), &self.scene.namespace);
        let mut found = Vec::new();
        for (kind, name) in about {
            let fields = format!("involvedObject.kind={kind},involvedObject.name={name}");
            for event in api.list(&ListParams::default().fields(&fields)).await? {
                found.push(format!("{kind} {} {}", event.type_.unwrap_or_default(), event.reason.unwrap_or_default()));
            }
        }
        Ok(found)
    }
}

/// What kstatus makes of an object, by the rules that the program follows.
fn state(object: &DynamicObject) -> &'static str {
    let status = &object.data["status"];
    let holds = |of: &str| {
        let all = status["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
        all.iter().find(|one| one["type"] == of).map(|one| one["status"] == "True")
    };
    if object.metadata.deletion_timestamp.is_some() {
        return "Terminating";
    }
    let observed = status["observedGeneration"].as_i64();
    if observed.is_some() && observed != object.metadata.generation || holds("Reconciling") == Some(true) {
        return "InProgress";
    }
    if holds("Stalled") == Some(true) {
        return "Failed";
    }
    match holds("Ready") {
        Some(true) | None => "Current",
        Some(false) => "InProgress",
    }
}

/// A release `web` from the scene's repository, ready, with the name of its HelmChart.
async fn start(name: &str) -> Result<(Scene, String)> {
    let scene = Scene::start(name).await?;
    scene.apply_release("web", &hello_spec("1.0.0")).await?;
    scene.ready("web", "1.0.0").await?;
    let chart = format!("{}-web", scene.namespace);
    Ok((scene, chart))
}

#[tokio::test]
async fn get_lists_every_kind_with_the_words_of_flux() -> Result<()> {
    let (scene, chart) = start("flux-get").await?;
    let flux = Flux { scene: &scene };
    let namespace = &scene.namespace;
    let message = format!("Helm install succeeded for release {namespace}/web.v1 with chart hello@1.0.0");
    let row = |cells: [&str; 5]| cells.map(str::to_owned);
    let expected = vec![row(["web", "1.0.0", "False", "True", &message])];
    assert_eq!(flux.rows("HelmRelease", None).await?, expected);
    assert_eq!(flux.rows("HelmRelease", Some("web")).await?, expected);
    assert_eq!(flux.rows("HelmRelease", Some("other")).await?, Vec::<[String; 5]>::new());
    let pulled = row([&chart, "1.0.0", "False", "True", "pulled 'hello' chart with version '1.0.0'"]);
    assert_eq!(flux.rows("HelmChart", None).await?, [pulled]);
    let repository = flux.settled("HelmRepository", "charts").await?;
    let [_, revision, _, _, told] = Flux::row(&repository);
    assert_eq!(told, format!("stored artifact: revision '{revision}'"));
    ensure!(revision.starts_with("sha256:"), "{revision}");
    for kind in ["OCIRepository", "GitRepository", "Bucket", "ExternalArtifact"] {
        assert_eq!(flux.rows(kind, None).await?, Vec::<[String; 5]>::new(), "{kind}");
    }
    // --show-source reads where the chart is from, stats the sizes, check the version of a definition.
    let release = flux.get("HelmRelease", "web").await?;
    assert_eq!(release.data["spec"]["chart"]["spec"]["sourceRef"], json!({"kind": "HelmRepository", "name": "charts"}));
    ensure!(repository.data["status"]["artifact"]["size"].as_i64().is_some_and(|size| size > 0));
    for field in ["digest", "lastUpdateTime", "path", "revision", "url"] {
        ensure!(repository.data["status"]["artifact"][field].is_string(), "the artifact has no {field}");
    }
    let crds: Api<CustomResourceDefinition> = Api::all(scene.client.clone());
    for kind in ["gitrepositories", "ocirepositories", "helmrepositories", "helmcharts", "buckets", "externalartifacts"]
    {
        let crd = crds.get(&format!("{kind}.source.toolkit.fluxcd.io")).await?;
        let stored = crd.status.and_then(|status| status.stored_versions).unwrap_or_default();
        assert_eq!(stored, ["v1"], "{kind}: flux migrate would have something to do");
    }
    Ok(())
}

#[tokio::test]
async fn reconcile_is_handled_with_source_force_and_reset() -> Result<()> {
    let (scene, chart) = start("flux-reconcile").await?;
    let flux = Flux { scene: &scene };
    let first = flux.reconcile("HelmRelease", "web", &[]).await?;
    let attempted = first.data["status"]["lastAttemptedRevision"].as_str().unwrap_or_default();
    assert_eq!(format!("applied revision {attempted}"), "applied revision 1.0.0");
    assert_eq!(scene.history("web")?.len(), 1, "nothing was to do");

    // --with-source: the repository, the chart by its name, the release.
    for (kind, name) in [("HelmRepository", "charts"), ("HelmChart", chart.as_str()), ("HelmRelease", "web")] {
        let handled = flux.reconcile(kind, name, &[]).await.with_context(|| format!("reconcile {kind}"))?;
        ensure!(
            kind == "HelmRelease" || handled.data["status"]["artifact"]["revision"].is_string(),
            "{kind} has no artifact"
        );
    }
    let forced = flux.reconcile("HelmRelease", "web", &["reconcile.fluxcd.io/forceAt"]).await?;
    assert_eq!(forced.data["status"]["lastHandledForceAt"], forced.data["status"]["lastHandledReconcileAt"]);
    assert_eq!(scene.history("web")?, ["1 superseded hello-1.0.0", "2 deployed hello-1.0.0"]);
    let reset = flux.reconcile("HelmRelease", "web", &["reconcile.fluxcd.io/resetAt"]).await?;
    assert_eq!(reset.data["status"]["lastHandledResetAt"], reset.data["status"]["lastHandledReconcileAt"]);
    assert_eq!(scene.history("web")?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn reconcile_source_oci_and_its_release_with_source() -> Result<()> {
    let scene = Scene::start("flux-oci").await?;
    let flux = Flux { scene: &scene };
    let registry = Registry::start().await?;
    scene.helm.push(&scene.charts.path().join("hello-1.0.0.tgz"), &registry, "charts")?;
    let spec =
        json!({"url": registry.url("charts/hello"), "ref": {"tag": "1.0.0"}, "interval": "10m", "insecure": true});
    scene.apply_source("OCIRepository", "hello", &spec).await?;
    scene
        .apply_release("web", &json!({"timeout": "30s", "chartRef": {"kind": "OCIRepository", "name": "hello"}}))
        .await?;
    flux.settled("OCIRepository", "hello").await?;
    let found = flux.reconcile("OCIRepository", "hello", &[]).await?;
    let [_, revision, _, _, message] = Flux::row(&found);
    ensure!(revision.starts_with("1.0.0@sha256:"), "{revision}");
    assert_eq!(message, format!("stored artifact for digest '{revision}'"));
    flux.settled("HelmRelease", "web").await?;
    flux.reconcile("HelmRelease", "web", &[]).await?;

    // The program says of a registry without an index that it is ready, whatever its status; that must not be in its way.
    scene
        .apply_source("HelmRepository", "oci", &json!({"type": "oci", "url": registry.url("charts"), "insecure": true}))
        .await?;
    let repository = flux.get("HelmRepository", "oci").await?;
    ensure!(matches!(state(&repository), "Current" | "InProgress"));
    Ok(())
}

#[tokio::test]
async fn suspend_resume_export_create_and_delete() -> Result<()> {
    let (scene, _) = start("flux-edit").await?;
    let flux = Flux { scene: &scene };
    for (kind, name) in [("HelmRelease", "web"), ("HelmRepository", "charts")] {
        flux.patch(kind, name, &json!({"spec": {"suspend": true}})).await?;
        let refused = flux.reconcile(kind, name, &[]).await.unwrap_err().to_string();
        assert_eq!(refused, "resource is suspended");
        flux.patch(kind, name, &json!({"spec": {"suspend": false}})).await?;
        flux.settled(kind, name).await.with_context(|| format!("resume {kind}"))?;
    }
    // What is exported can be applied to another namespace as it is.
    let exported = flux.get("HelmRelease", "web").await?;
    let spec = exported.data["spec"].clone();
    let copy = json!({"apiVersion": HELM, "kind": "HelmRelease", "metadata": {"name": "copy", "namespace": scene.namespace}, "spec": spec});
    apply(&scene.client, &copy).await?;
    let copied = flux.settled("HelmRelease", "copy").await?;
    assert_eq!(copied.data["spec"], spec);

    // create: an update of the whole spec and labels, then the same wait.
    let api = flux.api("HelmRelease").await?;
    let mut changed = api.get("copy").await?;
    changed.data["spec"]["values"] = json!({"message": "created"});
    changed.metadata.labels = Some([("made-by".to_owned(), "hand".to_owned())].into());
    api.replace("copy", &PostParams::default(), &changed).await?;
    let created = flux.settled("HelmRelease", "copy").await?;
    assert_eq!(created.data["status"]["history"][0]["version"], 2);

    // create source helm with a certificate puts it into the Secret of the login, which therefore counts.
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "created", "namespace": scene.namespace},
        "stringData": {"username": "ann", "password": "secret"},
    });
    apply(&scene.client, &secret).await?;
    let spec = json!({"interval": "10m", "url": scene.repository.url(), "secretRef": {"name": "created"}});
    scene.apply_source("HelmRepository", "created", &spec).await?;
    let created = flux.settled("HelmRepository", "created").await?;
    ensure!(created.data["status"]["artifact"]["revision"].is_string(), "create source helm fails without an artifact");

    api.delete("copy", &DeleteParams::default()).await?;
    wait_gone(&api, "copy", SOON).await?;
    assert_eq!(scene.helm.json(&["list", "-q", "-n", &scene.namespace])?, json!(["web"]));
    Ok(())
}

#[tokio::test]
async fn events_trace_tree_and_debug_find_what_they_read() -> Result<()> {
    let (scene, chart) = start("flux-trace").await?;
    let flux = Flux { scene: &scene };
    let events = flux.events(&[("HelmRelease", "web"), ("HelmChart", &chart), ("HelmRepository", "charts")]).await?;
    for expected in ["HelmRelease Normal InstallSucceeded", "HelmRepository Normal NewArtifact"] {
        ensure!(events.iter().any(|event| event == expected), "no '{expected}' in {events:?}");
    }

    // trace: from an object by its labels to the release, its chart, and the chart's source.
    let service = scene.services().get("web-hello").await?;
    let labels = service.metadata.labels.unwrap_or_default();
    let label = |name: &str| labels.get(&format!("helm.toolkit.fluxcd.io/{name}")).cloned().unwrap_or_default();
    assert_eq!((label("name"), label("namespace")), ("web".to_owned(), scene.namespace.clone()));
    let release = flux.get("HelmRelease", &label("name")).await?;
    let status = &release.data["status"];
    assert_eq!(status["helmChart"], format!("{}/{chart}", scene.namespace));
    assert_eq!(status["lastAttemptedRevision"], "1.0.0");
    let found = flux.get("HelmChart", &chart).await?;
    assert_eq!(
        (&found.data["spec"]["chart"], &found.data["status"]["artifact"]["revision"]),
        (&json!("hello"), &json!("1.0.0"))
    );
    let source = found.data["spec"]["sourceRef"]["name"].as_str().unwrap_or_default();
    assert_eq!(flux.get("HelmRepository", source).await?.data["spec"]["url"], scene.repository.url());

    // tree: the newest record, by the status, as base64 of gzip of JSON.
    let newest = &status["history"][0];
    assert_eq!(status["storageNamespace"], scene.namespace);
    let name = format!("sh.helm.release.v1.{}.v{}", newest["name"].as_str().unwrap_or_default(), newest["version"]);
    let secrets: Api<Secret> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let packed = secrets.get(&name).await?.data.and_then(|mut data| data.remove("release")).context("no record")?;
    let record: Value = serde_json::from_reader(flate2::read::GzDecoder::new(STANDARD.decode(packed.0)?.as_slice()))?;
    assert_eq!(record["name"], "web");
    ensure!(record["manifest"].as_str().is_some_and(|manifest| manifest.contains("kind: Service")));

    // debug: what it shows stands in spec and status.
    ensure!(status["history"][0]["digest"].is_string() && status["observedGeneration"].is_i64(), "{status}");
    Ok(())
}

/// A source of a kind, what `flux create source` writes of it, and what `flux get` shows of it.
struct Created {
    kind: &'static str,
    name: &'static str,
    spec: Value,
    /// How the revision begins.
    revision: &'static str,
    /// What the program reads in the column MESSAGE, with the revision in the place of braces.
    message: &'static str,
    /// How the first event begins: reason and message.
    event: &'static str,
}

/// A source of each kind, with a server behind each.
fn every_kind(scene: &Scene, git: &GitServer, registry: &Registry) -> Vec<Created> {
    vec![
        Created {
            kind: "HelmRepository",
            name: "helm",
            spec: json!({"url": scene.repository.url(), "interval": "1m0s"}),
            revision: "sha256:",
            message: "stored artifact: revision '{}'",
            event: "NewArtifact stored fetched index of size ",
        },
        Created {
            kind: "GitRepository",
            name: "git",
            spec: json!({"url": git.url("app.git"), "interval": "1m0s", "ref": {"branch": "main"}}),
            revision: "main@sha1:",
            message: "stored artifact for revision '{}'",
            event: "NewArtifact stored artifact for commit 'The first commit'",
        },
        Created {
            kind: "OCIRepository",
            name: "oci",
            spec: json!({
                "url": registry.url("charts/hello"),
                "interval": "1m0s",
                "insecure": true,
                "ref": {"tag": "1.0.0"},
            }),
            revision: "1.0.0@sha256:",
            message: "stored artifact for digest '{}'",
            event: "NewArtifact stored artifact with revision '1.0.0@sha256:",
        },
        Created {
            kind: "HelmChart",
            name: "from-helm",
            spec: json!({
                "chart": "hello",
                "version": "1.0.0",
                "interval": "1m0s",
                "sourceRef": {"kind": "HelmRepository", "name": "charts"},
            }),
            revision: "1.0.0",
            message: "pulled 'hello' chart with version '{}'",
            event: "ChartPullSucceeded pulled 'hello' chart with version '1.0.0'",
        },
        Created {
            kind: "HelmChart",
            name: "from-git",
            spec: json!({
                "chart": "./charts/hello",
                "interval": "1m0s",
                "valuesFiles": ["./charts/hello/values.yaml", "./values.yaml"],
                "sourceRef": {"kind": "GitRepository", "name": "git"},
            }),
            revision: "1.0.0+1",
            message: "packaged 'hello' chart with version '{}' and merged values files [./charts/hello/values.yaml ./values.yaml]",
            event: "ChartPackageSucceeded packaged 'hello' chart with version '1.0.0+1' and merged values files [",
        },
    ]
}

#[tokio::test]
async fn every_kind_of_source_goes_through_the_calls_of_its_commands() -> Result<()> {
    let scene = Scene::start("flux-kinds").await?;
    let flux = Flux { scene: &scene };
    let registry = Registry::start().await?;
    scene.helm.push(&scene.charts.path().join("hello-1.0.0.tgz"), &registry, "charts")?;
    let folder = GitFolder::new()?;
    let repo = folder.create("app.git")?;
    repo.add_folder(&hello(), "charts/hello")?;
    repo.commit(&[("values.yaml", "message: more\n")], "The first commit")?;
    let git = GitServer::start(folder.path())?;
    for Created { kind, name, spec, revision, message, event } in every_kind(&scene, &git, &registry) {
        let step = |what: &str| format!("flux {what} {kind} {name}");
        // create and get.
        scene.apply_source(kind, name, &spec).await?;
        let created = flux.settled(kind, name).await.with_context(|| step("create"))?;
        let [_, found, suspended, ready, told] = Flux::row(&created);
        ensure!(found.starts_with(revision), "{}: revision {found}", step("get"));
        assert_eq!((suspended.as_str(), ready.as_str()), ("False", "True"), "{}", step("get"));
        assert_eq!(told, message.replace("{}", &found), "{}", step("get"));
        // events --for.
        flux.told(kind, name, event).await.with_context(|| step("events --for"))?;
        // reconcile, which prints the revision.
        let handled = flux.reconcile(kind, name, &[]).await.with_context(|| step("reconcile"))?;
        assert_eq!(Flux::row(&handled)[1], found, "{}", step("reconcile"));
        // suspend and resume.
        flux.patch(kind, name, &json!({"spec": {"suspend": true}})).await?;
        assert_eq!(flux.rows(kind, Some(name)).await?[0][2], "True", "{}", step("suspend"));
        let refused = flux.reconcile(kind, name, &[]).await.unwrap_err().to_string();
        assert_eq!(refused, "resource is suspended");
        flux.patch(kind, name, &json!({"spec": {"suspend": false}})).await?;
        let resumed = flux.settled(kind, name).await.with_context(|| step("resume"))?;
        // A chart with values files is made anew for each generation; anything else stays what it is.
        ensure!(Flux::row(&resumed)[1].starts_with(revision.trim_end_matches("+1")), "{}", step("resume"));
        // export: everything that was given stands there, and nothing of the status.
        for (field, value) in spec.as_object().into_iter().flatten() {
            assert_eq!(&resumed.data["spec"][field], value, "{}: {field}", step("export"));
        }
    }
    // stats: how many, how many of them fail, and their sizes.
    for (kind, count) in [("HelmRepository", 2), ("GitRepository", 1), ("OCIRepository", 1), ("HelmChart", 2)] {
        let listed = flux.api(kind).await?.list(&ListParams::default()).await?;
        assert_eq!(listed.items.len(), count, "{kind}");
        for object in listed {
            ensure!(!has_condition(&object, "Ready", "False"), "{}", object.data["status"]);
            let size = object.data["status"]["artifact"]["size"].as_i64();
            ensure!(size.is_some_and(|size| size > 0), "{kind} has no size");
        }
    }
    for (kind, name) in [("HelmChart", "from-git"), ("OCIRepository", "oci"), ("GitRepository", "git")] {
        let api = flux.api(kind).await?;
        api.delete(name, &DeleteParams::default()).await?;
        wait_gone(&api, name, SOON).await.with_context(|| format!("flux delete {kind} {name}"))?;
    }
    Ok(())
}

#[tokio::test]
async fn debug_composes_the_values_that_were_used() -> Result<()> {
    let scene = Scene::start("flux-debug").await?;
    let flux = Flux { scene: &scene };
    let object = |kind: &str, name: &str, data: Value| {
        let metadata = json!({"name": name, "namespace": scene.namespace});
        let field = if kind == "Secret" { "stringData" } else { "data" };
        json!({"apiVersion": "v1", "kind": kind, "metadata": metadata, field: data})
    };
    apply(&scene.client, &object("ConfigMap", "first", json!({"values.yaml": "message: first\nport: 81\n"}))).await?;
    apply(&scene.client, &object("Secret", "second", json!({"extra": "message: second\n"}))).await?;
    let mut spec = hello_spec("1.0.0");
    spec["valuesFrom"] = json!([
        {"kind": "ConfigMap", "name": "first"},
        {"kind": "Secret", "name": "second", "valuesKey": "extra"},
    ]);
    spec["values"] = json!({"replicas": 1});
    scene.apply_release("web", &spec).await?;
    scene.ready("web", "1.0.0").await?;
    // --show-values reads what the spec names and merges it by itself; that is what helm has to tell of the release.
    let composed = json!({"message": "second", "port": 81, "replicas": 1});
    assert_eq!(scene.helm.json(&["get", "values", "web", "-n", &scene.namespace])?, composed);
    // --show-history prints these fields, newest first.
    let release = flux.get("HelmRelease", "web").await?;
    let newest = &release.data["status"]["history"][0];
    for field in [
        "chartName",
        "chartVersion",
        "configDigest",
        "digest",
        "firstDeployed",
        "lastDeployed",
        "name",
        "namespace",
        "status",
    ] {
        ensure!(newest[field].is_string(), "history has no {field}: {newest}");
    }
    assert_eq!(
        (&newest["chartName"], &newest["status"], &newest["version"]),
        (&json!("hello"), &json!("deployed"), &json!(1))
    );
    Ok(())
}

/// A flux program, if there is one.
fn program() -> Option<PathBuf> {
    std::env::var_os("RHUMB_FLUX").map(PathBuf::from)
}

#[tokio::test]
async fn the_flux_program_itself_is_content() -> Result<()> {
    let Some(program) = program() else {
        eprintln!("skipped: RHUMB_FLUX names no flux program; its calls are replayed by the other tests");
        return Ok(());
    };
    let (scene, chart) = start("flux-program").await?;
    let run = |arguments: &[&str]| -> Result<String> {
        let mut command = Command::new(&program);
        command.args(arguments).args(["-n", &scene.namespace, "--timeout", "1m"]);
        command.env("KUBECONFIG", scene.cluster.kubeconfig());
        let output = command.output().context("run flux")?;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if !output.status.success() {
            bail!("flux {} failed: {out}{err}", arguments.join(" "));
        }
        Ok(format!("{out}{err}"))
    };
    for (arguments, expected) in [
        (vec!["get", "helmreleases"], "Helm install succeeded"),
        (vec!["get", "sources", "helm"], "stored artifact"),
        (vec!["get", "sources", "chart"], "pulled 'hello' chart with version '1.0.0'"),
        (vec!["get", "sources", "all"], "charts"),
        (vec!["reconcile", "source", "helm", "charts"], "fetched revision"),
        (vec!["reconcile", "source", "chart", &chart], "fetched revision"),
        (vec!["reconcile", "helmrelease", "web", "--with-source"], "applied revision 1.0.0"),
        (vec!["reconcile", "helmrelease", "web", "--force"], "applied revision 1.0.0"),
        (vec!["reconcile", "helmrelease", "web", "--reset"], "applied revision 1.0.0"),
        (vec!["suspend", "helmrelease", "web"], "suspended"),
        (vec!["resume", "helmrelease", "web"], "applied revision 1.0.0"),
        (vec!["events", "--for", "HelmRelease/web"], "InstallSucceeded"),
        (vec!["trace", "service", "web-hello"], "HelmRepository"),
        (vec!["debug", "helmrelease", "web", "--show-status"], "observedGeneration"),
        (vec!["debug", "helmrelease", "web", "--show-history"], "chartVersion"),
        (vec!["export", "helmrelease", "web"], "kind: HelmRelease"),
        (vec!["stats"], "HelmRelease"),
        (vec!["delete", "helmrelease", "web", "--silent"], "deleted"),
    ] {
        let printed = run(&arguments)?;
        ensure!(printed.contains(expected), "flux {}: no '{expected}' in:\n{printed}", arguments.join(" "));
    }
    Ok(())
}
