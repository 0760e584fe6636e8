//! Numbers as an English printer of Go's `x/text` gives them.
//!
//! **Invariant:** the same number always gives the same text.

use serde_json::Number;

/// A count with its thousands set apart, as an English printer gives it.
pub(super) fn count(number: usize) -> String {
    group_thousands(&number.to_string())
}

/// A number as an English printer gives it: thousands set apart, powers of ten from a million up and below a ten-thousandth.
pub(super) fn localized(number: &Number) -> String {
    let float = number.as_f64().unwrap_or_default();
    let scientific = format!("{float:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    if !(-4..6).contains(&exponent.parse().unwrap_or(0)) {
        return format!("{digits}×10{}", superscript(exponent));
    }
    let text = float.to_string();
    match text.split_once('.') {
        Some((whole, fraction)) => format!("{}.{fraction}", group_thousands(whole)),
        None => group_thousands(&text),
    }
}

/// An exponent of two digits at least, in raised letters.
fn superscript(exponent: &str) -> String {
    let (sign, digits) = exponent.strip_prefix('-').map_or(("", exponent), |digits| ("⁻", digits));
    let raise = |digit| match digit {
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '4' => '⁴',
        '5' => '⁵',
        '6' => '⁶',
        '7' => '⁷',
        '8' => '⁸',
        '9' => '⁹',
        _ => '⁰',
    };
    format!("{sign}{}", format!("{digits:0>2}").chars().map(raise).collect::<String>())
}

fn group_thousands(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let mut grouped = sign.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
