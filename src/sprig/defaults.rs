//! Defaults and choices.
//!
//! Counterpart: `defaults.go` of sprig 3.3.0. Empty is what is false in `if`: nil, false, zero, and texts, lists and maps without
//! content; a struct never is.
//!
//! **Invariant:** choosing never copies: the value that comes out is the one that went in.

use super::args::{ANY, ANY2, STRING, boolean, text, value};
use crate::gotemplate::Function;
use crate::value::{CallError, Signature, Type, Value};

/// The functions that choose between values.
pub(super) fn functions<H>() -> Vec<Function<H>> {
    let any = Signature::variadic(ANY);
    vec![
        Function::pure("default", Signature::variadic(ANY2), |args| {
            let given = value(args, 1);
            Ok(if given.is_true() { given } else { value(args, 0) }.clone())
        }),
        Function::pure("empty", Signature::fixed(ANY), |args| Ok(Value::Bool(!value(args, 0).is_true()))),
        Function::pure("coalesce", any, |args| {
            Ok(args.iter().find(|value| value.is_true()).cloned().unwrap_or_default())
        }),
        Function::pure("all", any, |args| Ok(Value::Bool(args.iter().all(Value::is_true)))),
        Function::pure("any", any, |args| Ok(Value::Bool(args.iter().any(Value::is_true)))),
        Function::pure("ternary", Signature::fixed(&[Type::Any, Type::Any, Type::Bool]), |args| {
            Ok(value(args, usize::from(!boolean(args, 2))).clone())
        }),
        Function::pure("fail", Signature::fixed(STRING), |args| Err(CallError::new(text(args, 0)))),
    ]
}
