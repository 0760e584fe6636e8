//! `rhumb template --dry-run=server` against `helm template --dry-run=server`, on the same charts and the same cluster.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams};
use kube::runtime::wait::{Condition as _, conditions};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::cluster::{Cluster, apply, wait_for};
use crate::support::process::temporary_folder;
use crate::support::programs;

const SOON: Duration = Duration::from_secs(30);

/// Both programs, for a namespace that has some objects.
struct Witness {
    cluster: &'static Cluster,
    client: kube::Client,
    namespace: String,
    helm: std::path::PathBuf,
    folder: TempDir,
    differences: Vec<String>,
}

impl Witness {
    async fn start(prefix: &str) -> Result<Self> {
        let cluster = Cluster::shared().await?;
        let client = cluster.client().await?;
        let namespace = cluster.namespace(&client, prefix).await?;
        let (helm, folder) = (programs::helm()?, temporary_folder("rhumb-dry-run-")?);
        Ok(Self { cluster, client, namespace, helm, folder, differences: Vec::new() })
    }

    fn run(&self, program: &Path, kubeconfig: &Path, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(program);
        command.args(["template", "web", "chart"]).args(arguments).current_dir(self.folder.path()).env_clear();
        for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "HOME"] {
            command.env(variable, self.folder.path());
        }
        command.env("KUBECONFIG", kubeconfig).env("TZ", "UTC").stdin(Stdio::null());
        command.output().with_context(|| format!("run {}", program.display()))
    }

    /// Puts a chart with these files in place.
    fn write(&self, files: &BTreeMap<String, String>) -> Result<()> {
        let chart = self.folder.path().join("chart");
        if chart.exists() {
            std::fs::remove_dir_all(&chart)?;
        }
        for (name, text) in files {
            let path = chart.join(name);
            std::fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
            std::fs::write(path, text)?;
        }
        std::fs::write(chart.join("Chart.yaml"), "apiVersion: v2\nname: chart\nversion: 1.0.0\n")?;
        Ok(())
    }

    /// Asks both about a chart, which is its files by name, and gives what rhumb answered.
    fn ask(&mut self, files: &[(&str, &str)], arguments: &[&str]) -> Result<String> {
        let kubeconfig = self.cluster.kubeconfig().to_owned();
        self.ask_on(&kubeconfig, files, arguments)
    }

    fn ask_on(&mut self, kubeconfig: &Path, files: &[(&str, &str)], arguments: &[&str]) -> Result<String> {
        let named = |(name, text): &(&str, &str)| ((*name).to_owned(), text.replace("NAMESPACE", &self.namespace));
        let files: BTreeMap<String, String> = files.iter().map(named).collect();
        self.write(&files)?;
        let namespace = self.namespace.clone();
        let arguments = [&["-n", &namespace], arguments].concat();
        let shown = |output: Output| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            format!("exit {:?}\n{}---stderr\n{}", output.status.code(), text(&output.stdout), text(&output.stderr))
        };
        let helm = shown(self.run(&self.helm, kubeconfig, &arguments)?);
        // What helm logs beside the error of a look-up is in the error.
        let is_log = |line: &&str| line.starts_with("level=ERROR msg=\"unable to ");
        let helm: String = helm.split_inclusive('\n').filter(|line| !is_log(line)).collect();
        let rhumb = shown(self.run(Path::new(env!("CARGO_BIN_EXE_rhumb")), kubeconfig, &arguments)?);
        if helm != rhumb {
            self.differences.push(format!("{arguments:?} of {files:#?}\n=== helm: {helm}\n=== rhumb: {rhumb}"));
        }
        Ok(rhumb)
    }

    async fn have(&self, object: Value) -> Result<()> {
        let mut object = object;
        object["metadata"]["namespace"] = json!(self.namespace);
        apply(&self.client, &object).await?;
        Ok(())
    }

    fn end(self) -> Result<()> {
        let differences = self.differences;
        ensure!(differences.is_empty(), "{} differ\n{}", differences.len(), differences.join("\n\n"));
        Ok(())
    }
}

