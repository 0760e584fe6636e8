//! Placeholder.
use std::fmt;

use super::ObjectDrift;

pub(super) fn write(drift: &ObjectDrift, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(formatter, "{}", drift.object)
}
