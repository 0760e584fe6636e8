//! Chart, values and capabilities in; manifest, hooks, CRDs and notes out.
//!
//! **Invariant:** the same input gives the same output.
