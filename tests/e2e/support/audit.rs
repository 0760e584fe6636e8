//! Counts API requests of the operator's user from the API server's audit log.
//!
//! In: the log, one JSON event a line. Out: counts by verb and resource. Never counts a request twice: the policy keeps one stage.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::Value;

/// The audit policy: who asked for what, only of `user`, once for each request that ended.
pub(crate) fn policy(user: &str) -> String {
    serde_json::json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived", "ResponseStarted"],
        "rules": [{"level": "Metadata", "users": [user]}, {"level": "None"}],
    })
    .to_string()
}

/// A place in the audit log; what comes after it can be counted.
pub(crate) struct AuditLog {
    path: PathBuf,
    from: u64,
    /// Requests are logged some time after they were answered, so older ones may follow the mark.
    since: String,
}

impl AuditLog {
    /// Counts from here on.
    pub(crate) fn mark(path: &Path) -> Self {
        let from = std::fs::metadata(path).map_or(0, |log| log.len());
        // As the server writes it: in microseconds.
        Self { path: path.to_owned(), from, since: format!("{:.6}", jiff::Timestamp::now()) }
    }

    /// The requests since the mark that touch a namespace for which `wanted` holds; cluster-wide requests have the empty one.
    pub(crate) fn requests(&self, wanted: impl Fn(&str) -> bool) -> Result<Requests> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.from))?;
        let mut requests = Requests::default();
        for line in BufReader::new(file).lines() {
            // The last line may be in the middle of being written.
            let Ok(event) = serde_json::from_str::<Value>(&line?) else {
                continue;
            };
            let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let is_new = text("/requestReceivedTimestamp") >= self.since.as_str();
            if is_new && wanted(text("/objectRef/namespace")) {
                let sub = text("/objectRef/subresource");
                let slash = if sub.is_empty() { "" } else { "/" };
                let resource = format!("{}{slash}{sub}", text("/objectRef/resource"));
                *requests.0.entry((text("/verb").to_owned(), resource)).or_default() += 1;
            }
        }
        Ok(requests)
    }
}

impl AuditLog {
    /// As [`Self::requests`], once so many patches of a resource are in the log: a request is logged only after it was answered.
    pub(crate) async fn requests_with(
        &self,
        patches: usize,
        resource: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Requests> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let requests = self.requests(&wanted)?;
            if requests.of("patch", resource) >= patches {
                return Ok(requests);
            }
            ensure!(Instant::now() < deadline, "not {patches} patches of {resource}, but: {requests}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Numbers of requests by verb and resource (`helmreleases/status`).
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Requests(BTreeMap<(String, String), usize>);

impl Requests {
    /// How many requests changed something, leases and events of leader election left out.
    pub(crate) fn writes(&self) -> usize {
        self.sum(|verb, resource| is_write(verb) && resource != "leases")
    }

    /// How many requests read something; watches, which last, are not counted.
    pub(crate) fn reads(&self) -> usize {
        self.sum(|verb, resource| matches!(verb, "get" | "list") && resource != "leases")
    }

    /// How many requests have this verb and resource.
    pub(crate) fn of(&self, verb: &str, resource: &str) -> usize {
        self.sum(|one, other| one == verb && other == resource)
    }

    fn sum(&self, wanted: impl Fn(&str, &str) -> bool) -> usize {
        self.0.iter().filter(|((verb, resource), _)| wanted(verb, resource)).map(|(_, count)| count).sum()
    }
}

fn is_write(verb: &str) -> bool {
    matches!(verb, "create" | "update" | "patch" | "delete" | "deletecollection")
}

impl fmt::Display for Requests {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, ((verb, resource), count)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(out, "{comma}{verb} {resource} {count}")?;
        }
        Ok(())
    }
}
