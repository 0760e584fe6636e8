//! Arithmetic, rounding and counting.
//!
//! Counterpart: `numeric.go` of sprig 3.3.0. Integer functions cut fractions off first and wrap around on overflow.
//!
//! **Invariant:** counting never makes more than [`MAX_ITEMS`] numbers.

use super::args::{self, ANY, ANY2, INT, MAX_ITEMS, fail, int, string, value};
use super::cast::{to_float64, to_int64};
use super::decimal::Decimal;
use crate::gotemplate::Function;
use crate::value::{CallError, CallResult, ElementType, List, Signature, Type, Value};

/// The functions on numbers.
pub(super) fn functions<H>() -> Vec<Function<H>> {
    let one = Signature::fixed(ANY);
    let two = Signature::fixed(ANY2);
    let any = Signature::variadic(ANY);
    let more = Signature::variadic(ANY2);
    vec![
        Function::pure("add1", one, |args| integers(args, |numbers| numbers.sum::<Wrapped>().0.wrapping_add(1))),
        Function::pure("add", any, |args| integers(args, |numbers| numbers.sum::<Wrapped>().0)),
        Function::pure("sub", two, |args| two_integers(args, |left, right| Ok(left.wrapping_sub(right)))),
        Function::pure("mul", more, |args| {
            integers(args, |numbers| numbers.fold(1, |product, number| product.wrapping_mul(number.0)))
        }),
        Function::pure("div", two, |args| {
            two_integers(args, |left, right| divisor(right).map(|right| left.wrapping_div(right)))
        }),
        Function::pure("mod", two, |args| {
            two_integers(args, |left, right| divisor(right).map(|right| left.wrapping_rem(right)))
        }),
        Function::pure("max", more, largest),
        Function::pure("biggest", more, largest),
        Function::pure("min", more, |args| integers(args, |numbers| numbers.map(|number| number.0).min().unwrap_or(0))),
        Function::pure("maxf", more, |args| floats(args, max_float)),
        Function::pure("minf", more, |args| floats(args, |left, right| -max_float(-left, -right))),
        Function::pure("add1f", one, |args| decimals(args, Decimal::from_float(1.0)?, |sum, one| Ok(sum.add(one)))),
        Function::pure("addf", any, |args| decimals(args, Decimal::from_float(0.0)?, |sum, next| Ok(sum.add(next)))),
        Function::pure("subf", more, |args| decimals_from_first(args, |rest, next| Ok(rest.subtract(next)))),
        Function::pure("mulf", more, |args| decimals_from_first(args, Decimal::multiply)),
        Function::pure("divf", more, |args| decimals_from_first(args, Decimal::divide)),
        Function::pure("floor", one, |args| Ok(Value::Float(to_float64(value(args, 0)).floor()))),
        Function::pure("ceil", one, |args| Ok(Value::Float(to_float64(value(args, 0)).ceil()))),
        Function::pure("round", Signature::variadic(&[Type::Any, Type::Int, Type::Float64]), round),
        Function::pure("until", Signature::fixed(INT), |args| {
            let count = int(args, 0);
            numbers(0, count, if count < 0 { -1 } else { 1 })
        }),
        Function::pure("untilStep", Signature::fixed(&[Type::Int, Type::Int, Type::Int]), |args| {
            numbers(int(args, 0), int(args, 1), int(args, 2))
        }),
        Function::pure("seq", Signature::variadic(INT), seq),
    ]
}

/// An integer whose sums wrap around.
struct Wrapped(i64);

