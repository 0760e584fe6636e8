//! Servers that mean ill: each source ends in a condition that says so, while a release from a good server goes on.

use anyhow::{Context as _, Result};
use kube::api::{Api, DynamicObject};
use serde_json::json;

use crate::malice::{Malice, hostile};
use crate::scene::{SOON, Scene, hello_spec};
use crate::support::cluster::{pin, wait_for};
use crate::support::release::{condition, has_condition};

#[tokio::test]
async fn each_bad_source_says_why_while_good_ones_go_on() -> Result<()> {
    let scene = Scene::start("hostile").await?;
    let cases = [
        ("silence", Malice::Silence, "no complete answer within 1s"),
        ("dribble", Malice::Dribble, "no complete answer within 1s"),
        ("truncate", Malice::Truncate, "end of file before message length reached"),
        ("boast", Malice::Boast, "is larger than the limit of 52428800 bytes"),
        ("noise", Malice::Noise, "invalid HTTP"),
        ("loop", Malice::Redirect("/"), "more than 10 redirects"),
        ("scheme", Malice::Redirect("file:///etc/passwd"), "redirect from http to file:///etc/passwd is refused"),
        (
            "metadata",
            Malice::Redirect("http://169.254.169.254/latest/meta-data/"),
            "the address 169.254.169.254 of 169.254.169.254 is denied (link-local) by --source-egress-deny",
        ),
    ];
    for (name, malice, _) in cases {
        let spec = json!({"interval": "1h", "timeout": "1s", "url": hostile(malice).await?});
        scene.apply_source("HelmRepository", name, &spec).await?;
        let mut spec = hello_spec("1.0.0");
        spec["chart"]["spec"]["sourceRef"]["name"] = json!(name);
        scene.apply_release(name, &spec).await?;
    }
    scene.apply_release("good", &hello_spec("1.0.0")).await?;
    scene.ready("good", "1.0.0").await?;
    let resource = pin(&scene.client, "source.toolkit.fluxcd.io/v1", "HelmRepository").await?;
    let repositories: Api<DynamicObject> = Api::namespaced_with(scene.client.clone(), &scene.namespace, &resource);
    for (name, _, expected) in cases {
        let found = wait_for(&repositories, name, SOON, expected, |repository| {
            let failed = condition(repository, "FetchFailed").cloned().unwrap_or_default();
            failed["status"] == "True" && failed["message"].as_str().is_some_and(|text| text.contains(expected))
        });
        let found = found.await.with_context(|| scene.operator_log())?;
        assert!(has_condition(&found, "Ready", "False"), "{name}");
    }
    scene.apply_release("good", &hello_spec("1.1.0")).await?;
    scene.ready("good", "1.1.0").await?;
    Ok(())
}
