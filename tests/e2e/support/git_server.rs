//! Git repositories on loopback: over HTTP by Git's own `http-backend`, over SSH by OpenSSH's server.
//!
//! Both run the programs that are installed on the machine. Never listens on anything but loopback.
#![allow(dead_code, reason = "the tests of the clients and those of the operator use different parts")]

use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

use super::http_server::HttpServer;

/// A folder with bare repositories.
pub(crate) struct GitFolder(TempDir);

impl GitFolder {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(tempfile::Builder::new().prefix("rhumb-git-server-").tempdir()?))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Makes an empty repository whose branch will be `main`.
    pub(crate) fn create(&self, name: &str) -> Result<GitRepo> {
        let bare = self.path().join(name);
        run(&["init", "--quiet", "--bare", "--initial-branch=main", &bare.display().to_string()], self.path())?;
        let work = tempfile::Builder::new().prefix("rhumb-git-work-").tempdir()?;
        run(&["clone", "--quiet", &bare.display().to_string(), "."], work.path())?;
        run(&["switch", "--quiet", "--orphan", "main"], work.path())?;
        Ok(GitRepo { bare, work })
    }
}

/// A bare repository with a clone to write to it.
pub(crate) struct GitRepo {
    bare: PathBuf,
    work: TempDir,
}

impl GitRepo {
    /// Writes files, commits them and pushes the branch; gives the commit.
    pub(crate) fn commit(&self, files: &[(&str, &str)], message: &str) -> Result<String> {
        for (path, text) in files {
            let path = self.work.path().join(path);
            fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
            fs::write(path, text)?;
        }
        self.git(&["add", "--all", "--force"])?;
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message])?;
        self.git(&["push", "--quiet", "origin", "HEAD"])?;
        self.git(&["rev-parse", "HEAD"])
    }

    /// Copies a folder into the clone; [`Self::commit`] takes it along.
    pub(crate) fn add_folder(&self, from: &Path, to: &str) -> Result<()> {
        let to = self.work.path().join(to);
        fs::create_dir_all(&to)?;
        let status = Command::new("cp").arg("-r").arg(from.join(".")).arg(&to).status()?;
        ensure!(status.success(), "cp ended with {status}");
        Ok(())
    }

    /// Writes a binary file into the clone.
    pub(crate) fn add_file(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let path = self.work.path().join(path);
        fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
        fs::write(path, bytes)?;
        Ok(())
    }

    /// Runs Git in the clone; gives what it prints.
    pub(crate) fn git(&self, arguments: &[&str]) -> Result<String> {
        run(arguments, self.work.path())
    }

    /// Runs Git in the bare repository.
    pub(crate) fn bare_git(&self, arguments: &[&str]) -> Result<String> {
        run(arguments, &self.bare)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.bare
    }

    pub(crate) fn work(&self) -> &Path {
        self.work.path()
    }
}

/// Runs Git with nothing of the user's own configuration.
fn run(arguments: &[&str], folder: &Path) -> Result<String> {
    let mut command = Command::new("git");
    command.args(["-c", "protocol.file.allow=always", "-c", "commit.gpgsign=false"]).args(arguments);
    command.current_dir(folder).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    for (name, value) in [("AUTHOR", "Ann"), ("COMMITTER", "Ann")] {
        command.env(format!("GIT_{name}_NAME"), value).env(format!("GIT_{name}_EMAIL"), "ann@example.com");
    }
    let output = command.output().context("git is not installed")?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    ensure!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(text)
}

/// A server of repositories over HTTP; dropping it stops it.
pub(crate) struct GitServer {
    server: HttpServer,
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    /// The header `Authorization` that is asked for.
    authorization: Mutex<Option<String>>,
    /// Whether the client's wish for a version of the protocol is not heard.
    is_old: AtomicBool,
    /// Whether requests get no answer.
    is_stuck: AtomicBool,
    fetches: AtomicUsize,
}

