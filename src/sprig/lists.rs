//! Lists: making, cutting, searching.
//!
//! Counterpart: `list.go` of sprig 3.3.0. Any slice is taken, whatever its elements; results are `[]interface {}`. The `must` twins
//! differ in Go by returning what the others panic with, which templates report alike.
//!
//! **Invariant:** lists that were passed in never change.

use super::args::{self, ANY, ANY2, NIL_POINTER, fail, int, items, value};
use super::cast;
use crate::gotemplate::Function;
use crate::value::{CallError, CallResult, ElementType, List, Signature, Type, Value, compare::deep_equal};

/// The functions on lists.
pub(super) fn functions<H>() -> Vec<Function<H>> {
    let one = Signature::fixed(ANY);
    let two = Signature::fixed(ANY2);
    let more = Signature::variadic(ANY2);
    vec![
        Function::pure("list", Signature::variadic(ANY), list),
        Function::pure("tuple", Signature::variadic(ANY), list),
        Function::pure("append", two, push),
        Function::pure("push", two, push),
        Function::pure("mustAppend", two, push),
        Function::pure("mustPush", two, push),
        Function::pure("prepend", two, prepend),
        Function::pure("mustPrepend", two, prepend),
        Function::pure("first", one, first),
        Function::pure("mustFirst", one, first),
        Function::pure("last", one, last),
        Function::pure("mustLast", one, last),
        Function::pure("rest", one, rest),
        Function::pure("mustRest", one, rest),
        Function::pure("initial", one, initial),
        Function::pure("mustInitial", one, initial),
        Function::pure("reverse", one, reverse),
        Function::pure("mustReverse", one, reverse),
        Function::pure("compact", one, compact),
        Function::pure("mustCompact", one, compact),
        Function::pure("uniq", one, uniq),
        Function::pure("mustUniq", one, uniq),
        Function::pure("without", more, without),
        Function::pure("mustWithout", more, without),
        Function::pure("has", two, has),
        Function::pure("mustHas", two, has),
        Function::pure("slice", more, slice),
        Function::pure("mustSlice", more, slice),
        Function::pure("chunk", Signature::fixed(&[Type::Int, Type::Any]), chunk),
        Function::pure("mustChunk", Signature::fixed(&[Type::Int, Type::Any]), chunk),
        Function::pure("concat", Signature::variadic(ANY), concat),
    ]
}

