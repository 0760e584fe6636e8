//! Holds what installs rhumb together: charts/rhumb, deploy/install.yaml and the links in the READMEs.
//!
//! `deploy/install.yaml` is charts/rhumb with its default values as our own engine renders it; with `RHUMB_UPDATE=1` in the
//! environment it and the chart's CRDs are rewritten. That the engine gives what helm gives is the business of other tests.

use std::fs;
use std::path::{Path, PathBuf};

use rhumb::api;
use rhumb::chart::{Chart, File, Values, prepare};
use rhumb::goyaml;
use rhumb::render::{Ambient, NoCluster, RenderOptions, on_large_stack, render};
use serde::Deserialize as _;
use serde_json::Value;

/// Where `deploy/install.yaml` puts the operator.
const NAMESPACE: &str = "rhumb-system";

struct NoAmbient;

impl Ambient for NoAmbient {
    fn now(&self) -> i128 {
        0
    }

    fn fill_random(&self, buffer: &mut [u8]) {
        buffer.fill(0);
    }

    fn resolve_host(&self, _: &str) -> Option<String> {
        None
    }
}

fn repository_path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

fn read(relative: &str) -> String {
    fs::read_to_string(repository_path(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"))
}

fn is_update() -> bool {
    std::env::var_os("RHUMB_UPDATE").is_some_and(|value| value == "1")
}

fn files_below(folder: &Path, prefix: &str, files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            files_below(&path, &format!("{name}/"), files);
        } else {
            files.push(File::new(name, fs::read(&path).unwrap()));
        }
    }
}

fn chart() -> Chart {
    let mut files = Vec::new();
    files_below(&repository_path("charts/rhumb"), "", &mut files);
    Chart::from_directory(files).unwrap()
}

/// The chart's manifest with values given as YAML.
fn manifest(values: &str) -> Result<String, String> {
    let options = RenderOptions { name: "rhumb".into(), namespace: NAMESPACE.into(), ..RenderOptions::default() };
    let values: Values = goyaml::map_from_str(values).unwrap();
    on_large_stack(|| {
        let prepared = prepare(&chart(), &values, false).map_err(|error| error.to_string())?;
        let rendered = render(&prepared, &options, &NoCluster, &NoAmbient).map_err(|error| error.to_string())?;
        assert!(rendered.hooks.is_empty());
        Ok(rendered.manifest())
    })
    .unwrap()
}

/// The chart's objects with values given as YAML.
fn objects(values: &str) -> Vec<Value> {
    documents(&manifest(values).unwrap())
}