impl GitServer {
    /// Serves the repositories of a folder to everyone.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let shared = Shared::new(folder);
        Ok(Self { server: HttpServer::start(router(&shared))?, shared })
    }

    /// As [`Self::start`], with TLS by a certificate and its key in PEM.
    pub(crate) fn start_with_tls(folder: &Path, certificate: &Path, key: &Path) -> Result<Self> {
        let shared = Shared::new(folder);
        Ok(Self { server: HttpServer::start_with_tls(router(&shared), certificate, key)?, shared })
    }

    pub(crate) fn url(&self, repository: &str) -> String {
        format!("{}/{repository}", self.server.url())
    }

    /// Asks for a user and a password from now on.
    pub(crate) fn ask_for_login(&self, user: &str, password: &str) {
        let pair = STANDARD.encode(format!("{user}:{password}"));
        self.shared.ask_for(format!("Basic {pair}"));
    }

    /// Asks for a token from now on.
    pub(crate) fn ask_for_token(&self, token: &str) {
        self.shared.ask_for(format!("Bearer {token}"));
    }

    /// Speaks only the oldest version of the protocol from now on.
    pub(crate) fn grow_old(&self) {
        self.shared.is_old.store(true, Ordering::SeqCst);
    }

    /// Answers nothing from now on, or again.
    pub(crate) fn hang(&self, is_stuck: bool) {
        self.shared.is_stuck.store(is_stuck, Ordering::SeqCst);
    }

    /// How many requests for objects there were, in protocol version 2.
    pub(crate) fn fetches(&self) -> usize {
        self.shared.fetches.load(Ordering::SeqCst)
    }
}

fn router(shared: &Arc<Shared>) -> Router {
    Router::new().fallback(answer).with_state(Arc::clone(shared))
}

impl Shared {
    fn new(folder: &Path) -> Arc<Self> {
        Arc::new(Self {
            folder: folder.to_owned(),
            authorization: Mutex::default(),
            is_old: AtomicBool::new(false),
            is_stuck: AtomicBool::new(false),
            fetches: AtomicUsize::new(0),
        })
    }

    fn ask_for(&self, authorization: String) {
        *self.authorization.lock().unwrap_or_else(PoisonError::into_inner) = Some(authorization);
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    if shared.is_stuck.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_secs(3600)).await;
    }
    let wanted = shared.authorization.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let given = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    if wanted.is_some() && wanted.as_deref() != given {
        let login = [("www-authenticate", "Basic realm=\"git\"")];
        return (StatusCode::UNAUTHORIZED, login).into_response();
    }
    let failed = |error: String| (StatusCode::INTERNAL_SERVER_ERROR, error).into_response();
    let (parts, body) = request.into_parts();
    let body = match axum::body::to_bytes(body, 16 << 20).await {
        Ok(body) => body,
        Err(error) => return failed(error.to_string()),
    };
    if body.windows(b"command=fetch".len()).any(|part| part == b"command=fetch") {
        shared.fetches.fetch_add(1, Ordering::SeqCst);
    }
    match tokio::task::spawn_blocking(move || backend(&shared, &parts, &body)).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => failed(format!("{error:#}")),
        Err(error) => failed(error.to_string()),
    }
}

