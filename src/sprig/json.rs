//! JSON.
//!
//! Counterpart: the JSON functions of `defaults.go` in sprig 3.3.0. Helm replaces some of them by its own.
//!
//! **Invariant:** functions without `must` give an empty text or nothing where the others fail, but for `toRawJson`, which fails too.

use super::args::{ANY, STRING, bytes, fail, string, value};
use crate::gotemplate::Function;
use crate::value::json::{self, Format};
use crate::value::{CallResult, Signature, Value};

/// The functions on JSON.
pub(super) fn functions<H>() -> Vec<Function<H>> {
    let any = Signature::fixed(ANY);
    let text = Signature::fixed(STRING);
    vec![
        Function::pure("fromJson", text, |args| decode(args).or(Ok(Value::Nil))),
        Function::pure("mustFromJson", text, decode),
        Function::pure("toJson", any, |args| encode(args, Format::MARSHAL).or_else(|_| string(""))),
        Function::pure("mustToJson", any, |args| encode(args, Format::MARSHAL)),
        Function::pure("toPrettyJson", any, |args| encode(args, Format::PRETTY).or_else(|_| string(""))),
        Function::pure("mustToPrettyJson", any, |args| encode(args, Format::PRETTY)),
        Function::pure("toRawJson", any, |args| encode(args, Format::RAW)),
        Function::pure("mustToRawJson", any, |args| encode(args, Format::RAW)),
    ]
}

fn decode(args: &[Value]) -> CallResult {
    json::parse(bytes(args, 0)).map(|json| Value::from_json(&json)).or_else(|error| fail(error.to_string()))
}

fn encode(args: &[Value], format: Format) -> CallResult {
    json::encode(value(args, 0), format).map_or_else(|error| fail(error.to_string()), string)
}
