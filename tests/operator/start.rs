//! What the operator says when it cannot begin.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How long a line of the log may take to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A port of this machine where nobody listens.
fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_api_server_that_cannot_be_reached_is_named_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    let address = format!("127.0.0.1:{}/", closed_port());
    let (server, shown) = (format!("http://someone:planted-secret@{address}"), format!("http://{address}"));
    let text = format!(
        "{{apiVersion: v1, kind: Config, current-context: c, contexts: [{{name: c, context: {{cluster: c, user: u}}}}], \
         clusters: [{{name: c, cluster: {{server: \"{server}\"}}}}], users: [{{name: u, user: {{token: t}}}}]}}"
    );
    std::fs::write(&kubeconfig, text).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_rhumb"))
        .args(["run", "--metrics-addr=127.0.0.1:0", "--health-addr=127.0.0.1:0", "--enable-leader-election=false"])
        .env("KUBECONFIG", &kubeconfig)
        .env("RUNTIME_NAMESPACE", "default")
        .stderr(Stdio::piped())
        .spawn();
    let mut operator = Ended(child.unwrap());
    let (sender, lines) = mpsc::channel();
    let log = BufReader::new(operator.0.stderr.take().unwrap());
    std::thread::spawn(move || log.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let mut told = Vec::new();
    while let Ok(line) = lines.recv_timeout(PATIENCE) {
        let is_last = line.contains("cannot watch HelmReleases");
        told.push(line);
        if is_last {
            break;
        }
    }
    let last = told.last().unwrap();
    assert!(last.contains("Connection refused"), "{last}");
    assert!(told.iter().any(|line| line.contains("using the API server") && line.contains(&shown)), "{told:#?}");
    assert!(!told.iter().any(|line| line.contains("failed with error")), "{told:#?}");
    assert!(!told.iter().any(|line| line.contains("planted-secret")), "{told:#?}");
}
