//! Holds what installs rhumb together: charts/rhumb, deploy/ and the links in the READMEs.
//!
//! The manifests of `deploy/` are charts/rhumb as our own engine renders it; with `RHUMB_UPDATE=1` in the environment they and the
//! chart's CRDs are rewritten. That the engine gives what helm gives is the business of other tests.

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
    crate::project::root().join(relative)
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
    manifest_of("rhumb", NAMESPACE, values)
}

/// The chart's manifest as a release of a name in a namespace.
fn manifest_of(name: &str, namespace: &str, values: &str) -> Result<String, String> {
    let options = RenderOptions { name: name.into(), namespace: namespace.into(), ..RenderOptions::default() };
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

/// The manifests of `deploy/`: what they are for, and the chart's values.
const MANIFESTS: &[(&str, &str, &str)] = &[
    ("install.yaml", "Installs rhumb with the default values of charts/rhumb, and the CRDs.", ""),
    (
        "drop-in.yaml",
        "Puts rhumb in the place of Flux's helm-controller, beside Flux's source-controller and with Flux's defaults and rights.",
        "crds: {install: false}\nrbac: {mode: drop-in}\npartOf: flux\nsources: external\ndefaultDriftMode: disabled\ndefaultMaxHistory: 5\n\
         podLabels: {app: helm-controller}\n\
         eventsAddr: http://notification-controller.flux-system.svc.cluster.local./\n",
    ),
    (
        "multi-tenant.yaml",
        "Installs rhumb for tenants that do not trust each other: a release acts as ServiceAccount deployer of its namespace, \
         or another there, and takes sources of its namespace only. Needs the CRDs.",
        "crds: {install: false}\ndefaultServiceAccount: deployer\nnoCrossNamespaceRefs: true\nreplicaCount: 2\n\
         sourceEgressDeny: link-local,loopback\nnetworkPolicy: {enabled: true}\n",
    ),
    (
        "sharded.yaml",
        "Installs rhumb three times: for what has the label sharding.fluxcd.io/key with value shard1, with value shard2, \
         and for what has none. Needs the CRDs.",
        "",
    ),
];

/// The installations of `deploy/sharded.yaml`: their names and the labels of what they reconcile.
const SHARDS: [(&str, &str); 3] = [
    ("rhumb", "!sharding.fluxcd.io/key"),
    ("rhumb-shard1", "sharding.fluxcd.io/key=shard1"),
    ("rhumb-shard2", "sharding.fluxcd.io/key=shard2"),
];

fn namespace(name: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n  labels:\n    \
         pod-security.kubernetes.io/enforce: restricted\n"
    )
}

/// The text of a manifest of `deploy/`.
fn deploy_manifest(file: &str, purpose: &str, values: &str) -> String {
    let rendered = match file {
        // Flux has its namespace, and its name makes the Lease the one that helm-controller holds.
        "drop-in.yaml" => manifest_of("rhumb", "flux-system", values).unwrap(),
        "sharded.yaml" => SHARDS
            .iter()
            .map(|(name, selector)| {
                let first = *name == SHARDS[0].0;
                let values = format!(
                    "crds: {{install: false}}\nwatchLabelSelector: '{selector}'\nrbac: {{aggregate: {first}}}\n"
                );
                manifest_of(name, NAMESPACE, &values).unwrap()
            })
            .collect(),
        _ => manifest(values).unwrap(),
    };
    let namespace = if file == "drop-in.yaml" { String::new() } else { namespace(NAMESPACE) };
    let how = "charts/rhumb as our own engine renders it; change the chart instead.";
    format!("# {purpose}\n# Generated: {how}\n{namespace}{rendered}")
}

#[test]
fn crds_of_the_chart_are_the_generated_ones() {
    let folder = repository_path("charts/rhumb/definitions");
    let mut expected = Vec::new();
    for crd in api::crds() {
        let name = api::crd_file_name(&crd);
        if is_update() {
            fs::write(folder.join(&name), api::crd_yaml(&crd)).unwrap();
        }
        let found = fs::read_to_string(folder.join(&name)).unwrap_or_default();
        assert!(
            found == api::crd_yaml(&crd),
            "charts/rhumb/definitions/{name} is old; run the test again with RHUMB_UPDATE=1"
        );
        expected.push(name);
    }
    let mut found: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

/// A value with every number as a float: `0` and `0.0` are the same in YAML, and not to serde.
fn floats(value: &Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().into(),
        Value::Array(items) => items.iter().map(floats).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), floats(value))).collect(),
        other => other.clone(),
    }
}

