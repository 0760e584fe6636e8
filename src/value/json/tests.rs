//! Expected texts come from Go 1.26 `encoding/json`.

use super::*;
use crate::value::{ElementType, List, Value};

fn marshal(value: &Value) -> String {
    encode(value, Format::MARSHAL).unwrap()
}

#[test]
fn floats_switch_to_exponents_at_gos_limits() {
    let cases = [
        (0.0, "0"),
        (-0.0, "-0"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (1.5e300, "1.5e+300"),
        (1_234_567.25, "1234567.25"),
        (9_223_372_036_854_775_807.0, "9223372036854776000"),
    ];
    for (value, text) in cases {
        assert_eq!(float(value).unwrap(), text);
    }
    assert_eq!(float(f64::INFINITY).unwrap_err().to_string(), "json: unsupported value: +Inf");
    assert_eq!(float(f64::NAN).unwrap_err().to_string(), "json: unsupported value: NaN");
}

#[test]
fn strings_are_escaped_as_go_does() {
    let text = Value::string("<&>\u{2028}\u{7f}\u{8}\u{c}\u{1}\n\"\\é");
    assert_eq!(marshal(&text), "\"\\u003c\\u0026\\u003e\\u2028\u{7f}\\b\\f\\u0001\\n\\\"\\\\é\"");
    assert_eq!(encode(&Value::string("<\u{2029}"), Format::RAW).unwrap(), "\"<\\u2029\"");
    let broken = Value::string(b"a\xE2\x82b".as_slice());
    assert_eq!(marshal(&broken), "\"a\\ufffd\\ufffdb\"");
}

#[test]
fn nil_list_is_null_and_bytes_are_base64() {
    assert_eq!(marshal(&Value::List(List::nil(ElementType::Any))), "null");
    assert_eq!(marshal(&Value::Bytes(b"hi".as_slice().into())), "\"aGk=\"");
}

#[test]
fn pretty_form_leaves_empty_collections_on_one_line() {
    let json = parse(br#"{"b":[],"a":[1,{"x":{}}]}"#).unwrap();
    let text = encode_json(&json, Format::PRETTY).unwrap();
    assert_eq!(text, "{\n  \"a\": [\n    1,\n    {\n      \"x\": {}\n    }\n  ],\n  \"b\": []\n}");
}

#[test]
fn map_that_contains_itself_is_an_error() {
    let map = Value::map();
    if let Value::Map(entries) = &map {
        entries.insert("self", map.clone());
        assert!(encode(&map, Format::MARSHAL).is_err());
        entries.clear();
    }
}

#[test]
fn syntax_errors_read_as_in_go() {
    let cases = [
        ("", "unexpected end of JSON input"),
        ("{", "unexpected end of JSON input"),
        ("x", "invalid character 'x' looking for beginning of value"),
        ("{a", "invalid character 'a' looking for beginning of object key string"),
        ("{\"a\" 1", "invalid character '1' after object key"),
        ("{\"a\":1 2", "invalid character '2' after object key:value pair"),
        ("[1 2", "invalid character '2' after array element"),
        ("[1,]", "invalid character ']' looking for beginning of value"),
        ("01", "invalid character '1' after top-level value"),
        ("-x", "invalid character 'x' in numeric literal"),
        ("1.x", "invalid character 'x' after decimal point in numeric literal"),
        ("1ex", "invalid character 'x' in exponent of numeric literal"),
        ("trux", "invalid character 'x' in literal true (expecting 'e')"),
        ("\"\\x\"", "invalid character 'x' in string escape code"),
        ("nu", "invalid character ' ' in literal null (expecting 'l')"),
        ("{\"\":fa", "invalid character ' ' in literal false (expecting 'l')"),
        ("-", "invalid character ' ' in numeric literal"),
        ("1.", "invalid character ' ' after decimal point in numeric literal"),
        ("2e", "invalid character ' ' in exponent of numeric literal"),
        ("\"\\", "invalid character ' ' in string escape code"),
        ("\"\\u0", "invalid character ' ' in \\u hexadecimal character escape"),
        ("\"a", "unexpected end of JSON input"),
        ("\"\\u00g0\"", "invalid character 'g' in \\u hexadecimal character escape"),
        ("\"a\nb\"", "invalid character '\\n' in string literal"),
        ("'a'", "invalid character '\\'' looking for beginning of value"),
        ("é", "invalid character 'Ã' looking for beginning of value"),
    ];
    for (text, message) in cases {
        assert_eq!(parse(text.as_bytes()).unwrap_err().to_string(), message, "{text}");
    }
}

#[test]
fn wrong_type_reads_as_in_go() {
    let message = |text: &str, target| parse_into(text.as_bytes(), target).unwrap_err().to_string();
    assert_eq!(
        message("[1]", Target::Map),
        "json: cannot unmarshal array into Go value of type map[string]interface {}"
    );
    assert_eq!(message("{}", Target::List), "json: cannot unmarshal object into Go value of type []interface {}");
    assert_eq!(message("1e999", Target::List), "json: cannot unmarshal number into Go value of type []interface {}");
    assert_eq!(message("[1e999]", Target::List), "json: cannot unmarshal number 1e999 into Go value of type float64");
    assert_eq!(parse_into(b"null", Target::Map).unwrap(), serde_json::Value::Null);
}

#[test]
fn numbers_keep_64_bits_and_text_keeps_pairs() {
    let json = parse(br#"[18446744073709551615, -9223372036854775808, 1.0, "\ud83d\ude00\ud800", 1, 2]"#).unwrap();
    let expected = serde_json::json!([u64::MAX, i64::MIN, 1.0, "😀\u{FFFD}", 1, 2]);
    assert_eq!(json, expected);
}

#[test]
fn deep_nesting_is_an_error() {
    let error = parse("[".repeat(100_000).as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "exceeded max depth");
    let deep = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
    assert_eq!(encode_json(&parse(deep.as_bytes()).unwrap(), Format::MARSHAL).unwrap(), deep);
}

#[test]
fn wrong_kind_is_told_before_a_number_that_does_not_fit() {
    let message = |text: &[u8], target| parse_into(text, target).unwrap_err().to_string();
    assert_eq!(
        message(b"1E400", Target::Map),
        "json: cannot unmarshal number into Go value of type map[string]interface {}"
    );
    assert_eq!(message(b"[1e999]", Target::List), "json: cannot unmarshal number 1e999 into Go value of type float64");
}
