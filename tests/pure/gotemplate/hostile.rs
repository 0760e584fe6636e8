//! Hostile templates end in an error: nothing here may panic, overflow the stack or run for ever.

use proptest::prelude::*;
use rhumb::gotemplate::{ErrorKind, Execution, Limit, Limits, TemplateSet};
use rhumb::value::Value;

use super::functions::functions;

fn run(text: &[u8], limits: Limits) -> Result<Vec<u8>, rhumb::gotemplate::Error> {
    let functions = functions();
    let mut set = TemplateSet::new("root");
    set.parse("t", text, &functions)?;
    Execution::new(&functions, &()).with_limits(limits).run(&set, "t", &Value::map())
}

fn limit_of(text: &str, limits: Limits) -> Limit {
    match run(text.as_bytes(), limits).unwrap_err().kind() {
        ErrorKind::Limit(limit) => limit,
        kind => panic!("not a limit: {kind:?}"),
    }
}

#[test]
fn endless_recursion_ends_before_the_stack_does() {
    let limits = Limits::default();
    for text in [
        "{{ define \"r\" }}{{ template \"r\" . }}{{ end }}{{ template \"r\" . }}",
        "{{ define \"r\" }}{{ include \"r\" . }}{{ end }}{{ include \"r\" . }}",
        "{{ define \"r\" }}{{ if 1 }}{{ range 2 }}{{ with 1 }}{{ print (include \"r\" .) }}{{ end }}{{ end }}{{ end }}{{ end }}{{ template \"r\" }}",
    ] {
        assert_eq!(limit_of(text, limits), Limit::Stack(limits.stack_bytes));
    }
}

#[test]
fn template_depth_is_limited_with_gos_text() {
    let limits = Limits { template_depth: 20, ..Limits::default() };
    let text = "{{ define \"r\" }}{{ template \"r\" . }}{{ end }}{{ template \"r\" . }}";
    let error = run(text.as_bytes(), limits).unwrap_err();
    assert_eq!(
        error.to_string(),
        "template: t:1:28: executing \"r\" at <{{template \"r\" .}}>: exceeded maximum template depth (20)"
    );
}

#[test]
fn iterations_are_limited_across_nested_loops() {
    let limits = Limits { iterations: 1_000, ..Limits::default() };
    assert_eq!(limit_of("{{ range 100 }}{{ range 100 }}{{ end }}{{ end }}", limits), Limit::Iterations(1_000));
}

#[test]
fn output_is_limited_across_nested_executions() {
    let limits = Limits { output_bytes: 10_000, ..Limits::default() };
    assert_eq!(limit_of("{{ range 2000 }}{{ print 123456 }}{{ end }}", limits), Limit::Output(10_000));
    let nested = "{{ define \"x\" }}0123456789{{ end }}{{ range 2000 }}{{ $_ := include \"x\" . }}{{ end }}";
    assert_eq!(limit_of(nested, limits), Limit::Output(10_000));
}

#[test]
fn values_that_double_are_limited() {
    let limits = Limits { value_bytes: 1 << 16, ..Limits::default() };
    let text = "{{ $s := \"x\" }}{{ range 64 }}{{ $s = print $s $s }}{{ end }}";
    assert_eq!(limit_of(text, limits), Limit::Value(1 << 16));
}

#[test]
fn a_map_that_contains_itself_prints() {
    let text = "{{ $d := dict }}{{ $_ := set $d \"a\" $d }}{{ len (print $d) | lt 1000 }}";
    assert_eq!(run(text.as_bytes(), Limits::default()).unwrap(), b"true");
}

#[test]
fn values_nested_deep_are_dropped_without_recursion() {
    let text = "{{ $l := list }}{{ range 200000 }}{{ $l = list $l }}{{ end }}{{ $d := dict }}{{ range 200000 }}{{ $d = dict \"a\" $d }}{{ end }}done";
    assert_eq!(run(text.as_bytes(), Limits::default()).unwrap(), b"done");
}

#[test]
fn deep_nesting_does_not_parse() {
    for (open, close) in [("(", ")"), ("{{ if 1 }}", "{{ end }}")] {
        let text = if open == "(" {
            format!("{{{{ {}1{} }}}}", open.repeat(200_000), close.repeat(200_000))
        } else {
            open.repeat(200_000) + &close.repeat(200_000)
        };
        let error = run(text.as_bytes(), Limits::default()).unwrap_err();
        assert_eq!(error.to_string(), "template: t:1: max expression depth exceeded");
    }
}

/// Pieces that make up most templates, in any order.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("{{".to_owned()),
        Just("}}".to_owned()),
        Just("{{- ".to_owned()),
        Just(" -}}".to_owned()),
        Just(" ".to_owned()),
        Just("|".to_owned()),
        Just("(".to_owned()),
        Just(")".to_owned()),
        "(if|with|range|else|end|define|block|template|break|continue|nil|true) ".prop_map(|word| word),
        "(printf|print|index|len|eq|lt|and|or|dict|list|include|slice|js|call|box|takesInt) ".prop_map(|word| word),
        "(\\.|\\$|\\$x|\\$x :=|\\$x =|\\$i, \\$x :=|\\.a|\\.a\\.b|\"t\"|\"%5.2[1]*d%v\"|`x`|'a'|1|-2\\.5|0x1p3|1e9) "
            .prop_map(|word| word),
        "\\PC{0,4}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_parse_or_fail(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut text = b"{{ ".to_vec();
        text.extend(bytes);
        let limits = Limits { iterations: 1_000, output_bytes: 100_000, ..Limits::default() };
        if let Ok(output) = run(&text, limits) {
            prop_assert!(output.len() <= limits.output_bytes);
        }
    }

    #[test]
    fn any_pieces_run_or_fail(pieces in proptest::collection::vec(piece(), 0..30)) {
        let limits = Limits { iterations: 1_000, output_bytes: 100_000, ..Limits::default() };
        if let Ok(output) = run(pieces.concat().as_bytes(), limits) {
            prop_assert!(output.len() <= limits.output_bytes);
        }
    }

    #[test]
    fn printf_never_panics(format in "[%\\[\\]0-9.*+# a-zA-Z-]{0,20}", number in any::<i64>(), float in any::<f64>()) {
        let arguments = [Value::int(number), Value::Float(float), Value::string("a\u{e9}"), Value::Nil];
        let text = rhumb::gotemplate::sprintf(format.as_bytes(), &arguments);
        prop_assert!(format.contains('%') || text.to_str().starts_with(&format));
    }
}
