//! Signatures of cosign, made here by the rules of its specification: payloads under a tag with the ending `.sig`, and bundles that
//! refer to the artifact.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, PublicKeyData as _, SigningKey as _};
use rhumb::source::{Access, Error, Library, PublicKeys};
use serde_json::{Value, json};

use super::registry::{push, put_manifest, registry};
use super::server::{Answer, Server, digest, package};

const REPOSITORY: &str = "charts/app";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

fn trusting(keys: &[&KeyPair]) -> PublicKeys {
    let data: BTreeMap<String, Vec<u8>> =
        keys.iter().enumerate().map(|(at, key)| (format!("{at}.pub"), key.public_key_pem().into_bytes())).collect();
    PublicKeys::of_secret("ns/keys", &data).unwrap()
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": digest(bytes), "size": bytes.len()})
}

/// The payload of simple signing for a digest.
fn payload(signed: &str) -> String {
    json!({
        "critical": {
            "identity": {"docker-reference": "charts/app"},
            "image": {"docker-manifest-digest": signed},
            "type": "cosign container image signature",
        },
        "optional": null,
    })
    .to_string()
}

/// Puts signatures of payloads under the artifact's `.sig` tag.
fn sign_by_tag(server: &Server, artifact: &str, signatures: &[(&KeyPair, String)]) {
    let mut layers = Vec::new();
    for (key, payload) in signatures {
        let mut layer = descriptor("application/vnd.dev.cosign.simplesigning.v1+json", payload.as_bytes());
        let signature = STANDARD.encode(key.sign(payload.as_bytes()).unwrap());
        layer["annotations"] = json!({"dev.cosignproject.cosign/signature": signature});
        layers.push(layer);
        let blob = format!("/v2/{REPOSITORY}/blobs/{}", digest(payload.as_bytes()));
        server.set(&blob, Answer::ok(payload.as_bytes()));
    }
    let manifest = json!({"schemaVersion": 2, "layers": layers}).to_string();
    put_manifest(server, REPOSITORY, &format!("{}.sig", artifact.replace(':', "-")), &manifest);
}

/// A bundle with a statement about a digest.
fn bundle(key: &KeyPair, signed: &str, predicate: &str) -> String {
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": signed.trim_start_matches("sha256:")}}],
        "predicateType": predicate,
        "predicate": {},
    })
    .to_string();
    let kind = "application/vnd.in-toto+json";
    let message = format!("DSSEv1 {} {kind} {} {statement}", kind.len(), statement.len());
    json!({
        "mediaType": BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": "a"}},
        "dsseEnvelope": {
            "payload": STANDARD.encode(&statement),
            "payloadType": kind,
            "signatures": [{"sig": STANDARD.encode(key.sign(message.as_bytes()).unwrap())}],
        },
    })
    .to_string()
}

/// Puts a manifest with a bundle, and gives the entry for the list of what refers to the artifact.
fn put_bundle(server: &Server, bundle: &str) -> Value {
    server.set(&format!("/v2/{REPOSITORY}/blobs/{}", digest(bundle.as_bytes())), Answer::ok(bundle));
    let layers = [descriptor(BUNDLE, bundle.as_bytes())];
    let manifest = json!({"schemaVersion": 2, "artifactType": BUNDLE, "layers": layers}).to_string();
    let found = put_manifest(server, REPOSITORY, "bundle", &manifest);
    json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": BUNDLE,
        "digest": found,
        "size": manifest.len(),
    })
}

fn index_of(entries: &[Value]) -> String {
    json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries})
        .to_string()
}

/// A registry with a chart, and the digest of its manifest.
async fn artifact() -> (Server, Access, String) {
    let (server, access) = registry(&["1.0.0"]).await;
    let digest = push(&server, REPOSITORY, "1.0.0", &package("app", "1.0.0"));
    (server, access, digest)
}

async fn verify(access: &Access, digest: &str, keys: &PublicKeys) -> Result<(), Error> {
    Library::default().verify(access, Some("app"), digest, keys).await
}

#[tokio::test]
async fn a_signature_under_a_tag_is_verified_by_any_of_the_keys() {
    for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ED25519, &PKCS_RSA_SHA256] {
        let (server, access, digest) = artifact().await;
        let (own, other) = (KeyPair::generate_for(algorithm).unwrap(), key());
        sign_by_tag(&server, &digest, &[(&own, payload(&digest))]);
        verify(&access, &digest, &trusting(&[&other, &own])).await.unwrap();
        let error = verify(&access, &digest, &trusting(&[&other])).await.unwrap_err().to_string();
        let expected = format!(
            "failed to verify the signature using provider 'cosign': oci://{}/charts/app@{digest}: no matching signatures: none of 1 is by one of the 1 keys of the Secret",
            server.host
        );
        assert_eq!(error, expected);
    }
}

