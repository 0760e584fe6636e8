//! A control plane of its own for one run: etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kwok on loopback.
//!
//! Out: kubeconfig files for an administrator and for the operator, and an audit log of what the operator asks.
//! Never shares a port, a folder or a key with another run, and never outlives the program that started it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::Node;
use kube::Client;
use kube::api::Api;
use serde_json::json;
use tempfile::TempDir;
use tokio::time::Instant;

use super::audit;
use super::certificates::Certificates;
use super::cluster::{apply, client, wait_for};
use super::process::{Process, free_ports, temporary_folder};
use super::programs::{self, ControlPlanePrograms, modules};

/// The user that the operator under test is, with the rights of cluster-admin through RBAC.
pub(crate) const OPERATOR_USER: &str = "rhumb";

/// How long the start may take; a busy machine with two cores needs ten seconds.
const START_DEADLINE: Duration = Duration::from_secs(90);

/// A running control plane; dropping it stops everything.
pub(crate) struct ControlPlane {
    // The API server comes first: without its etcd it would not end for minutes, and fields drop in this order.
    api_server: Process,
    others: Vec<Process>,
    programs: ControlPlanePrograms,
    folder: TempDir,
}

impl ControlPlane {
    /// Starts everything and waits until a node is ready.
    pub(crate) async fn start() -> Result<Self> {
        let programs = ControlPlanePrograms::find()?;
        let kwok = programs::kwok()?;
        let folder = temporary_folder("rhumb-plane-")?;
        let at = folder.path();
        let [etcd_port, peer_port, api_port] = free_ports()?;
        let certificates = Certificates::write(at)?;
        write_configuration(at, api_port, &certificates)?;

        let spawn = |name: &str, command| Process::spawn(name, command, &at.join(format!("{name}.log")));
        let etcd = spawn("etcd", etcd(&programs, at, etcd_port, peer_port))?;
        let command = api_server(&programs, at, etcd_port, api_port, &certificates);
        let mut plane = Self { api_server: spawn("kube-apiserver", command)?, others: vec![etcd], programs, folder };
        let client = plane.ready().await?;
        plane.start_others(&certificates, &kwok)?;
        plane.furnish(client).await?;
        Ok(plane)
    }

    /// The administrator's kubeconfig.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// The operator's kubeconfig; what is asked with it is in the audit log.
    pub(crate) fn operator_kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig-operator")
    }

    /// The log of the operator's requests.
    pub(crate) fn audit_log(&self) -> PathBuf {
        self.folder.path().join("audit.log")
    }

    /// The processes that work when objects are written, by name.
    pub(crate) fn processes(&self) -> Vec<(&str, u32)> {
        let all = std::iter::once(&self.api_server).chain(&self.others);
        all.map(|process| (process.name(), process.id())).collect()
    }

    /// How a user calls this control plane's kubectl.
    pub(crate) fn kubectl(&self) -> String {
        self.programs.shell_words("kubectl")
    }

    async fn ready(&mut self) -> Result<Client> {
        let client = client(&self.kubeconfig()).await?;
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            self.api_server.check_running()?;
            for process in &mut self.others {
                process.check_running()?;
            }
            let request = http::Request::get("/readyz").body(Vec::new())?;
            match client.request_text(request).await {
                Ok(_) => return Ok(client),
                Err(error) if Instant::now() > deadline => {
                    let log = self.api_server.log_tail(20);
                    return Err(error).context(format!("the API server is not ready; its log ends with:\n{log}"));
                }
                // Nothing tells that a server is about to listen, so this one wait has to ask again.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    fn start_others(&mut self, certificates: &Certificates, kwok: &Path) -> Result<()> {
        let at = self.folder.path();
        let kubeconfig = self.kubeconfig();
        let mut controllers = self.programs.part("kube-controller-manager");
        controllers.arg("--kubeconfig").arg(&kubeconfig);
        controllers.arg("--service-account-private-key-file").arg(&certificates.token_key);
        controllers.arg("--root-ca-file").arg(&certificates.authority);
        controllers.args([
            "--use-service-account-credentials=false",
            "--leader-elect=false",
            "--secure-port=0",
            "--kube-api-qps=500",
            "--kube-api-burst=500",
        ]);
        let mut scheduler = self.programs.part("kube-scheduler");
        scheduler.arg("--kubeconfig").arg(&kubeconfig);
        scheduler.args(["--leader-elect=false", "--secure-port=0", "--kube-api-qps=500", "--kube-api-burst=500"]);
        let mut nodes = Command::new(kwok);
        nodes.arg("--kubeconfig").arg(&kubeconfig);
        nodes.args(["--manage-all-nodes=true", "--node-ip=127.0.0.1", "--node-lease-duration-seconds=40"]);
        for stages in ["stages/nodes.yaml", "stages/pods.yaml"] {
            nodes.arg("--config").arg(modules().join(stages));
        }
        for (name, command) in
            [("kube-controller-manager", controllers), ("kube-scheduler", scheduler), ("kwok", nodes)]
        {
            // kwok would keep a folder in the home directory otherwise.
            let mut command = command;
            command.env("KWOK_WORKDIR", at.join("kwok")).current_dir(at);
            self.others.push(Process::spawn(name, command, &at.join(format!("{name}.log")))?);
        }
        Ok(())
    }

    /// Gives the operator its rights and the cluster a node.
    async fn furnish(&self, client: Client) -> Result<()> {
        apply(
            &client,
            &json!({
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": "rhumb-operator"},
                "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": OPERATOR_USER}],
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            }),
        )
        .await?;
        let room = json!({"cpu": "1000", "memory": "1Ti", "pods": "10000"});
        let node = json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": "node-1", "labels": {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}},
            "status": {"capacity": room, "allocatable": room},
        });
        let nodes: Api<Node> = Api::all(client.clone());
        nodes.create(&kube::api::PostParams::default(), &serde_json::from_value(node)?).await?;
        wait_for(&nodes, "node-1", Duration::from_secs(30), "Ready", |node| {
            let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
            conditions.is_some_and(|all| all.iter().any(|one| one.type_ == "Ready" && one.status == "True"))
        })
        .await?;
        Ok(())
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        self.api_server.stop(Duration::from_millis(300));
    }
}

