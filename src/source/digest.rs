//! Digests as they stand in indexes, manifests and statuses.
//!
//! **Invariant:** a digest is always written with its algorithm, `sha256:` and hex in lower case.

use sha2::{Digest as _, Sha256};

/// The digest of bytes.
pub(super) fn sha256(bytes: &[u8]) -> String {
    written(&Sha256::digest(bytes))
}

/// A finished hash as it is written.
pub(super) fn written(hash: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(7 + hash.len() * 2);
    text.push_str("sha256:");
    for byte in hash {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Whether two digests are equal, whichever of them is written in capitals or without its algorithm.
pub(super) fn equal(left: &str, right: &str) -> bool {
    let bare = |digest: &str| digest.strip_prefix("sha256:").unwrap_or(digest).to_ascii_lowercase();
    bare(left) == bare(right)
}
