//! YAML read and written as Go does it.
//!
//! Each line of `tests/data/goyaml/*.jsonl` is an input with the output or error of the real program: Go 1.26 with sigs.k8s.io/yaml 1.6.0,
//! go.yaml.in/yaml/v2 2.4.4 and go.yaml.in/yaml/v3 3.0.5. The file's name says which call gave it; see the table in `answer`.
//! Errors are compared in full; printed, the one about a map key that JSON cannot have leaves out the value, which may be a secret.

use std::fmt::Write as _;

use rhumb::goyaml;
use rhumb::value::{Value, json};
use serde_json::Value as Json;

/// What our side makes of an input, under the name of a data file.
fn answer(call: &str, input: &str) -> Result<String, String> {
    let marshal = |json: &Json| json::encode_json(json, json::Format::MARSHAL).map_err(|error| error.to_string());
    let value = |input: &str| goyaml::from_str(input).map(|json| Value::from_json(&json));
    let text = |result: Result<String, goyaml::Error>| result.map_err(|error| error.in_full());
    match call {
        // YAMLToJSON, YAMLToJSONStrict.
        "read" => marshal(&goyaml::from_str(input).map_err(|error| without_prefix(&error))?),
        "strict" => marshal(&goyaml::from_str_strict(input).map_err(|error| without_prefix(&error))?),
        // Unmarshal into map[string]any and []any.
        "map" => marshal(&Json::Object(goyaml::map_from_str(input).map_err(|error| error.in_full())?)),
        "list" => marshal(&Json::Array(goyaml::list_from_str(input).map_err(|error| error.in_full())?)),
        // Unmarshal into any, then Marshal, or Encode of v3 with an indentation of 2.
        "write" => text(value(input).and_then(|value| goyaml::to_string(&value))),
        "pretty" => text(value(input).and_then(|value| goyaml::to_string_pretty(&value))),
        // The same of a string.
        "write_string" => text(goyaml::to_string(&Value::string(input))),
        "pretty_string" => text(goyaml::to_string_pretty(&Value::string(input))),
        _ => Err(format!("no call for {call}.jsonl")),
    }
}

/// YAMLToJSON gives its errors without the words that Unmarshal puts before them.
fn without_prefix(error: &goyaml::Error) -> String {
    let text = error.in_full();
    text.strip_prefix("error converting YAML to JSON: ").unwrap_or(&text).to_owned()
}