const SERVER: [&str; 1] = ["--dry-run=server"];

fn map(name: &str, metadata: &Value) -> Value {
    let mut map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"k": "live"}});
    map["metadata"]["name"] = json!(name);
    map
}

const LOOKUP: &str = r#"
kind: ConfigMap
apiVersion: v1
metadata: {name: fresh}
data:
  one: {{ (lookup "v1" "ConfigMap" .Release.Namespace "live").data.k | quote }}
  absent: {{ lookup "v1" "ConfigMap" .Release.Namespace "absent" | toJson | quote }}
  list: {{ range (lookup "v1" "ConfigMap" .Release.Namespace "").items }}{{ .metadata.name }}:{{ .data | len }} {{ end }}
  kind: {{ (lookup "v1" "ConfigMap" .Release.Namespace "").kind }}
  cluster: {{ (lookup "v1" "Namespace" "" .Release.Namespace).metadata.name | quote }}
  whole: {{ lookup "v1" "ConfigMap" .Release.Namespace "live" | toJson | quote }}
  none: {{ (lookup "apps/v1" "Deployment" .Release.Namespace "").items | len }}
"#;

#[tokio::test]
async fn templates_see_live_objects() -> Result<()> {
    let mut witness = Witness::start("dry-lookup").await?;
    witness.have(map("live", &json!({"labels": {"a": "b"}}))).await?;
    let seen = witness.ask(&[("templates/a.yaml", LOOKUP)], &SERVER)?;
    ensure!(seen.contains("one: \"live\"") && seen.contains("live:1"), "{seen}");
    let unseen =
        witness.ask(&[("templates/a.yaml", r#"a: {{ lookup "v1" "ConfigMap" .Release.Namespace "live" }}"#)], &[])?;
    ensure!(unseen.contains("a: map[]"), "{unseen}");
    for call in [
        r#"lookup "nope.test/v1" "Nope" "" """#,
        r#"lookup "v1" "Nope" "" "a""#,
        r#"lookup "v1" "ConfigMap" "" """#,
        r#"lookup "v1" "ConfigMap" "no-such-namespace" "a""#,
        r#"lookup "a/b/c" "ConfigMap" "" "a""#,
        r#"lookup "" "ConfigMap" "" "a""#,
        r#"lookup "v1" "Namespace" .Release.Namespace .Release.Namespace"#,
    ] {
        let template = format!(
            "kind: ConfigMap\napiVersion: v1\nmetadata: {{name: fresh}}\ndata: {{a: {{{{ kindOf ({call}) }}}}}}\n"
        );
        witness.ask(&[("templates/a.yaml", &template)], &SERVER)?;
    }
    witness.end()
}

const CAPABILITIES: &str = r#"
kind: ConfigMap
apiVersion: v1
metadata: {name: fresh}
data:
  version: {{ .Capabilities.KubeVersion | toJson | quote }}
  minor: {{ .Capabilities.KubeVersion.Minor | quote }}
  is: {{ .Capabilities.APIVersions.Has "dry.rhumb.test/v1/Thing" }} {{ .Capabilities.APIVersions.Has "dry.rhumb.test/v1" }}
  built: {{ .Capabilities.APIVersions.Has "apps/v1/Deployment" }} {{ .Capabilities.APIVersions.Has "extensions/v1beta1" }}
  helm: {{ .Capabilities.HelmVersion.Version }}
  all: {{ without (.Capabilities.APIVersions | sortAlpha) "" | join " " | quote }}
"#;

#[tokio::test]
async fn capabilities_are_those_of_the_cluster() -> Result<()> {
    let mut witness = Witness::start("dry-capabilities").await?;
    let files = [("templates/a.yaml", CAPABILITIES)];
    let version = witness.client.apiserver_version().await?.git_version;
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.dry.rhumb.test"},
        "spec": {
            "group": "dry.rhumb.test",
            "scope": "Namespaced",
            "names": {"kind": "Thing", "plural": "things"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "properties": {"spec": {"type": "object", "properties": {"a": {"type": "string"}}}},
            }}}],
        },
    });
    let definitions: Api<CustomResourceDefinition> = Api::all(witness.client.clone());
    apply(&witness.client, &definition).await?;
    let established = conditions::is_crd_established();
    wait_for(&definitions, "things.dry.rhumb.test", SOON, "established", |crd| established.matches_object(Some(crd)))
        .await?;
    let seen = witness.ask(&files, &SERVER)?;
    ensure!(seen.contains("is: true true") && seen.contains(&version), "{seen}");
    witness.ask(&files, &["--dry-run=server", "--kube-version", "1.20.0", "-a", "a.test/v1"])?;
    witness.ask(&files, &["--validate"])?;
    let thing = "kind: Thing\napiVersion: dry.rhumb.test/v1\nmetadata: {name: t}\nspec: {a: 1, b: 2}\n";
    witness.ask(&[("templates/a.yaml", thing)], &SERVER)?;
    definitions.delete("things.dry.rhumb.test", &DeleteParams::default()).await?;
    witness.end()
}

