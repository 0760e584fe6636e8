//! Our own answers to the oracle's questions, in the form of the oracle's.

mod postrender;

pub(crate) use postrender::renderer;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rhumb::chart::{Chart, File, Style, Values, decode_values, prepare, set_values, to_value};
use rhumb::goyaml;
use rhumb::render::{Ambient, NoCluster, RenderOptions, on_large_stack, render_files};
use rhumb::value::json::{Format, encode_json};
use rhumb::version::{Constraints, Version};
use serde_json::{Map, Value as Json, json};

/// Answers all requests, in order. A panic is an answer too.
pub(crate) fn answer(requests: &[Json]) -> Vec<Json> {
    let work = || requests.iter().map(answer_one).collect();
    on_large_stack(work).unwrap_or_else(|error| vec![json!({"panic": error.to_string()}); requests.len()])
}

fn answer_one(request: &Json) -> Json {
    let work = AssertUnwindSafe(|| match request["op"].as_str().unwrap_or_default() {
        "render" => render(request).unwrap_or_else(|(stage, error)| json!({"stage": stage, "error": error})),
        "yaml-read" => yaml_read(request),
        "yaml-values" => {
            result("json", decode_values(&bytes(request, "text")).map(|values| typed(&Json::Object(values))))
        }
        "yaml-write" => result("text", goyaml::to_string(&to_value(&request["value"]))),
        "yaml-pretty" => result("text", goyaml::to_string_pretty(&to_value(&request["value"]))),
        "version" => version(request),
        "set" => set(request),
        "postrender" => {
            postrender::answer(request).unwrap_or_else(|error| json!({"fails": true, "error": error.to_string()}))
        }
        other => json!({"refused": format!("no such operation: {other}")}),
    });
    catch_unwind(work).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        json!({"panic": text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))})
    })
}

fn result<E: std::fmt::Display>(key: &str, result: Result<String, E>) -> Json {
    match result {
        Ok(text) => json!({ key: text }),
        Err(error) => json!({"error": error.to_string()}),
    }
}

/// A text of the request, decoded if it came in Base64.
fn bytes(request: &Json, key: &str) -> Vec<u8> {
    match request[format!("{key}64")].as_str() {
        Some(coded) => STANDARD.decode(coded).unwrap_or_default(),
        None => request[key].as_str().unwrap_or_default().as_bytes().to_vec(),
    }
}

fn text(request: &Json, key: &str) -> String {
    String::from_utf8_lossy(&bytes(request, key)).into_owned()
}

fn files(request: &Json) -> Vec<File> {
    let mut files = BTreeMap::new();
    for (name, text) in request["files"].as_object().into_iter().flatten() {
        files.insert(name, text.as_str().unwrap_or_default().as_bytes().to_vec());
    }
    for (name, coded) in request["files64"].as_object().into_iter().flatten() {
        files.insert(name, STANDARD.decode(coded.as_str().unwrap_or_default()).unwrap_or_default());
    }
    files.into_iter().map(|(name, data)| File::new(name, data)).collect()
}

fn render(request: &Json) -> Result<Json, (&'static str, String)> {
    let at = |stage| move |error: rhumb::chart::Error| (stage, error.to_string());
    let chart = Chart::from_files(files(request)).map_err(at("load"))?;
    let mut values = decode_values(&bytes(request, "values")).map_err(|error| ("values", error))?;
    for (flag, argument) in steps(&request["set"]) {
        set_one(&mut values, flag, argument).map_err(|error| ("set", error))?;
    }
    let prepared = prepare(&chart, &values, false).map_err(at("coalesce"))?;
    let options = RenderOptions {
        name: request["name"].as_str().unwrap_or_default().to_owned(),
        namespace: request["namespace"].as_str().unwrap_or_default().to_owned(),
        is_upgrade: request["is_upgrade"].as_bool().unwrap_or_default(),
        ..RenderOptions::default()
    };
    let rendered = render_files(&prepared, &options, &NoCluster, &Clock(Cell::new(1)));
    let rendered = rendered.map_err(|error| ("render", error.to_string()))?;
    Ok(json!({"files": rendered, "files64": {}}))
}

