//! Objects of kinds that kustomize knows, and of one that it does not.

use serde_json::{Map, Value as Json, json};

use super::text::PLAIN;
use crate::harness::random::Random;

/// An object, or a list of some; the number makes its name its own.
pub(super) fn draw(random: &mut Random, number: usize) -> Json {
    if random.percent(5) {
        let mut items: Vec<Json> = (0..random.below(3)).map(|item| one(random, number * 10 + item)).collect();
        if random.percent(10) {
            items.push(json!({"apiVersion": "v1", "kind": "SecretList", "items": [one(random, number * 10 + 5)]}));
        }
        let mut list = json!({"apiVersion": "v1", "kind": random.pick(&["List", "ConfigMapList"]), "items": items});
        if random.percent(10) {
            list["items"] = random_shape(random);
            list["metadata"] = json!({"name": "list"});
        }
        return list;
    }
    let mut object = one(random, number);
    if random.percent(2) {
        // Helm itself refuses other shapes of annotations.
        match random.below(3) {
            0 => object["metadata"]["annotations"] = Json::Null,
            1 => object["metadata"]["labels"] = random_shape(random),
            _ => object["metadata"]["finalizers"] = random_shape(random),
        }
    }
    object
}

fn random_shape(random: &mut Random) -> Json {
    match random.below(5) {
        0 => Json::Null,
        1 => json!([]),
        2 => json!({}),
        3 => json!("a"),
        _ => plain(random),
    }
}

