//! Text to tokens.
//!
//! **Invariant:** every byte of the text belongs to one token or to trimmed space.
