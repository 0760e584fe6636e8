//! Go's `complex128`, which templates can only write down and print.
//!
//! **Invariant:** a complex number never equals or orders with anything.

use std::any::Any;

use super::{Kind, Object, Text, Value, format_float};

#[derive(Debug)]
struct Complex(f64, f64);

impl Value {
    /// A Go `complex128`.
    pub fn complex(real: f64, imaginary: f64) -> Self {
        Self::object(Complex(real, imaginary))
    }
}

/// The real and the imaginary part of a complex number.
pub fn complex_parts(object: &dyn Object) -> Option<(f64, f64)> {
    object.as_any().downcast_ref::<Complex>().map(|Complex(real, imaginary)| (*real, *imaginary))
}

impl Object for Complex {
    fn type_name(&self) -> &'static str {
        "complex128"
    }

    fn kind(&self) -> Kind {
        Kind::Complex128
    }

    fn text(&self) -> Option<Text> {
        let imaginary = format_float(self.1, b'g', None);
        let sign = if imaginary.starts_with(['+', '-']) { "" } else { "+" };
        Some(Text::from(format!("({}{sign}{imaginary}i)", format_float(self.0, b'g', None))))
    }

    fn is_true(&self) -> bool {
        self.0 != 0.0 || self.1 != 0.0
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
