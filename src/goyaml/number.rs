//! Floats as go-yaml writes them: Go's `strconv.FormatFloat` with the format `g` and the fewest digits.
//!
//! **Invariant:** the text reads back as the same number.

/// The float of 64 bits in Go's `g` format, with YAML's words for what is no number.
pub(super) fn float(value: f64) -> String {
    special(value).map_or_else(|| general(&format!("{value:e}")), str::to_owned)
}

/// The float rounded to 32 bits in Go's `g` format: what sigs.k8s.io/yaml makes of a key.
pub(super) fn short_float(value: f64) -> String {
    let value = value as f32;
    special(f64::from(value)).map_or_else(|| general(&format!("{value:e}")), str::to_owned)
}

fn special(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        return Some(".nan");
    }
    value.is_infinite().then_some(if value > 0.0 { ".inf" } else { "-.inf" })
}

/// Turns Rust's shortest exponent form (`-1.5e-7`) into Go's `g` format.
fn general(scientific: &str) -> String {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    if !(-4..6).contains(&exponent) {
        let (sign_of_exponent, size) = (if exponent < 0 { '-' } else { '+' }, exponent.abs());
        return format!("{sign}{mantissa}e{sign_of_exponent}{size:02}");
    }
    if exponent < 0 {
        let zeros = "0".repeat(usize::try_from(-exponent - 1).unwrap_or_default());
        return format!("{sign}0.{zeros}{digits}");
    }
    let whole = usize::try_from(exponent).unwrap_or_default() + 1;
    match digits.get(whole..) {
        None | Some("") => format!("{sign}{digits:0<whole$}"),
        Some(fraction) => format!("{sign}{}.{fraction}", digits.get(..whole).unwrap_or_default()),
    }
}
