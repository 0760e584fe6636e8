//! Integers and floats with flags.
//!
//! Counterpart of `fmtInteger` and `fmtFloat` in `fmt/format.go`.
//!
//! **Invariant:** a precision overrides padding with zeros for integers, as in Go.

use crate::value::format_float;

use super::Printer;

impl Printer {
    /// Writes an integer by a verb; false if integers have no such verb. A signed one comes as its bits.
    pub(super) fn integer(&mut self, bits: u64, signed: bool, verb: char) -> bool {
        let negative = signed && (bits as i64) < 0;
        let magnitude = if negative { bits.wrapping_neg() } else { bits };
        match verb {
            'v' if self.flags.go_syntax && !signed => {
                let sharp = std::mem::replace(&mut self.flags.sharp, true);
                self.digits(magnitude, negative, "0x", &format!("{magnitude:x}"));
                self.flags.sharp = sharp;
            }
            'v' | 'd' => self.digits(magnitude, negative, "", &magnitude.to_string()),
            'b' => self.digits(magnitude, negative, "0b", &format!("{magnitude:b}")),
            'o' => self.digits(magnitude, negative, "0", &format!("{magnitude:o}")),
            'O' => self.digits(magnitude, negative, "0o", &format!("{magnitude:o}")),
            'x' => self.digits(magnitude, negative, "0x", &format!("{magnitude:x}")),
            'X' => self.digits(magnitude, negative, "0X", &format!("{magnitude:X}")),
            'c' => self.character(bits),
            'q' => self.quoted_character(bits),
            'U' => self.unicode(bits),
            _ => return false,
        }
        true
    }

    /// Writes the digits with sign, prefix and padding.
    fn digits(&mut self, magnitude: u64, negative: bool, prefix: &str, digits: &str) {
        let flags = self.flags;
        let has_sign = negative || flags.plus || flags.space;
        let wanted = match (flags.precision, flags.width) {
            (Some(0), width) if magnitude == 0 => {
                self.flags.zero = false;
                self.fill(width.unwrap_or(0));
                self.flags.zero = flags.zero;
                return;
            }
            (Some(precision), _) => precision,
            (None, Some(width)) if flags.zero && !flags.minus => width.saturating_sub(usize::from(has_sign)),
            _ => 0,
        };
        let zeros = "0".repeat(wanted.saturating_sub(digits.len()));
        let digits = zeros + digits;
        let prefix = match prefix {
            "0o" => prefix,
            _ if !flags.sharp => "",
            // An octal number needs just one zero in front.
            "0" if digits.starts_with('0') => "",
            _ => prefix,
        };
        let sign = match (negative, flags.plus, flags.space) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        };
        // Go writes octal's `0o` before the prefix that the flag asks for.
        let doubled = if prefix == "0o" && flags.sharp && !digits.starts_with('0') { "0" } else { "" };
        self.pad_without_zeros(format!("{sign}{prefix}{doubled}{digits}").as_bytes());
    }

    /// Writes a float by a verb; false if floats have no such verb.
    pub(super) fn float(&mut self, value: f64, verb: char) -> bool {
        let precision = self.flags.precision;
        let (verb, text) = match verb {
            'v' | 'g' => ('g', format_float(value, b'g', precision)),
            'G' => ('G', format_float(value, b'G', precision)),
            'f' | 'F' => ('f', format_float(value, b'f', precision.or(Some(6)))),
            'e' => ('e', format_float(value, b'e', precision.or(Some(6)))),
            'E' => ('E', format_float(value, b'E', precision.or(Some(6)))),
            'b' => ('b', binary(value)),
            'x' => ('x', hexadecimal(value, precision)),
            'X' => ('X', hexadecimal(value, precision).to_uppercase()),
            _ => return false,
        };
        let (sign, digits) = match text.as_bytes().first() {
            Some(b'-') => ('-', text.get(1..).unwrap_or_default()),
            Some(b'+') => ('+', text.get(1..).unwrap_or_default()),
            _ => ('+', text.as_str()),
        };
        let sign = if self.flags.space && sign == '+' && !self.flags.plus { ' ' } else { sign };
        if !value.is_finite() {
            let bare = sign == '+' && !self.flags.plus || (value.is_nan() && !self.flags.space && !self.flags.plus);
            let text = if bare { digits.to_owned() } else { format!("{sign}{digits}") };
            // Infinity keeps its sign, even the positive one.
            let text = if value.is_infinite() { format!("{sign}{digits}") } else { text };
            self.pad_without_zeros(text.as_bytes());
            return true;
        }
        let digits =
            if self.flags.sharp && verb != 'b' { with_point(digits, verb, precision) } else { digits.to_owned() };
        if !self.flags.plus && sign == '+' {
            self.pad(digits.as_bytes());
            return true;
        }
        let length = digits.len() + 1;
        match self.flags.width {
            Some(width) if self.flags.zero && !self.flags.minus && width > length => {
                self.out.push(sign as u8);
                self.fill(width - length);
                self.out.extend_from_slice(digits.as_bytes());
            }
            _ => self.pad(format!("{sign}{digits}").as_bytes()),
        }
        true
    }
}

