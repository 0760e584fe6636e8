//! Signatures of commits and tags: what was signed, and whether a trusted key has signed it.
//!
//! Counterpart: Git's own rules of what a signature covers, and the `git` package of Flux as source-controller 1.9 uses it. Keys and
//! signatures of SSH are checked; OpenPGP is not, and that is said.
//!
//! **Invariant:** only a signature over every other byte of an object, made for Git (namespace `git`), counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use russh::keys::ssh_key::authorized_keys::AuthorizedKeys;
use russh::keys::ssh_key::{HashAlg, PublicKey, SshSig};

use crate::source::Error;

/// What a signature of SSH says that it is for.
const NAMESPACE: &str = "git";
/// How a signature of SSH begins.
const SSH: &str = "-----BEGIN SSH SIGNATURE-----";
/// How a signature of OpenPGP begins.
const PGP: &[&str] = &["-----BEGIN PGP SIGNATURE-----", "-----BEGIN PGP MESSAGE-----"];
/// How a signature with a certificate begins.
const X509: &str = "-----BEGIN SIGNED MESSAGE-----";
/// How a key of OpenPGP begins.
const PGP_KEY: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

/// The bytes of a commit or tag that are signed, and the signature.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signed {
    payload: Arc<[u8]>,
    signature: Option<Arc<str>>,
}

impl Signed {
    /// A commit has its signature in a header, whose further lines begin with a space.
    pub(super) fn of_commit(bytes: &[u8]) -> Self {
        let (mut payload, mut signature) = (Vec::with_capacity(bytes.len()), String::new());
        let mut rest = bytes;
        // Which header the lines that begin with a space go on with.
        let mut header = Header::Other;
        while !rest.is_empty() && !rest.starts_with(b"\n") {
            let (line, after) = split_line(rest);
            rest = after;
            if !line.starts_with(b" ") {
                header = Header::of(line);
            }
            match header {
                Header::Other => payload.extend_from_slice(line),
                Header::Signature => {
                    let text = line.strip_prefix(b"gpgsig").unwrap_or(line);
                    signature.push_str(&String::from_utf8_lossy(text.strip_prefix(b" ").unwrap_or(text)));
                }
                Header::OtherSignature => {}
            }
        }
        payload.extend_from_slice(rest);
        Self { payload: payload.into(), signature: given(&signature) }
    }

    /// A tag has its signature at its end.
    pub(super) fn of_tag(bytes: &[u8]) -> Self {
        let mut begins = bytes.len();
        let mut at = 0;
        while at < bytes.len() {
            let (line, _) = split_line(bytes.get(at..).unwrap_or_default());
            if kind_of(&String::from_utf8_lossy(line)).is_some() {
                begins = at;
            }
            at += line.len();
        }
        let (payload, signature) = bytes.split_at(begins);
        Self { payload: payload.into(), signature: given(&String::from_utf8_lossy(signature)) }
    }

    /// Whether there is a signature, good or not.
    pub fn has_signature(&self) -> bool {
        self.signature.is_some()
    }
}

fn given(signature: &str) -> Option<Arc<str>> {
    let signature = signature.trim();
    (!signature.is_empty()).then(|| signature.into())
}

/// A header of a commit, as far as signatures go.
#[derive(Clone, Copy)]
enum Header {
    /// The signature.
    Signature,
    /// That of the same commit in a repository that names objects by SHA-256; signed by neither.
    OtherSignature,
    Other,
}

impl Header {
    fn of(line: &[u8]) -> Self {
        if line.starts_with(b"gpgsig ") {
            Self::Signature
        } else if line.starts_with(b"gpgsig-sha256 ") {
            Self::OtherSignature
        } else {
            Self::Other
        }
    }
}

/// A line with its end, and what comes after.
fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
    bytes.split_at(end)
}

/// What a signature was made by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ssh,
    Pgp,
    X509,
}

fn kind_of(signature: &str) -> Option<Kind> {
    if signature.starts_with(SSH) {
        Some(Kind::Ssh)
    } else if PGP.iter().any(|beginning| signature.starts_with(beginning)) {
        Some(Kind::Pgp)
    } else {
        signature.starts_with(X509).then_some(Kind::X509)
    }
}