#[test]
fn definitions_are_installed_and_kept_unless_told_otherwise() {
    let definitions = |values: &str| {
        let objects = objects(values);
        of_kind(&objects, "CustomResourceDefinition").into_iter().cloned().collect::<Vec<_>>()
    };
    let kept = definitions("");
    assert_eq!(kept.len(), api::crds().len());
    for generated in api::crds() {
        let generated = &documents(&api::crd_yaml(&generated))[0];
        let name = &generated["metadata"]["name"];
        let definition = kept.iter().find(|definition| definition["metadata"]["name"] == *name).unwrap();
        assert!(floats(&definition["spec"]) == floats(&generated["spec"]), "{name} is another in the chart");
        let annotations = &definition["metadata"]["annotations"];
        assert_eq!(annotations["helm.sh/resource-policy"], "keep");
        assert_eq!(annotations["kustomize.toolkit.fluxcd.io/substitute"], "disabled");
    }
    for definition in definitions("crds: {keep: false}") {
        assert_eq!(definition["metadata"]["annotations"]["helm.sh/resource-policy"], Value::Null);
    }
    assert!(definitions("crds: {install: false}").is_empty());
}

#[test]
fn manifests_of_deploy_are_current() {
    for (file, purpose, values) in MANIFESTS {
        let expected = deploy_manifest(file, purpose, values);
        let path = format!("deploy/{file}");
        if is_update() {
            fs::write(repository_path(&path), &expected).unwrap();
        }
        let found = fs::read_to_string(repository_path(&path)).unwrap_or_default();
        assert!(found == expected, "{path} is old; run the test again with RHUMB_UPDATE=1");
    }
    let found: Vec<_> = fs::read_dir(repository_path("deploy")).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(found.len(), MANIFESTS.len() + 1, "{found:?}");
}

#[test]
fn accounts_of_releases_that_name_none_can_be_given() {
    let arguments = |values: &str| of_kind(&objects(values), "Deployment")[0]["spec"]["template"]["spec"].to_string();
    assert!(!arguments("").contains("--default-kubeconfig-service-account"));
    let given = arguments("{defaultServiceAccount: deployer, defaultKubeconfigServiceAccount: traveller}");
    assert!(given.contains("--default-service-account=deployer"));
    assert!(given.contains("--default-kubeconfig-service-account=traveller"));
}

#[test]
fn manifests_of_deploy_do_what_they_say() {
    let objects = |file: &str| documents(&read(&format!("deploy/{file}")));
    let arguments = |objects: &[Value]| -> Vec<Vec<String>> {
        let containers =
            of_kind(objects, "Deployment").into_iter().map(|it| &it["spec"]["template"]["spec"]["containers"]);
        containers.map(|all| serde_json::from_value(all[0]["args"].clone()).unwrap()).collect()
    };
    let has = |objects: &[Value], wanted: &[&str]| {
        let arguments = &arguments(objects)[0];
        wanted.iter().all(|wanted| arguments.iter().any(|argument| argument == wanted))
    };
    let install = objects("install.yaml");
    assert_eq!(of_kind(&install, "CustomResourceDefinition").len(), api::crds().len());
    assert!(has(&install, &["--sources=own", "--default-service-account=default"]));
    let drop_in = objects("drop-in.yaml");
    assert!(has(&drop_in, &["--sources=external", "--default-drift-mode=disabled", "--default-max-history=5"]));
    assert!(!arguments(&drop_in)[0].iter().any(|argument| argument.starts_with("--default-service-account")));
    assert!(drop_in.iter().all(|object| object["metadata"]["namespace"].as_str().is_none_or(|it| it == "flux-system")));
    let tenants = objects("multi-tenant.yaml");
    assert!(has(&tenants, &["--no-cross-namespace-refs=true", "--default-service-account=deployer"]));
    assert!(of_kind(&tenants, "ClusterRoleBinding").iter().all(|it| it["roleRef"]["name"] != "cluster-admin"));
    assert_eq!(of_kind(&tenants, "PodDisruptionBudget").len(), 1);
    let sharded = arguments(&objects("sharded.yaml"));
    for (arguments, (_, selector)) in sharded.iter().zip(SHARDS) {
        assert!(arguments.contains(&format!("--watch-label-selector={selector}")), "{selector}: {arguments:?}");
    }
    assert_eq!(sharded.len(), SHARDS.len());
    let names: Vec<String> = objects("sharded.yaml")
        .iter()
        .map(|it| format!("{} {} {}", it["kind"], it["metadata"]["namespace"], it["metadata"]["name"]))
        .collect();
    let distinct: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!(distinct.len(), names.len(), "shards must not share an object: {names:?}");
}

