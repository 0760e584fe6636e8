//! Events that the operator posts to a notification-controller.

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::scene::{SOON, Scene, hello_spec};

async fn receive(State(posts): State<UnboundedSender<Value>>, body: Bytes) {
    // Who does not look at posts any more has seen what it wanted.
    let _ = posts.send(serde_json::from_slice(&body).unwrap_or_default());
}

#[tokio::test]
async fn an_install_is_told_with_its_chart_and_values() -> Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("--events-addr=http://{}/", listener.local_addr()?);
    let (sender, mut posts) = unbounded_channel();
    let router = Router::new().route("/", post(receive)).with_state(sender);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let mut scene = Scene::prepare("notify").await?;
    let mut options = scene.operator_options();
    options.flags.push(address);
    scene.start_operator_with(&options).await?;
    scene.apply_release("web", &hello_spec("1.0.0")).await?;
    let installed = async {
        loop {
            let body = posts.recv().await.context("the receiver has ended")?;
            if body["reason"] == "InstallSucceeded" {
                return anyhow::Ok(body);
            }
        }
    };
    let body = tokio::time::timeout(SOON, installed).await.with_context(|| scene.operator_log())??;
    let about = &body["involvedObject"];
    assert_eq!((&about["kind"], &about["name"]), (&json!("HelmRelease"), &json!("web")));
    assert_eq!((&body["severity"], &body["reportingController"]), (&json!("info"), &json!("helm-controller")));
    let metadata = &body["metadata"];
    assert_eq!(metadata["helm.toolkit.fluxcd.io/revision"], "1.0.0");
    let token = metadata["helm.toolkit.fluxcd.io/token"].as_str().unwrap_or_default();
    assert!(token.starts_with("sha256:"), "{body}");
    Ok(())
}
