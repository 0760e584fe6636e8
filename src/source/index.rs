//! The index of a chart repository: which charts in which versions, and where their archives are.
//!
//! **Invariant:** keeps only what finding an archive needs.

/// An index, as last fetched.
#[derive(Debug, Default)]
pub struct Index {
    /// The digest of its bytes, `sha256:` and hex.
    pub digest: String,
    /// How many bytes it had.
    pub size: u64,
}
