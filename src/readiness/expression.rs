//! Expressions in the Common Expression Language: health checks of custom resources, and readiness of dependencies.
//!
//! In: the text of an expression and the objects that it is about. Out: yes or no, or why there is no answer. Counterpart: the CEL
//! environment of Flux's `pkg/runtime/cel` 0.110 (optional syntax, the extensions for strings, encoders and sets).
//!
//! **Invariant:** an expression sees nothing but the objects that it is given; it has no clock and no side effect.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::thread;

use cel::objects::{Key, Map};
use cel::{Context, Env, Program, extensions};
use serde_json::Value;

use super::{Readiness, State, sets};

/// The longest expression that is taken, in bytes.
pub const MAX_EXPRESSION_BYTES: usize = 4096;
/// How deep the brackets of an expression may be nested.
pub const MAX_EXPRESSION_DEPTH: usize = 64;
/// How many operators an expression may have, dots and commas included: a chain of them is nested as deep as it is long.
pub const MAX_EXPRESSION_OPERATORS: usize = 512;

/// Expressions with more operators than these are read and evaluated on a stack of their own, for both recurse.
const MODEST_OPERATORS: usize = 32;
/// That stack, in bytes. Only touched pages take memory.
const STACK_BYTES: usize = 64 << 20;

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut environment = Env::stdlib();
    environment.set_error_on_duplicate_map_keys(false);
    for extension in [extensions::strings, extensions::encoders, sets::extension] {
        // Each is added once, to an environment that has nothing of it.
        let _ = environment.add_extension(extension);
    }
    Arc::new(environment)
});

/// What is wrong with an expression, or why it gives no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// It is not CEL, or too large.
    #[error("failed to parse expression '{source_text}': {message}")]
    Invalid {
        /// The expression, shortened.
        source_text: String,
        /// Why.
        message: String,
    },
    /// It cannot be evaluated on these objects, such as when a field is missing.
    #[error("failed to evaluate the CEL expression '{source_text}': {message}")]
    Failed {
        /// The expression, shortened.
        source_text: String,
        /// Why.
        message: String,
    },
    /// Its value is neither true nor false.
    #[error("failed to evaluate CEL expression as boolean: '{source_text}'")]
    NoBoolean {
        /// The expression, shortened.
        source_text: String,
    },
    /// Two health checks are about the same kind.
    #[error("duplicate GroupKind '{0}' found in health check expressions")]
    Duplicate(String),
}

/// An expression that is CEL.
#[derive(Debug)]
pub struct Expression {
    source: String,
    operators: usize,
    program: Program,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// It is not CEL, or beyond one of [`MAX_EXPRESSION_BYTES`], [`MAX_EXPRESSION_DEPTH`] and [`MAX_EXPRESSION_OPERATORS`].
    pub fn parse(source: &str) -> Result<Self, ExpressionError> {
        let invalid =
            |message: String| ExpressionError::Invalid { source_text: shortened(source), message: one_line(&message) };
        if source.len() > MAX_EXPRESSION_BYTES {
            return Err(invalid(format!("it is longer than {MAX_EXPRESSION_BYTES} bytes")));
        }
        if depth(source) > MAX_EXPRESSION_DEPTH {
            return Err(invalid(format!("its brackets are nested deeper than {MAX_EXPRESSION_DEPTH}")));
        }
        let operators = source.bytes().filter(|byte| b"+-*/%!?:&|<>=.,([{".contains(byte)).count();
        if operators > MAX_EXPRESSION_OPERATORS {
            return Err(invalid(format!("it has more than {MAX_EXPRESSION_OPERATORS} operators")));
        }
        let program = with_room(operators, || ENVIRONMENT.compile(source).map_err(|errors| errors.to_string()));
        let program = program.unwrap_or_else(Err).map_err(invalid)?;
        Ok(Self { source: source.to_owned(), operators, program })
    }

    /// The names of the variables that it asks for and that are not among `known`.
    pub fn unknown_variables(&self, known: &[&str]) -> Vec<String> {
        let references = self.program.references();
        let mut unknown: Vec<String> =
            references.variables().into_iter().filter(|name| !known.contains(name)).map(str::to_owned).collect();
        unknown.sort();
        unknown
    }