fn documents(text: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(text).map(|document| Value::deserialize(document).unwrap()).collect()
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

/// The text of `deploy/install.yaml`: the namespace, the CRDs, the chart.
fn install_manifest() -> String {
    let header = "# Installs rhumb: charts/rhumb with its default values. Generated; change the chart instead.\n";
    let namespace = format!(
        "---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: {NAMESPACE}\n  labels:\n    \
         pod-security.kubernetes.io/enforce: restricted\n"
    );
    let crds: Vec<String> = api::crds().iter().map(api::crd_yaml).collect();
    format!("{header}{namespace}{}{}", crds.concat(), manifest("").unwrap())
}

#[test]
fn crds_of_the_chart_are_the_generated_ones() {
    let folder = repository_path("charts/rhumb/crds");
    let mut expected = Vec::new();
    for crd in api::crds() {
        let name = api::crd_file_name(&crd);
        if is_update() {
            fs::write(folder.join(&name), api::crd_yaml(&crd)).unwrap();
        }
        let found = fs::read_to_string(folder.join(&name)).unwrap_or_default();
        assert!(
            found == api::crd_yaml(&crd),
            "charts/rhumb/crds/{name} is old; run the test again with RHUMB_UPDATE=1"
        );
        expected.push(name);
    }
    let mut found: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn install_manifest_is_current() {
    let expected = install_manifest();
    if is_update() {
        fs::write(repository_path("deploy/install.yaml"), &expected).unwrap();
    }
    let found = fs::read_to_string(repository_path("deploy/install.yaml")).unwrap_or_default();
    assert!(found == expected, "deploy/install.yaml is old; run the test again with RHUMB_UPDATE=1");
    let objects = documents(&expected);
    assert_eq!(of_kind(&objects, "CustomResourceDefinition").len(), api::crds().len());
    assert_eq!(of_kind(&objects, "Deployment").len(), 1);
}

#[test]
fn chart_installs_the_version_of_the_package() {
    assert_eq!(chart().metadata.app_version, env!("CARGO_PKG_VERSION"));
}

#[test]
fn pod_fits_the_restricted_security_profile() {
    let objects = objects("");
    let pod = &of_kind(&objects, "Deployment")[0]["spec"]["template"]["spec"];
    let container = &pod["containers"][0]["securityContext"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(container["allowPrivilegeEscalation"], false);
    assert_eq!(container["readOnlyRootFilesystem"], true);
    assert_eq!(container["capabilities"]["drop"], serde_json::json!(["ALL"]));
}

#[test]
fn cluster_admin_is_bound_only_where_asked_for() {
    let admins = |objects: &[Value]| {
        let bindings = of_kind(objects, "ClusterRoleBinding");
        bindings.iter().filter(|binding| binding["roleRef"]["name"] == "cluster-admin").count()
    };
    assert_eq!(admins(&objects("")), 1);
    let locked = objects("rbac: {clusterAdmin: false}");
    assert_eq!(admins(&locked), 0);
    let any = serde_json::json!("*");
    for role in of_kind(&locked, "ClusterRole") {
        for rule in role["rules"].as_array().unwrap() {
            let everything = rule["resources"].as_array().unwrap().contains(&any);
            assert!(!everything || rule["verbs"] == serde_json::json!(["get", "list", "watch"]), "{rule}");
            assert!(!rule["verbs"].as_array().unwrap().contains(&any), "{rule}");
        }
    }
    assert_eq!(objects("rbac: {create: false}").iter().filter(|object| object["roleRef"].is_object()).count(), 0);
}

#[test]
fn monitoring_is_off_until_asked_for() {
    let kinds = ["ServiceMonitor", "PodMonitor", "PrometheusRule"];
    let off = objects("");
    let on = objects(
        "serviceMonitor: {enabled: true}\npodMonitor: {enabled: true}\nprometheusRule: {enabled: true, labels: {team: a}}",
    );
    for kind in kinds {
        assert_eq!(of_kind(&off, kind).len(), 0, "{kind}");
        assert_eq!(of_kind(&on, kind).len(), 1, "{kind}");
    }
    let rule = of_kind(&on, "PrometheusRule")[0];
    assert_eq!(rule["metadata"]["labels"]["team"], "a");
    assert_eq!(rule["spec"], documents(&read("charts/rhumb/alerts.yaml"))[0]);
}

#[test]
fn mistyped_values_are_refused() {
    for (values, field) in [
        ("concurent: 5", "concurent"),
        ("sources: flux", "/sources"),
        ("defaultDriftMode: on", "/defaultDriftMode"),
        ("maxRetryDelay: 15", "/maxRetryDelay"),
        ("rbac: {clusteradmin: false}", "clusteradmin"),
    ] {
        let error = manifest(values).unwrap_err();
        assert!(error.contains(field), "{values}: {error}");
    }
}

/// The targets of the Markdown links in a text.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
}

#[test]
fn links_in_the_readmes_lead_somewhere() {
    let mut count = 0;
    for page in
        ["README.md", "deploy/README.md", "examples/README.md", ".github/CONTRIBUTING.md", ".github/SECURITY.md"]
    {
        let folder = repository_path(page).parent().unwrap().to_owned();
        for link in links(&read(page)).filter(|link| !link.contains("://") && !link.starts_with('#')) {
            count += 1;
            let path = link.split('#').next().unwrap_or_default();
            assert!(folder.join(path).exists(), "{page}: {link} does not exist");
        }
    }
    assert!(count >= 10, "only {count} links to files");
}

#[test]
fn paths_that_the_readme_names_exist() {
    let mut count = 0;
    for page in ["README.md", "deploy/README.md", ".github/CONTRIBUTING.md"] {
        let text = read(page);
        let spans = text.split('`').skip(1).step_by(2);
        let roots = ["charts/", "crds/", "deploy/", "examples/", "src/", "tests/"];
        for path in spans.filter(|span| roots.iter().any(|root| span.starts_with(root)) && !span.contains([' ', '*'])) {
            count += 1;
            assert!(repository_path(path).exists(), "{page}: {path} does not exist");
        }
    }
    assert!(count >= 10, "only {count} paths");
}