#[tokio::test]
async fn kinds_that_the_cluster_lacks_are_refused() -> Result<()> {
    let mut witness = Witness::start("dry-kinds").await?;
    let nope = "kind: Nope\napiVersion: nope.test/v1\nmetadata: {name: none}\n";
    let good = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: fresh}\n";
    let refused = witness.ask(&[("templates/a.yaml", nope)], &SERVER)?;
    ensure!(
        refused.starts_with("exit Some(1)\n---stderr") && refused.contains("no matches for kind \"Nope\""),
        "{refused}"
    );
    let crd =
        "kind: CustomResourceDefinition\napiVersion: apiextensions.k8s.io/v1\nmetadata: {name: nopes.nope.test}\n";
    let hook =
        "kind: Nope\napiVersion: nope.test/v1\nmetadata: {name: none, annotations: {helm.sh/hook: pre-install}}\n";
    let cases: [&[(&str, &str)]; 12] = [
        &[("templates/a.yaml", good)],
        &[("templates/a.yaml", good), ("templates/b.yaml", nope)],
        &[("templates/a.yaml", nope), ("templates/b.yaml", "kind: Other\napiVersion: v1\nmetadata: {name: o}\n")],
        &[("templates/a.yaml", "kind: Deployment\napiVersion: extensions/v1beta1\nmetadata: {name: old}\n")],
        &[("templates/a.yaml", nope), ("crds/a.yaml", crd)],
        &[("templates/a.yaml", hook)],
        &[("templates/a.yaml", "kind: ConfigMap\napiVersion: v1\nmetadata: {}\n")],
        &[("templates/a.yaml", "kind: ConfigMap\nmetadata: {name: a}\n")],
        &[("templates/a.yaml", "apiVersion: v1\nmetadata: {name: a}\n")],
        &[("templates/a.yaml", "kind: Service\napiVersion: v1\nmetadata: {name: a}\nspec: {nope: 1, ports: text}\n")],
        &[("templates/a.yaml", "kind: ConfigMap\napiVersion: v1\nmetadata: {name: a, namespace: elsewhere}\n")],
        &[("templates/a.yaml", "kind: Namespace\napiVersion: v1\nmetadata: {name: a, namespace: elsewhere}\n")],
    ];
    for files in cases {
        witness.ask(files, &SERVER)?;
    }
    for arguments in [
        &["--validate"][..],
        &["--dry-run=server", "--include-crds"],
        &["--dry-run=server", "--is-upgrade"],
        &["--dry-run=server", "--disable-openapi-validation"],
        &["--dry-run=server", "--no-hooks"],
        &["--dry-run=client"],
        &["--dry-run"],
        &["--dry-run=nope"],
        &["--dry-run=server", "--validate"],
        &["--dry-run=server", "--output-dir", "out"],
        &["--dry-run=server", "-s", "templates/a.yaml"],
        &["--dry-run=server", "--debug"],
    ] {
        witness.ask(&[("templates/a.yaml", nope), ("crds/a.yaml", crd)], arguments)?;
        witness.ask(&[("templates/a.yaml", good), ("crds/a.yaml", crd)], arguments)?;
    }
    witness.end()
}

