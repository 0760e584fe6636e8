//! Charts against answers of Helm 4.3.1.
//!
//! The files in `tests/data/charts` were written by a Go program that drew inputs at random and by hand and ran them through the
//! packages of helm.sh/helm/v4 v4.3.1: `set` through strvals, `glob` through gobwas/glob 0.2.3, `ignore` through pkg/ignore, `values`
//! through ProcessDependencies and CoalesceValues, `schema` through ValidateAgainstSchema. Charts whose result differed between runs
//! of Helm were left out. Values are dumped with `f` before a float64 and `i` before an int64.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use std::fmt::Write as _;
use std::sync::Arc;

use rhumb::chart::{
    Chart, Dependency, Error, Glob, IgnoreRules, Metadata, Style, Values, check_schemas, coalesce, from_value, prepare,
    set_values, to_value, with_float_numbers,
};
use rhumb::value::Value;
use serde::Deserialize;
use serde_json::Value as Json;

fn cases<T: for<'a> Deserialize<'a>>(lines: &str) -> Vec<T> {
    lines.lines().map(|line| serde_json::from_str(line).expect("a case")).collect()
}

/// Runs every case and shows the first few that differ.
fn check_all<T: for<'a> Deserialize<'a>>(lines: &str, at_least: usize, check: impl Fn(&T) -> Result<(), String>) {
    let cases = cases::<T>(lines);
    assert!(cases.len() >= at_least, "only {} cases", cases.len());
    let failures: Vec<_> = cases.iter().filter_map(|case| check(case).err()).collect();
    let shown = failures.iter().take(12).cloned().collect::<Vec<_>>().join("\n\n");
    assert!(failures.is_empty(), "{} of {} cases differ:\n{shown}", failures.len(), cases.len());
}

fn expect_equal(what: &str, found: &str, wanted: &str) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(format!("{what}\n  found  {found}\n  wanted {wanted}")) }
}

fn dump(json: &Json, text: &mut String) {
    match json {
        Json::Null | Json::Bool(_) => write!(text, "{json}").expect("a string grows"),
        Json::Number(number) if number.is_f64() => {
            write!(text, "f{}", number.as_f64().unwrap()).expect("a string grows");
        }
        Json::Number(number) => write!(text, "i{number}").expect("a string grows"),
        Json::String(string) => text.push_str(&Json::from(string.as_str()).to_string()),
        Json::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index > 0 { "," } else { "" });
                dump(item, text);
            }
            text.push(']');
        }
        Json::Object(entries) => {
            text.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                text.push_str(if index > 0 { "," } else { "" });
                text.push_str(&Json::from(key.as_str()).to_string());
                text.push(':');
                dump(value, text);
            }
            text.push('}');
        }
    }
}

fn dumped(json: &Json) -> String {
    let mut text = String::new();
    dump(json, &mut text);
    text
}

#[derive(Deserialize)]
struct SetCase {
    style: String,
    #[serde(default)]
    base: Values,
    #[serde(rename = "in")]
    expression: String,
    out: String,
    #[serde(default)]
    err: String,
}

#[test]
fn set_expressions_read_as_in_helm() {
    check_all(include_str!("../data/charts/set.jsonl"), 200, |case: &SetCase| {
        let mut values = with_float_numbers(case.base.clone());
        let mut read = |path: &str| Ok(format!("({path})"));
        let style = match case.style.as_str() {
            "set" => Style::Typed,
            "string" => Style::Text,
            "json" => Style::Json,
            "literal" => Style::Literal,
            _ => Style::File(&mut read),
        };
        let what = format!("{} {:?}", case.style, case.expression);
        match set_values(&mut values, &case.expression, style) {
            Ok(()) => expect_equal(&what, &dumped(&Json::Object(values)), &case.out),
            // The texts of JSON errors are the decoder's own.
            Err(_) if case.style == "json" && !case.err.is_empty() => Ok(()),
            Err(error) => expect_equal(&what, &error.to_string(), &case.err),
        }
    });
}

#[derive(Deserialize)]
struct GlobCase {
    glob: String,
    ok: bool,
    matches: Vec<String>,
}