fn write_configuration(at: &Path, api_port: u16, certificates: &Certificates) -> Result<()> {
    fs::write(at.join("tokens.csv"), format!("admin,admin,1,\"system:masters\"\n{OPERATOR_USER},{OPERATOR_USER},2\n"))?;
    fs::write(at.join("audit-policy.json"), audit::policy(OPERATOR_USER))?;
    for (file, user) in [("kubeconfig", "admin"), ("kubeconfig-operator", OPERATOR_USER)] {
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "local", "cluster": {
                "server": format!("https://127.0.0.1:{api_port}"),
                "certificate-authority": certificates.authority,
            }}],
            // The token of a user is its name: the server listens on loopback and lives for one run.
            "users": [{"name": user, "user": {"token": user}}],
            "contexts": [{"name": "local", "context": {"cluster": "local", "user": user}}],
            "current-context": "local",
        });
        fs::write(at.join(file), serde_json::to_string_pretty(&config)?)?;
    }
    Ok(())
}

fn etcd(programs: &ControlPlanePrograms, at: &Path, port: u16, peer_port: u16) -> Command {
    let url = format!("http://127.0.0.1:{port}");
    let peer_url = format!("http://127.0.0.1:{peer_port}");
    let mut command = programs.part("etcd");
    command.arg("--data-dir").arg(at.join("etcd"));
    command.args(["--listen-client-urls", &url, "--advertise-client-urls", &url]);
    command.args(["--listen-peer-urls", &peer_url, "--initial-advertise-peer-urls", &peer_url]);
    command.args(["--initial-cluster", &format!("default={peer_url}")]);
    command.args(["--unsafe-no-fsync", "--log-level", "warn"]);
    command
}

fn api_server(
    programs: &ControlPlanePrograms,
    at: &Path,
    etcd_port: u16,
    port: u16,
    certificates: &Certificates,
) -> Command {
    let mut command = programs.part("kube-apiserver");
    command.arg(format!("--etcd-servers=http://127.0.0.1:{etcd_port}"));
    command.args(["--bind-address=127.0.0.1", &format!("--secure-port={port}")]);
    command.arg("--tls-cert-file").arg(&certificates.serving);
    command.arg("--tls-private-key-file").arg(&certificates.serving_key);
    command.arg("--service-account-signing-key-file").arg(&certificates.token_key);
    command.arg("--service-account-key-file").arg(&certificates.token_public_key);
    command.arg("--service-account-issuer=https://kubernetes.default.svc");
    command.arg("--token-auth-file").arg(at.join("tokens.csv"));
    command.arg("--audit-policy-file").arg(at.join("audit-policy.json"));
    command.arg("--audit-log-path").arg(at.join("audit.log"));
    command.args([
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.96.0.0/16",
        // Pods need no service account here, and so no wait for one.
        "--disable-admission-plugins=ServiceAccount",
        "--event-ttl=1h",
    ]);
    command
}
