//! rhumb.
