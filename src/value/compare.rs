//! Comparing values: the rules of `eq`, `lt` and their kin in Go templates, and `reflect.DeepEqual` (Go 1.26).
//!
//! **Invariant:** comparing ends, whatever the values: below [`MAX_DEPTH`] levels, values count as equal.

use super::{Kind, MAX_DEPTH, Value};

/// The kinds that compare with each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Basic {
    Bool,
    Int,
    Uint,
    Float,
    String,
    Complex,
    Other,
}

fn basic(value: &Value) -> Basic {
    match value {
        Value::Bool(_) => Basic::Bool,
        Value::Int(..) => Basic::Int,
        Value::Uint(..) => Basic::Uint,
        Value::Float(_) => Basic::Float,
        Value::String(_) => Basic::String,
        Value::Object(object) if object.kind() == Kind::Complex128 => Basic::Complex,
        _ => Basic::Other,
    }
}

/// Why two values do not compare. Templates give the texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incomparable {
    /// A value has no order.
    InvalidType,
    /// The values are of different basic kinds, such as `int` and `float64`.
    Incompatible,
    /// The second value, a map or list, equals nothing but nil.
    NonComparable,
    /// The values are of different kinds, of which none is basic.
    DifferentKinds,
}

/// Whether a signed number equals an unsigned one.
fn same_number(signed: i64, unsigned: u64) -> bool {
    u64::try_from(signed).is_ok_and(|signed| signed == unsigned)
}

/// `eq` with two arguments.
pub fn eq(left: &Value, right: &Value) -> Result<bool, Incomparable> {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => Ok(left == right),
        (Value::Int(_, left), Value::Int(_, right)) => Ok(left == right),
        (Value::Uint(_, left), Value::Uint(_, right)) => Ok(left == right),
        (Value::Int(_, signed), Value::Uint(_, unsigned)) | (Value::Uint(_, unsigned), Value::Int(_, signed)) => {
            Ok(same_number(*signed, *unsigned))
        }
        (Value::Float(left), Value::Float(right)) => Ok(left == right),
        (Value::String(left), Value::String(right)) => Ok(left == right),
        _ if basic(left) != basic(right) => match (left, right) {
            (Value::Nil, _) | (_, Value::Nil) => Ok(false),
            _ => Err(Incomparable::Incompatible),
        },
        _ => eq_other(left, right),
    }
}

/// Equality of what is neither a number, a string nor a boolean.
fn eq_other(left: &Value, right: &Value) -> Result<bool, Incomparable> {
    if basic(left) == Basic::Complex {
        return Ok(left.to_text() == right.to_text());
    }
    let (left_kind, right_kind) = (left.kind(), right.kind());
    if left_kind != right_kind && left_kind != Kind::Invalid && right_kind != Kind::Invalid {
        return Err(Incomparable::DifferentKinds);
    }
    if left.is_nil() || right.is_nil() {
        return Ok(left.is_nil() == right.is_nil());
    }
    match (left, right) {
        (Value::Object(left), Value::Object(right)) if left_kind == Kind::Ptr => {
            Ok(std::ptr::addr_eq(std::rc::Rc::as_ptr(left), std::rc::Rc::as_ptr(right)))
        }
        (Value::Object(object), Value::Object(_)) if matches!(object.kind(), Kind::Struct | Kind::Array) => {
            Ok(deep_equal(left, right))
        }
        _ => Err(Incomparable::NonComparable),
    }
}

/// `lt`.
pub fn lt(left: &Value, right: &Value) -> Result<bool, Incomparable> {
    if basic(left) == Basic::Other || basic(right) == Basic::Other {
        return Err(Incomparable::InvalidType);
    }
    match (left, right) {
        (Value::Int(_, left), Value::Int(_, right)) => Ok(left < right),
        (Value::Uint(_, left), Value::Uint(_, right)) => Ok(left < right),
        (Value::Int(_, left), Value::Uint(_, right)) => Ok(u64::try_from(*left).map_or(true, |left| left < *right)),
        (Value::Uint(_, left), Value::Int(_, right)) => Ok(u64::try_from(*right).is_ok_and(|right| *left < right)),
        (Value::Float(left), Value::Float(right)) => Ok(left < right),
        (Value::String(left), Value::String(right)) => Ok(left < right),
        (Value::Bool(_), Value::Bool(_)) => Err(Incomparable::InvalidType),
        _ if basic(left) == Basic::Complex && basic(right) == Basic::Complex => Err(Incomparable::InvalidType),
        _ => Err(Incomparable::Incompatible),
    }
}

/// `le`: `lt` or `eq`.
pub fn le(left: &Value, right: &Value) -> Result<bool, Incomparable> {
    Ok(lt(left, right)? || eq(left, right)?)
}

/// `reflect.DeepEqual`: the same types with the same content. Nil and empty lists differ, `NaN` differs from itself.
pub fn deep_equal(left: &Value, right: &Value) -> bool {
    deep_equal_at(left, right, 0)
}

fn deep_equal_at(left: &Value, right: &Value, depth: usize) -> bool {
    if depth > MAX_DEPTH {
        return true;
    }
    match (left, right) {
        (Value::Nil, Value::Nil) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Int(left_type, left), Value::Int(right_type, right)) => left_type == right_type && left == right,
        (Value::Uint(left_type, left), Value::Uint(right_type, right)) => left_type == right_type && left == right,
        (Value::Float(left), Value::Float(right)) => left == right,
        (Value::String(left), Value::String(right)) => left == right,
        (Value::Bytes(left), Value::Bytes(right)) => left.is_nil() == right.is_nil() && **left == **right,
        (Value::List(left), Value::List(right)) => {
            left.element_type() == right.element_type()
                && left.is_nil() == right.is_nil()
                && left.len() == right.len()
                && left.iter().zip(right.iter()).all(|(left, right)| deep_equal_at(left, right, depth + 1))
        }
        (Value::Map(left), Value::Map(right)) => {
            let is_nil = left.is_nil() == right.is_nil();
            if left.map_type() != right.map_type() || !is_nil || left.len() != right.len() {
                return false;
            }
            if left.is_same(right) {
                return true;
            }
            let (left, right) = (left.snapshot(), right.snapshot());
            left.iter().zip(&right).all(|((left_key, left), (right_key, right))| {
                left_key == right_key && deep_equal_at(left, right, depth + 1)
            })
        }
        (Value::Object(left), Value::Object(right)) => {
            if std::ptr::addr_eq(std::rc::Rc::as_ptr(left), std::rc::Rc::as_ptr(right)) {
                return true;
            }
            if left.type_name() != right.type_name() {
                return false;
            }
            match (left.underlying(), right.underlying()) {
                (Some(left), Some(right)) => return deep_equal_at(&left, &right, depth + 1),
                (None, None) => {}
                _ => return false,
            }
            let (left_fields, right_fields) = (left.fields(), right.fields());
            left_fields.len() == right_fields.len()
                && left.text() == right.text()
                && left_fields.iter().zip(&right_fields).all(|((left_name, left), (right_name, right))| {
                    left_name == right_name && deep_equal_at(left, right, depth + 1)
                })
        }
        _ => false,
    }
}
