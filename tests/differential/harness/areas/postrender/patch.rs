//! Patches made from the objects that they are for, so that they mostly meet something.

use serde_json::{Map, Value as Json, json};

use super::object::{container, plain, value};
use super::text;
use crate::harness::random::Random;

/// By which fields the elements of lists are told apart.
const KEYS: [&str; 8] = ["name", "containerPort", "port", "mountPath", "ip", "uid", "topologyKey", "devicePath"];

pub(super) fn draw(random: &mut Random, objects: &[Json]) -> Json {
    if random.percent(3) {
        let mut patch = json!({"patch": random.of("patch texts")});
        if random.percent(80) {
            let object = random.below(objects.len());
            patch["target"] = target(random, &objects[object]);
        }
        return patch;
    }
    let object = &objects[random.below(objects.len())];
    if random.percent(45) {
        let some = 1 + random.below(4);
        let operations: Json = (0..some).map(|_| operation(random, object)).collect();
        let mut patch = json!({"patch": text::patch(random, &operations)});
        if random.percent(98) {
            patch["target"] = target(random, object);
        }
        return patch;
    }
    let mut patch = json!({"apiVersion": object["apiVersion"], "kind": object["kind"]});
    let merged = merge(random, object, 0);
    if let (Json::Object(patch), Json::Object(merged)) = (&mut patch, merged) {
        patch.extend(merged);
    }
    if random.percent(3) {
        patch["$patch"] = random.pick(&["delete", "replace", "merge"]).into();
    }
    patch["metadata"]["name"] = object["metadata"]["name"].clone();
    if let Some(namespace) = object["metadata"].get("namespace") {
        patch["metadata"]["namespace"] = namespace.clone();
    }
    let misses = random.percent(3);
    if misses {
        patch["metadata"]["name"] = "other".into();
    }
    if random.percent(if misses { 10 } else { 60 }) {
        let mut text = text::patch(random, &patch);
        if random.percent(4) {
            let other = &objects[random.below(objects.len())];
            let named = json!({"name": other["metadata"]["name"], "labels": {"also": "b"}});
            let more = json!({"apiVersion": other["apiVersion"], "kind": other["kind"], "metadata": named});
            text = format!("{text}\n---\n{}", text::patch(random, &more));
        }
        return json!({"patch": text});
    }
    json!({"patch": text::patch(random, &patch), "target": target(random, object)})
}

fn target(random: &mut Random, object: &Json) -> Json {
    let mut target = Map::new();
    let api_version = object["apiVersion"].as_str().unwrap_or_default();
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let parts = [
        ("group", group),
        ("version", version),
        ("kind", object["kind"].as_str().unwrap_or_default()),
        ("name", object["metadata"]["name"].as_str().unwrap_or_default()),
        ("namespace", object["metadata"]["namespace"].as_str().unwrap_or("default")),
    ];
    for (field, text) in parts {
        if random.percent(if field == "kind" { 70 } else { 25 }) {
            target.insert(field.to_owned(), pattern(random, text).into());
        }
    }
    for (field, pool) in [("labelSelector", "label selectors"), ("annotationSelector", "label selectors")] {
        if random.percent(8) {
            target.insert(field.to_owned(), random.of(pool).into());
        }
    }
    Json::Object(target)
}

/// The text, or a pattern that fits it, or one of any kind.
fn pattern(random: &mut Random, text: &str) -> String {
    let start: String = text.chars().take(3).collect();
    match random.below(8) {
        0 => format!("{start}.*"),
        1 => format!("^{text}$"),
        2 => format!("{text}|x"),
        3 => start,
        4 => random.of("patterns").to_owned(),
        _ => text.to_owned(),
    }
}

/// A part of the object, changed.
fn merge(random: &mut Random, old: &Json, depth: usize) -> Json {
    match old {
        Json::Object(fields) => merge_fields(random, fields, depth),
        Json::Array(items) => merge_items(random, items, depth),
        // Whether a number becomes a text depends on quotes around the old one.
        Json::String(text) if ["1", "1.0", "010", "true", "null", "", "~", "- a"].contains(&text.as_str()) => {
            if random.percent(40) { json!(random.below(100)) } else { json!(random.percent(50)) }
        }
        Json::String(_) if random.percent(5) => plain(random),
        Json::String(_) => random.of("object texts").into(),
        _ => value(random, 3),
    }
}

fn merge_fields(random: &mut Random, fields: &Map<String, Json>, depth: usize) -> Json {
    let mut patch = Map::new();
    for (name, old) in fields {
        let is_leading = ["spec", "template", "jobTemplate", "containers"].contains(&name.as_str());
        if depth == 0 && ["apiVersion", "kind"].contains(&name.as_str())
            || !random.percent(if is_leading { 75 } else { 35 })
        {
            continue;
        }
        let new = match random.below(20) {
            0 if depth > 0 => Json::Null,
            1 if depth > 0 && !old.is_string() && !old.is_object() => value(random, 1),
            _ => merge(random, old, depth + 1),
        };
        patch.insert(name.clone(), new);
    }
    if random.percent(20) {
        patch.insert(random.of("object fields").to_owned(), value(random, 1));
    }
    if depth > 0 && random.percent(4) {
        let odd = if random.percent(4) { "grow" } else { random.pick(&["delete", "replace", "merge", "merge"]) };
        patch.insert("$patch".to_owned(), odd.into());
    }
    if depth > 0 && random.percent(3) {
        let name = fields.keys().nth(random.below(fields.len().max(1))).map_or("a", String::as_str);
        match random.below(3) {
            0 => patch.insert("$retainKeys".to_owned(), json!([name])),
            1 => patch.insert(format!("$deleteFromPrimitiveList/{name}"), json!(["a"])),
            _ => patch.insert(format!("$setElementOrder/{name}"), json!([{"name": "a"}])),
        };
    }
    Json::Object(patch)
}