impl std::iter::Sum for Wrapped {
    fn sum<I: Iterator<Item = Self>>(numbers: I) -> Self {
        Self(numbers.fold(0, |sum, number| sum.wrapping_add(number.0)))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a function's answer")]
fn integers(args: &[Value], compute: impl FnOnce(&mut dyn Iterator<Item = Wrapped>) -> i64) -> CallResult {
    Ok(Value::int64(compute(&mut args.iter().map(|value| Wrapped(to_int64(value))))))
}

fn two_integers(args: &[Value], compute: impl FnOnce(i64, i64) -> Result<i64, CallError>) -> CallResult {
    compute(to_int64(value(args, 0)), to_int64(value(args, 1))).map(Value::int64)
}

fn divisor(number: i64) -> Result<i64, CallError> {
    if number == 0 { fail("runtime error: integer divide by zero") } else { Ok(number) }
}

fn largest(args: &[Value]) -> CallResult {
    integers(args, |numbers| numbers.map(|number| number.0).max().unwrap_or(0))
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a function's answer")]
fn floats(args: &[Value], better: impl Fn(f64, f64) -> f64) -> CallResult {
    Ok(Value::Float(args.iter().map(to_float64).reduce(better).unwrap_or_default()))
}

/// `math.Max`: infinity wins over NaN, NaN over numbers, and zero over minus zero.
fn max_float(left: f64, right: f64) -> f64 {
    match (left, right) {
        _ if left == f64::INFINITY || right == f64::INFINITY => f64::INFINITY,
        _ if left.is_nan() || right.is_nan() => f64::NAN,
        _ if left == 0.0 && right == 0.0 => {
            if left.is_sign_negative() {
                right
            } else {
                left
            }
        }
        _ => left.max(right),
    }
}

fn decimals(
    args: &[Value],
    start: Decimal,
    step: impl Fn(&Decimal, &Decimal) -> Result<Decimal, CallError>,
) -> CallResult {
    let result =
        args.iter().try_fold(start, |so_far, value| step(&so_far, &Decimal::from_float(to_float64(value))?))?;
    Ok(Value::Float(result.to_float()))
}

fn decimals_from_first(args: &[Value], step: impl Fn(&Decimal, &Decimal) -> Result<Decimal, CallError>) -> CallResult {
    let start = Decimal::from_float(to_float64(value(args, 0)))?;
    decimals(args.get(1..).unwrap_or_default(), start, step)
}

/// Rounds to places after the point; the last digit goes up where what follows is at least the third argument (a half by default).
#[expect(clippy::unnecessary_wraps, reason = "the shape of a function's answer")]
fn round(args: &[Value]) -> CallResult {
    let threshold = match args.get(2) {
        Some(Value::Float(threshold)) => *threshold,
        _ => 0.5,
    };
    let scale = power_of_ten(int(args, 1));
    let scaled = scale * to_float64(value(args, 0));
    let rounded = if scaled - scaled.trunc() >= threshold { scaled.ceil() } else { scaled.floor() };
    Ok(Value::Float(rounded / scale))
}

/// Ten to a power as `math.Pow` computes it: by squaring, with the error that this brings for large powers.
fn power_of_ten(exponent: i64) -> f64 {
    let (mut result, mut result_exponent) = (1.0_f64, 0_i64);
    // Ten as a fraction from a half to one, and a power of two.
    let (mut factor, mut factor_exponent) = (0.625_f64, 4_i64);
    let mut rest = (exponent as f64).abs() as u64;
    while rest != 0 {
        if factor_exponent.abs() > 1 << 12 {
            result_exponent += factor_exponent;
            break;
        }
        if rest & 1 == 1 {
            result *= factor;
            result_exponent += factor_exponent;
        }
        factor *= factor;
        factor_exponent <<= 1;
        if factor < 0.5 {
            factor += factor;
            factor_exponent -= 1;
        }
        rest >>= 1;
    }
    if exponent < 0 {
        result = 1.0 / result;
        result_exponent = -result_exponent;
    }
    let half = (result_exponent / 2).clamp(-2_000, 2_000) as i32;
    let other_half = (result_exponent - result_exponent / 2).clamp(-2_000, 2_000) as i32;
    result * 2_f64.powi(half) * 2_f64.powi(other_half)
}

/// The numbers from a start towards a stop that is left out; none if the step leads away from it.
fn count(start: i64, stop: i64, step: i64) -> Result<Vec<i64>, CallError> {
    let distance = stop.abs_diff(start);
    let leads_there = if stop < start { step < 0 } else { step > 0 };
    if !leads_there || distance == 0 {
        return Ok(Vec::new());
    }
    let steps = distance.div_ceil(step.unsigned_abs());
    if steps > MAX_ITEMS as u64 {
        return args::too_long();
    }
    Ok((0..steps as i64).map(|position| start.wrapping_add(position.wrapping_mul(step))).collect())
}

fn numbers(start: i64, stop: i64, step: i64) -> CallResult {
    let numbers = count(start, stop, step)?.into_iter().map(Value::int).collect();
    Ok(Value::List(List::new(ElementType::Int, numbers)))
}

fn seq(args: &[Value]) -> CallResult {
    let direction = |start: i64, end: i64| if end < start { -1 } else { 1 };
    let (start, end, step) = match args.len() {
        1 => (1, int(args, 0), direction(1, int(args, 0))),
        2 => (int(args, 0), int(args, 1), direction(int(args, 0), int(args, 1))),
        3 => (int(args, 0), int(args, 2), int(args, 1)),
        _ => return string(""),
    };
    let direction = direction(start, end);
    if direction < 0 && step > 0 {
        return string("");
    }
    let numbers = count(start, end.wrapping_add(direction), step)?;
    string(numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
}