fn yaml_read(request: &Json) -> Json {
    let read = if request["strict"].as_bool().unwrap_or_default() { goyaml::from_str_strict } else { goyaml::from_str };
    match read(bytes(request, "text")) {
        Ok(json) => result("json", encode_json(&json, Format::MARSHAL)),
        Err(error) => json!({"error": error.in_full()}),
    }
}

fn version(request: &Json) -> Json {
    let (version, constraint) = (text(request, "version"), text(request, "constraint"));
    let mut answer = Map::new();
    match Version::parse_strict(&version) {
        Ok(strict) => answer.insert("strict".into(), strict.to_string().into()),
        Err(error) => answer.insert("strict_error".into(), error.to_string().into()),
    };
    let version = match Version::parse(&version) {
        Ok(version) => version,
        Err(error) => {
            answer.insert("version_error".into(), error.to_string().into());
            return answer.into();
        }
    };
    answer.insert("version".into(), version.to_string().into());
    answer.insert("original".into(), version.original().into());
    let constraint = match Constraints::parse(&constraint) {
        Ok(constraint) => constraint,
        Err(error) => {
            answer.insert("constraint_error".into(), error.to_string().into());
            return answer.into();
        }
    };
    let reasons = constraint.validate(&version).err();
    answer.insert("check".into(), constraint.check(&version).into());
    answer.insert("valid".into(), reasons.is_none().into());
    answer.insert("reasons".into(), reasons.unwrap_or_default().into());
    answer.insert("constraint".into(), constraint.to_string().into());
    answer.into()
}

fn set(request: &Json) -> Json {
    // The oracle's typed JSON reads numbers without a point as int64, which is what integers of ours are.
    let mut values = request["base"].as_object().cloned().unwrap_or_default();
    let mut error = None;
    for (flag, argument) in steps(&request["steps"]) {
        if let Err(message) = set_one(&mut values, flag, argument) {
            error = Some(message);
            break;
        }
    }
    let mut answer = json!({"json": typed(&Json::Object(values))});
    if let Some(error) = error {
        answer["error"] = error.into();
    }
    answer
}

fn steps(steps: &Json) -> impl Iterator<Item = (&str, &str)> {
    let steps = steps.as_array().into_iter().flatten();
    steps.map(|step| (step[0].as_str().unwrap_or_default(), step[1].as_str().unwrap_or_default()))
}

fn set_one(values: &mut Values, flag: &str, argument: &str) -> Result<(), String> {
    let mut read = |path: &str| Ok(format!("<{path}>"));
    let style = match flag {
        "--set" => Style::Typed,
        "--set-string" => Style::Text,
        "--set-json" => Style::Json,
        "--set-literal" => Style::Literal,
        "--set-file" => Style::File(&mut read),
        other => return Err(format!("no such flag: {other}")),
    };
    set_values(values, argument, style).map_err(|error| match flag {
        "--set-json" => "JSON".to_owned(),
        _ => error.to_string(),
    })
}

/// JSON in which a float has a point or an exponent and every other number has neither, in the oracle's spelling.
fn typed(json: &Json) -> String {
    match json {
        Json::Number(number) if number.is_f64() => {
            let digits = number.as_f64().map(go_digits).unwrap_or_default();
            if digits.contains(['.', 'e']) { digits } else { digits + ".0" }
        }
        Json::Array(items) => format!("[{}]", items.iter().map(typed).collect::<Vec<_>>().join(",")),
        Json::Object(entries) => {
            let mut sorted: Vec<_> = entries.iter().collect();
            sorted.sort_by_key(|(key, _)| *key);
            let entries =
                sorted.into_iter().map(|(key, value)| format!("{}:{}", typed(&key.as_str().into()), typed(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
        }
        other => escaped(&other.to_string()),
    }
}

/// A float as Go's verb `g` prints it with the fewest digits.
fn go_digits(number: f64) -> String {
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        return number.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// JSON text with the letters escaped that Go escapes.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out
}

/// The real clock would do; randomness only has to differ from one call to the next.
struct Clock(Cell<u64>);

impl Ambient for Clock {
    fn now(&self) -> i128 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map(|since| since.as_nanos() as i128).unwrap_or_default()
    }

    fn fill_random(&self, buffer: &mut [u8]) {
        let mut random = super::random::Random::new(self.0.get());
        buffer.fill_with(|| random.next() as u8);
        self.0.set(random.next());
    }

    fn resolve_host(&self, _host: &str) -> Option<String> {
        None
    }
}