#[test]
fn every_case_gives_gos_answer() {
    let folder = crate::project::root().join("tests/data/goyaml");
    let mut files: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 8, "data files in {}", folder.display());
    let mut wrong = String::new();
    for file in files {
        let call = file.file_stem().and_then(|stem| stem.to_str()).unwrap();
        let cases = std::fs::read_to_string(&file).unwrap();
        assert!(cases.lines().count() >= 10, "{call}.jsonl has cases");
        for line in cases.lines() {
            let case: Json = serde_json::from_str(line).unwrap();
            let field = |name: &str| case.get(name).and_then(Json::as_str).map(str::to_owned);
            let input = field("in").unwrap();
            let expected = field("out").map_or_else(|| Err(field("error").unwrap()), Ok);
            let found = answer(call, &input);
            if found != expected {
                writeln!(wrong, "{call} {input:?}\n  Go   {expected:?}\n  ours {found:?}").unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn written_documents_read_back_as_they_were() {
    let json = serde_json::json!({
        "text": "two\nlines\n", "spaces": "  a  ", "number": "1", "word": "yes", "long": "word ".repeat(50),
        "list": [[1, [2.5]], {"a": [], "b": {}}], "null": null, "key: with colon": true, "emoji😀": "\u{7}",
    });
    assert_eq!(goyaml::from_str(goyaml::to_string_json(&json).unwrap()).unwrap(), json);
    let pretty = goyaml::to_string_pretty(&Value::from_json(&json)).unwrap();
    assert_eq!(goyaml::from_str(pretty).unwrap(), json);
}

#[test]
fn invalid_utf8_is_replaced_by_v2_and_base64_in_v3() {
    let text = Value::string(b"a\xE2\x82".as_slice());
    assert_eq!(goyaml::to_string(&text).unwrap(), "a\u{FFFD}\u{FFFD}\n");
    assert_eq!(goyaml::to_string_pretty(&text).unwrap(), "!!binary YeKC\n");
}

#[test]
fn pretty_form_keeps_integer_types_and_writes_bytes_as_numbers() {
    let list = Value::list(vec![Value::int(1_000_000), Value::Float(1e6), Value::Bytes(b"ab".as_slice().into())]);
    assert_eq!(goyaml::to_string_pretty(&list).unwrap(), "- 1000000\n- 1e+06\n- - 97\n  - 98\n");
    assert_eq!(goyaml::to_string(&list).unwrap(), "- 1000000\n- 1000000\n- YWI=\n");
}

#[test]
fn malformed_bytes_are_reported_in_gos_words() {
    let message = |bytes: &[u8]| goyaml::from_str(bytes).unwrap_err().to_string();
    let prefix = "error converting YAML to JSON: yaml: ";
    for (bytes, problem) in [
        (b"a: \xFF".as_slice(), "invalid leading UTF-8 octet"),
        (b"a: \xE2x", "incomplete UTF-8 octet sequence"),
        (b"a: \xE2xx", "invalid trailing UTF-8 octet"),
        (b"a: \xC0\x80", "invalid length of a UTF-8 sequence"),
        (b"a: \xED\xA0\x80", "invalid Unicode character"),
        (b"\xFF\xFEa", "incomplete UTF-16 character"),
    ] {
        assert_eq!(message(bytes), format!("{prefix}{problem}"));
    }
    assert_eq!(goyaml::from_str(b"\xFE\xFF\0a\0:\0 \0b").unwrap(), serde_json::json!({"a": "b"}));
}

#[test]
fn error_before_malformed_bytes_is_told_unless_the_reader_has_read_on() {
    let message = |bytes: &[u8]| goyaml::from_str(bytes).unwrap_err().to_string();
    let malformed = "incomplete UTF-8 octet sequence";
    for (bytes, problem) in [
        (b"\tb 1\xEE".as_slice(), "found character that cannot start any token"),
        (b"--- : 20\xE6", "mapping values are not allowed in this context"),
        (b"|\n \t\xD6", "line 2: found a tab character where an indentation space is expected"),
        (b"k:\n2: %a+3\xD5", "line 2: found character that cannot start any token"),
        (b"%YAML 1.x\xC3", "did not find expected version number"),
        (b"\"\\q\xC3", malformed),
        (b"\"\\q123\xC3", "found unknown escape character"),
        (b"a: @\xC3", malformed),
        (b"a: @123\xC3", "found character that cannot start any token"),
        (b"'a' 'b'\xC3", malformed),
        (b"a: !<x\xC3", malformed),
        (b"a\n- b\xC3", malformed),
        (b"a: b: c\xC3", malformed),
        (b"a: b: cd\xC3", "mapping values are not allowed in this context"),
    ] {
        assert_eq!(
            message(bytes),
            format!("error converting YAML to JSON: yaml: {problem}"),
            "{}",
            bytes.escape_ascii()
        );
    }
}

#[test]
fn fault_after_the_first_document_is_seen_only_within_its_block() {
    let near = "a: b\n---\n\u{1}";
    assert!(goyaml::from_str(near).is_err());
    let far = format!("a: b\n---\n{}\u{1}", "x".repeat(600));
    assert_eq!(goyaml::from_str(far).unwrap(), serde_json::json!({"a": "b"}));
}

#[test]
fn alias_bomb_is_refused() {
    let mut bomb = String::from("a: &a [x, x, x, x, x, x, x, x, x, x]\n");
    for (name, previous) in ('b'..='i').zip('a'..) {
        let aliases = vec![format!("*{previous}"); 10].join(", ");
        writeln!(bomb, "{name}: &{name} [{aliases}]").unwrap();
    }
    let error = goyaml::from_str(bomb).unwrap_err().to_string();
    assert_eq!(error, "error converting YAML to JSON: yaml: document contains excessive aliasing");
}

#[test]
fn nesting_is_limited_on_a_small_stack() {
    for text in ["[".repeat(5000), "- ".repeat(5000), "{a: ".repeat(5000), "? ".repeat(5000)] {
        let error = goyaml::from_str(text).unwrap_err().to_string();
        assert!(error.ends_with("exceeded max depth of 200"), "{error}");
    }
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let json = goyaml::from_str(deep).unwrap();
    assert_eq!(goyaml::to_string_json(&json).unwrap(), format!("{}[]\n", "- ".repeat(199)));
    let mut nested = String::from("a0: &a0 x\n");
    for index in 1..100 {
        writeln!(nested, "a{index}: &a{index} [[[[[[[[[[*a{}]]]]]]]]]]", index - 1).unwrap();
    }
    let error = goyaml::from_str(nested).unwrap_err().to_string();
    assert!(error.contains("exceeded max depth") || error.contains("excessive aliasing"), "{error}");
}

#[test]
fn map_that_contains_itself_is_an_error() {
    let map = Value::map();
    if let Value::Map(entries) = &map {
        entries.insert("self", map.clone());
        assert!(goyaml::to_string(&map).is_err());
        assert!(goyaml::to_string_pretty(&map).is_err());
        entries.clear();
    }
}

#[test]
fn streams_are_split_at_separator_lines() {
    let split = |text: &'static str| -> Result<Vec<String>, goyaml::Error> {
        let texts = goyaml::split(text.as_bytes()).into_iter();
        texts.map(|text| Ok(String::from_utf8_lossy(&text?).into_owned())).collect()
    };
    assert_eq!(split("a: 1\n---\nb: 2").unwrap(), ["a: 1\n", "b: 2\n"]);
    assert_eq!(split("---\na: 1\n--- # two\n\n---\n").unwrap(), ["---\na: 1\n", "\n"]);
    assert_eq!(split("a: 1\r\n---\r\nb: 'x\r\r\ny'\r").unwrap(), ["a: 1\n", "b: 'x\r\ny'\r\n"]);
    assert!(split("").unwrap().is_empty());
    assert_eq!(split("a: 1\n--- b\n").unwrap_err().to_string(), "invalid Yaml document separator: b");
}

#[test]
fn documents_are_found_by_the_grammar() {
    let found = goyaml::documents("a: 1\n---\n...\n--- |\n  x\n---\n- b").unwrap();
    assert_eq!(found, [serde_json::json!({"a": 1}), Json::Null, "x\n".into(), serde_json::json!(["b"])]);
    assert!(goyaml::documents("a: 1\n---\n[").is_err());
}
