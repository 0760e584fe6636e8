//! The decision core: observation in, decision out.
//!
//! **Invariant:** never acts, never reads the clock.