/// A text without quotes, whatever it looks like.
pub(super) fn plain(random: &mut Random) -> Json {
    format!("{PLAIN}{}", random.of("object plains")).into()
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
    // Two of the same are refused.
    let number = if random.percent(1) { 0 } else { number };
    let mut metadata = json!({"name": format!("{}-{number}", random.pick(&["web", "db", "web.x"]))});
    if random.percent(1) {
        metadata = json!({"generateName": "web-"});
    }
    if random.percent(30) {
        metadata["namespace"] = random.pick(&["default", "prod", "dev"]).into();
    }
    if random.percent(60) {
        metadata["labels"] = pairs(random, "object label keys");
    }
    if random.percent(35) {
        metadata["annotations"] = pairs(random, "object annotation keys");
    }
    if random.percent(2) {
        metadata["annotations"] = json!({"config.kubernetes.io/local-config": random.of("local config")});
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
    let is_annotation = keys == "object annotation keys";
    let text = |random: &mut Random| match random.below(40) {
        0 if !is_annotation => plain(random),
        1 => Json::Null,
        _ => random.of("object texts").into(),
    };
    let mut pairs: Map<String, Json> =
        (0..random.below(4)).map(|_| (random.of(keys).to_owned(), text(random))).collect();
    if random.percent(1) {
        let odd = ["", "1", "yes", "\u{e000}1", "\u{e000}yes", "~", "a\nb"];
        pairs.insert(random.pick(&odd).to_owned(), random.of("object texts").into());
    }
    Json::Object(pairs)
}

fn texts(random: &mut Random) -> Json {
    (0..random.below(4)).map(|_| Json::from(random.of("object names"))).collect()
}

fn body(random: &mut Random, kind: &str) -> Map<String, Json> {
    let body = match kind {
        "Deployment" | "StatefulSet" | "DaemonSet" | "Job" | "ReplicaSet" | "ReplicationController" => {
            json!({"spec": workload(random)})
        }
        "CronJob" => json!({"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": workload(random)}}}),
        "Pod" => json!({"spec": pod(random)}),
        "Service" => json!({"spec": {"selector": pairs(random, "object label keys"), "ports": service_ports(random)}}),
        "ServiceAccount" => json!({"secrets": named(random, 2), "imagePullSecrets": named(random, 2)}),
        "Ingress" => {
            let backend = json!({"service": {"name": name(random)}, "serviceName": name(random)});
            let rule =
                json!({"host": "a", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}});
            json!({"spec": {"rules": [rule], "tls": [{"hosts": ["a"], "secretName": name(random)}]}})
        }
        "ClusterRole" | "Role" | "RoleBinding" | "ClusterRoleBinding" => access(random, kind),
        "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration" => {
            let mut hooks = named(random, 3);
            for hook in hooks.as_array_mut().into_iter().flatten() {
                if random.percent(40) {
                    hook["clientConfig"] = json!({"service": {"name": name(random), "namespace": "default"}});
                }
            }
            json!({"webhooks": hooks})
        }
        "CustomResourceDefinition" => json!({"spec": {"group": "example.org", "versions": [{"name": "v1"}],
            "x": {"containers": [{"name": "a", "image": "nginx:1"}]}}}),
        "Widget" => widget(random),
        "HorizontalPodAutoscaler" => {
            let kind = random.pick(&["Deployment", "StatefulSet"]);
            json!({"spec": {"minReplicas": 1, "metrics": [{"type": "Resource"}],
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": kind, "name": name(random)}}})
        }
        "PodTemplate" => {
            json!({"template": {"metadata": {"labels": pairs(random, "object label keys")}, "spec": pod(random)}})
        }
        "Node" => {
            json!({"spec": {"podCIDRs": texts(random), "configSource": {"configMap": name(random)}},
            "status": {"addresses": [{"type": "Hostname", "address": "a"}, {"type": "InternalIP", "address": "b"}]}})
        }
        "PersistentVolume" | "PersistentVolumeClaim" => {
            json!({"spec": {"storageClassName": name(random), "volumeName": name(random)}})
        }
        "StorageClass" => json!({"parameters": {"secretName": name(random)}}),
        "PodDisruptionBudget" => json!({"status": {"conditions": [{"type": "a", "status": "True"}]}}),
        "Namespace" => json!({"spec": {"finalizers": texts(random)}}),
        _ => json!({"data": pairs(random, "object fields")}),
    };
    match body {
        Json::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// Rules, or who they are for.
fn access(random: &mut Random, kind: &str) -> Json {
    if matches!(kind, "ClusterRole" | "Role") {
        let resources = texts(random);
        return json!({"rules": [{"apiGroups": [""], "resources": resources, "verbs": ["get"], "resourceNames": [name(random)]}]});
    }
    let mut account = json!({"kind": "ServiceAccount", "name": name(random)});
    if random.percent(60) {
        account["namespace"] = random.pick(&["default", "prod", "dev"]).into();
    }
    let mut role = json!({"kind": random.pick(&["Role", "ClusterRole"]), "name": name(random)});
    if random.percent(60) {
        role["apiGroup"] = "rbac.authorization.k8s.io".into();
    }
    json!({"roleRef": role, "subjects": [account, {"kind": "User", "name": "a"}]})
}

/// The name of an object that may be there.
fn name(random: &mut Random) -> Json {
    format!("{}-{}", random.pick(&["web", "db", "web.x"]), random.below(3)).into()
}

/// A custom resource, with what looks like built-in ones inside.
fn widget(random: &mut Random) -> Json {
    let mut spec = json!({"parts": named(random, 3), "containers": containers(random), "size": value(random, 0)});
    if random.percent(30) {
        spec["template"] = json!({"apiVersion": "v1", "kind": "Pod", "spec": pod(random)});
    }
    if random.percent(15) {
        spec["initContainers"] = random_shape(random);
    }
    if random.percent(15) {
        spec["groups"] = json!([{"containers": containers(random)}, [{"initContainers": containers(random)}]]);
    }
    json!({"spec": spec})
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
    if random.percent(10) {
        spec["serviceAccountName"] = name(random);
        spec["priorityClassName"] = name(random);
    }
    if random.percent(6) {
        spec["ephemeralContainers"] = containers(random);
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
        // A few come twice.
        if !names.contains(&name) || random.percent(3) {
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
        2 => json!({"name": name, "secret": {"secretName": "web-0"}, "persistentVolumeClaim": {"claimName": "db-0"}}),
        3 => {
            json!({"name": name, "projected": {"sources": [{"configMap": {"name": "web-1"}}, {"secret": {"name": "db-1"}}]},
            "ephemeral": {"volumeClaimTemplate": {"metadata": {"finalizers": ["a", "b"]}}}})
        }
        _ => json!({"name": name, "emptyDir": {}}),
    };
    names(random, 3).into_iter().map(|name| volume(name, random.below(6))).collect()
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
    if random.percent(2) {
        container["image"] = random_shape(random);
    }
    for field in ["env", "ports", "volumeMounts", "args", "resources", "envFrom", "securityContext"] {
        if random.percent(25) {
            container[field] = match field {
                "env" => names(random, 3).into_iter().map(|name| variable(random, name)).collect(),
                "ports" => ports(random),
                "volumeMounts" => names(random, 2)
                    .into_iter()
                    .map(|name| json!({"name": name, "mountPath": format!("/{name}")}))
                    .collect(),
                "args" => texts(random),
                "envFrom" => {
                    json!([{"configMapRef": {"name": self::name(random)}}, {"secretRef": {"name": self::name(random)}}])
                }
                _ => value(random, 1),
            };
        }
    }
    container
}

fn variable(random: &mut Random, name: &str) -> Json {
    match random.below(10) {
        0 => json!({"name": name, "value": plain(random)}),
        1 => json!({"name": name, "valueFrom": {"configMapKeyRef": {"name": self::name(random), "key": "a"}}}),
        2 => json!({"name": name, "valueFrom": {"secretKeyRef": {"name": self::name(random), "key": "a"}}}),
        3 => json!({"name": name}),
        _ => json!({"name": name, "value": random.of("object texts")}),
    }
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

/// Ports of a container; mostly all name their protocol, or none does.
fn ports(random: &mut Random) -> Json {
    let protocols = random.percent(50);
    let mixed = random.percent(10);
    let port = |number: usize, protocol: usize| {
        if protocols ^ (mixed && number == 90) {
            json!({"containerPort": number, "protocol": (["TCP", "UDP"][protocol]), "name": format!("p{number}")})
        } else {
            json!({"containerPort": number, "name": format!("p{number}")})
        }
    };
    let first = random.below(2);
    let ports = [port(80, first), port(90, 0), port(8080, 1), port(if mixed { 80 } else { 8081 }, 1 - first)];
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
        2 if random.percent(30) => plain(random),
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
