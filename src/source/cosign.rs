//! Signatures of cosign by keys that are given, beside the artifacts that they sign.
//!
//! Two forms, as Flux's source-controller 1.9 accepts them, newer first:
//!
//! - *Bundles* (cosign 3): a manifest that refers to the artifact, of type `application/vnd.dev.sigstore.bundle.v0.3+json`, whose only
//!   layer is JSON with a DSSE envelope. The envelope's payload is an in-toto statement with the predicate
//!   `https://sigstore.dev/cosign/sign/v1`, whose subject has the artifact's digest; what is
//!   signed is `DSSEv1`, the length of the payload's type, the type, the length of the payload and the payload, split by spaces.
//! - *Tags* (cosign 2): the tag `sha256-<hex>.sig` names a manifest whose layers are payloads of the form "simple signing": JSON whose
//!   `critical.image.docker-manifest-digest` is the artifact's digest. The signature of a layer's bytes, in base64, is the layer's
//!   annotation `dev.cosignproject.cosign/signature`.
//!
//! Signatures are ECDSA (SHA-256, in ASN.1) on P-256, P-384 or P-521, RSA (PKCS #1 v1.5, SHA-256) or Ed25519. The transparency log is not
//! asked, as Flux does not ask it where keys are given.
//!
//! **Invariant:** what is verified is a digest; whoever verifies pulls by that digest.

use std::collections::BTreeMap;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P521_SHA256_ASN1, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci_client::manifest::ImageIndexEntry;
use serde::Deserialize;
use x509_parser::pem::Pem;

use super::library::Library;
use super::registry::{Descriptor, Manifest, Reference, Registries};
use super::{Access, Error};

/// What a manifest of a bundle is kept for.
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// How the names of all versions of a bundle's type begin.
const BUNDLE_PREFIX: &str = "application/vnd.dev.sigstore.bundle";
/// The type of a layer with a payload of simple signing.
const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The annotation that holds the signature of a payload.
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// The type of a statement in an envelope.
const STATEMENT: &str = "application/vnd.in-toto+json";
/// What a statement says that is a signature.
const SIGNED: &str = "https://sigstore.dev/cosign/sign/v1";
/// What keys in a Secret end with.
const KEY_SUFFIX: &str = ".pub";
/// The most bytes of a payload or bundle.
const MAX_SIGNATURE_SIZE: u64 = 1024 * 1024;
/// How many signatures of one artifact are looked at.
const MAX_SIGNATURES: usize = 50;

/// The forms of keys, of which the first that a key fits is its own.
const ALGORITHMS: [&dyn VerificationAlgorithm; 5] =
    [&ECDSA_P256_SHA256_ASN1, &ECDSA_P384_SHA256_ASN1, &ECDSA_P521_SHA256_ASN1, &RSA_PKCS1_2048_8192_SHA256, &ED25519];

/// Keys that are trusted.
#[derive(Clone)]
pub struct PublicKeys(Vec<ParsedPublicKey>);

impl PublicKeys {
    /// Every entry of a Secret's data whose name ends with `.pub`, in PEM.
    ///
    /// # Errors
    /// There is none, or one is no public key that is known here.
    pub fn of_secret(name: &str, data: &BTreeMap<String, Vec<u8>>) -> Result<Self, Error> {
        let failed = |message: String| Error::Secret { secret: name.to_owned(), message };
        let mut keys = Vec::new();
        for (key, pem) in data.iter().filter(|(key, _)| key.ends_with(KEY_SUFFIX)) {
            let parsed = parse(pem).ok_or_else(|| {
                failed(format!("'{key}' is no public key in PEM of a kind that can be used: ECDSA (P-256, P-384, P-521), RSA of at least 2048 bits, Ed25519"))
            })?;
            keys.push(parsed);
        }
        if keys.is_empty() {
            return Err(failed("has no public key: none of its keys ends with '.pub'".to_owned()));
        }
        Ok(Self(keys))
    }

    fn have_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.iter().any(|key| key.verify_sig(message, signature).is_ok())
    }
}

fn parse(pem: &[u8]) -> Option<ParsedPublicKey> {
    let pem = Pem::iter_from_buffer(pem).find_map(|found| found.ok().filter(|pem| pem.label == "PUBLIC KEY"))?;
    ALGORITHMS.iter().find_map(|algorithm| ParsedPublicKey::new(*algorithm, &pem.contents).ok())
}

impl Library {
    /// Checks that one of the keys has signed the artifact with a digest in a source's repository (or one below it).
    ///
    /// # Errors
    /// Nobody has, or the registry cannot be asked.
    pub async fn verify(
        &self,
        access: &Access,
        name: Option<&str>,
        digest: &str,
        keys: &PublicKeys,
    ) -> Result<(), Error> {
        let reference = Reference::of(access, name)?.digested(digest);
        let mut check =
            Check { registries: &self.0.registries, access, reference: &reference, keys, signatures: 0, of_others: 0 };
        if check.bundles().await? || check.tag().await? {
            return Ok(());
        }
        Err(Error::Verification { reference: reference.to_string(), message: check.told() })
    }
}

/// The check of one artifact.
struct Check<'a> {
    registries: &'a Registries,
    access: &'a Access,
    reference: &'a Reference,
    keys: &'a PublicKeys,
    /// How many signatures were looked at.
    signatures: usize,
    /// How many of them are good, but of something else.
    of_others: usize,
}