#[tokio::test]
async fn objects_of_others_are_refused() -> Result<()> {
    let mut witness = Witness::start("dry-owners").await?;
    let namespace = witness.namespace.clone();
    let managed = json!({"app.kubernetes.io/managed-by": "Helm"});
    let owner = |name: &str, namespace: &str| json!({"meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": namespace});
    for (name, metadata) in [
        ("plain", json!({})),
        ("other", json!({"labels": {"app.kubernetes.io/managed-by": "me"}, "annotations": owner("web", "away")})),
        ("label", json!({"labels": managed})),
        ("name", json!({"labels": managed, "annotations": {"meta.helm.sh/release-name": "web"}})),
        ("theirs", json!({"labels": managed, "annotations": owner("api", &namespace)})),
        ("notes", json!({"annotations": owner("web", &namespace)})),
        ("ours", json!({"labels": managed, "annotations": owner("web", &namespace)})),
    ] {
        witness.have(map(name, &metadata)).await?;
        let template = format!("kind: ConfigMap\napiVersion: v1\nmetadata: {{name: {name}}}\n");
        let told = witness.ask(&[("templates/a.yaml", &template)], &SERVER)?;
        assert_eq!(told.starts_with("exit Some(0)"), name == "ours", "{told}");
        witness.ask(&[("templates/a.yaml", &template)], &["--dry-run=server", "--is-upgrade"])?;
    }
    let named = |name: &str| format!("kind: ConfigMap\napiVersion: v1\nmetadata: {{name: {name}}}\n");
    let (plain, other) = (named("plain"), named("other"));
    witness.ask(&[("templates/a.yaml", &plain)], &["--dry-run=server", "--take-ownership"])?;
    witness.ask(&[("templates/a.yaml", &plain)], &["--validate"])?;
    witness.ask(&[("templates/a.yaml", &plain), ("templates/b.yaml", &other)], &SERVER)?;
    let hook = plain.replace("plain", "plain, annotations: {helm.sh/hook: pre-install}");
    witness.ask(&[("templates/a.yaml", &hook)], &SERVER)?;
    let here = "kind: Namespace\napiVersion: v1\nmetadata: {name: NAMESPACE}\n";
    witness.ask(&[("templates/a.yaml", here)], &SERVER)?;
    let list =
        "kind: ConfigMapList\napiVersion: v1\nitems: [{kind: ConfigMap, apiVersion: v1, metadata: {name: plain}}]\n";
    witness.ask(&[("templates/a.yaml", list)], &SERVER)?;
    let generated = "kind: ConfigMap\napiVersion: v1\nmetadata: {generateName: a-}\n";
    witness.ask(&[("templates/a.yaml", generated)], &SERVER)?;
    witness.end()
}

// The reason is in the words of each program's client.
#[tokio::test]
async fn a_cluster_that_does_not_answer_is_told() -> Result<()> {
    let witness = Witness::start("dry-unreachable").await?;
    let kubeconfig = witness.folder.path().join("kubeconfig");
    let nobody = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "a",
        "clusters": [{"name": "a", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "a", "user": {}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    });
    std::fs::write(&kubeconfig, nobody.to_string())?;
    witness.write(&BTreeMap::from([("templates/a.yaml".to_owned(), "a: b\n".to_owned())]))?;
    for program in [witness.helm.as_path(), Path::new(env!("CARGO_BIN_EXE_rhumb"))] {
        let output = witness.run(program, &kubeconfig, &SERVER)?;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(1), true), "{told}");
        let last = told.lines().last().unwrap_or_default();
        ensure!(
            last.starts_with("Error: cluster reachability check failed: kubernetes cluster unreachable: ")
                && told.starts_with("level=ERROR msg=\"cluster reachability check failed: "),
            "{}: {told}",
            program.display()
        );
    }
    Ok(())
}