#[test]
fn chart_installs_the_version_of_the_package() {
    assert_eq!(chart().metadata.app_version, env!("CARGO_PKG_VERSION"));
}

#[test]
fn image_is_made_by_the_script_that_is_tested() {
    let lines = read("Dockerfile");
    let of = |word: &str| lines.lines().filter_map(|line| line.strip_prefix(word)).collect::<Vec<_>>();
    assert_eq!(of("RUN "), [".ci/image build /image \"$FEATURES\""]);
    assert_eq!(of("COPY "), [". .", "--from=build /image /"]);
    assert_eq!((of("USER "), of("ENTRYPOINT ")), (vec!["65532:65532"], vec!["[\"/rhumb\"]"]));
    assert!(!read(".dockerignore").lines().any(|line| line.starts_with(".ci")), "the script is not in the context");
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
fn rights_are_those_of_the_mode() {
    let admins = |objects: &[Value]| {
        let bindings = of_kind(objects, "ClusterRoleBinding");
        bindings.iter().filter(|binding| binding["roleRef"]["name"] == "cluster-admin").count()
    };
    let any = serde_json::json!("*");
    let reading = serde_json::json!(["get", "list", "watch"]);
    let impersonation = objects("");
    assert_eq!(admins(&impersonation), 0);
    for role in of_kind(&impersonation, "ClusterRole") {
        for rule in role["rules"].as_array().unwrap() {
            let everything = rule["resources"].as_array().unwrap().contains(&any);
            assert!(!everything || rule["verbs"] == reading, "{rule}");
            assert!(!rule["verbs"].as_array().unwrap().contains(&any), "{rule}");
        }
    }
    let narrow = objects("rbac: {readAll: false, serviceAccounts: [deployer]}");
    let rules = |objects: &[Value]| of_kind(objects, "ClusterRole")[0]["rules"].as_array().unwrap().clone();
    assert!(!rules(&narrow).iter().any(|rule| rule["resources"].as_array().unwrap().contains(&any)));
    let may_be = |rule: &&Value| rule["verbs"] == serde_json::json!(["impersonate"]);
    assert_eq!(rules(&narrow).iter().find(may_be).unwrap()["resourceNames"], serde_json::json!(["deployer"]));

    assert_eq!(admins(&objects("rbac: {mode: drop-in}")), 1);
    let namespaced = objects("rbac: {mode: namespaced}\ncrds: {install: false}");
    assert!(
        namespaced.iter().all(|object| object["metadata"]["namespace"] == NAMESPACE),
        "nothing outside its namespace"
    );
    let arguments =
        of_kind(&namespaced, "Deployment")[0]["spec"]["template"]["spec"]["containers"][0]["args"].to_string();
    assert!(arguments.contains("--watch-all-namespaces=false"), "{arguments}");
    assert_eq!(objects("rbac: {create: false}").iter().filter(|object| object["roleRef"].is_object()).count(), 0);
}

#[test]
fn what_is_optional_is_off_until_asked_for() {
    let off = objects("");
    for (kind, values, count) in [
        ("ServiceMonitor", "serviceMonitor: {enabled: true}", 1),
        ("PodMonitor", "podMonitor: {enabled: true}", 1),
        ("PrometheusRule", "prometheusRule: {enabled: true}", 1),
        ("NetworkPolicy", "networkPolicy: {enabled: true}", 1),
        ("FlowSchema", "flowSchema: {enabled: true}", 1),
        ("PodDisruptionBudget", "replicaCount: 2", 1),
        ("PodDisruptionBudget", "replicaCount: 2\npodDisruptionBudget: {enabled: false}", 0),
        ("ConfigMap", "grafanaDashboards: {enabled: true}", 2),
        ("Secret", "extraObjects: [{apiVersion: v1, kind: Secret, metadata: {name: '{{ .Release.Name }}-x'}}]", 1),
    ] {
        assert_eq!(of_kind(&off, kind).len(), 0, "{kind}");
        assert_eq!(of_kind(&objects(values), kind).len(), count, "{values}");
    }
    let on = objects("prometheusRule: {enabled: true, labels: {team: a}}\ncommonLabels: {b: c}");
    let rule = of_kind(&on, "PrometheusRule")[0];
    assert_eq!((&rule["metadata"]["labels"]["team"], &rule["metadata"]["labels"]["b"]), (&"a".into(), &"c".into()));
    assert_eq!(rule["spec"], documents(&read("charts/rhumb/alerts.yaml"))[0]);
    let dashboards = objects("grafanaDashboards: {enabled: true, namespace: grafana}");
    for dashboard in of_kind(&dashboards, "ConfigMap") {
        assert_eq!(dashboard["metadata"]["namespace"], "grafana");
        assert_eq!(dashboard["metadata"]["labels"]["grafana_dashboard"], "1");
        for (file, text) in dashboard["data"].as_object().unwrap() {
            let parsed: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
            assert!(parsed["panels"].as_array().is_some_and(|panels| panels.len() > 3), "{file}");
        }
    }
}

#[test]
fn every_object_has_the_common_labels_and_annotations() {
    let everything = "commonLabels: {a: b}\ncommonAnnotations: {c: d}\nreplicaCount: 2\nserviceMonitor: {enabled: true}\n\
         podMonitor: {enabled: true}\nprometheusRule: {enabled: true}\nnetworkPolicy: {enabled: true}\n\
         flowSchema: {enabled: true}\ngrafanaDashboards: {enabled: true}\n";
    for object in objects(everything) {
        let metadata = &object["metadata"];
        assert_eq!((&metadata["labels"]["a"], &metadata["annotations"]["c"]), (&"b".into(), &"d".into()), "{metadata}");
    }
}

/// The schema of the chart's values.
fn schema() -> Value {
    serde_json::from_str(&read("charts/rhumb/values.schema.json")).unwrap()
}

/// Objects that the schema leaves open: their fields are Kubernetes' business, or those of a chart around this one.
const OPEN: [&str; 2] = ["/$defs/kubernetes", "/properties/global"];

fn open_objects(schema: &Value, path: &str, found: &mut Vec<String>) {
    let is_closed = schema["additionalProperties"] == false || schema["additionalProperties"].is_object();
    if schema["type"] == "object" && !is_closed && !OPEN.contains(&path) {
        found.push(path.to_owned());
    }
    let children = schema.as_object().into_iter().flatten().map(|(key, child)| (key.clone(), child));
    let items = schema.as_array().into_iter().flatten().enumerate().map(|(at, child)| (at.to_string(), child));
    for (key, child) in children.chain(items) {
        open_objects(child, &format!("{path}/{key}"), found);
    }
}

#[test]
fn the_schema_is_closed_all_through() {
    let mut found = Vec::new();
    open_objects(&schema(), "", &mut found);
    assert_eq!(found, [""; 0]);
}

/// The keys of values and of the schema that has a place for each.
fn keys(values: &Value, schema: &Value, path: &str, in_values: &mut Vec<String>, in_schema: &mut Vec<String>) {
    for (key, value) in values.as_object().into_iter().flatten() {
        in_values.push(format!("{path}/{key}"));
        if schema["properties"][key]["properties"].is_object() && value.as_object().is_some_and(|map| !map.is_empty()) {
            keys(value, &schema["properties"][key], &format!("{path}/{key}"), in_values, in_schema);
        }
    }
    in_schema.extend(schema["properties"].as_object().into_iter().flatten().map(|(key, _)| format!("{path}/{key}")));
}

#[test]
fn every_value_has_a_default_and_a_place_in_the_schema() {
    let values = &documents(&read("charts/rhumb/values.yaml"))[0];
    let (mut in_values, mut in_schema) = (Vec::new(), Vec::new());
    keys(values, &schema(), "", &mut in_values, &mut in_schema);
    // What Kubernetes has more of than the defaults use.
    let more = ["/podSecurityContext/", "/securityContext/", "/resources/", "/global"];
    in_schema.retain(|key| !more.iter().any(|more| key.starts_with(more)) || in_values.contains(key));
    in_values.sort();
    in_schema.sort();
    assert_eq!(in_values, in_schema);
}

#[test]
fn mistyped_values_are_refused() {
    for (values, field) in [
        ("concurent: 5", "concurent"),
        ("sources: flux", "/sources"),
        ("defaultDriftMode: on", "/defaultDriftMode"),
        ("maxRetryDelay: 15", "/maxRetryDelay"),
        ("rbac: {clusterAdmin: false}", "clusterAdmin"),
        ("rbac: {mode: admin}", "/rbac/mode"),
        ("crds: {instal: false}", "instal"),
        ("securityContext: {readOnlyRootFileSystem: true}", "readOnlyRootFileSystem"),
        ("tolerations: [{key: a, effects: NoExecute}]", "effects"),
        ("extraVolumeMounts: [{name: a}]", "mountPath"),
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
