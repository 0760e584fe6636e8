//! A repository and a registry on loopback that answer as told, and remember what was asked of them.
//!
//! In: answers by path. Out: a URL and the requests. Never listens on anything but loopback.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use sha2::{Digest as _, Sha256};

/// What a path answers.
#[derive(Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// The user and password that are asked for.
    pub(crate) login: Option<(&'static str, &'static str)>,
    /// The header that is asked for, and the challenge that tells so.
    pub(crate) authorization: Option<(String, String)>,
    /// The answer never comes.
    pub(crate) is_stuck: bool,
}

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

type Answers = Arc<Mutex<BTreeMap<String, Vec<Answer>>>>;
type Gates = Arc<Mutex<BTreeMap<String, (String, String)>>>;

/// A server; ends with the test's runtime.
pub(crate) struct Server {
    pub(crate) host: String,
    answers: Answers,
    gates: Gates,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Answer {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, body: body.into(), ..Self::default() }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn for_login(mut self, user: &'static str, password: &'static str) -> Self {
        self.login = Some((user, password));
        self
    }

    pub(crate) fn for_authorization(mut self, wanted: impl Into<String>, challenge: impl Into<String>) -> Self {
        self.authorization = Some((wanted.into(), challenge.into()));
        self
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (answers, gates, asked) = (Answers::default(), Gates::default(), Arc::<Mutex<Vec<Asked>>>::default());
        let state = (Arc::clone(&answers), Arc::clone(&gates), Arc::clone(&asked));
        let router = Router::new().fallback(answer).with_state(state);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { host, answers, gates, asked }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.host)
    }

    /// Sets what a path answers from now on.
    pub(crate) fn set(&self, path: &str, answer: Answer) {
        self.set_all(path, vec![answer]);
    }

    /// Sets what a path answers one time after the other; the last stays.
    pub(crate) fn set_all(&self, path: &str, mut answers: Vec<Answer>) {
        answers.reverse();
        self.answers.lock().unwrap().insert(path.to_owned(), answers);
    }

    /// Asks for a header at every path that begins so, from now on.
    pub(crate) fn protect(&self, prefix: &str, wanted: &str, challenge: &str) {
        self.gates.lock().unwrap().insert(prefix.to_owned(), (wanted.to_owned(), challenge.to_owned()));
    }

    /// Sets what a path answers to whoever sends this header.
    pub(crate) fn set_for(&self, path: &str, authorization: &str, body: impl Into<Vec<u8>>) {
        self.set(&format!("{path} {authorization}"), Answer::ok(body));
    }

    /// All that was asked for so far.
    pub(crate) fn all_asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// What was asked for at a path (with its query), so far.
    pub(crate) fn asked(&self, path: &str) -> Vec<Asked> {
        self.asked.lock().unwrap().iter().filter(|asked| asked.path == path).cloned().collect()
    }
}

type Shared = (Answers, Gates, Arc<Mutex<Vec<Asked>>>);

async fn answer(State((answers, gates, asked)): State<Shared>, request: Request) -> Response {
    let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    let headers = request.headers().clone();
    let body = axum::body::to_bytes(request.into_body(), 1_000_000).await.unwrap();
    let body = String::from_utf8_lossy(&body).into_owned();
    asked.lock().unwrap().push(Asked { path: path.clone(), headers: headers.clone(), body });
    let found = {
        let mut answers = answers.lock().unwrap();
        let given = headers.get("authorization").and_then(|given| given.to_str().ok()).unwrap_or_default();
        let own = format!("{path} {given}");
        let key = if answers.contains_key(&own) { &own } else { &path };
        answers.get_mut(key).and_then(|left| if left.len() > 1 { left.pop() } else { left.last().cloned() })
    };
    let mut answer = found.unwrap_or_else(|| Answer::status(404));
    if answer.is_stuck {
        tokio::time::sleep(Duration::from_secs(3600)).await;
    }
    if let Some((user, password)) = answer.login {
        let wanted = format!("Basic {}", base64(&format!("{user}:{password}")));
        answer.authorization = Some((wanted, "Basic realm=\"charts\"".to_owned()));
    }
    let gate = gates.lock().unwrap().iter().find(|(prefix, _)| path.starts_with(*prefix)).map(|(_, gate)| gate.clone());
    if let Some((wanted, challenge)) = answer.authorization.take().or(gate)
        && headers.get("authorization").is_none_or(|given| given != wanted.as_str())
    {
        answer = Answer::status(401).with("www-authenticate", challenge);
    }
    let mut response = Response::builder().status(StatusCode::from_u16(answer.status).unwrap());
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(answer.body)).unwrap()
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// Bytes packed by gzip.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

/// The archive of a small chart.
pub(crate) fn package(name: &str, version: &str) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let metadata = format!("apiVersion: v2\nname: {name}\nversion: {version}\n");
    for (file, text) in [("Chart.yaml", metadata.as_str()), ("values.yaml", "a: 1\n")] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, format!("{name}/{file}"), text.as_bytes()).unwrap();
    }
    gzip(&archive.into_inner().unwrap())
}

/// A digest as it stands in indexes and manifests.
pub(crate) fn digest(bytes: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

/// An index with one chart.
pub(crate) fn index(name: &str, version: &str, url: &str, digest: &str) -> String {
    format!(
        "apiVersion: v1\nentries:\n  {name}:\n  - {{name: {name}, version: {version}, digest: '{digest}', urls: ['{url}']}}\n"
    )
}
