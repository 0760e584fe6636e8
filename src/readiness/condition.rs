//! Reading objects: numbers, texts and conditions, with the defaults that kstatus takes.
//!
//! **Invariant:** a field of the wrong type reads as one that is not there.

use serde_json::Value;

/// A whole number; none where it is not there.
pub(super) fn number(object: &Value, pointer: &str) -> Option<i64> {
    object.pointer(pointer).and_then(Value::as_i64)
}

/// A counter, which the API server leaves out where it is zero.
pub(super) fn count(object: &Value, pointer: &str) -> i64 {
    number(object, pointer).unwrap_or(0)
}

/// A text, empty where it is not there.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A condition of the status.
#[derive(Clone, Copy)]
pub(super) struct Condition<'a>(&'a Value);

impl<'a> Condition<'a> {
    pub(super) fn find(object: &'a Value, name: &str) -> Option<Self> {
        let conditions = object.pointer("/status/conditions").and_then(Value::as_array)?;
        conditions.iter().find(|condition| text(condition, "/type") == name).map(Self)
    }

    pub(super) fn is(self, status: &str) -> bool {
        text(self.0, "/status") == status
    }

    pub(super) fn reason(self) -> &'a str {
        text(self.0, "/reason")
    }

    /// The message, or the reason, or what the caller says.
    pub(super) fn explain(self, otherwise: &str) -> String {
        let words = [text(self.0, "/message"), self.reason(), otherwise];
        words.into_iter().find(|words| !words.is_empty()).unwrap_or_default().to_owned()
    }
}

/// Whether a condition is there and true.
pub(super) fn is_true(object: &Value, name: &str) -> bool {
    Condition::find(object, name).is_some_and(|condition| condition.is("True"))
}