    /// Whether it holds for these variables.
    ///
    /// # Errors
    /// A field or function is missing, types do not fit, or the value is no boolean.
    pub fn holds<'a>(
        &self,
        variables: impl IntoIterator<Item = (&'a str, &'a Value)>,
    ) -> Result<bool, ExpressionError> {
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        for (name, value) in variables {
            context.add_variable_from_value(name, converted(value));
        }
        let source_text = shortened(&self.source);
        let answer = with_room(self.operators, || match self.program.execute(&context) {
            Ok(cel::Value::Bool(answer)) => Ok(Some(answer)),
            Ok(_) => Ok(None),
            Err(error) => Err(error.to_string()),
        });
        match answer.unwrap_or_else(Err) {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(ExpressionError::NoBoolean { source_text }),
            Err(message) => Err(ExpressionError::Failed { source_text, message: one_line(&message) }),
        }
    }
}

/// How objects of one kind are judged.
#[derive(Debug)]
struct HealthCheck {
    group: String,
    /// Empty for every kind of the group.
    kind: String,
    in_progress: Option<Expression>,
    failed: Option<Expression>,
    current: Expression,
}

/// The texts of a health check, as `spec.healthCheckExprs` has them.
#[derive(Clone, Copy, Debug)]
pub struct HealthCheckSource<'a> {
    /// Group and version; the version is of no account.
    pub api_version: &'a str,
    /// The kind; empty for every kind of the group.
    pub kind: &'a str,
    /// Holds while the object is on its way.
    pub in_progress: Option<&'a str>,
    /// Holds when the object will not get there.
    pub failed: Option<&'a str>,
    /// Holds when the object is ready.
    pub current: &'a str,
}

/// Health checks by kind; they go before the built-in rules.
#[derive(Debug, Default)]
pub struct HealthChecks(Vec<HealthCheck>);

impl HealthChecks {
    /// Reads the health checks of a release.
    ///
    /// # Errors
    /// An expression is not CEL, or two are about the same kind.
    pub fn parse<'a>(sources: impl IntoIterator<Item = HealthCheckSource<'a>>) -> Result<Self, ExpressionError> {
        let mut all: Vec<HealthCheck> = Vec::new();
        for source in sources {
            let optional = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(Expression::parse).transpose();
            let check = HealthCheck {
                group: group(source.api_version).to_owned(),
                kind: source.kind.to_owned(),
                in_progress: optional(source.in_progress)?,
                failed: optional(source.failed)?,
                current: Expression::parse(source.current)?,
            };
            if all.iter().any(|other| (&other.group, &other.kind) == (&check.group, &check.kind)) {
                return Err(ExpressionError::Duplicate(format!("{}/{}", check.group, check.kind)));
            }
            all.push(check);
        }
        Ok(Self(all))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Judges an object by the check of its kind, else of its group; none where there is neither.
    pub fn judge(&self, object: &Value) -> Option<Readiness> {
        let text = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or_default();
        let (group, kind) = (group(text("apiVersion")), text("kind"));
        let of_kind = |wanted: &str| self.0.iter().find(|check| check.group == group && check.kind == wanted);
        of_kind(kind).or_else(|| of_kind("")).map(|check| check.judge(object))
    }
}

impl HealthCheck {
    fn judge(&self, object: &Value) -> Readiness {
        let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64);
        let (observed, generation) = (number("/status/observedGeneration"), number("/metadata/generation"));
        if observed.is_some() && observed != generation {
            return Readiness::new(State::InProgress, "its latest generation has not been observed yet");
        }
        let questions = [
            (self.in_progress.as_ref(), State::InProgress, "the expression for being in progress holds"),
            (self.failed.as_ref(), State::Failed, "the expression for having failed holds"),
            (Some(&self.current), State::Current, "the expression for being current holds"),
        ];
        for (expression, state, message) in questions {
            let Some(expression) = expression else { continue };
            let fields = object.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value));
            match expression.holds(fields) {
                Ok(true) => return Readiness::new(state, message),
                Ok(false) => {}
                Err(error) => return Readiness::new(State::Unknown, error.to_string()),
            }
        }
        Readiness::new(State::InProgress, format!("not yet: {}", shortened(&self.current.source)))
    }
}

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// A JSON value as CEL has it: whole numbers are signed, as Kubernetes decodes them.
fn converted(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(value) => cel::Value::Bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => cel::Value::Int(whole),
            None => cel::Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => cel::Value::String(Arc::new(text.clone())),
        Value::Array(items) => cel::Value::List(Arc::new(items.iter().map(converted).collect())),
        Value::Object(fields) => {
            let map: HashMap<Key, cel::Value> =
                fields.iter().map(|(name, value)| (Key::String(Arc::new(name.clone())), converted(value))).collect();
            cel::Value::Map(Map { map: Arc::new(map) })
        }
    }
}

