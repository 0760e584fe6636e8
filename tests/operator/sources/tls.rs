//! Certificates: servers are trusted by the authority that is given, and our own is shown to the source's own server only.

use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, Issuer, KeyPair};
use rhumb::source::{Access, ClientCertificate, Library, Tls};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// An authority with a key of its own.
type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for loopback and its key.
fn certificate(authority: &Issuer<'static, KeyPair>) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    (params.signed_by(&key, authority).unwrap(), key)
}

/// A server with TLS that answers everybody the same, and notes who showed a certificate.
async fn serve(authority: &Authority, asks: bool, answer: String) -> (String, Arc<Mutex<Vec<bool>>>) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (own, key) = certificate(authority);
    let mut trusted = RootCertStore::empty();
    trusted.add(CertificateDer::from(authority.der().to_vec())).unwrap();
    let mut verifier = WebPkiClientVerifier::builder(Arc::new(trusted));
    if !asks {
        verifier = verifier.allow_unauthenticated();
    }
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder().with_client_cert_verifier(verifier.build().unwrap());
    let config = config.with_single_cert(vec![own.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let shown = Arc::<Mutex<Vec<bool>>>::default();
    let noted = Arc::clone(&shown);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // Whom we do not know, or who does not know us, is none of ours.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            noted.lock().unwrap().push(stream.get_ref().1.peer_certificates().is_some());
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (url, shown)
}

fn body(text: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}", text.len())
}

#[tokio::test]
async fn a_server_is_trusted_by_the_authority_that_is_given() {
    let authority = authority();
    let (url, _) = serve(&authority, false, body("hello")).await;
    let library = Library::default();
    let trusting = |ca: Option<&Authority>| Access {
        tls: Tls { ca: ca.map(|ca| ca.pem().into_bytes()), client: None },
        ..Access::anonymous(&url)
    };
    assert_eq!(library.file(&trusting(Some(&authority))).await.unwrap(), b"hello");
    for wrong in [None, Some(&self::authority())] {
        let error = library.file(&trusting(wrong)).await.unwrap_err().to_string();
        assert!(error.contains("certificate"), "{error}");
    }
}

#[tokio::test]
async fn our_certificate_is_shown_to_the_sources_own_server_only() {
    let authority = authority();
    let (elsewhere, seen_elsewhere) = serve(&authority, false, body("hello")).await;
    let redirect =
        format!("HTTP/1.1 302 Found\r\nlocation: {elsewhere}/file\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let (url, seen) = serve(&authority, true, redirect).await;
    let (own, key) = certificate(&authority);
    let client = ClientCertificate { certificate: own.pem().into_bytes(), key: key.serialize_pem().into_bytes() };
    let access =
        Access { tls: Tls { ca: Some(authority.pem().into_bytes()), client: Some(client) }, ..Access::anonymous(&url) };
    assert_eq!(Library::default().file(&access).await.unwrap(), b"hello");
    assert_eq!(
        (seen.lock().unwrap().as_slice(), seen_elsewhere.lock().unwrap().as_slice()),
        (&[true][..], &[false][..])
    );

    // Without it, the server that asks for one is not to be had; the source that has it is no help to others.
    let library = Library::default();
    library.file(&access).await.unwrap();
    let nobody = Access { tls: Tls { client: None, ..access.tls.clone() }, ..access };
    library.file(&nobody).await.unwrap_err();
}
