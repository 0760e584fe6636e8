//! The chart sources of the other tests serve what they should, with the real helm as their user.

use std::path::PathBuf;

use anyhow::Result;

use crate::support::chart_server::{ChartServer, Fault};
use crate::support::cluster::Cluster;
use crate::support::helm::Helm;
use crate::support::process::temporary_folder;
use crate::support::registry::Registry;

fn hello() -> PathBuf {
    crate::project::root().join("examples/charts/hello")
}

/// What `helm show chart` says about a chart in a repository, or the error.
fn show(helm: &Helm, repository: &str, more: &[&str]) -> Result<String> {
    helm.run(&[&["show", "chart", "hello", "--repo", repository, "--version", "1.0.0"], more].concat())
}

#[test]
fn http_repository_serves_index_and_packages() -> Result<()> {
    let (helm, folder) = (Helm::new()?, temporary_folder("rhumb-charts-")?);
    helm.package(&hello(), "1.0.0", folder.path())?;
    let server = ChartServer::start(folder.path())?;
    assert!(show(&helm, &server.url(), &[])?.contains("name: hello"));
    assert_eq!((server.requests("index.yaml"), server.requests("hello-1.0.0.tgz")), (1, 1));
    Ok(())
}

#[test]
fn http_repository_asks_for_a_login() -> Result<()> {
    let (helm, folder) = (Helm::new()?, temporary_folder("rhumb-charts-")?);
    helm.package(&hello(), "1.0.0", folder.path())?;
    let server = ChartServer::start_with_login(folder.path(), "ann", "secret")?;
    let refused = show(&helm, &server.url(), &[]).unwrap_err().to_string();
    assert!(refused.contains("401 Unauthorized"), "{refused}");
    show(&helm, &server.url(), &["--username", "ann", "--password", "secret"])?;
    Ok(())
}

#[test]
fn http_repository_plays_faults() -> Result<()> {
    let (helm, folder) = (Helm::new()?, temporary_folder("rhumb-charts-")?);
    helm.package(&hello(), "1.0.0", folder.path())?;
    let server = ChartServer::start(folder.path())?;
    for (fault, complaint) in [
        (Fault::NotFound, "404 Not Found"),
        (Fault::ServerError, "500 Internal Server Error"),
        (Fault::Truncated, "unexpected EOF"),
    ] {
        server.set_fault("hello-1.0.0.tgz", Some(fault));
        let error = show(&helm, &server.url(), &[]).unwrap_err().to_string();
        assert!(error.contains(complaint), "{error}");
    }
    server.set_fault("hello-1.0.0.tgz", None);
    show(&helm, &server.url(), &[])?;
    Ok(())
}

#[tokio::test]
async fn registry_takes_and_gives_charts() -> Result<()> {
    let (helm, folder) = (Helm::new()?, temporary_folder("rhumb-charts-")?);
    let package = helm.package(&hello(), "1.0.0", folder.path())?;
    let registry = Registry::start().await?;
    helm.push(&package, &registry, "charts")?;
    let chart = registry.url("charts/hello");
    let shown = helm.run(&["show", "chart", &chart, "--version", "1.0.0", "--plain-http"])?;
    assert!(shown.contains("name: hello"));
    Ok(())
}

#[tokio::test]
async fn registry_with_tls_is_trusted_by_its_authority_only() -> Result<()> {
    let (helm, folder) = (Helm::new()?, temporary_folder("rhumb-charts-")?);
    let package = helm.package(&hello(), "1.0.0", folder.path())?;
    let registry = Registry::start_with_tls().await?;
    helm.push(&package, &registry, "charts")?;
    let chart = registry.url("charts/hello");
    let refused = helm.run(&["show", "chart", &chart]).unwrap_err().to_string();
    assert!(refused.contains("certificate signed by unknown authority"), "{refused}");
    Ok(())
}

#[tokio::test]
async fn helm_installs_the_example_chart_and_its_test_passes() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let namespace = cluster.namespace(&cluster.client().await?, "helm").await?;
    let helm = Helm::on(cluster.kubeconfig())?;
    let chart = hello().display().to_string();
    helm.run(&["install", "web", &chart, "-n", &namespace, "--wait", "--timeout", "60s"])?;
    helm.run(&["test", "web", "-n", &namespace])?;
    assert_eq!(helm.history(&namespace, "web")?, ["1 deployed hello-1.0.0"]);
    Ok(())
}
