//! Connections: in the cluster, by a kubeconfig, and in the name of a service account.
//!
//! Impersonation adds headers on top of the same connection pool, so a thousand tenants cost one TLS session.
//!
//! **Invariant:** a client of one identity never sends a request with another's headers.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::task;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, Request};
use kube::client::{Body, ClientBuilder};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use super::{Error, Fence};
use crate::telemetry::Requests;

/// How we name ourselves to the API server; audit logs show it.
const USER_AGENT: &str = concat!("rhumb/", env!("CARGO_PKG_VERSION"));

/// How to reach the API server.
#[derive(Clone, Debug, Default)]
pub enum Connection {
    /// `KUBECONFIG` or `~/.kube/config` where there is one, else the pod's service account.
    #[default]
    Infer,
    /// A kubeconfig file.
    File(PathBuf),
    /// The text of a kubeconfig, as in a Secret.
    Text(String),
}

/// A token that every request carries, and that can be renewed while connections last.
#[derive(Clone)]
pub struct Bearer(Arc<RwLock<HeaderValue>>);

impl Bearer {
    /// A first token.
    ///
    /// # Errors
    /// If it is none that a header could carry.
    pub fn new(token: &str) -> Result<Self, Error> {
        Ok(Self(Arc::new(RwLock::new(bearer_header(token)?))))
    }

    /// Another token from now on.
    ///
    /// # Errors
    /// If it is none that a header could carry.
    pub fn renew(&self, token: &str) -> Result<(), Error> {
        let header = bearer_header(token)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = header;
        Ok(())
    }

    fn sign(&self, request: &mut Request<Body>) {
        let header = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        request.headers_mut().insert(http::header::AUTHORIZATION, header);
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Bearer")
    }
}

fn bearer_header(token: &str) -> Result<HeaderValue, Error> {
    let header = HeaderValue::from_str(&format!("Bearer {token}"));
    let mut header =
        header.map_err(|_| Error::Configuration { message: "a token has characters that none has".into() })?;
    header.set_sensitive(true);
    Ok(header)
}

/// Which namespaces the shared watches cover.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WatchScope {
    /// All of them, which needs cluster-wide permissions.
    #[default]
    Cluster,
    /// One namespace (`--watch-all-namespaces=false`).
    Namespace(String),
}

/// How to connect and what to watch.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// How to reach the API server.
    pub connection: Connection,
    /// The token to come with, where the connection has no credentials itself.
    pub bearer: Option<Bearer>,
    /// Which namespaces the shared watches cover.
    pub scope: WatchScope,
    /// The field manager of server-side apply.
    pub field_manager: String,
    /// Counts the requests.
    pub requests: RequestCounter,
    /// Counts the answers.
    pub answers: Requests,
    /// Holds writes back once this process leads no more.
    pub fence: Fence,
    /// Allow a kubeconfig that runs programs (`--insecure-kubeconfig-exec`).
    pub allow_exec: bool,
    /// Allow a kubeconfig that turns off certificate checks (`--insecure-kubeconfig-tls`).
    pub allow_insecure_tls: bool,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            connection: Connection::default(),
            bearer: None,
            scope: WatchScope::default(),
            field_manager: super::FIELD_MANAGER.to_owned(),
            requests: RequestCounter::default(),
            answers: Requests::default(),
            fence: Fence::default(),
            allow_exec: false,
            allow_insecure_tls: false,
        }
    }
}

/// In whose name requests are made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Impersonation {
    /// A service account.
    ServiceAccount {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
}

/// Counts requests to the API server by verb; clones count together.
#[derive(Clone, Debug, Default)]
pub struct RequestCounter {
    counts: Arc<[AtomicU64; 6]>,
}

/// The verbs in the order of the counts.
const VERBS: [&str; 6] = ["get", "watch", "create", "update", "patch", "delete"];

impl RequestCounter {
    /// Requests so far by verb: `get` (lists included), `watch`, `create`, `update`, `patch`, `delete`.
    pub fn by_verb(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        VERBS.iter().copied().zip(self.counts.iter().map(|count| count.load(Ordering::Relaxed)))
    }

    /// All requests so far.
    pub fn total(&self) -> u64 {
        self.by_verb().map(|(_, count)| count).sum()
    }
}

