//! Desired against live objects.
//!
//! **Invariant:** never shows the content of a Secret.