fn merge_items(random: &mut Random, items: &[Json], depth: usize) -> Json {
    let keys = |item: &Json| KEYS.iter().filter(|key| item.get(key).is_some()).count();
    let mut patch = Vec::new();
    for item in items {
        if !random.percent(55) {
            continue;
        }
        if keys(item) == 0 {
            patch.push(if item.is_string() { random.of("object names").into() } else { item.clone() });
            continue;
        }
        let mut element = merge(random, item, depth + 1);
        for key in KEYS.into_iter().chain(["protocol", "whenUnsatisfiable"]) {
            if let Some(value) = item.get(key) {
                element[key] = value.clone();
            }
        }
        patch.push(element);
    }
    if random.percent(25)
        && let Some(like) = items.first()
    {
        patch.push(fresh(random, like));
    }
    if random.percent(30) {
        patch.reverse();
    }
    if random.percent(5) && items.iter().any(|item| keys(item) > 0) {
        patch.push(json!({"$patch": random.pick(&["delete", "replace", "merge"])}));
    }
    if random.percent(2) {
        patch.push(match random.below(6) {
            0 => Json::Null,
            1 => json!({}),
            2 => json!("a"),
            3 => json!({"x": "1"}),
            4 => json!({"$patch": "delete", "name": "a"}),
            _ => patch.first().cloned().unwrap_or_default(),
        });
    }
    Json::Array(patch)
}

/// An element of the same sort, mostly of another name.
fn fresh(random: &mut Random, like: &Json) -> Json {
    if like.get("image").is_some() {
        let name = random.of("object names");
        return container(random, name);
    }
    let mut fresh = like.clone();
    for key in KEYS {
        match fresh.get_mut(key) {
            Some(Json::Number(number)) => *number = (7000 + random.below(3)).into(),
            Some(Json::String(text)) => *text = format!("{}{}", text, random.below(2)),
            _ => {}
        }
    }
    if like.is_object() { fresh } else { random.of("object names").into() }
}

/// An operation on a place in the object, or near one.
fn operation(random: &mut Random, object: &Json) -> Json {
    let op = random.pick(&["add", "add", "replace", "replace", "remove", "move", "copy", "test"]);
    let (path, there) = path(random, object);
    // Letters that Go escapes in JSON are not themselves to a test, nor is a null that was copied a null.
    let is_plain = !there.to_string().contains(['<', '&']);
    let op = if op == "test" && (!is_plain || there.is_null()) { "add" } else { op };
    let mut operation = json!({"op": op, "path": path});
    match op {
        "move" | "copy" => {
            // Elsewhere a value would have another shape than its place demands.
            let (from, _) = self::path(random, object);
            operation["path"] = match (from.rsplit_once('/'), random.below(3)) {
                (Some((parent, last)), 0) if last.parse::<usize>().is_ok() => {
                    format!("{parent}/{}", random.pick(&["-", "0", "-1"])).into()
                }
                (Some((parent, last)), 1) if last.parse::<usize>().is_err() => format!("{parent}/fresh").into(),
                _ => "/extra".into(),
            };
            operation["from"] = from.into();
        }
        "remove" => {}
        "test" if random.percent(80) => operation["value"] = there,
        _ => {
            operation["value"] = match there {
                Json::Array(mut items) => {
                    items.reverse();
                    items.into()
                }
                Json::Object(mut fields) => {
                    fields.retain(|_, _| random.percent(80));
                    fields.insert(random.of("object fields").to_owned(), random.of("object texts").into());
                    fields.into()
                }
                Json::String(_) => random.of("object texts").into(),
                _ if path.starts_with("/metadata") && random.percent(90) => random.of("object texts").into(),
                _ if path.ends_with(|last: char| last.is_ascii_alphabetic()) => value(random, 1),
                _ => there,
            };
        }
    }
    operation
}

fn path(random: &mut Random, object: &Json) -> (String, Json) {
    let (mut here, mut path) = (object, String::new());
    loop {
        let token = match here {
            Json::Object(fields) if !fields.is_empty() => {
                fields.keys().nth(random.below(fields.len())).cloned().unwrap_or_default()
            }
            Json::Array(items) if !items.is_empty() => random.below(items.len()).to_string(),
            _ => String::new(),
        };
        // What an object is called mostly stays as it is.
        let is_name = path.is_empty() && ["apiVersion", "kind"].contains(&token.as_str()) && random.percent(95)
            || path == "/metadata" && ["name", "namespace"].contains(&token.as_str()) && random.percent(50);
        if path.matches('/').count() > 1 && random.percent(18) && !path.is_empty() {
            let odd = random.of("pointer tokens");
            return (format!("{path}/{odd}"), Json::Null);
        }
        if token.is_empty() || is_name {
            let is_short = path.is_empty() || path == "/metadata";
            return if is_short { ("/extra".to_owned(), Json::Null) } else { (path, here.clone()) };
        }
        here = match here {
            Json::Array(items) => token.parse::<usize>().ok().and_then(|at| items.get(at)).unwrap_or(&Json::Null),
            other => &other[&token],
        };
        path.push('/');
        path.push_str(&token.replace('~', "~0").replace('/', "~1"));
        let enough = path.matches('/').count() > 1 && random.percent(22);
        if enough {
            return (path, here.clone());
        }
    }
}
