//! Templates against Go 1.26.8: each file in `tests/data/gotemplate` holds cases whose results Go's `text/template` gave, with the
//! option `missingkey=zero` unless a case says otherwise. `data.json` is the data of the cases that have none of their own.

#[expect(clippy::panic, clippy::unnecessary_wraps, reason = "test functions have the signatures of template functions")]
mod functions;
#[expect(clippy::panic, reason = "a test fails by panicking")]
mod hostile;

use rhumb::gotemplate::{Error, Execution, FuncMap, MissingKey, TemplateSet};
use rhumb::value::Value;
use serde_json::Value as Json;

fn read(area: &str) -> Json {
    let path = crate::project::root().join(format!("tests/data/gotemplate/{area}.json"));
    serde_json::from_slice(&std::fs::read(&path).expect(area)).expect(area)
}

fn run(case: &Json, data: &Json, functions: &FuncMap<()>) -> Result<Vec<u8>, Error> {
    let missing_key = match case["missingkey"].as_str() {
        Some("error") => MissingKey::Error,
        Some("default") => MissingKey::Invalid,
        _ => MissingKey::Zero,
    };
    let mut set = TemplateSet::new("root");
    for file in case["extra"].as_array().into_iter().flatten() {
        set.parse(file[0].as_str().unwrap(), file[1].as_str().unwrap(), functions)?;
    }
    set.parse("t", case["template"].as_str().unwrap(), functions)?;
    let data = Value::from_json(case.get("data").unwrap_or(data));
    Execution::new(functions, &()).with_missing_key(missing_key).run(&set, "t", &data)
}

/// Runs all cases of a file and reports every difference.
fn check(area: &str) {
    let (data, functions) = (read("data"), functions::functions());
    let mut differences = Vec::new();
    let cases = read(area);
    let cases = cases.as_array().unwrap();
    assert!(!cases.is_empty(), "no cases in {area}");
    for case in cases {
        let (ours, theirs) = match run(case, &data, &functions) {
            Ok(output) => (String::from_utf8_lossy(&output).into_owned(), &case["out"]),
            Err(error) => (error.to_string(), &case["err"]),
        };
        if theirs.as_str() != Some(&ours) {
            let wanted = if case["out"].is_null() { &case["err"] } else { &case["out"] };
            differences.push(format!(
                "{}: {}\n  ours: {ours:?}\n  Go's: {:?}",
                case["name"].as_str().unwrap(),
                case["template"].as_str().unwrap(),
                wanted.as_str().unwrap()
            ));
        }
    }
    assert!(differences.is_empty(), "{} of {} differ\n{}", differences.len(), cases.len(), differences.join("\n"));
}

macro_rules! areas {
    ($($name:ident: $area:literal;)*) => {
        $(#[test] fn $name() { check($area); })*
    };
}

areas! {
    trim_markers_and_comments_match_go: "trim";
    variables_and_their_scopes_match_go: "variable";
    range_matches_go: "range";
    truth_matches_go: "truth";
    conditions_match_go: "if";
    missing_values_and_argument_checks_match_go: "nil";
    missing_key_options_match_go: "missing";
    fields_and_methods_match_go: "object";
    builtin_functions_match_go: "function";
    equality_matches_go: "compare-eq";
    order_matches_go: "compare-lt";
    other_comparisons_match_go: "compare-other";
    named_templates_match_go: "template";
    syntax_and_its_errors_match_go: "syntax";
    positions_of_errors_match_go: "position";
    printf_verbs_match_go: "printf";
    printf_flags_and_arguments_match_go: "printf-args";
    printing_matches_go: "print";
}
