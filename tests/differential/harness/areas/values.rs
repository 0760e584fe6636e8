//! Values of charts and subcharts, laid over each other.

use serde_json::{Value as Json, json};

use crate::harness::random::Random;

const SHOW: &str = "{{ .Values | toJson }}\n{{ .Values | toYaml }}\n{{ range $k, $v := .Subcharts }}{{ $k }} {{ end }}";

pub(super) fn draw(random: &mut Random) -> Json {
    let mut files = serde_json::Map::new();
    chart(random, &mut files, "", "top", 0);
    let values = yaml_of(&table(random, 0));
    json!({"op": "render", "name": "rel", "namespace": "demo", "files": files, "values": values, "set": set(random)})
}

fn chart(random: &mut Random, files: &mut serde_json::Map<String, Json>, at: &str, name: &str, depth: usize) {
    let some = if depth < 2 { random.below(3) } else { 0 };
    let mut dependencies = Vec::new();
    for position in 0..some {
        let child = ["s", "t"][position];
        chart(random, files, &format!("{at}charts/{child}/"), child, depth + 1);
        if random.percent(60) {
            let mut dependency = json!({"name": child, "version": "1.0.0"});
            if random.percent(30) {
                let path = random.pick(&["s.enabled", "t.enabled", "a", "nope", "global.a", "a.b,s.enabled"]);
                dependency["condition"] = path.into();
            }
            if random.percent(20) {
                dependency["tags"] = json!([random.pick(&["one", "two"])]);
            }
            if random.percent(15) {
                dependency["alias"] = random.pick(&["z", "y"]).into();
            }
            if random.percent(30) {
                let import = match random.below(5) {
                    0 => json!(["a"]),
                    1 => json!([{"child": "a", "parent": "a"}]),
                    2 => json!([{"child": "b", "parent": "."}]),
                    3 => json!(["nope", {"child": "a.b", "parent": "s.c"}]),
                    _ => json!([{"child": "exports.a", "parent": "b"}]),
                };
                dependency["import-values"] = import;
            }
            dependencies.push(dependency);
        }
    }
    let metadata = json!({"apiVersion": "v2", "name": name, "version": "1.0.0", "dependencies": dependencies});
    files.insert(format!("{at}Chart.yaml"), metadata.to_string().into());
    if random.percent(90) {
        files.insert(format!("{at}values.yaml"), yaml_of(&table(random, 0)).into());
    }
    files.insert(format!("{at}templates/{name}.yaml"), SHOW.into());
}

fn set(random: &mut Random) -> Json {
    let mut steps = Vec::new();
    while random.percent(25) {
        let expression = random.of("set of values");
        steps.push(json!(["--set", expression]));
    }
    steps.into()
}

/// Flow style is YAML too.
fn yaml_of(json: &Json) -> String {
    json.to_string()
}

fn table(random: &mut Random, depth: usize) -> Json {
    let mut table = serde_json::Map::new();
    let some = random.below(5);
    for _ in 0..some {
        let key = random.of("value keys");
        let value = match key {
            "tags" => json!({"one": random.percent(50), "two": random.percent(50)}),
            "enabled" => random.percent(50).into(),
            "s" | "t" | "global" | "exports" | "z" if depth < 4 && !random.percent(6) => self::table(random, depth + 1),
            _ => value(random, depth),
        };
        table.insert(key.to_owned(), value);
    }
    table.into()
}

fn value(random: &mut Random, depth: usize) -> Json {
    match random.below(14) {
        0..=2 => Json::Null,
        3..=5 if depth < 4 => table(random, depth + 1),
        6 => json!([1, null, {"a": null}]),
        7 => json!([]),
        8 => json!({}),
        9 => json!(1.5),
        10 => json!(false),
        11 => json!(""),
        12 => json!(1_000_000),
        _ => json!("x"),
    }
}
