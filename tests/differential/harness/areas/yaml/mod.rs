//! YAML documents drawn by a grammar and then changed at random, and values to be written as YAML.

mod document;
mod mutation;
mod text;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Number, Value as Json, json};

use crate::harness::random::Random;

/// Writes the values in every form, and tells what they are.
const WRITING: &str = "{{ toYaml .Values }}\n{{ toYamlPretty .Values }}\n{{ toJson .Values }}\n{{ toPrettyJson .Values }}\n\
    {{ toRawJson .Values }}\n{{ range $k, $v := .Values }}{{ $k }} {{ kindOf $v }} {{ $v }} {{ quote $v }} {{ int64 $v }}\n\
    {{ end }}{{ .Values.YAML }}";

/// Reads a file in every form, and writes what was read.
const READING: &str = "{{ $text := .Files.Get \"x\" }}{{ $a := fromYaml $text }}{{ toYaml $a }}\n{{ toJson $a }}\n\
    {{ toYamlPretty $a }}\n{{ range $k, $v := $a }}{{ $k }} {{ kindOf $v }} {{ $v }}\n{{ end }}\
    {{ toJson (fromYamlArray $text) }}\n{{ toYaml (fromJson $text) }}\n{{ toYaml (fromJsonArray $text) }}\n";

pub(super) fn draw(random: &mut Random) -> Json {
    match random.below(40) {
        0..=21 => asked(json!({"op": "yaml-read", "strict": random.percent(20)}), drawn(random)),
        22..=23 => asked(json!({"op": "yaml-values"}), drawn(random)),
        24 => rendered(&readable(random), WRITING, "a: 1"),
        25 => {
            let text = readable(random);
            rendered("a: 1", READING, &text)
        }
        26..=33 => json!({"op": "yaml-write", "value": value(random, 0)}),
        _ => json!({"op": "yaml-pretty", "value": value(random, 0)}),
    }
}

/// The request with its text, in Base64 if it is no UTF-8.
fn asked(mut request: Json, text: Vec<u8>) -> Json {
    match String::from_utf8(text) {
        Ok(text) => request["text"] = text.into(),
        Err(error) => request["text64"] = STANDARD.encode(error.as_bytes()).into(),
    }
    request
}

fn drawn(random: &mut Random) -> Vec<u8> {
    let wild = random.percent(33);
    let text = document::stream(random, wild);
    if random.percent(50) { text.into_bytes() } else { mutation::mutate(random, &text) }
}

/// A document that most likely can be read.
fn readable(random: &mut Random) -> String {
    let text = document::stream(random, false);
    if random.percent(80) { text } else { String::from_utf8_lossy(&mutation::mutate(random, &text)).into_owned() }
}

fn rendered(values: &str, template: &str, file: &str) -> Json {
    json!({
        "op": "render",
        "name": "rel",
        "namespace": "demo",
        "files": {
            "Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.2.3\n",
            "values.yaml": values,
            "templates/t.yaml": template,
            "x": file,
        },
    })
}

fn value(random: &mut Random, depth: usize) -> Json {
    match random.below(if depth > 3 { 6 } else { 9 }) {
        0..=3 => text::string(random).into(),
        4 => number(random),
        5 => random.pick(&[&Json::Null, &json!(true), &json!(false), &json!([]), &json!({})]).clone(),
        6..=7 => {
            let some = random.below(5);
            Json::Object((0..some).map(|_| (key(random), value(random, depth + 1))).collect())
        }
        _ => {
            let some = random.below(4);
            (0..some).map(|_| value(random, depth + 1)).collect()
        }
    }
}

/// Keys that are sorted by the numbers in them, among others; no set of them has an order that is random in Go.
fn key(random: &mut Random) -> String {
    match random.below(4) {
        0 => text::string(random),
        1 => format!("{}{}", random.pick(&["a", "b", "a-", "key"]), random.below(120)),
        _ => text::word(random),
    }
}

fn number(random: &mut Random) -> Json {
    let float = |value: f64| Number::from_f64(value).map_or(Json::Null, Json::Number);
    match random.below(6) {
        0 => json!(random.next() as i64),
        1 => json!(random.below(2_000) as i64 - 1_000),
        2 => float(f64::from_bits(random.next())),
        3 => float((random.below(2_000_000) as f64 - 1e6) / [1.0, 8.0, 10.0, 1e3][random.below(4)]),
        4 => float(random.below(1_000) as f64 * 10_f64.powi(random.below(45) as i32 - 20)),
        _ => random
            .pick(&[
                &json!(0),
                &json!(-0.0),
                &json!(1e21),
                &json!(1e20),
                &json!(1e-7),
                &json!(u64::MAX),
                &json!(1_000_000.0),
                &json!(0.1),
            ])
            .clone(),
    }
}
