//! The chart model and how it is loaded from bytes.
//!
//! **Invariant:** never reads files itself; bytes come in.