#[test]
fn globs_match_as_in_gobwas() {
    let paths = [
        "a",
        "ab",
        "abc",
        "a.yaml",
        "b.yml",
        "x/a",
        "x/a.yaml",
        "x/y/a.yaml",
        "config/a.json",
        "a/",
        "-",
        "]",
        "a]b",
        "{a,b}",
        "a,b",
        "é",
        "files/x.txt",
        "!",
        "^",
        "a-b",
        "z/b.yml",
        ".hidden",
        "x/.hidden",
    ];
    check_all(include_str!("../data/charts/glob.jsonl"), 80, |case: &GlobCase| {
        let glob = Glob::parse(&case.glob);
        let found: Vec<_> = paths.iter().filter(|path| glob.as_ref().is_some_and(|glob| glob.matches(path))).collect();
        expect_equal(&case.glob, &format!("{} {found:?}", glob.is_some()), &format!("{} {:?}", case.ok, case.matches))
    });
}

#[derive(Deserialize)]
struct IgnoreCase {
    rules: String,
    ok: bool,
    ignored: Vec<String>,
}

#[test]
fn ignore_rules_decide_as_in_helm() {
    let paths = [
        "a",
        "a/b",
        "a/b.txt",
        "b.txt",
        "templates/.x",
        "templates/x",
        "templates/.",
        "templates/a/.x",
        "charts/a.tgz",
        ".git",
        ".git/config",
        "x.bak",
        "d/x.bak",
        "a.b",
        "é",
        "a[b",
    ];
    check_all(include_str!("../data/charts/ignore.jsonl"), 60, |case: &IgnoreCase| {
        let rules = IgnoreRules::parse(&case.rules);
        let mut found = Vec::new();
        let is_read = rules.is_ok();
        if let Ok(rules) = rules.map(IgnoreRules::with_defaults) {
            for path in paths {
                found.extend(rules.ignores(path, false).then(|| path.to_owned()));
                found.extend(rules.ignores(path, true).then(|| format!("{path}/")));
            }
        }
        let what = format!("{:?}", case.rules);
        expect_equal(&what, &format!("{is_read} {found:?}"), &format!("{} {:?}", case.ok, case.ignored))
    });
}

#[derive(Deserialize)]
struct ChartSpec {
    name: String,
    version: String,
    values: Option<Values>,
    #[serde(default)]
    dependencies: Vec<Dependency>,
    #[serde(default)]
    charts: Vec<ChartSpec>,
}

fn build(spec: &ChartSpec) -> Chart {
    Chart {
        metadata: Metadata {
            name: spec.name.clone(),
            version: spec.version.clone(),
            dependencies: spec.dependencies.clone(),
            ..Metadata::default()
        },
        values: spec.values.clone().map(|values| Arc::new(with_float_numbers(values))),
        dependencies: spec.charts.iter().map(build).collect(),
        ..Chart::default()
    }
}

fn tree(chart: &Chart) -> Json {
    let dependency = |dependency: &Dependency| {
        serde_json::json!({
            "name": dependency.name, "enabled": dependency.enabled, "import": dependency.import_values,
        })
    };
    let dependencies: Vec<_> = chart.metadata.dependencies.iter().map(dependency).collect();
    let charts: Vec<_> = chart.dependencies.iter().map(tree).collect();
    let mut tree = serde_json::json!({ "name": chart.name(), "charts": charts, "dependencies": dependencies });
    if let Some(values) = &chart.values {
        tree["values"] = Json::Object(Values::clone(values));
    }
    tree
}

#[derive(Deserialize)]
struct ValuesCase {
    chart: ChartSpec,
    user: Values,
    tree: String,
    values: String,
    err: String,
}

#[test]
fn values_coalesce_as_in_helm() {
    check_all(include_str!("../data/charts/values.jsonl"), 40, |case: &ValuesCase| {
        let what = format!("{} with {}", tree(&build(&case.chart)), Json::Object(case.user.clone()));
        let user = with_float_numbers(case.user.clone());
        match prepare(&build(&case.chart), &user, false) {
            Ok(prepared) => {
                expect_equal(&what, &dumped(&tree(&prepared.chart)), &case.tree)?;
                expect_equal(&what, &dumped(&from_value(&Value::Map(prepared.values))), &case.values)?;
                expect_equal(&what, "", &case.err)
            }
            Err(error) => {
                // The recording program called the steps one by one, without the words that name the step.
                let error = match error {
                    Error::Dependencies(source) => *source,
                    error => error,
                };
                let text = match &error {
                    // The message does not tell the value, which Helm prints.
                    Error::TypeMismatch { name, value } => format!("type mismatch on {name}: {value}"),
                    error => error.to_string(),
                };
                expect_equal(&what, &format!("E {text}"), &case.err)
            }
        }
    });
}

