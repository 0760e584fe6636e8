//! The operator as the chart installs it: its rights, its ServiceAccount, its arguments; only the Pod is a process here.
//!
//! In: values of charts/rhumb. Out: applied objects, and an operator that has the ServiceAccount's token and nothing else.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::authorization::v1::{SelfSubjectAccessReview, SubjectAccessReview};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Client;
use kube::api::{Api, PostParams};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use super::cluster::{apply, client, documents};
use super::operator::OperatorOptions;
use super::process::temporary_folder;

/// How long rights may take to hold once they are written.
const RIGHTS_DEADLINE: Duration = Duration::from_secs(20);

/// The folder of the chart.
pub(crate) fn chart() -> PathBuf {
    crate::project::root().join("charts/rhumb")
}

/// One installation of the chart.
pub(crate) struct Installation {
    /// The chart's objects.
    pub(crate) objects: Vec<Value>,
    /// The kubeconfig of its ServiceAccount.
    pub(crate) kubeconfig: PathBuf,
    namespace: String,
    program: PathBuf,
    _folder: TempDir,
}

impl Installation {
    /// Renders the chart by `program`, applies its ServiceAccount and its rights, and gets a token.
    pub(crate) async fn apply(
        administrator: &Client,
        program: &str,
        kubeconfig: &Path,
        namespace: &str,
        values: &Value,
    ) -> Result<Self> {
        let folder = temporary_folder("rhumb-installation-")?;
        let objects = render(program, namespace, values, folder.path())?;
        for object in &objects {
            let group = object["apiVersion"].as_str().unwrap_or_default();
            if object["kind"] == "ServiceAccount" || group.starts_with("rbac.authorization.k8s.io/") {
                apply(administrator, object).await?;
            }
        }
        let account = account(&objects)?;
        let accounts: Api<ServiceAccount> = Api::namespaced(administrator.clone(), namespace);
        let request: TokenRequest = serde_json::from_value(json!({"spec": {"audiences": []}}))?;
        let answer = accounts.create_token_request(&account, &PostParams::default(), &request).await?;
        let token = answer.status.context("no token was given")?.token;
        let text = std::fs::read_to_string(kubeconfig)?;
        let mut config: Value = serde_json::from_str(&text).context("the kubeconfig of the operator is no JSON")?;
        config["users"][0]["user"] = json!({"token": token});
        let kubeconfig = folder.path().join("kubeconfig");
        std::fs::write(&kubeconfig, config.to_string())?;
        let installation = Self {
            objects,
            kubeconfig,
            namespace: namespace.to_owned(),
            program: PathBuf::from(program),
            _folder: folder,
        };
        installation.rights_hold().await?;
        Ok(installation)
    }

    /// How the chart starts the operator, but for its addresses.
    pub(crate) fn operator_options(&self) -> Result<OperatorOptions> {
        let deployment = self.objects.iter().find(|object| object["kind"] == "Deployment").context("no Deployment")?;
        let arguments = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
        let arguments: Vec<String> = serde_json::from_value(arguments.clone())?;
        let is_ours = |argument: &String| argument == "run" || argument.contains("-addr=:");
        Ok(OperatorOptions {
            program: self.program.clone(),
            kubeconfig: self.kubeconfig.clone(),
            namespace: self.namespace.clone(),
            flags: arguments.into_iter().filter(|argument| !is_ours(argument)).collect(),
            authorities: None,
        })
    }

    /// A client with the operator's rights.
    pub(crate) async fn client(&self) -> Result<Client> {
        client(&self.kubeconfig).await
    }

    /// Whether the operator, in its own name, may do this: `verb resource.group/subresource` in a namespace, or in all.
    pub(crate) async fn may(&self, verb: &str, resource: &str, namespace: &str) -> Result<bool> {
        let review = json!({"spec": {"resourceAttributes": attributes(verb, resource, namespace)}});
        let api: Api<SelfSubjectAccessReview> = Api::all(self.client().await?);
        let answer = api.create(&PostParams::default(), &serde_json::from_value(review)?).await?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }

    /// The server's authorizer learns of rights by a watch of its own, and nothing but asking shows when it has.
    async fn rights_hold(&self) -> Result<()> {
        let deadline = Instant::now() + RIGHTS_DEADLINE;
        while !self.may("list", "helmreleases.helm.toolkit.fluxcd.io", &self.namespace).await? {
            ensure!(Instant::now() < deadline, "the operator has no rights after {RIGHTS_DEADLINE:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}

/// Whether a user may do something, asked by an administrator.
pub(crate) async fn user_may(
    administrator: &Client,
    user: &str,
    verb: &str,
    resource: &str,
    namespace: &str,
) -> Result<bool> {
    let review = json!({"spec": {"user": user, "resourceAttributes": attributes(verb, resource, namespace)}});
    let api: Api<SubjectAccessReview> = Api::all(administrator.clone());
    let answer = api.create(&PostParams::default(), &serde_json::from_value(review)?).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

fn attributes(verb: &str, resource: &str, namespace: &str) -> Value {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let (resource, group) = resource.split_once('.').unwrap_or((resource, ""));
    json!({"verb": verb, "group": group, "resource": resource, "subresource": subresource, "namespace": namespace})
}

fn account(objects: &[Value]) -> Result<String> {
    let account = objects.iter().find(|object| object["kind"] == "ServiceAccount").context("no ServiceAccount")?;
    Ok(account["metadata"]["name"].as_str().context("a ServiceAccount without a name")?.to_owned())
}

/// The chart's objects as our own engine renders them.
fn render(program: &str, namespace: &str, values: &Value, folder: &Path) -> Result<Vec<Value>> {
    let file = folder.join("values.json");
    std::fs::write(&file, values.to_string())?;
    let output = Command::new(program)
        .args(["template", "rhumb"])
        .arg(chart())
        .args(["--namespace", namespace, "--values"])
        .arg(&file)
        .output()?;
    ensure!(output.status.success(), "rhumb template: {}", String::from_utf8_lossy(&output.stderr));
    documents(&String::from_utf8(output.stdout)?)
}
