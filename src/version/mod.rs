//! Versions and constraints as Masterminds/semver 3.5 reads them.
//!
//! **Invariant:** never touches the outside.
