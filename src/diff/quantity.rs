//! Kubernetes quantities, as far as asking whether two are the same.
//!
//! Counterpart: `k8s.io/apimachinery/pkg/api/resource`. Exact for everything that fits into 128 bits at a scale of 10⁻⁹.
//!
//! **Invariant:** a text that is no quantity is the same as nothing.

/// The smallest unit is a nano.
const NANOS: i128 = 1_000_000_000;

/// Whether two texts are the same quantity, such as `1` and `1000m`, `1024Mi` and `1Gi`.
pub(super) fn same(one: &str, other: &str) -> bool {
    matches!((nanos(one), nanos(other)), (Some(one), Some(other)) if one == other)
}

fn nanos(text: &str) -> Option<i128> {
    let digits_end = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '+' | '-')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits_end);
    let (multiplier, divisor) = scale(suffix)?;
    let (negative, number) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.len() > 9 {
        return None;
    }
    let part = |digits: &str| if digits.is_empty() { Some(0) } else { digits.parse::<u64>().ok().map(i128::from) };
    let fraction_unit = 10_i128.pow(9 - fraction.len() as u32);
    let value = part(whole)?.checked_mul(NANOS)?.checked_add(part(fraction)?.checked_mul(fraction_unit)?)?;
    // Rounded up, as the server does with what is smaller than a nano.
    let scaled = value.checked_mul(multiplier)?.checked_add(divisor - 1)? / divisor;
    Some(if negative { -scaled } else { scaled })
}

fn scale(suffix: &str) -> Option<(i128, i128)> {
    Some(match suffix {
        "" => (1, 1),
        "n" => (1, 1_000_000_000),
        "u" => (1, 1_000_000),
        "m" => (1, 1_000),
        "k" => (1_000, 1),
        "M" => (1_000_000, 1),
        "G" => (1_000_000_000, 1),
        "T" => (1_000_000_000_000, 1),
        "P" => (1_000_000_000_000_000, 1),
        "E" => (1_000_000_000_000_000_000, 1),
        "Ki" => (1 << 10, 1),
        "Mi" => (1 << 20, 1),
        "Gi" => (1 << 30, 1),
        "Ti" => (1 << 40, 1),
        "Pi" => (1 << 50, 1),
        "Ei" => (1 << 60, 1),
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
            if exponent < 0 { (1, power) } else { (power, 1) }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn equal_quantities_are_the_same() {
        for (one, other) in [
            ("1", "1000m"),
            ("0.1", "100m"),
            (".5", "500m"),
            ("1024Mi", "1Gi"),
            ("1e3", "1k"),
            ("1E", "1000P"),
            ("-1", "-1000m"),
            ("1500m", "1.5"),
            ("128974848", "123Mi"),
        ] {
            assert!(same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn different_quantities_and_other_texts_are_not() {
        for (one, other) in [("1", "2"), ("1G", "1Gi"), ("a", "a"), ("", ""), ("1x", "1x"), ("1", "-1")] {
            assert!(!same(one, other), "{one} {other}");
        }
    }
}
