//! The release record as Helm 4.3 stores it.
//!
//! **Invariant:** never reads the clock; times come in.