impl RequestCounter {
    fn count<B>(&self, request: &Request<B>) {
        let query = request.uri().query().unwrap_or_default();
        let verb = match *request.method() {
            Method::GET if query.split('&').any(|part| part.starts_with("watch=")) => 1,
            Method::POST => 2,
            Method::PUT => 3,
            Method::PATCH => 4,
            Method::DELETE => 5,
            _ => 0,
        };
        if let Some(count) = self.counts.get(verb) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// An address without the credentials that it may hold, for logs.
fn shown(address: &http::Uri) -> String {
    let authority = address.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{}://{host}{}", address.scheme_str().unwrap_or_default(), address.path())
}

/// A client for the options; sends nothing yet.
pub(super) async fn connect(options: &ConnectOptions) -> Result<Client, Error> {
    // Another part of the program may have been first, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut config = match &options.connection {
        Connection::Infer => Config::infer().await.map_err(configuration)?,
        Connection::File(path) => load(Kubeconfig::read_from(path).map_err(configuration)?, options).await?,
        Connection::Text(text) => {
            load(
                Kubeconfig::from_yaml(text).map_err(|_| Error::Configuration {
                    // The parser's own message may quote credentials.
                    message: "the kubeconfig is not valid YAML of a kubeconfig".into(),
                })?,
                options,
            )
            .await?
        }
    };
    // Errors of a connection that cannot be had do not name the address.
    tracing::info!(server = shown(&config.cluster_url), "using the API server");
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.headers.push((http::header::USER_AGENT, HeaderValue::from_static(USER_AGENT)));
    let requests = options.requests.clone();
    let count = tower::util::MapRequestLayer::new(move |request: Request<Body>| {
        requests.count(&request);
        request
    });
    let bearer = options.bearer.clone();
    let sign = tower::util::MapRequestLayer::new(move |mut request: Request<Body>| {
        if let Some(bearer) = &bearer {
            bearer.sign(&mut request);
        }
        request
    });
    let answers = options.answers.clone();
    let tell = tower::layer::layer_fn(move |inner| Answered { inner, answers: answers.clone() });
    let fence = options.fence.clone();
    let fenced = tower::filter::FilterLayer::new(move |request: Request<Body>| fence.check(request));
    let builder = ClientBuilder::try_from(config).map_err(configuration)?;
    Ok(builder.with_layer(&sign).with_layer(&tell).with_layer(&count).with_layer(&fenced).build())
}

/// Counts what comes back from a server.
#[derive(Clone)]
struct Answered<S> {
    inner: S,
    answers: Requests,
}

impl<S, B> tower::Service<Request<Body>> for Answered<S>
where
    S: tower::Service<Request<Body>, Response = http::Response<B>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    B: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut task::Context<'_>) -> task::Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let method = request.method().clone();
        let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let answers = self.answers.clone();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            answers.answered(method.as_str(), &host, answer.as_ref().ok().map(|answer| answer.status().as_u16()));
            answer
        })
    }
}

/// A kubeconfig that comes from a user may neither run programs nor turn off certificate checks, unless allowed.
async fn load(kubeconfig: Kubeconfig, options: &ConnectOptions) -> Result<Config, Error> {
    let users = kubeconfig.auth_infos.iter().filter_map(|user| user.auth_info.as_ref());
    let runs_program = users.into_iter().any(|user| user.exec.is_some() || user.auth_provider.is_some());
    if runs_program && !options.allow_exec {
        return Err(Error::Configuration { message: "the kubeconfig runs a program for its credentials".into() });
    }
    let clusters = kubeconfig.clusters.iter().filter_map(|cluster| cluster.cluster.as_ref());
    let skips_checks = clusters.into_iter().any(|cluster| cluster.insecure_skip_tls_verify == Some(true));
    if skips_checks && !options.allow_insecure_tls {
        return Err(Error::Configuration { message: "the kubeconfig turns off certificate checks".into() });
    }
    if matches!(options.connection, Connection::Text(_)) {
        check_self_contained(&kubeconfig)?;
    }
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.map_err(configuration)
}

/// A kubeconfig from a Secret must not name files: they would be this program's own, such as its token, sent wherever its author likes.
fn check_self_contained(kubeconfig: &Kubeconfig) -> Result<(), Error> {
    let users = kubeconfig.auth_infos.iter().filter_map(|user| user.auth_info.as_ref());
    let of_users = users.into_iter().flat_map(|user| {
        [
            ("tokenFile", user.token_file.is_some()),
            ("client-certificate", user.client_certificate.is_some()),
            ("client-key", user.client_key.is_some()),
        ]
    });
    let clusters = kubeconfig.clusters.iter().filter_map(|cluster| cluster.cluster.as_ref());
    let of_clusters =
        clusters.into_iter().map(|cluster| ("certificate-authority", cluster.certificate_authority.is_some()));
    match of_users.chain(of_clusters).find(|(_, given)| *given) {
        Some((field, _)) => Err(Error::Configuration {
            message: format!("the kubeconfig names a file ({field}); give its content instead"),
        }),
        None => Ok(()),
    }
}

fn configuration(error: impl std::error::Error) -> Error {
    Error::Configuration { message: error.to_string() }
}

/// A client over the same connections that speaks in another's name.
pub(super) fn impersonate(client: &Client, user: &Impersonation) -> Client {
    let base = client.clone();
    let (name, value) = user.header();
    let service = tower::service_fn(move |mut request: Request<Body>| {
        let base = base.clone();
        request.headers_mut().insert(name.clone(), value.clone());
        async move { base.send(request).await }
    });
    Client::new(service, client.default_namespace())
}

