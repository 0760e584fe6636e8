//! Floats as go-yaml writes them: Go's format `g` with the fewest digits, and YAML's words for what is no number.
//!
//! **Invariant:** the text reads back as the same number.

use crate::value::{format_float, format_float32};

/// The float of 64 bits.
pub(super) fn float(value: f64) -> String {
    special(value).map_or_else(|| format_float(value, b'g', None), str::to_owned)
}

/// The float rounded to 32 bits, which is what sigs.k8s.io/yaml makes of a key.
pub(super) fn short_float(value: f64) -> String {
    let value = value as f32;
    special(f64::from(value)).map_or_else(|| format_float32(value), str::to_owned)
}

fn special(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        return Some(".nan");
    }
    value.is_infinite().then_some(if value > 0.0 { ".inf" } else { "-.inf" })
}
