//! What Flux's own end-to-end tests of helm-controller 1.6 assert, row by row, on a chart made for it.
//!
//! | Flux's test | here |
//! |---|---|
//! | status-defaults | [`placement::status_has_its_default_before_any_controller_runs`] |
//! | samples, podinfo, podinfo-git, podinfo-oci | [`placement::inventory_names_what_was_applied`], `git::each_commit_reaches_the_release`, `releases::installs_from_an_oci_registry` |
//! | job-ttl | [`placement::a_hook_job_that_is_gone_at_once_does_not_break_the_wait`] |
//! | dependencies | `fleet::dependent_release_starts_when_its_dependency_is_ready` |
//! | valuesfrom | [`placement::values_are_merged_in_order_with_paths_and_keys`] |
//! | targetnamespace, install-create-target-ns | [`placement::the_target_namespace_is_part_of_the_name`] |
//! | install-from-hc-source, -ocirepo-source, upgrade-from-ocirepo-source | [`placement::charts_are_taken_by_reference_and_followed`] |
//! | post-renderer-kustomize | [`placement::post_renderers_change_what_is_applied`] |
//! | install-\*, upgrade-\* that fail | [`outcomes`] |
//! | impersonation | [`placement::an_account_can_do_no_more_than_its_role`] |
//! | delete-ns | [`placement::a_namespace_with_its_account_and_release_can_be_deleted`] |
//! | crds-upgrade | [`placement::custom_resource_definitions_follow_their_policy`] |
//! | upgrade-chart-name-change | [`placement::a_renamed_chart_is_reinstalled_or_upgraded_in_place`] |
//! | ssa | [`apply_methods`] |
//!
//! What Flux's own tests leave out is in [`beyond`] and in the files on drift, remote clusters, expressions, values, notifications,
//! served versions and restarts.
//!
//! Never asserts what only rhumb does; that is in the other files.

mod apply_methods;
mod beyond;
mod outcomes;
mod placement;

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use crate::scene::Scene;

/// A chart whose pods and tests fail when values say so.
const TEMPLATES: &[(&str, &str)] = &[
    (
        "templates/deployment.yaml",
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}-app
  labels: {app: {{ .Release.Name }}}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata:
      labels:
        app: {{ .Release.Name }}
        {{- if .Values.faults.unready }}
        rhumb.test/pod: unready
        {{- end }}
      {{- with .Values.podAnnotations }}
      annotations: {{ toJson . }}
      {{- end }}
    spec:
      containers: [{name: app, image: nginx}]
",
    ),
    (
        "templates/test.yaml",
        "apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-test
  annotations: {helm.sh/hook: test, helm.sh/hook-delete-policy: before-hook-creation}
spec:
  backoffLimit: 0
  template:
    metadata:
      labels:
        app: test
        {{- if .Values.faults.testFail }}
        rhumb.test/pod: fail
        {{- end }}
    spec:
      restartPolicy: Never
      containers: [{name: test, image: nginx}]
",
    ),
    (
        "templates/job.yaml",
        "{{- if .Values.migrate }}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-migrate
  annotations: {helm.sh/hook: post-install}
spec:
  ttlSecondsAfterFinished: 0
  template:
    spec:
      restartPolicy: Never
      containers: [{name: migrate, image: nginx}]
{{- end }}
",
    ),
    (
        "templates/autoscaler.yaml",
        "{{- if .Values.autoscaler }}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: {{ .Release.Name }}}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ .Release.Name }}-app}
  maxReplicas: 2
{{- end }}
",
    ),
    ("values.yaml", "replicas: 2\nfaults: {unready: false, testFail: false}\nmigrate: false\nautoscaler: false\n"),
];

/// Packs the chart under a name and a version for the scene's repository.
fn package(scene: &Scene, name: &str, version: &str, more: &[(&str, &str)]) -> Result<()> {
    let folder = scene.charts.path().join("sources").join(name);
    let manifest = format!("apiVersion: v2\nname: {name}\nversion: {version}\n");
    write(&folder, "Chart.yaml", &manifest)?;
    for (path, text) in TEMPLATES.iter().chain(more) {
        write(&folder, path, text)?;
    }
    scene.helm.package(&folder, version, scene.charts.path())?;
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

fn write(folder: &Path, path: &str, text: &str) -> Result<()> {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
    std::fs::write(path, text)?;
    Ok(())
}

/// A scene with the chart as `app` in version 1.0.0.
async fn scene(name: &str) -> Result<Scene> {
    let mut scene = prepared(name).await?;
    scene.start_operator().await?;
    Ok(scene)
}

/// The same before the operator runs.
async fn prepared(name: &str) -> Result<Scene> {
    let scene = Scene::prepare(name).await?;
    package(&scene, "app", "1.0.0", &[])?;
    Ok(scene)
}

/// A spec for a chart of the scene's repository, with something more.
fn spec(chart: &str, version: &str, more: &Value) -> Value {
    let source = json!({"kind": "HelmRepository", "name": "charts"});
    let mut spec = json!({
        "timeout": "30s",
        "chart": {"spec": {"chart": chart, "version": version, "sourceRef": source}},
    });
    if let (Some(spec), Some(more)) = (spec.as_object_mut(), more.as_object()) {
        spec.extend(more.clone());
    }
    spec
}
