//! Lists as sets in expressions: `sets.contains`, `sets.equivalent` and `sets.intersects`.
//!
//! Counterpart: cel-go's `ext.Sets()`.
//!
//! **Invariant:** how often an element is in a list is of no account, nor is the order.

use cel::common::types::{CelBool, LIST_TYPE};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError};

type Elements<'a> = Vec<&'a dyn Val>;

/// Adds the functions to an environment.
pub(super) fn extension(environment: &mut Env) -> Result<(), DeclarationError> {
    let lists = || vec![LIST_TYPE, LIST_TYPE];
    environment.add_overload("sets.contains", "list_sets_contains_list", lists(), |args| decide(&args, contains))?;
    environment.add_overload("sets.equivalent", "list_sets_equivalent_list", lists(), |args| {
        decide(&args, |one, other| contains(one, other) && contains(other, one))
    })?;
    environment.add_overload("sets.intersects", "list_sets_intersects_list", lists(), |args| {
        decide(&args, |one, other| other.iter().any(|element| has(one, *element)))
    })
}

fn decide<'b, 'v>(
    args: &[CowVal<'b, 'v>],
    holds: impl Fn(&Elements<'_>, &Elements<'_>) -> bool,
) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let [one, other] = args else { return Err(ExecutionError::invalid_argument_count(2, args.len())) };
    Ok(CowVal::owned(CelBool::from(holds(&elements(one)?, &elements(other)?))))
}

fn elements<'a>(list: &'a CowVal<'_, '_>) -> Result<Elements<'a>, ExecutionError> {
    let list = list.as_ref().as_iterable().ok_or_else(|| ExecutionError::function_error("sets", "not a list"))?;
    let mut iterator = list.iter();
    let mut elements = Vec::new();
    while let Some(element) = iterator.next() {
        elements.push(element);
    }
    Ok(elements)
}

fn has(list: &Elements<'_>, element: &dyn Val) -> bool {
    list.iter().any(|found| found.equals(element))
}

fn contains(list: &Elements<'_>, part: &Elements<'_>) -> bool {
    part.iter().all(|element| has(list, *element))
}

#[cfg(test)]
mod tests {
    use crate::readiness::Expression;

    fn holds(text: &str) -> bool {
        Expression::parse(text).unwrap().holds([]).unwrap()
    }

    // Expected values are those of the documentation of cel-go.
    #[test]
    fn lists_compare_as_sets() {
        for text in [
            "sets.contains([], [])",
            "!sets.contains([], [1])",
            "sets.contains([1, 2, 3, 4], [2, 3])",
            "sets.contains([1, 2.0, 3u], [1.0, 2u, 3])",
            "sets.equivalent([1], [1, 1])",
            "sets.equivalent([1, 2, 3], [3u, 2.0, 1])",
            "!sets.equivalent(['a'], ['a', 'b'])",
            "sets.intersects([[1], [2, 3]], [[1, 2], [2, 3.0]])",
            "!sets.intersects([1], [])",
        ] {
            assert!(holds(text), "{text}");
        }
        assert!(Expression::parse("sets.contains([1], 1)").map_or(true, |it| it.holds([]).is_err()));
    }
}