/// One request through Git's own program, by the rules of CGI.
fn backend(shared: &Shared, parts: &axum::http::request::Parts, body: &Bytes) -> Result<Response> {
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut command = Command::new("git");
    command.arg("http-backend").env("GIT_PROJECT_ROOT", &shared.folder).env("GIT_HTTP_EXPORT_ALL", "1");
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    command.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", "safe.directory").env("GIT_CONFIG_VALUE_0", "*");
    command.env("PATH_INFO", parts.uri.path()).env("QUERY_STRING", parts.uri.query().unwrap_or_default());
    command.env("REQUEST_METHOD", parts.method.as_str()).env("CONTENT_TYPE", header("content-type"));
    command.env("CONTENT_LENGTH", body.len().to_string());
    if !shared.is_old.load(Ordering::SeqCst) {
        command.env("GIT_PROTOCOL", header("git-protocol"));
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut input = child.stdin.take().context("stdin is piped")?;
    let bytes = body.clone();
    let writer = std::thread::spawn(move || input.write_all(&bytes));
    let output = child.wait_with_output()?;
    let _ = writer.join();
    let split = output.stdout.windows(4).position(|part| part == b"\r\n\r\n").context("no headers in the answer")?;
    let (head, rest) = output.stdout.split_at(split);
    let mut response = Response::builder();
    for line in String::from_utf8_lossy(head).lines() {
        let Some((name, value)) = line.split_once(": ") else { bail!("bad header {line:?}") };
        response = match name {
            "Status" => response.status(value.get(..3).unwrap_or("500")),
            name => response.header(name, value),
        };
    }
    let rest = rest.get(4..).unwrap_or_default();
    Ok(response.body(Body::from(rest.to_vec()))?)
}

/// A new private key, of whoever.
pub(crate) fn private_key() -> Result<String> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("key").display().to_string();
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &path]).status()?;
    ensure!(made.success(), "ssh-keygen ended with {made}");
    Ok(fs::read_to_string(path)?)
}

/// OpenSSH's server with one key that may log in; dropping it stops it.
pub(crate) struct SshServer {
    process: Child,
    folder: TempDir,
    port: u16,
}

impl SshServer {
    /// Starts the server; `None` where OpenSSH's server is not installed.
    pub(crate) fn start() -> Result<Option<Self>> {
        let program = Path::new("/usr/sbin/sshd");
        if !program.exists() {
            return Ok(None);
        }
        let folder = tempfile::Builder::new().prefix("rhumb-sshd-").tempdir()?;
        let at = |name: &str| folder.path().join(name).display().to_string();
        for (kind, name, passphrase) in [
            ("ed25519", "host", ""),
            ("ed25519", "user", ""),
            ("ecdsa", "locked", "open sesame"),
            ("rsa", "rsa", ""),
            ("ed25519", "stranger", ""),
        ] {
            let made =
                Command::new("ssh-keygen").args(["-q", "-t", kind, "-N", passphrase, "-f", &at(name)]).status()?;
            ensure!(made.success(), "ssh-keygen ended with {made}");
        }
        let read = |name: &str| fs::read_to_string(folder.path().join(name));
        fs::write(at("authorized"), [read("user.pub")?, read("locked.pub")?, read("rsa.pub")?].concat())?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let config = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\n\
             UsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\nAcceptEnv GIT_PROTOCOL\n",
            at("host"),
            at("authorized")
        );
        fs::write(at("config"), config)?;
        // sshd wants this folder to be there, wherever its configuration lies.
        let _ = fs::create_dir_all("/run/sshd");
        let process = Command::new(program)
            .args(["-D", "-e", "-f", &at("config")])
            .stderr(fs::File::create(at("log"))?)
            .stdin(Stdio::null())
            .spawn()?;
        let server = Self { process, folder, port };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            ensure!(Instant::now() < deadline, "sshd does not listen: {}", server.read("log")?);
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Some(server))
    }

    /// The URL of a repository at a path, for the user who runs the tests.
    pub(crate) fn url(&self, repository: &Path) -> Result<String> {
        let user = Command::new("id").arg("-un").output()?;
        let user = String::from_utf8(user.stdout)?;
        Ok(format!("ssh://{}@127.0.0.1:{}{}", user.trim(), self.port, repository.display()))
    }

    /// One of the keys: `user`, `locked` (with a passphrase), `rsa`, `stranger` (may not log in).
    pub(crate) fn key(&self, name: &str) -> Result<String> {
        self.read(name)
    }

    /// The line of a `known_hosts` with a key as this server's.
    pub(crate) fn known_hosts(&self, key: &str) -> Result<String> {
        Ok(format!("[127.0.0.1]:{} {}", self.port, self.read(&format!("{key}.pub"))?))
    }

    fn read(&self, name: &str) -> Result<String> {
        Ok(fs::read_to_string(self.folder.path().join(name))?)
    }
}

impl Drop for SshServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