/// The items of an argument that must be a list; `refusal` begins the error that ends with the kind it has instead.
fn list_of(value: &Value, refusal: &str) -> Result<List, CallError> {
    match items(value) {
        Some(list) => Ok(list),
        None if matches!(value, Value::Nil) => fail(NIL_POINTER),
        None => fail(format!("{refusal} {}", value.kind().name())),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a function's answer")]
fn list(args: &[Value]) -> CallResult {
    Ok(Value::list(args.to_vec()))
}

fn push(args: &[Value]) -> CallResult {
    let list = list_of(value(args, 0), "Cannot push on type")?;
    Ok(Value::list(list.iter().chain([value(args, 1)]).cloned().collect()))
}

fn prepend(args: &[Value]) -> CallResult {
    let list = list_of(value(args, 0), "Cannot prepend on type")?;
    Ok(Value::list(std::iter::once(value(args, 1)).chain(list.iter()).cloned().collect()))
}

fn first(args: &[Value]) -> CallResult {
    Ok(list_of(value(args, 0), "Cannot find first on type")?.first().cloned().unwrap_or_default())
}

fn last(args: &[Value]) -> CallResult {
    Ok(list_of(value(args, 0), "Cannot find last on type")?.last().cloned().unwrap_or_default())
}

fn rest(args: &[Value]) -> CallResult {
    let list = list_of(value(args, 0), "Cannot find rest on type")?;
    Ok(list.split_first().map_or_else(nil_list, |(_, rest)| Value::list(rest.to_vec())))
}

fn initial(args: &[Value]) -> CallResult {
    let list = list_of(value(args, 0), "Cannot find initial on type")?;
    Ok(list.split_last().map_or_else(nil_list, |(_, initial)| Value::list(initial.to_vec())))
}

fn nil_list() -> Value {
    Value::List(List::nil(ElementType::Any))
}

fn reverse(args: &[Value]) -> CallResult {
    let list = list_of(value(args, 0), "Cannot find reverse on type")?;
    Ok(Value::list(list.iter().rev().cloned().collect()))
}

fn compact(args: &[Value]) -> CallResult {
    let list = list_of(value(args, 0), "Cannot compact on type")?;
    Ok(Value::list(list.iter().filter(|item| item.is_true()).cloned().collect()))
}

fn uniq(args: &[Value]) -> CallResult {
    let list = list_of(value(args, 0), "Cannot find uniq on type")?;
    let mut seen: Vec<Value> = Vec::new();
    for item in list.iter() {
        if !is_in(&seen, item) {
            seen.push(item.clone());
        }
    }
    Ok(Value::list(seen))
}

fn without(args: &[Value]) -> CallResult {
    let list = list_of(value(args, 0), "Cannot find without on type")?;
    let omitted = args.get(1..).unwrap_or_default();
    Ok(Value::list(list.iter().filter(|item| !is_in(omitted, item)).cloned().collect()))
}

fn is_in(list: &[Value], wanted: &Value) -> bool {
    list.iter().any(|item| deep_equal(wanted, item))
}

fn has(args: &[Value]) -> CallResult {
    let haystack = value(args, 1);
    if matches!(haystack, Value::Nil) {
        return Ok(Value::Bool(false));
    }
    Ok(Value::Bool(is_in(&list_of(haystack, "Cannot find has on type")?, value(args, 0))))
}

fn slice(args: &[Value]) -> CallResult {
    let list = list_of(value(args, 0), "list should be type of slice or array but")?;
    if list.is_empty() {
        return Ok(Value::Nil);
    }
    let start = args.get(1).map_or(0, cast::to_int64);
    let end = args.get(2).map_or(list.len() as i64, cast::to_int64);
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    let Some((start, end, items)) = range.and_then(|(start, end)| Some((start, end, list.get(start..end)?))) else {
        return fail("reflect.Value.Slice: slice index out of bounds");
    };
    // The type stays, whatever name it has.
    let part = match value(args, 0) {
        Value::Bytes(bytes) => bytes.get(start..end).map(|bytes| Value::Bytes(bytes.into())),
        Value::Object(object) => object.part(start, end),
        _ => None,
    };
    Ok(part.unwrap_or_else(|| Value::List(List::new(list.element_type(), items.to_vec()))))
}

/// Chunks of a size; a size that is not positive fails as Go's allocation does, but for the few cases where Go finds nothing to do.
fn chunk(args: &[Value]) -> CallResult {
    let list = list_of(value(args, 1), "Cannot chunk type")?;
    let size = int(args, 0);
    let too_many = "runtime error: makeslice: len out of range";
    let chunks = match usize::try_from(size) {
        Ok(0) => return fail(too_many),
        Ok(size) => list.chunks(size).map(<[Value]>::to_vec).collect(),
        Err(_) => {
            // One item in chunks of minus two is one chunk of one; up to that many items are no chunk at all.
            let length = list.len() as i64;
            match (length, length.checked_rem(size)) {
                (1, Some(1)) => vec![list.to_vec()],
                (2.., _) if length - 1 <= size.saturating_neg() => Vec::new(),
                _ => return fail(too_many),
            }
        }
    };
    let chunks: Vec<Value> = chunks.into_iter().map(Value::list).collect();
    Ok(Value::List(List::new(ElementType::List, chunks)))
}

fn concat(args: &[Value]) -> CallResult {
    let mut joined = Vec::new();
    for argument in args {
        let list = match items(argument) {
            Some(list) => list,
            None if matches!(argument, Value::Nil) => return fail(NIL_POINTER),
            None => return fail(format!("Cannot concat type {} as list", argument.kind().name())),
        };
        if joined.len() + list.len() > args::MAX_ITEMS {
            return args::too_long();
        }
        joined.extend(list.iter().cloned());
    }
    // Without items Go never makes the slice.
    Ok(if joined.is_empty() { nil_list() } else { Value::list(joined) })
}
