//! Floats as text: `strconv.FormatFloat` for 64 bits (Go 1.26).
//!
//! **Invariant:** without a precision, the digits are the fewest that read back as the same number.

/// A float as text, by format `e`, `E`, `f`, `g` or `G`; without a precision, the fewest digits that identify it.
pub fn format_float(value: f64, format: u8, precision: Option<usize>) -> String {
    let mut out = Vec::new();
    append_float(&mut out, value, format, precision);
    String::from_utf8(out).unwrap_or_default()
}

/// Appends what [`format_float`] gives.
pub fn append_float(out: &mut Vec<u8>, value: f64, format: u8, precision: Option<usize>) {
    if !value.is_finite() {
        let text: &[u8] = match (value.is_nan(), value > 0.0) {
            (true, _) => b"NaN",
            (false, true) => b"+Inf",
            (false, false) => b"-Inf",
        };
        out.extend_from_slice(text);
        return;
    }
    match format {
        b'f' | b'F' => append_plain(out, value, precision),
        b'e' | b'E' => append_scientific(out, &scientific(value, precision), format),
        _ => append_general(out, value, format, precision),
    }
}

fn append_plain(out: &mut Vec<u8>, value: f64, precision: Option<usize>) {
    let text = match precision {
        Some(precision) => format!("{value:.precision$}"),
        None => format!("{value}"),
    };
    out.extend_from_slice(text.as_bytes());
}

fn append_general(out: &mut Vec<u8>, value: f64, format: u8, precision: Option<usize>) {
    let significant = precision.map(|precision| precision.max(1));
    let text = scientific(value, significant.map(|significant| significant - 1));
    let exponent = exponent_of(&text);
    // Digits that `e` rounding leaves at the end do not count, as %g never prints trailing zeros.
    let digits = significant_digits(&text);
    let mut threshold = i64::try_from(significant.unwrap_or(6)).unwrap_or(i64::MAX);
    if significant.is_some() && threshold > digits && digits > exponent {
        threshold = digits;
    }
    if exponent < -4 || exponent >= threshold {
        let text = if significant.is_some() { trim_mantissa(&text) } else { text };
        return append_scientific(out, &text, if format == b'G' { b'E' } else { b'e' });
    }
    match significant {
        None => append_plain(out, value, None),
        Some(_) => append_plain(out, value, Some(usize::try_from(digits - 1 - exponent).unwrap_or(0))),
    }
}

fn scientific(value: f64, precision: Option<usize>) -> String {
    match precision {
        Some(precision) => format!("{value:.precision$e}"),
        None => format!("{value:e}"),
    }
}

fn exponent_of(text: &str) -> i64 {
    text.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0)
}

fn significant_digits(text: &str) -> i64 {
    let mantissa = text.split('e').next().unwrap_or_default().trim_end_matches('0');
    i64::try_from(mantissa.bytes().filter(u8::is_ascii_digit).count()).unwrap_or(i64::MAX).max(1)
}

fn trim_mantissa(text: &str) -> String {
    match text.split_once('e') {
        Some((mantissa, exponent)) if mantissa.contains('.') => {
            format!("{}e{exponent}", mantissa.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => text.to_owned(),
    }
}

/// Rust writes `1e6`, Go at least two digits and always a sign.
fn append_scientific(out: &mut Vec<u8>, text: &str, format: u8) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    out.extend_from_slice(mantissa.as_bytes());
    out.push(format);
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => (b'-', digits),
        None => (b'+', exponent),
    };
    out.push(sign);
    if digits.len() < 2 {
        out.push(b'0');
    }
    out.extend_from_slice(digits.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortest_digits_switch_to_an_exponent_as_go_does() {
        for (value, expected) in [
            (0.0, "0"),
            (1.0, "1"),
            (100_000.0, "100000"),
            (999_999.0, "999999"),
            (1_000_000.0, "1e+06"),
            (1_234_567.0, "1.234567e+06"),
            (12_345_678_901.0, "1.2345678901e+10"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-2.5, "-2.5"),
            (1e100, "1e+100"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(format_float(value, b'g', None), expected);
        }
    }

    #[test]
    fn precision_counts_significant_digits_in_g() {
        assert_eq!(format_float(1234.5678, b'g', Some(6)), "1234.57");
        assert_eq!(format_float(1_234_567.0, b'g', Some(3)), "1.23e+06");
        assert_eq!(format_float(100.0, b'g', Some(5)), "100");
        assert_eq!(format_float(1e6, b'g', Some(8)), "1e+06");
        assert_eq!(format_float(0.5, b'f', Some(0)), "0");
        assert_eq!(format_float(1.0, b'e', Some(2)), "1.00e+00");
    }
}
