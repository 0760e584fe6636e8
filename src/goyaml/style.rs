//! What the two versions of go-yaml do differently, as data.
//!
//! **Invariant:** nothing but this table and the order of keys depends on the version.

/// A version of go-yaml.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// go-yaml v2.4, behind sigs.k8s.io/yaml.
    V2,
    /// go-yaml v3.0.
    V3,
}

/// How documents are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) dialect: Dialect,
    /// Scalars are broken at the first space past this column.
    pub(super) width: usize,
    /// Whether a sequence stands flush with the key that it belongs to.
    pub(super) flush_sequences: bool,
    /// Whether words that only YAML 1.1 takes for booleans are quoted, though they resolve to strings.
    pub(super) quote_old_bools: bool,
    /// Whether a tab may stand in a literal block.
    pub(super) literal_tabs: bool,
}

/// `yaml.Marshal` of go-yaml v2.4.
pub(super) const V2: Style =
    Style { dialect: Dialect::V2, width: 80, flush_sequences: true, quote_old_bools: false, literal_tabs: false };

/// An encoder of go-yaml v3.0 after `SetIndent(2)`.
pub(super) const V3: Style = Style {
    dialect: Dialect::V3,
    width: usize::MAX,
    flush_sequences: false,
    quote_old_bools: true,
    literal_tabs: true,
};
