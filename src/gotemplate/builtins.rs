//! The functions that every template has.
//!
//! Counterpart of `text/template/funcs.go`.
//!
//! **Invariant:** depends on its arguments alone.

/// A builtin that sees its arguments before they are evaluated or whether they came out of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Builtin(pub(super) Special);

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Special {
    /// `and`, which stops at the first false argument.
    And,
    /// `or`, which stops at the first true argument.
    Or,
    /// `call`, which names the argument in its errors.
    Call,
    /// `len`, which tells no value from an empty interface.
    Len,
}