#[tokio::test]
async fn a_good_signature_of_another_artifact_is_none_of_this_one() {
    let (server, access, signed) = artifact().await;
    let key = key();
    let other = payload(&digest(b"another"));
    sign_by_tag(&server, &signed, &[(&key, other)]);
    let error = verify(&access, &signed, &trusting(&[&key])).await.unwrap_err().to_string();
    assert!(error.ends_with("no matching signatures: 1 by a key of the Secret are for another digest"), "{error}");
    // One that is good is enough.
    sign_by_tag(&server, &signed, &[(&key, payload(&digest(b"another"))), (&key, payload(&signed))]);
    verify(&access, &signed, &trusting(&[&key])).await.unwrap();
}

#[tokio::test]
async fn a_payload_that_was_changed_is_refused() {
    let (server, access, signed) = artifact().await;
    let key = key();
    sign_by_tag(&server, &signed, &[(&key, payload(&signed))]);
    let changed = payload(&signed).replace("charts/app", "charts/bad");
    server.set(&format!("/v2/{REPOSITORY}/blobs/{}", digest(payload(&signed).as_bytes())), Answer::ok(changed));
    let error = verify(&access, &signed, &trusting(&[&key])).await.unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error}");
}

#[tokio::test]
async fn bundles_that_refer_to_the_artifact_are_verified() {
    let (server, access, signed) = artifact().await;
    let (own, other) = (key(), key());
    let referrers = format!("/v2/{REPOSITORY}/referrers/{signed}");
    let entry = put_bundle(&server, &bundle(&own, &signed, SIGN));
    server.set(&referrers, Answer::ok(index_of(std::slice::from_ref(&entry))));
    verify(&access, &signed, &trusting(&[&other, &own])).await.unwrap();
    verify(&access, &signed, &trusting(&[&other])).await.unwrap_err();

    // A registry that knows of no referrers has their list under a tag.
    server.set(&referrers, Answer::status(404));
    put_manifest(&server, REPOSITORY, &signed.replace(':', "-"), &index_of(&[entry]));
    verify(&access, &signed, &trusting(&[&own])).await.unwrap();
}

#[tokio::test]
async fn a_bundle_must_be_a_signature_and_speak_of_the_artifact() {
    let (server, access, signed) = artifact().await;
    let key = key();
    let good = bundle(&key, &signed, SIGN);
    let mut unsigned: Value = serde_json::from_str(&good).unwrap();
    unsigned["dsseEnvelope"]["payloadType"] = json!("application/json");
    for bad in [
        bundle(&key, &digest(b"another"), SIGN),
        bundle(&key, &signed, "https://spdx.dev/Document"),
        unsigned.to_string(),
        "{}".to_owned(),
        "nothing".to_owned(),
    ] {
        let entry = put_bundle(&server, &bad);
        server.set(&format!("/v2/{REPOSITORY}/referrers/{signed}"), Answer::ok(index_of(&[entry])));
        let error = verify(&access, &signed, &trusting(&[&key])).await.unwrap_err();
        assert!(matches!(error, Error::Verification { .. }), "{bad}: {error}");
    }
}

#[tokio::test]
async fn what_is_not_signed_at_all_is_told_so() {
    let (_server, access, digest) = artifact().await;
    let error = verify(&access, &digest, &trusting(&[&key()])).await.unwrap_err().to_string();
    assert!(error.contains("no signature was found"), "{error}");
}

#[test]
fn keys_are_read_by_their_ending_and_must_be_keys() {
    let key = key();
    let secret = |pairs: &[(&str, &str)]| {
        let data = pairs.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
        PublicKeys::of_secret("ns/keys", &data).map(drop).map_err(|error| error.to_string())
    };
    let pem = key.public_key_pem();
    assert_eq!(secret(&[("a.pub", &pem), ("note", "anything")]), Ok(()));
    assert_eq!(
        secret(&[("cosign.key", &pem)]).unwrap_err(),
        "secret 'ns/keys': has no public key: none of its keys ends with '.pub'"
    );
    let error = secret(&[("a.pub", &pem), ("b.pub", "-----BEGIN CERTIFICATE-----")]).unwrap_err();
    assert!(error.starts_with("secret 'ns/keys': 'b.pub' is no public key in PEM"), "{error}");
    assert!(!key.subject_public_key_info().is_empty());
}
