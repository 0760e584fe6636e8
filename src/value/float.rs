//! Floats as text: `strconv.FormatFloat` for 64 bits, and the shortest general form for 32 (Go 1.26).
//!
//! **Invariant:** without a precision, the digits are the fewest that read back as the same number.

/// No float has more digits than this after its point; further ones are zeros. Rust's own formatting takes no more than 65535.
const MAX_DIGITS: usize = 1_100;

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
        b'e' | b'E' => append_scientific(out, &scientific(value, precision), format, precision),
        _ => append_general(out, value, format, precision),
    }
}

/// A float of 32 bits by format `g` with the fewest digits that identify it among those.
pub fn format_float32(value: f32) -> String {
    if !value.is_finite() {
        return format_float(f64::from(value), b'g', None);
    }
    let text = format!("{value:e}");
    let closest = match digits_in_mantissa(&text) {
        digits @ 7.. => format!("{value:.*e}", digits - 1),
        _ => text.clone(),
    };
    let text = if closest.parse() == Ok(value) { closest } else { text };
    let mut out = Vec::new();
    if (-4..6).contains(&exponent_of(&text)) {
        append_digits(&mut out, &text);
    } else {
        append_scientific(&mut out, &text, b'e', None);
    }
    String::from_utf8(out).unwrap_or_default()
}

fn append_plain(out: &mut Vec<u8>, value: f64, precision: Option<usize>) {
    match precision.map(|precision| precision.min(MAX_DIGITS)) {
        Some(precision) => out.extend_from_slice(format!("{value:.precision$}").as_bytes()),
        None => append_digits(out, &scientific(value, None)),
    }
    append_zeros(out, precision);
}

/// Appends the digits of an exponent form without the exponent.
fn append_digits(out: &mut Vec<u8>, text: &str) {
    let (mantissa, _) = text.split_once('e').unwrap_or((text, ""));
    let exponent = exponent_of(text);
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    out.extend_from_slice(sign.as_bytes());
    let digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    let Ok(whole) = usize::try_from(exponent + 1) else {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', usize::try_from(-exponent - 1).unwrap_or(0)));
        out.extend_from_slice(&digits);
        return;
    };
    let (before, after) = digits.split_at(whole.min(digits.len()));
    out.extend_from_slice(if before.is_empty() { b"0" } else { before });
    out.extend(std::iter::repeat_n(b'0', whole.saturating_sub(digits.len())));
    if whole == 0 || !after.is_empty() {
        out.push(b'.');
        out.extend_from_slice(after);
    }
}

/// The zeros that a precision asks for beyond the digits that there can be.
fn append_zeros(out: &mut Vec<u8>, precision: Option<usize>) {
    out.extend(std::iter::repeat_n(b'0', precision.unwrap_or(0).saturating_sub(MAX_DIGITS)));
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
        return append_scientific(out, &text, if format == b'G' { b'E' } else { b'e' }, None);
    }
    match significant {
        None => append_plain(out, value, None),
        Some(_) => append_plain(out, value, Some(usize::try_from(digits - 1 - exponent).unwrap_or(0))),
    }
}

fn scientific(value: f64, precision: Option<usize>) -> String {
    match precision.map(|precision| precision.min(MAX_DIGITS)) {
        Some(precision) => format!("{value:.precision$e}"),
        None => shortest(value),
    }
}

/// The fewest digits, in exponent form. Where two texts are as short and as close, Rust takes the greater one and Go the even one.
fn shortest(value: f64) -> String {
    let text = format!("{value:e}");
    let digits = digits_in_mantissa(&text);
    // Fewer digits are exact, or have no neighbour that reads back as the same number.
    if digits < 15 {
        return text;
    }
    let closest = format!("{value:.*e}", digits - 1);
    if closest.parse() == Ok(value) { closest } else { text }
}

fn digits_in_mantissa(text: &str) -> usize {
    text.bytes().take_while(|byte| *byte != b'e').filter(u8::is_ascii_digit).count()
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
fn append_scientific(out: &mut Vec<u8>, text: &str, format: u8, precision: Option<usize>) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    out.extend_from_slice(mantissa.as_bytes());
    append_zeros(out, precision);
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
            (123_456.5, "123456.5"),
            (0.00012, "0.00012"),
            (3_786_097_295_572_177.0 / 4.0, "9.465243238930442e+14"),
            (7_838_857_726_518_929.0 / 4.0, "1.9597144316297322e+15"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(format_float(value, b'g', None), expected);
        }
    }

    #[test]
    fn plain_form_has_no_exponent_however_large() {
        for (value, expected) in [
            (1e21, "1000000000000000000000"),
            (0.0, "0"),
            (-0.0, "-0"),
            (1.5e-7, "0.00000015"),
            (9_223_372_036_854_775_807.0, "9223372036854776000"),
            (3_786_097_295_572_177.0 / 4.0, "946524323893044.2"),
            (-12.5, "-12.5"),
        ] {
            assert_eq!(format_float(value, b'f', None), expected);
        }
    }

    #[test]
    fn floats_of_32_bits_have_their_own_shortest_digits() {
        assert_eq!(format_float32(0.1), "0.1");
        assert_eq!(format_float32(16_777_216.0), "1.6777216e+07");
        assert_eq!(format_float32(1.5), "1.5");
        assert_eq!(format_float32(f32::INFINITY), "+Inf");
    }

    #[test]
    fn precision_counts_significant_digits_in_g() {
        assert_eq!(format_float(1234.5678, b'g', Some(6)), "1234.57");
        assert_eq!(format_float(1_234_567.0, b'g', Some(3)), "1.23e+06");
        assert_eq!(format_float(100.0, b'g', Some(5)), "100");
        assert_eq!(format_float(1e6, b'g', Some(8)), "1000000");
        assert_eq!(format_float(0.5, b'f', Some(0)), "0");
        assert_eq!(format_float(1.0, b'e', Some(2)), "1.00e+00");
    }
}
