//! Digests as they stand in indexes, manifests and statuses.
//!
//! **Invariant:** a digest is always written with its algorithm and hex in lower case; one of an algorithm that is not known here
//! never matches.

use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// The digest of bytes.
pub(super) fn sha256(bytes: &[u8]) -> String {
    written(&Sha256::digest(bytes))
}

/// The digest of bytes by the algorithm of another digest; none if the algorithm is not known, such as BLAKE3.
pub(super) fn alike(digest: &str, bytes: &[u8]) -> Option<String> {
    match digest.split_once(':') {
        None | Some(("sha256", _)) => Some(sha256(bytes)),
        Some(("sha384", _)) => Some(named("sha384", &Sha384::digest(bytes))),
        Some(("sha512", _)) => Some(named("sha512", &Sha512::digest(bytes))),
        Some(_) => None,
    }
}

/// A finished hash of SHA-256 as it is written.
pub(super) fn written(hash: &[u8]) -> String {
    named("sha256", hash)
}

fn named(algorithm: &str, hash: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(algorithm.len() + 1 + hash.len() * 2);
    text.push_str(algorithm);
    text.push(':');
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
