//! Private keys: making, reading, writing.
//!
//! Counterpart: the keys in `crypto.go` of sprig 3.3.0. RSA keys are written as PKCS#1, EC keys as SEC 1, others as PKCS#8.
//!
//! **Invariant:** key material never enters an error.

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, PublicKeyData as _, RsaKeySize};

use super::pem::{self, BIT_STRING, INTEGER, OBJECT, OCTET_STRING, SEQUENCE, der, read};

/// A private key that can sign.
pub(super) struct PrivateKey {
    pub(super) pair: KeyPair,
}

impl PrivateKey {
    /// A new RSA key.
    pub(super) fn rsa(size: RsaKeySize) -> Result<Self, String> {
        Self::made(KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, size))
    }

    /// A new key on P-256.
    pub(super) fn ecdsa() -> Result<Self, String> {
        Self::made(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256))
    }

    /// A new Ed25519 key.
    pub(super) fn ed25519() -> Result<Self, String> {
        Self::made(KeyPair::generate_for(&PKCS_ED25519))
    }

    fn made(pair: Result<KeyPair, rcgen::Error>) -> Result<Self, String> {
        pair.map(|pair| Self { pair }).map_err(|error| error.to_string())
    }

    /// Reads a key from PEM; the error is sprig's.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let block = pem::decode(text).ok_or("no PEM data in input")?;
        let what = match block.label.as_str() {
            "PRIVATE KEY" => "decoding PEM as PKCS#8",
            "RSA PRIVATE KEY" => "parsing RSA private key from PEM",
            "EC PRIVATE KEY" => "parsing EC private key from PEM",
            "DSA PRIVATE KEY" => return Err("parsing DSA private key from PEM: not supported".to_owned()),
            label => {
                return Err(match label.strip_suffix(" PRIVATE KEY") {
                    Some(_) => format!("invalid private key type {label}"),
                    None => format!("no private key data in PEM block of type {label}"),
                });
            }
        };
        let pair = KeyPair::try_from(block.bytes.as_slice()).map_err(|_| format!("{what}: malformed key"))?;
        Ok(Self { pair })
    }

    /// The key as PEM.
    pub(super) fn to_pem(&self) -> String {
        let bytes = self.pair.serialized_der();
        if self.pair.algorithm() == &PKCS_ED25519 {
            return pem::encode("PRIVATE KEY", plain_pkcs8(bytes).as_deref().unwrap_or(bytes));
        }
        let inner = unwrap_pkcs8(bytes);
        if self.pair.algorithm() == &PKCS_RSA_SHA256 {
            return pem::encode("RSA PRIVATE KEY", inner.map_or(bytes, |(_, key)| key));
        }
        let named = inner.and_then(|(curve, key)| self.named_ec_key(curve, key));
        pem::encode("EC PRIVATE KEY", named.as_deref().unwrap_or(bytes))
    }

    /// An EC key that names its curve, which PKCS#8 leaves to its envelope.
    fn named_ec_key(&self, curve: &[u8], key: &[u8]) -> Option<Vec<u8>> {
        let (fields, _) = read(SEQUENCE, key)?;
        let (_, fields) = read(INTEGER, fields)?;
        let (secret, _) = read(OCTET_STRING, fields)?;
        let public = [&[0], self.pair.der_bytes()].concat();
        let parts = [
            der(INTEGER, &[1]),
            der(OCTET_STRING, secret),
            der(0xa0, &der(OBJECT, curve)),
            der(0xa1, &der(BIT_STRING, &public)),
        ];
        Some(der(SEQUENCE, &parts.concat()))
    }
}

/// PKCS#8 of the first version, without the public key that aws-lc adds and older programs refuse.
fn plain_pkcs8(bytes: &[u8]) -> Option<Vec<u8>> {
    let (fields, _) = read(SEQUENCE, bytes)?;
    let (_, fields) = read(INTEGER, fields)?;
    let (algorithm, fields) = read(SEQUENCE, fields)?;
    let (key, _) = read(OCTET_STRING, fields)?;
    Some(der(SEQUENCE, &[der(INTEGER, &[0]), der(SEQUENCE, algorithm), der(OCTET_STRING, key)].concat()))
}

/// The curve (for EC keys) and the key within PKCS#8.
fn unwrap_pkcs8(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (fields, _) = read(SEQUENCE, bytes)?;
    let (_, fields) = read(INTEGER, fields)?;
    let (algorithm, fields) = read(SEQUENCE, fields)?;
    let (key, _) = read(OCTET_STRING, fields)?;
    let (_, parameters) = read(OBJECT, algorithm)?;
    Some((read(OBJECT, parameters).map_or(&[][..], |(curve, _)| curve), key))
}
