//! Templates: lexing, parsing, and execution with sprig's functions within narrow limits.

use std::cell::RefCell;

use rhumb::gotemplate::{Call, Execution, FuncMap, Function, Limits, ParsedFile, TemplateSet};
use rhumb::sprig::{self, Ambient};
use rhumb::value::{CallError, CallResult, Signature, Type, Value, json};

/// Functions that are slow on purpose, or as random as the machine.
const SLOW: &[&str] = &["derivePassword", "htpasswd", "bcrypt", "genPrivateKey", "genCA", "genSelfSignedCert"];

const LIMITS: Limits = Limits {
    template_depth: 200,
    stack_bytes: 1 << 19,
    iterations: 2_000,
    output_bytes: 1 << 20,
    value_bytes: 1 << 20,
};

/// A world that never changes.
struct Still;

impl Ambient for Still {
    fn now(&self) -> i128 {
        1_700_000_000_000_000_000
    }

    fn fill_random(&self, buffer: &mut [u8]) {
        buffer.fill(7);
    }

    fn resolve_host(&self, _: &str) -> Option<String> {
        None
    }
}

fn functions() -> FuncMap<Still> {
    let mut map = FuncMap::default();
    let fast = |name: &str| !SLOW.contains(&name) && !name.ends_with("WithKey") && name != "genSignedCert";
    map.extend(sprig::functions().into_iter().filter(|function| fast(function.name)));
    map.extend([Function::hosted("include", Signature::fixed(&[Type::String, Type::Any]), include)]);
    map
}

fn include(call: &mut Call<'_, Still>, args: &[Value]) -> CallResult {
    let name = args.first().and_then(Value::as_text).cloned().unwrap_or_default();
    let output = call.execute(&name.to_str(), args.get(1).unwrap_or(&Value::Nil));
    output.map(Value::string).map_err(CallError::nested)
}

thread_local! {
    static FUNCTIONS: FuncMap<Still> = functions();
    static DOT: RefCell<Option<serde_json::Value>> = const { RefCell::new(None) };
}

/// A dot with a value of every kind.
fn dot() -> Value {
    const TEXT: &str = r#"{"Values": {"a": 1, "b": 2.5, "s": "text", "l": [1, "x", null], "m": {"k": {"n": true}}, "e": {}, "z": ""}}"#;
    DOT.with_borrow_mut(|kept| Value::from_json(kept.get_or_insert_with(|| json::parse(TEXT.as_bytes()).unwrap())))
}

/// Parses the bytes as a template.
pub(super) fn parse(data: &[u8]) {
    FUNCTIONS.with(|functions| {
        if let Err(error) = ParsedFile::parse("t", data, functions) {
            assert!(!error.to_string().is_empty());
        }
    });
}

/// Parses the bytes as the inside of an action, where most of the lexer is.
pub(super) fn lex(data: &[u8]) {
    parse(&[b"{{", data, b"}}"].concat());
}

/// Parses and executes the bytes as a template.
pub(super) fn execute(data: &[u8]) {
    FUNCTIONS.with(|functions| {
        let mut set = TemplateSet::new("root");
        if set.parse("t", data, functions).is_err() {
            return;
        }
        match Execution::new(functions, &Still).with_limits(LIMITS).run(&set, "t", &dot()) {
            Ok(output) => assert!(output.len() <= LIMITS.output_bytes),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    });
}
