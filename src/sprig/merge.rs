//! Merging dictionaries.
//!
//! Counterpart: mergo 1.0.1 as sprig 3.3.0 calls it. Without overwriting, what is empty in the destination (also `false`, `0` and
//! `""`) takes the source's value. Maps merge in place; a map that only the source has is shared with it afterwards.
//!
//! **Invariant:** sources change only where they share maps with the destination.

use super::args::map;
use crate::gotemplate::Function;
use crate::value::{CallResult, MAX_DEPTH, Map, Signature, Type, Value};

/// The functions that merge. The `must` twins differ in Go in errors that cannot happen with maps.
pub(super) fn functions<H>() -> Vec<Function<H>> {
    let maps = Signature::variadic(&[Type::Map, Type::Map]);
    vec![
        Function::pure("merge", maps, |args| merge_all(args, false)),
        Function::pure("mustMerge", maps, |args| merge_all(args, false)),
        Function::pure("mergeOverwrite", maps, |args| merge_all(args, true)),
        Function::pure("mustMergeOverwrite", maps, |args| merge_all(args, true)),
    ]
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a function's answer")]
fn merge_all(args: &[Value], overwrite: bool) -> CallResult {
    let destination = map(args, 0);
    for position in 1..args.len() {
        merge(&destination, &map(args, position), overwrite, 0);
    }
    Ok(Value::Map(destination))
}

fn merge(destination: &Map, source: &Map, overwrite: bool, depth: usize) {
    if depth > MAX_DEPTH || destination.is_same(source) {
        return;
    }
    for (key, new) in source.snapshot() {
        let old = destination.get(&key);
        if matches!(new, Value::Nil) {
            if overwrite {
                destination.insert(key, new);
            }
            continue;
        }
        let (old_map, new_map) = (old.as_ref().and_then(Value::as_map), new.as_map());
        if let (Some(old), Some(new)) = (&old_map, &new_map) {
            merge(old, new, overwrite, depth + 1);
            // Whatever was merged into an empty map has made it one that is kept.
            if !old.is_empty() {
                continue;
            }
        }
        if overwrite || old.is_none_or(|old| !old.is_true()) {
            destination.insert(key, new);
        }
    }
}