impl Check<'_> {
    /// Whether a bundle that refers to the artifact is signed by one of the keys.
    async fn bundles(&mut self) -> Result<bool, Error> {
        let Self { registries, access, reference, keys, .. } = *self;
        // What a registry says of itself cannot be trusted before it is checked, so a wrong type is found out by the bundle itself.
        let referrers = registries.referrers(access, reference).await?;
        let bundles = referrers.iter().filter(|found| is_bundle(found)).take(MAX_SIGNATURES);
        for bundle in bundles {
            let at = reference.digested(&bundle.digest);
            let manifest = registries.manifest(access, &at).await?;
            let Some(layer) = manifest.layers.iter().find(|layer| layer.media_type.starts_with(BUNDLE_PREFIX)) else {
                continue;
            };
            let bytes = registries.layer(access, &at, layer, ("signature", MAX_SIGNATURE_SIZE)).await?;
            self.signatures += 1;
            if Bundle::verifies(&bytes, reference.artifact(), keys) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a layer behind the artifact's tag of signatures is signed by one of the keys.
    async fn tag(&mut self) -> Result<bool, Error> {
        let Self { registries, access, reference, keys, .. } = *self;
        let tag = reference.tagged(&format!("{}.sig", reference.artifact().replace(':', "-")));
        let Some(manifest) = registries.manifest_if_there(access, &tag).await? else { return Ok(false) };
        for layer in signature_layers(&manifest) {
            let annotated = layer.annotations.as_ref().and_then(|all| all.get(SIGNATURE));
            let Some(signature) = annotated.and_then(|text| STANDARD.decode(text).ok()) else {
                continue;
            };
            let payload = registries.layer(access, &tag, layer, ("signature", MAX_SIGNATURE_SIZE)).await?;
            self.signatures += 1;
            if keys.have_signed(&payload, &signature) {
                if is_payload_of(&payload, reference.artifact()) {
                    return Ok(true);
                }
                self.of_others += 1;
            }
        }
        Ok(false)
    }

    /// Why nothing was good.
    fn told(&self) -> String {
        let count = self.keys.0.len();
        match (self.signatures, self.of_others) {
            (0, _) => format!(
                "no signature was found: neither a bundle ({BUNDLE}) that refers to it nor a tag with the ending .sig"
            ),
            (signatures, 0) => {
                format!("no matching signatures: none of {signatures} is by one of the {count} keys of the Secret")
            }
            (_, of_others) => {
                format!("no matching signatures: {of_others} by a key of the Secret are for another digest")
            }
        }
    }
}

fn signature_layers(manifest: &Manifest) -> impl Iterator<Item = &Descriptor> {
    manifest.layers.iter().filter(|layer| layer.media_type == SIMPLE_SIGNING).take(MAX_SIGNATURES)
}

fn is_bundle(found: &ImageIndexEntry) -> bool {
    // The list that stands in for one that the registry does not keep may leave the type to the manifest.
    match found.artifact_type.as_deref().filter(|kind| !kind.is_empty()) {
        Some(kind) => kind.starts_with(BUNDLE_PREFIX),
        None => found.annotations.iter().flatten().any(|(key, _)| key == "dev.sigstore.bundle.content"),
    }
}

/// Whether a payload of simple signing speaks of a digest.
fn is_payload_of(payload: &[u8], digest: &str) -> bool {
    #[derive(Deserialize)]
    struct Payload {
        critical: Critical,
    }
    #[derive(Deserialize)]
    struct Critical {
        image: Image,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Image {
        docker_manifest_digest: String,
    }
    let payload: Option<Payload> = serde_json::from_slice(payload).ok();
    payload.is_some_and(|payload| payload.critical.image.docker_manifest_digest == digest)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    dsse_envelope: Option<Envelope>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Deserialize)]
struct EnvelopeSignature {
    sig: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    predicate_type: String,
    subject: Vec<Subject>,
}

#[derive(Deserialize)]
struct Subject {
    digest: BTreeMap<String, String>,
}

impl Bundle {
    /// Whether a bundle holds a signature by one of the keys over something that speaks of the digest.
    fn verifies(bytes: &[u8], digest: &str, keys: &PublicKeys) -> bool {
        let bundle: Option<Self> = serde_json::from_slice(bytes).ok();
        bundle.and_then(|bundle| bundle.dsse_envelope).is_some_and(|envelope| envelope.verifies(digest, keys))
    }
}

impl Envelope {
    fn verifies(&self, digest: &str, keys: &PublicKeys) -> bool {
        let Ok(payload) = STANDARD.decode(&self.payload) else { return false };
        if self.payload_type != STATEMENT {
            return false;
        }
        let Ok(statement) = serde_json::from_slice::<Statement>(&payload) else { return false };
        // An attestation says something about the artifact, which need not be anything good.
        if statement.predicate_type != SIGNED {
            return false;
        }
        let (algorithm, hex) = digest.split_once(':').unwrap_or_default();
        let speaks = |subject: &Subject| subject.digest.get(algorithm).is_some_and(|found| found == hex);
        if !statement.subject.iter().any(speaks) {
            return false;
        }
        let signed = signed_bytes(&self.payload_type, &payload);
        let signatures = self.signatures.iter().take(MAX_SIGNATURES);
        signatures.filter_map(|one| STANDARD.decode(&one.sig).ok()).any(|one| keys.have_signed(&signed, &one))
    }
}

/// What is signed of an envelope, so that neither type nor payload can pass for the other.
fn signed_bytes(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}
