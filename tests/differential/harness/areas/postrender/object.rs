//! Objects of kinds that kustomize knows, and of one that it does not.

use serde_json::{Map, Value as Json, json};

use crate::harness::random::Random;

/// An object, or a list of some; the number makes its name its own.
pub(super) fn draw(random: &mut Random, number: usize) -> Json {
    if random.percent(5) {
        let items: Vec<Json> = (0..random.below(3)).map(|item| one(random, number * 10 + item)).collect();
        return json!({"apiVersion": "v1", "kind": random.pick(&["List", "ConfigMapList"]), "items": items});
    }
    one(random, number)
}

fn one(random: &mut Random, number: usize) -> Json {
    let kind = random.of("object kinds");
    let (api_version, kind) = kind.split_once(' ').unwrap_or(("v1", kind));
    let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": metadata(random, number)});
    if let Json::Object(fields) = &mut object {
        fields.extend(body(random, kind));
        if random.percent(10) {
            fields.insert("extra".to_owned(), value(random, 0));
        }
    }
    object
}

fn metadata(random: &mut Random, number: usize) -> Json {
    let mut metadata = json!({"name": format!("{}-{number}", random.pick(&["web", "db", "web.x"]))});
    if random.percent(30) {
        metadata["namespace"] = random.pick(&["default", "prod", "dev"]).into();
    }
    if random.percent(60) {
        metadata["labels"] = pairs(random, "object label keys");
    }
    if random.percent(35) {
        metadata["annotations"] = pairs(random, "object annotation keys");
    }
    if random.percent(12) {
        metadata["finalizers"] = names(random, 3).into();
    }
    if random.percent(4) {
        metadata["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "1"}]);
    }
    metadata
}

/// Texts by key.
pub(super) fn pairs(random: &mut Random, keys: &str) -> Json {
    let pairs = (0..random.below(4)).map(|_| (random.of(keys).to_owned(), random.of("object texts").into()));
    Json::Object(pairs.collect())
}

fn texts(random: &mut Random) -> Json {
    (0..random.below(4)).map(|_| Json::from(random.of("object names"))).collect()
}

fn body(random: &mut Random, kind: &str) -> Map<String, Json> {
    let body = match kind {
        "Deployment" | "StatefulSet" | "DaemonSet" | "Job" | "ReplicaSet" => json!({"spec": workload(random)}),
        "CronJob" => json!({"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": workload(random)}}}),
        "Pod" => json!({"spec": pod(random)}),
        "Service" => json!({"spec": {"selector": pairs(random, "object label keys"), "ports": service_ports(random)}}),
        "ServiceAccount" => json!({"secrets": named(random, 2), "imagePullSecrets": named(random, 2)}),
        "Ingress" => {
            json!({"spec": {"rules": [{"host": "a", "http": {"paths": [{"path": "/", "pathType": "Prefix"}]}}],
            "tls": [{"hosts": ["a"]}]}})
        }
        "ClusterRole" | "Role" => json!({"rules": [{"apiGroups": [""], "resources": texts(random), "verbs": ["get"]}]}),
        "RoleBinding" => json!({"roleRef": {"kind": "Role", "name": "a"}, "subjects": [{"kind": "User", "name": "a"}]}),
        "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration" => json!({"webhooks": named(random, 3)}),
        "CustomResourceDefinition" => json!({"spec": {"group": "example.org", "versions": [{"name": "v1"}],
            "x": {"containers": [{"name": "a", "image": "nginx:1"}]}}}),
        "Widget" => {
            json!({"spec": {"parts": named(random, 3), "containers": containers(random), "size": value(random, 0)}})
        }
        "HorizontalPodAutoscaler" => json!({"spec": {"minReplicas": 1, "metrics": [{"type": "Resource"}]}}),
        "Namespace" => json!({"spec": {"finalizers": texts(random)}}),
        _ => json!({"data": pairs(random, "object fields")}),
    };
    match body {
        Json::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn workload(random: &mut Random) -> Json {
    let mut spec =
        json!({"template": {"metadata": {"labels": pairs(random, "object label keys")}, "spec": pod(random)}});
    if random.percent(40) {
        spec["replicas"] = random.below(4).into();
    }
    if random.percent(20) {
        spec["selector"] = json!({"matchLabels": pairs(random, "object label keys")});
    }
    if random.percent(15) {
        spec["strategy"] = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": value(random, 3)}});
    }
    if random.percent(8) {
        spec["volumeClaimTemplates"] = json!([{"metadata": {"name": "a"}, "spec": {"accessModes": ["ReadWriteOnce"]}}]);
    }
    spec
}

fn pod(random: &mut Random) -> Json {
    let mut spec = json!({"containers": containers(random)});
    for field in
        ["initContainers", "volumes", "imagePullSecrets", "tolerations", "hostAliases", "nodeSelector", "affinity"]
    {
        if random.percent(22) {
            spec[field] = match field {
                "initContainers" => containers(random),
                "volumes" => volumes(random),
                "imagePullSecrets" => named(random, 2),
                "tolerations" => json!([{"key": random.of("object names"), "operator": "Exists"}]),
                "hostAliases" => json!([{"ip": "10.0.0.1", "hostnames": texts(random)}]),
                "nodeSelector" => pairs(random, "object label keys"),
                _ => value(random, 1),
            };
        }
    }
    if random.percent(8) {
        let constraint = |zone| json!({"topologyKey": zone, "whenUnsatisfiable": "DoNotSchedule", "maxSkew": 1});
        spec["topologySpreadConstraints"] = json!([constraint("zone"), constraint("host")]);
    }
    spec
}

/// Names that differ, in any order.
fn names(random: &mut Random, most: usize) -> Vec<&'static str> {
    let mut names = Vec::new();
    for _ in 0..random.below(most + 1) {
        let name = random.of("object names");
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn named(random: &mut Random, most: usize) -> Json {
    let names = names(random, most);
    names
        .into_iter()
        .map(
            |name| {
                if random.percent(40) { json!({"name": name, "x": value(random, 2)}) } else { json!({"name": name}) }
            },
        )
        .collect()
}

fn volumes(random: &mut Random) -> Json {
    let volume = |name: &str, kind| match kind {
        0 => json!({"name": name, "configMap": {"name": "c", "items": [{"key": "a", "path": "b"}]}}),
        1 => json!({"name": name, "image": {"reference": "nginx:1"}}),
        _ => json!({"name": name, "emptyDir": {}}),
    };
    names(random, 3).into_iter().map(|name| volume(name, random.below(4))).collect()
}

fn containers(random: &mut Random) -> Json {
    let mut names = names(random, 2);
    if names.is_empty() {
        names.push("a");
    }
    names.into_iter().map(|name| container(random, name)).collect()
}

/// A container of this name.
pub(super) fn container(random: &mut Random, name: &str) -> Json {
    let mut container = json!({"name": name, "image": image(random)});
    for field in ["env", "ports", "volumeMounts", "args", "resources", "envFrom", "securityContext"] {
        if random.percent(25) {
            container[field] = match field {
                "env" => names(random, 3)
                    .into_iter()
                    .map(|name| json!({"name": name, "value": random.of("object texts")}))
                    .collect(),
                "ports" => ports(random),
                "volumeMounts" => names(random, 2)
                    .into_iter()
                    .map(|name| json!({"name": name, "mountPath": format!("/{name}")}))
                    .collect(),
                "args" => texts(random),
                "envFrom" => json!([{"configMapRef": {"name": "c"}}]),
                _ => value(random, 1),
            };
        }
    }
    container
}

/// An image, whole.
pub(super) fn image(random: &mut Random) -> String {
    let mut image = random.of("image names").to_owned();
    if random.percent(70) {
        image.push(':');
        image.push_str(random.of("image tags"));
    }
    if random.percent(15) {
        image.push('@');
        image.push_str(random.of("image digests"));
    }
    image
}

/// Ports of a container; all name their protocol, or none does.
fn ports(random: &mut Random) -> Json {
    let protocols = random.percent(50);
    let port = |number: usize, protocol: usize| {
        if protocols {
            json!({"containerPort": number, "protocol": (["TCP", "UDP"][protocol]), "name": format!("p{number}")})
        } else {
            json!({"containerPort": number, "name": format!("p{number}")})
        }
    };
    let first = random.below(2);
    let ports = [port(80, first), port(90, 0), port(8080, 1)];
    ports.into_iter().filter(|_| random.percent(60)).collect()
}

fn service_ports(random: &mut Random) -> Json {
    let protocols = random.percent(50);
    let port = |number: usize| {
        let mut port = json!({"port": number, "targetPort": "http", "name": format!("p{number}")});
        if protocols {
            port["protocol"] = "TCP".into();
        }
        port
    };
    [80, 90, 443].into_iter().map(port).filter(|_| random.percent(60)).collect()
}

/// Any value.
pub(super) fn value(random: &mut Random, depth: usize) -> Json {
    match random.below(if depth < 3 { 14 } else { 9 }) {
        0 => Json::Null,
        1 => random.percent(50).into(),
        2 => random.below(100).into(),
        3 => serde_json::from_str(random.of("object numbers")).unwrap_or_default(),
        4..=8 => random.of("object texts").into(),
        9 => json!([]),
        10 => json!({}),
        11 => (0..random.below(3)).map(|_| value(random, depth + 1)).collect(),
        _ => {
            let fields =
                (0..random.below(4)).map(|_| (random.of("object fields").to_owned(), value(random, depth + 1)));
            Json::Object(fields.collect())
        }
    }
}
