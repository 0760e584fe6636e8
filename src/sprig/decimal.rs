//! Decimal arithmetic behind `addf`, `subf`, `mulf`, `divf` and `add1f`.
//!
//! Counterpart: shopspring/decimal 1.4. A float becomes the decimal with its shortest digits; sums and products are exact, quotients
//! have sixteen places.
//!
//! **Invariant:** exponents stay within those of floats times the number of operands, so numbers stay small enough to compute with.

use num_bigint::{BigInt, Sign};

use crate::value::CallError;

/// Places that a quotient has after the point.
const DIVISION_PLACES: i32 = 16;

/// Digits that a result may have, so that a long product of extreme numbers ends.
const MAX_DIGITS: u64 = 100_000;

/// An exact decimal: `digits` times ten to the power of `exponent`.
#[derive(Clone, Debug)]
pub(super) struct Decimal {
    digits: BigInt,
    exponent: i32,
}

impl Decimal {
    /// The decimal with the fewest digits that identify the float.
    pub(super) fn from_float(number: f64) -> Result<Self, CallError> {
        if !number.is_finite() {
            let shown = crate::value::format_float(number, b'g', None);
            return Err(CallError::new(format!("Cannot create a Decimal from {shown}")));
        }
        let text = format!("{number:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}").parse().unwrap_or_default();
        Ok(Self { digits, exponent: exponent.parse::<i32>().unwrap_or_default() - fraction.len() as i32 })
    }

    /// The nearest float.
    pub(super) fn to_float(&self) -> f64 {
        format!("{}e{}", self.digits, self.exponent).parse().unwrap_or_default()
    }

    pub(super) fn add(&self, other: &Self) -> Self {
        let exponent = self.exponent.min(other.exponent);
        Self { digits: self.digits_at(exponent) + other.digits_at(exponent), exponent }
    }

    pub(super) fn subtract(&self, other: &Self) -> Self {
        let exponent = self.exponent.min(other.exponent);
        Self { digits: self.digits_at(exponent) - other.digits_at(exponent), exponent }
    }

    pub(super) fn multiply(&self, other: &Self) -> Result<Self, CallError> {
        if self.digits.bits() + other.digits.bits() > MAX_DIGITS * 3 {
            return Err(CallError::new("exceeded maximum number of digits"));
        }
        Ok(Self { digits: &self.digits * &other.digits, exponent: self.exponent + other.exponent })
    }

    /// The quotient to sixteen places, halves away from zero.
    pub(super) fn divide(&self, other: &Self) -> Result<Self, CallError> {
        if other.digits.sign() == Sign::NoSign {
            return Err(CallError::new("decimal division by 0"));
        }
        let shift = self.exponent - other.exponent + DIVISION_PLACES;
        let (dividend, divisor) = if shift < 0 {
            (self.digits.clone(), &other.digits * power_of_ten(-shift))
        } else {
            (&self.digits * power_of_ten(shift), other.digits.clone())
        };
        let mut quotient = &dividend / &divisor;
        let remainder = &dividend - &quotient * &divisor;
        if (remainder.magnitude() << 1_u8) >= *divisor.magnitude() {
            quotient += if dividend.sign() == divisor.sign() { 1 } else { -1 };
        }
        Ok(Self { digits: quotient, exponent: -DIVISION_PLACES })
    }

    fn digits_at(&self, exponent: i32) -> BigInt {
        &self.digits * power_of_ten(self.exponent - exponent)
    }
}

fn power_of_ten(exponent: i32) -> BigInt {
    BigInt::from(10).pow(u32::try_from(exponent).unwrap_or_default())
}
