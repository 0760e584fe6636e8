//! The keys of a control plane of one run: a certificate authority, a serving certificate for loopback, a token-signing pair.
//!
//! In: a folder. Out: PEM files in it. Never meant to outlive the run; the keys are fresh each time.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};

/// Paths of the files.
pub(crate) struct Certificates {
    /// The authority that clients trust.
    pub(crate) authority: PathBuf,
    /// The API server's certificate.
    pub(crate) serving: PathBuf,
    /// The key of the API server's certificate.
    pub(crate) serving_key: PathBuf,
    /// Signs service-account tokens.
    pub(crate) token_key: PathBuf,
    /// Verifies service-account tokens.
    pub(crate) token_public_key: PathBuf,
}

impl Certificates {
    /// Makes everything in `folder`.
    pub(crate) fn write(folder: &Path) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "rhumb e2e");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;

        let names = ["127.0.0.1", "localhost", "kubernetes.default.svc"];
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names.map(String::from))?;
        params.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        let serving = params.signed_by(&key, &authority)?;

        let token = KeyPair::generate()?;
        let write = |name: &str, text: String| -> Result<PathBuf> {
            let path = folder.join(name);
            fs::write(&path, text)?;
            Ok(path)
        };
        Ok(Self {
            authority: write("ca.crt", authority.pem())?,
            serving: write("apiserver.crt", serving.pem())?,
            serving_key: write("apiserver.key", key.serialize_pem())?,
            token_key: write("tokens.key", token.serialize_pem())?,
            token_public_key: write("tokens.pub", token.public_key_pem())?,
        })
    }
}
