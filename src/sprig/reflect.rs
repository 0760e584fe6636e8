//! Types and kinds.
//!
//! Counterpart: `reflect.go` of sprig 3.3.0.
//!
//! **Invariant:** names are Go's own, such as `map[string]interface {}`.

use super::args::{ANY, ANY2, bytes, string, value};
use crate::gotemplate::Function;
use crate::value::{Signature, Type, Value, compare::deep_equal};

const STRING_ANY: &[Type] = &[Type::String, Type::Any];

/// The functions on types.
pub(super) fn functions<H>() -> Vec<Function<H>> {
    let named = Signature::fixed(STRING_ANY);
    vec![
        Function::pure("typeOf", Signature::fixed(ANY), |args| string(value(args, 0).type_name())),
        Function::pure("typeIs", named, |args| {
            Ok(Value::Bool(value(args, 1).type_name().as_bytes() == bytes(args, 0)))
        }),
        Function::pure("typeIsLike", named, |args| {
            let (wanted, found) = (bytes(args, 0), value(args, 1).type_name().as_bytes());
            Ok(Value::Bool(found == wanted || found.strip_prefix(b"*") == Some(wanted)))
        }),
        Function::pure("kindOf", Signature::fixed(ANY), |args| string(value(args, 0).kind().name())),
        Function::pure("kindIs", named, |args| {
            Ok(Value::Bool(value(args, 1).kind().name().as_bytes() == bytes(args, 0)))
        }),
        Function::pure("deepEqual", Signature::fixed(ANY2), |args| {
            Ok(Value::Bool(deep_equal(value(args, 0), value(args, 1))))
        }),
    ]
}