impl Impersonation {
    /// The account alone, as Flux's controllers send it: the server adds the account's groups itself, and naming them would take the
    /// right to impersonate groups, which is the right to everything.
    fn header(&self) -> (HeaderName, HeaderValue) {
        let Self::ServiceAccount { namespace, name } = self;
        // A name that is no header value names no account either; a user nobody may be is refused by the server.
        let value = HeaderValue::from_str(&format!("system:serviceaccount:{namespace}:{name}"));
        (HeaderName::from_static("impersonate-user"), value.unwrap_or_else(|_| HeaderValue::from_static("invalid")))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn a_kubeconfig_from_a_secret_reads_no_files_and_runs_nothing() {
        let refusal = |user: &str, cluster: &str| {
            let text = format!(
                "{{contexts: [{{name: a, context: {{cluster: a, user: a}}}}], current-context: a, \
                 clusters: [{{name: a, cluster: {{server: 'https://127.0.0.1:1'{cluster}}}}}], users: [{{name: a, user: {{{user}}}}}]}}"
            );
            let options = ConnectOptions { connection: Connection::Text(text), ..ConnectOptions::default() };
            async move { connect(&options).await.err().map(|error| error.to_string()).unwrap_or_default() }
        };
        assert_eq!(refusal("token: abc", "").await, "");
        for (user, cluster, word) in [
            ("tokenFile: /var/run/secrets/token", "", "tokenFile"),
            ("client-certificate: /a, client-key: /b", "", "client-certificate"),
            ("token: abc", ", certificate-authority: /etc/passwd", "certificate-authority"),
            ("token: abc", ", insecure-skip-tls-verify: true", "certificate checks"),
            ("exec: {command: sh, apiVersion: client.authentication.k8s.io/v1}", "", "runs a program"),
        ] {
            assert!(refusal(user, cluster).await.contains(word), "{word}");
        }
    }

    #[tokio::test]
    async fn a_closed_fence_holds_writes_back_before_anything_is_sent() {
        // Nothing listens there, so whatever is sent fails otherwise.
        let text = "{contexts: [{name: a, context: {cluster: a, user: a}}], current-context: a, \
                    clusters: [{name: a, cluster: {server: 'http://127.0.0.1:1'}}], users: [{name: a, user: {}}]}";
        let fence = Fence::closed();
        let connection = Connection::Text(text.to_owned());
        let options = ConnectOptions { connection, fence: fence.clone(), ..ConnectOptions::default() };
        let client = connect(&options).await.unwrap();
        let user = Impersonation::ServiceAccount { namespace: "apps".into(), name: "web".into() };
        let send = |method: &'static str| {
            let request = move || Request::builder().method(method).uri("/api").body(Vec::new()).unwrap();
            let (own, impersonated) = (client.clone(), impersonate(&client, &user));
            async move {
                let errors = [
                    own.request_text(request()).await.unwrap_err(),
                    impersonated.request_text(request()).await.unwrap_err(),
                ];
                errors.map(|error| format!("{error:?}").contains("Fenced"))
            }
        };
        assert_eq!(send("PATCH").await, [true, true]);
        assert_eq!(send("GET").await, [false, false]);
        fence.open_until(std::time::Instant::now() + Duration::from_secs(60));
        assert_eq!(send("PATCH").await, [false, false]);
    }

    #[test]
    fn a_renewed_token_takes_the_place_of_the_first_and_is_never_shown() {
        let bearer = Bearer::new("first").unwrap();
        let mut request = Request::builder().body(Body::empty()).unwrap();
        for token in ["first", "second"] {
            bearer.renew(token).unwrap();
            bearer.sign(&mut request);
            assert_eq!(request.headers()[http::header::AUTHORIZATION], format!("Bearer {token}"));
        }
        assert!(bearer.renew("a\nb").is_err());
        assert!(!format!("{bearer:?} {request:?}").contains("second"));
    }

    #[tokio::test]
    async fn impersonation_names_the_account_and_no_groups() {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&sent);
        let server = tower::service_fn(move |request: Request<Body>| {
            let headers = request.headers().iter().filter(|(name, _)| name.as_str().starts_with("impersonate"));
            seen.lock().unwrap().extend(headers.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())));
            std::future::ready(Ok::<_, tower::BoxError>(http::Response::new(Body::from(b"{}".to_vec()))))
        });
        let user = Impersonation::ServiceAccount { namespace: "team".into(), name: "deployer".into() };
        let client = impersonate(&Client::new(server, "default"), &user);
        client.request::<serde_json::Value>(Request::get("/version").body(Vec::new()).unwrap()).await.unwrap();
        assert_eq!(*sent.lock().unwrap(), ["impersonate-user: system:serviceaccount:team:deployer"]);
    }
}