#[derive(Deserialize)]
struct SchemaCase {
    schema: String,
    user: String,
    err: String,
}

#[test]
fn schema_messages_are_worded_as_in_helm() {
    check_all(include_str!("../data/charts/schema.jsonl"), 50, |case: &SchemaCase| {
        let mut chart = build(&ChartSpec {
            name: "app".to_owned(),
            version: "1.0.0".to_owned(),
            values: None,
            dependencies: Vec::new(),
            charts: Vec::new(),
        });
        chart.schema = Some(case.schema.as_bytes().into());
        let user = with_float_numbers(serde_json::from_str(&case.user).unwrap());
        let values = coalesce(&chart, &user, &mut Vec::new()).unwrap();
        let found = match check_schemas(&chart, &values) {
            Ok(()) => String::new(),
            Err(error) => {
                let text = error.to_string();
                let (head, rest) = text.split_once('\n').unwrap();
                assert_eq!(head, "values don't meet the specifications of the schema(s) in the following chart(s):");
                rest.to_owned()
            }
        };
        expect_equal(&format!("{} on {}", case.schema, case.user), &found, &case.err)
    });
}

#[test]
fn schemas_refer_to_nothing_outside() {
    for reference in ["file:///etc/hostname", "https://example.com/schema.json", "other.json"] {
        let schema = format!(r#"{{"properties":{{"a":{{"$ref":"{reference}"}}}}}}"#);
        let chart = Chart { schema: Some(schema.as_bytes().into()), ..Chart::default() };
        let values = coalesce(&chart, &Values::new(), &mut Vec::new()).unwrap();
        let error = check_schemas(&chart, &values).unwrap_err().to_string();
        assert!(error.contains("may refer to themselves only"), "{error}");
    }
}

#[test]
fn numbers_of_files_are_floats_and_those_set_are_integers() {
    let mut values = with_float_numbers(serde_json::from_str(r#"{"file": 5}"#).unwrap());
    set_values(&mut values, "set=5", Style::Typed).unwrap();
    let Value::Map(map) = to_value(&Json::Object(values)) else { panic!("not a map") };
    assert_eq!(map.get("file").unwrap().type_name(), "float64");
    assert_eq!(map.get("set").unwrap().type_name(), "int64");
}

#[test]
fn set_expressions_cannot_fill_the_memory() {
    let expression = (0..40).map(|index| format!("a[{index}][65536]=1")).collect::<Vec<_>>().join(",");
    let error = set_values(&mut Values::new(), &expression, Style::Typed).unwrap_err();
    assert_eq!(error.to_string(), "lists are padded with more than 1048576 nulls");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_a_parser_panic(text in r"(\PC|[=.,\[\]{}\\*?!/<>^~|x0-9 -]|---\n|: ){0,40}") {
        for style in [Style::Typed, Style::Text, Style::Json, Style::Literal] {
            let mut values = with_float_numbers(serde_json::from_str(r#"{"a": {"b": [1, null]}, "0": []}"#).unwrap());
            let _ = set_values(&mut values, &text, style);
        }
        let _ = Glob::parse(&text).map(|glob| glob.matches(&text));
        let _ = IgnoreRules::parse(&text).map(|rules| rules.ignores(&text, false));
        let _ = rhumb::chart::decode_values(text.as_bytes());
        let version = rhumb::version::Version::parse(&text).or_else(|_| rhumb::version::Version::parse_strict("1.2.3"));
        let constraint = rhumb::version::Constraints::parse(&text);
        if let (Ok(version), Ok(constraint)) = (version, constraint) {
            proptest::prop_assert_eq!(constraint.check(&version), constraint.validate(&version).is_ok());
        }
    }

    #[test]
    fn no_bytes_make_the_archive_reader_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600)) {
        use std::io::Write as _;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&bytes).unwrap();
        proptest::prop_assert!(Chart::from_archive(&encoder.finish().unwrap()).is_err());
        proptest::prop_assert!(Chart::from_archive(&bytes).is_err());
    }
}
