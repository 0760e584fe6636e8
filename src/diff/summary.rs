//! Drift in words for conditions, events and logs.
//!
//! **Invariant:** never longer than a few fields, and never a value that comparison has masked.

use std::fmt;

use super::{Change, FieldChange, FieldChangeKind, ObjectDrift};

/// How many fields of one object are told.
const MAX_FIELDS: usize = 8;

pub(super) fn write(drift: &ObjectDrift, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(formatter, "{} ", drift.object)?;
    let Change::Changed(changes) = &drift.change else { return formatter.write_str("removed") };
    formatter.write_str("changed (")?;
    for (index, change) in changes.iter().take(MAX_FIELDS).enumerate() {
        if index > 0 {
            formatter.write_str(", ")?;
        }
        field(change, formatter)?;
    }
    if let Some(more) = changes.len().checked_sub(MAX_FIELDS).filter(|more| *more > 0) {
        write!(formatter, " and {more} more")?;
    }
    formatter.write_str(")")
}

fn field(change: &FieldChange, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    formatter.write_str(&change.pointer)?;
    match (&change.values, change.kind) {
        (Some((desired, live)), FieldChangeKind::Changed) => write!(formatter, ": {desired} → {live}"),
        (_, FieldChangeKind::Removed) => formatter.write_str(" removed"),
        (None, FieldChangeKind::Changed) => Ok(()),
    }?;
    match &change.manager {
        Some(manager) => write!(formatter, " by {manager}"),
        None => Ok(()),
    }
}
