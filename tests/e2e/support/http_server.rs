//! Any router as a server on loopback, with TLS if asked for; the servers of charts, Git repositories and tokens stand on it.
//!
//! In: a router, and a certificate with its key. Out: an address. Never listens on anything but loopback.
#![allow(dead_code, reason = "the tests of the clients and those of the operator use different parts")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use axum::Router;
use axum::serve::Listener;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A running server; dropping it stops it.
pub(crate) struct HttpServer {
    address: SocketAddr,
    has_tls: bool,
    /// Ends the server when it goes.
    _stop: oneshot::Sender<()>,
}

impl HttpServer {
    /// Serves a router.
    pub(crate) fn start(router: Router) -> Result<Self> {
        Self::start_with(router, None)
    }

    /// Serves a router with TLS, by a certificate and its key in PEM.
    pub(crate) fn start_with_tls(router: Router, certificate: &Path, key: &Path) -> Result<Self> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let certificate = CertificateDer::from_pem_file(certificate).context("read the certificate")?;
        let key = PrivateKeyDer::from_pem_file(key).context("read the key")?;
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key)?;
        Self::start_with(router, Some(TlsAcceptor::from(Arc::new(config))))
    }

    fn start_with(router: Router, tls: Option<TlsAcceptor>) -> Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let has_tls = tls.is_some();
        let (stop, stopped) = oneshot::channel();
        // A thread with a runtime of its own, for a server may outlive the runtime of the test that started it.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        std::thread::Builder::new()
            .name("http-server".to_owned())
            .spawn(move || {
                runtime.block_on(async move {
                    let Ok(listener) = TcpListener::from_std(listener) else { return };
                    let serve = async {
                        let _ = match tls {
                            None => axum::serve(listener, router).await,
                            Some(acceptor) => axum::serve(TlsListener { listener, acceptor }, router).await,
                        };
                    };
                    let _ = futures::future::select(stopped, Box::pin(serve)).await;
                });
            })
            .map_err(|error| anyhow!("no thread for the server: {error}"))?;
        Ok(Self { address, has_tls, _stop: stop })
    }

    /// Address and port.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of the root, without a slash at its end.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.has_tls { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }
}

/// Takes connections that have agreed on TLS; whoever does not is none of ours.
struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            if let Ok((stream, address)) = self.listener.accept().await
                && let Ok(stream) = self.acceptor.accept(stream).await
            {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