/// Runs work where it has room for so many operators; an error where there is none to be had.
fn with_room<T: Send>(operators: usize, work: impl FnOnce() -> T + Send) -> Result<T, String> {
    if operators <= MODEST_OPERATORS {
        return Ok(work());
    }
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("expression".to_owned()).stack_size(STACK_BYTES);
        let handle = builder.spawn_scoped(scope, work).map_err(|error| format!("no thread: {error}"))?;
        handle.join().map_err(|_| "its evaluation failed".to_owned())
    })
}

/// How deep brackets are nested, those in strings included.
fn depth(source: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    for byte in source.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

fn shortened(source: &str) -> String {
    const MAX: usize = 200;
    match source.char_indices().nth(MAX) {
        Some((end, _)) => format!("{}…", &source[..end]),
        None => source.to_owned(),
    }
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check<'a>(api_version: &'a str, kind: &'a str, current: &'a str) -> HealthCheckSource<'a> {
        HealthCheckSource { api_version, kind, in_progress: None, failed: None, current }
    }

    fn judged(source: HealthCheckSource<'_>, object: &Value) -> Option<State> {
        HealthChecks::parse([source]).unwrap().judge(object).map(|readiness| readiness.state)
    }

    fn widget(status: &Value) -> Value {
        json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"generation": 2}, "status": status})
    }

    #[test]
    fn expressions_are_asked_in_the_order_of_flux() {
        let source = HealthCheckSource {
            in_progress: Some("status.phase == 'Busy' || status.both"),
            failed: Some("status.phase == 'Broken' || status.both"),
            ..check("example.com/v1", "Widget", "status.phase == 'Good'")
        };
        let state = |phase: &str, both: bool| judged(source, &widget(&json!({"phase": phase, "both": both})));
        assert_eq!(state("Busy", false), Some(State::InProgress));
        assert_eq!(state("Broken", false), Some(State::Failed));
        assert_eq!(state("Good", false), Some(State::Current));
        assert_eq!(state("Good", true), Some(State::InProgress));
        assert_eq!(state("Other", false), Some(State::InProgress));
    }

    #[test]
    fn an_object_that_lags_behind_its_generation_is_on_its_way() {
        let source = check("example.com/v1", "Widget", "true");
        assert_eq!(judged(source, &widget(&json!({"observedGeneration": 1}))), Some(State::InProgress));
        assert_eq!(judged(source, &widget(&json!({"observedGeneration": 2}))), Some(State::Current));
    }

    #[test]
    fn a_missing_field_gives_no_verdict() {
        let source = check("example.com/v1", "Widget", "status.ready");
        assert_eq!(judged(source, &widget(&json!({}))), Some(State::Unknown));
        assert_eq!(
            judged(check("example.com/v1", "Widget", "has(status.ready)"), &widget(&json!({}))),
            Some(State::InProgress)
        );
    }

    #[test]
    fn a_check_without_a_kind_is_about_its_group() {
        assert_eq!(judged(check("example.com/v1beta1", "", "true"), &widget(&json!({}))), Some(State::Current));
        assert_eq!(judged(check("other.com/v1", "", "true"), &widget(&json!({}))), None);
        let checks = [check("example.com/v1", "", "true"), check("example.com/v1", "Widget", "false")];
        let judged = HealthChecks::parse(checks).unwrap().judge(&widget(&json!({})));
        assert_eq!(judged.map(|readiness| readiness.state), Some(State::InProgress));
    }

    #[test]
    fn what_flux_documents_can_be_said() {
        let status = json!({"replicas": 3, "conditions": [{"type": "Ready", "status": "True"}], "name": "A-b"});
        for expression in [
            "status.conditions.filter(e, e.type == 'Ready').all(e, e.status == 'True')",
            "status.conditions.exists(e, e.type == 'Ready' && e.status == 'True')",
            "status.replicas - 5 == -2",
            "status.replicas >= 2.5",
            "status.?missing.orValue('none') == 'none'",
            "status.name.lowerAscii().matches('^a-[a-z]$')",
            "!has(status.missing) && size(status.conditions) == 1",
            "metadata.generation in [1, 2]",
        ] {
            assert_eq!(
                judged(check("example.com/v1", "Widget", expression), &widget(&status)),
                Some(State::Current),
                "{expression}"
            );
        }
    }

    // What the definition of the language says of times: https://github.com/google/cel-spec, "Abstract types".
    #[test]
    fn times_can_be_compared_and_taken_apart() {
        let status = json!({"began": "2024-02-28T23:30:00Z", "ended": "2024-02-29T01:00:00+01:00", "limit": "1h30m"});
        for (expression, expected) in [
            ("timestamp(status.began) > timestamp(status.ended)", State::InProgress),
            ("timestamp(status.began) + duration('30m') == timestamp('2024-02-29T00:00:00Z')", State::Current),
            ("timestamp(status.ended) == timestamp('2024-02-29T00:00:00Z')", State::Current),
            ("timestamp('2024-02-29T00:00:00Z') - timestamp(status.began) < duration(status.limit)", State::Current),
            ("duration(status.limit) == duration('5400s')", State::Current),
            (
                "timestamp(status.began).getFullYear() == 2024 && timestamp(status.began).getMonth() == 1",
                State::Current,
            ),
            ("timestamp(status.began).getDate() == 28 && timestamp(status.began).getHours() == 23", State::Current),
            ("timestamp('yesterday') < timestamp(status.began)", State::Unknown),
            ("duration('soon') < duration('1h')", State::Unknown),
            ("timestamp(status.began) + duration('9999999999999h') > timestamp(status.began)", State::Unknown),
            ("timestamp('9999-12-31T23:59:59Z') + duration('2562047h') > timestamp(status.began)", State::Unknown),
        ] {
            assert_eq!(
                judged(check("example.com/v1", "Widget", expression), &widget(&status)),
                Some(expected),
                "{expression}"
            );
        }
    }

    #[test]
    fn what_is_not_an_expression_is_refused() {
        let deep = "(".repeat(MAX_EXPRESSION_DEPTH + 1);
        let long = "a".repeat(MAX_EXPRESSION_BYTES + 1);
        for text in ["status.", "a b", "", &deep, &long] {
            assert!(matches!(Expression::parse(text), Err(ExpressionError::Invalid { .. })), "{text}");
        }
        let twice = [check("a/v1", "B", "true"), check("a/v2", "B", "true")];
        assert_eq!(HealthChecks::parse(twice).unwrap_err(), ExpressionError::Duplicate("a/B".to_owned()));
        let number = Expression::parse("1 + 1").unwrap();
        assert!(matches!(number.holds([]), Err(ExpressionError::NoBoolean { .. })));
    }

    #[test]
    fn the_largest_expressions_fit_the_stack_of_a_worker() {
        let join = |part: &str, by: &str, count: usize| vec![part; count].join(by);
        let texts = [
            join("1", "+", MAX_EXPRESSION_OPERATORS),
            join("true", "&&", MAX_EXPRESSION_OPERATORS / 2),
            join("true?true", ":", MAX_EXPRESSION_OPERATORS / 2),
            "!".repeat(MAX_EXPRESSION_OPERATORS) + "true",
            "-".repeat(MAX_EXPRESSION_OPERATORS) + "1",
            format!("a{}", ".a".repeat(MAX_EXPRESSION_OPERATORS)),
            "(".repeat(MAX_EXPRESSION_DEPTH) + "1" + &")".repeat(MAX_EXPRESSION_DEPTH),
            "[".repeat(MAX_EXPRESSION_DEPTH) + &"]".repeat(MAX_EXPRESSION_DEPTH),
        ];
        assert!(Expression::parse(&join("1", "+", MAX_EXPRESSION_OPERATORS + 2)).is_err());
        let worker = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
            for text in texts {
                // Most have no boolean value; that each comes back is what matters.
                let _ = Expression::parse(&text).map(|expression| expression.holds([]));
            }
        });
        assert!(worker.unwrap().join().is_ok());
    }

    #[test]
    fn variables_that_are_not_there_are_found_before_they_are_asked_for() {
        let expression = Expression::parse("dep.status.x == self.spec.y && other.z").unwrap();
        assert_eq!(expression.unknown_variables(&["self", "dep"]), ["other"]);
    }
}