/// The digits with a decimal point in any case and, for `%g`, with the zeros at the end: the flag `#`.
fn with_point(text: &str, verb: char, precision: Option<usize>) -> String {
    let is_hexadecimal = matches!(verb, 'x' | 'X');
    let mut wanted = match verb {
        'g' | 'G' | 'x' => precision.unwrap_or(6),
        _ => 0,
    };
    let exponent = text.find(if is_hexadecimal { ['p', 'P'] } else { ['e', 'E'] }).unwrap_or(text.len());
    let (number, tail) = text.split_at(exponent);
    let significant = number.trim_start_matches(['0', '.']).chars().filter(|&digit| digit != '.').count();
    let mut number = number.to_owned();
    wanted = wanted.saturating_sub(significant);
    if !number.contains('.') {
        if number == "0" {
            wanted = wanted.saturating_sub(1);
        }
        number.push('.');
    }
    number.extend(std::iter::repeat_n('0', wanted));
    number + tail
}

/// Sign, mantissa and exponent such that the value is mantissa times two to the exponent.
fn parts(value: f64) -> (&'static str, u64, i64) {
    let bits = value.to_bits();
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let (exponent, fraction) = ((bits >> 52 & 0x7ff) as i64, bits & ((1 << 52) - 1));
    if exponent == 0 { (sign, fraction, -1074) } else { (sign, fraction | 1 << 52, exponent - 1075) }
}

/// `%b`: the mantissa in decimal and the exponent of two.
fn binary(value: f64) -> String {
    if !value.is_finite() {
        return format_float(value, b'g', None);
    }
    let (sign, mantissa, exponent) = parts(value);
    format!("{sign}{mantissa}p{exponent:+}")
}

/// `%x`: the mantissa in hexadecimal, from 1 up to 2, and the exponent of two.
fn hexadecimal(value: f64, precision: Option<usize>) -> String {
    if !value.is_finite() {
        return format_float(value, b'g', None);
    }
    let (sign, mut mantissa, mut exponent) = parts(value);
    if mantissa == 0 {
        exponent = 0;
    } else {
        // One bit before the point and sixty after it.
        let shift = i64::from(mantissa.leading_zeros()) - 3;
        mantissa <<= shift;
        exponent += 60 - shift;
    }
    if let Some(precision) = precision.filter(|&precision| precision < 15) {
        let dropped = 60 - precision * 4;
        let (half, rest) = (1_u64 << (dropped - 1), mantissa & ((1 << dropped) - 1));
        mantissa >>= dropped;
        if rest > half || (rest == half && mantissa & 1 == 1) {
            mantissa += 1;
        }
        mantissa <<= dropped;
        if mantissa >> 61 != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let digits = format!("{:015x}", mantissa & ((1 << 60) - 1));
    let digits = match precision {
        Some(precision) => {
            let kept = digits.get(..precision).unwrap_or(&digits);
            kept.to_owned() + &"0".repeat(precision.saturating_sub(kept.len()))
        }
        None => digits.trim_end_matches('0').to_owned(),
    };
    let point = if digits.is_empty() { "" } else { "." };
    let exponent_sign = if exponent < 0 { '-' } else { '+' };
    format!("{sign}0x{}{point}{digits}p{exponent_sign}{:02}", mantissa >> 60, exponent.abs())
}