/// The public keys of those whose commits and tags are trusted.
#[derive(Clone, Debug)]
pub struct AuthorKeys {
    ssh: Vec<PublicKey>,
}

impl AuthorKeys {
    /// Every entry of a Secret's data: keys of SSH, each in a line, as OpenSSH's file `authorized_keys` has them.
    ///
    /// # Errors
    /// There is none, or one is of OpenPGP or no key at all.
    pub fn of_secret(name: &str, data: &BTreeMap<String, Vec<u8>>) -> Result<Self, Error> {
        let failed = |message: String| Error::Secret { secret: name.to_owned(), message };
        let mut ssh = Vec::new();
        for (key, value) in data {
            let text = String::from_utf8_lossy(value);
            if text.contains(PGP_KEY) {
                let what = format!(
                    "spec.verify with keys of OpenPGP, as '{key}' of secret '{name}' has them (only SSH signatures are checked)"
                );
                return Err(Error::Unsupported { what });
            }
            for entry in AuthorizedKeys::new(&text) {
                let entry = entry.map_err(|error| {
                    failed(format!("'{key}' holds a line that is no public key of SSH (type, then base64): {error}"))
                })?;
                ssh.push(entry.public_key().clone());
            }
        }
        if ssh.is_empty() {
            return Err(failed("has no public key".to_owned()));
        }
        Ok(Self { ssh })
    }

    /// The fingerprint of the key by which something is signed.
    ///
    /// # Errors
    /// It is not signed by any of these keys, in the words of Flux where it has some.
    pub fn check(&self, signed: &Signed) -> Result<String, String> {
        let Some(signature) = &signed.signature else {
            return Err("unable to verify payload as the provided signature is empty".to_owned());
        };
        match kind_of(signature) {
            Some(Kind::Ssh) => {}
            Some(Kind::Pgp) => return Err("it is signed with OpenPGP, and the keys are of SSH".to_owned()),
            Some(Kind::X509) => return Err("it is signed with a certificate, and the keys are of SSH".to_owned()),
            None => return Err("the kind of its signature is not known".to_owned()),
        }
        // The reader wants a line's end behind the last line.
        let text = format!("{signature}\n");
        let parsed = SshSig::from_pem(text).map_err(|error| format!("its signature cannot be read: {error}"))?;
        let signer = self.ssh.iter().find(|key| key.verify(NAMESPACE, &signed.payload, &parsed).is_ok());
        signer.map(|key| key.fingerprint(HashAlg::Sha256).to_string()).ok_or_else(|| {
            let own = PublicKey::from(parsed.public_key().clone()).fingerprint(HashAlg::Sha256);
            format!("unable to verify payload with any of the given authorized keys; the signature names key {own}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_signature_of_a_commit_is_a_header_and_the_rest_is_signed() {
        let commit = b"tree a\nauthor Ann <a@b> 1 +0000\ngpgsig -----BEGIN X-----\n \n line\n -----END X-----\ngpgsig-sha256 y\n z\nencoding latin1\n\ngpgsig in the message\n more\n";
        let signed = Signed::of_commit(commit);
        assert_eq!(signed.signature.as_deref(), Some("-----BEGIN X-----\n\nline\n-----END X-----"));
        assert_eq!(
            text(&signed.payload),
            "tree a\nauthor Ann <a@b> 1 +0000\nencoding latin1\n\ngpgsig in the message\n more\n"
        );
        let plain = Signed::of_commit(b"tree a\n\nmessage");
        assert!(!plain.has_signature());
        assert_eq!(text(&plain.payload), "tree a\n\nmessage");
    }

    #[test]
    fn the_signature_of_a_tag_is_its_end() {
        let tag = b"object a\ntype commit\n\nof -----BEGIN SSH SIGNATURE-----\n-----BEGIN SSH SIGNATURE-----\nAA\n";
        let signed = Signed::of_tag(tag);
        assert_eq!(text(&signed.payload), "object a\ntype commit\n\nof -----BEGIN SSH SIGNATURE-----\n");
        assert_eq!(signed.signature.as_deref(), Some("-----BEGIN SSH SIGNATURE-----\nAA"));
        assert!(!Signed::of_tag(b"object a\n\nplain\n").has_signature());
    }
}
