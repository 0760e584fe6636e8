//! How releases end whose installs, upgrades or tests fail, with every kind of remediation.

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use kube::api::DynamicObject;
use serde_json::{Value, json};

use crate::scene::{SOON, Scene};
use crate::support::cluster::wait_for;
use crate::support::release::{condition, has_condition};

/// A row of Flux's table.
struct Row {
    name: &'static str,
    /// What is put into the spec first, and must become ready; none if there is no upgrade.
    first: Option<Value>,
    /// What is put into it then.
    then: Value,
    /// The conditions at the end, as type and status.
    conditions: &'static [(&'static str, &'static str)],
    /// Counters at the end.
    counters: &'static [(&'static str, i64)],
    /// The statuses of the revisions that helm knows, oldest first.
    history: &'static [&'static str],
    /// What helm says of the last.
    description: &'static str,
}

fn unready() -> Value {
    json!({"faults": {"unready": true}})
}

fn rows() -> Vec<Row> {
    let failing_tests = json!({"faults": {"testFail": true}});
    let row =
        |name, first, then| Row { name, first, then, conditions: &[], counters: &[], history: &[], description: "" };
    let mut rows = install_rows(&row, &failing_tests);
    rows.extend(upgrade_rows(&row, &failing_tests));
    rows
}

type MakeRow<'a> = &'a dyn Fn(&'static str, Option<Value>, Value) -> Row;

fn install_rows(row: MakeRow<'_>, failing_tests: &Value) -> Vec<Row> {
    vec![
        Row {
            conditions: &[("Released", "False"), ("Ready", "False")],
            history: &["failed"],
            ..row("install-fail", None, json!({"values": unready()}))
        },
        Row {
            conditions: &[("Released", "True"), ("TestSuccess", "False"), ("Ready", "False")],
            history: &["deployed"],
            ..row("install-test-fail", None, json!({"values": failing_tests, "test": {"enable": true}}))
        },
        Row {
            conditions: &[("Released", "True"), ("TestSuccess", "False"), ("Ready", "True")],
            history: &["deployed"],
            ..row(
                "install-test-fail-ignore",
                None,
                json!({"values": failing_tests, "test": {"enable": true, "ignoreFailures": true}}),
            )
        },
        Row {
            conditions: &[("Released", "False"), ("Ready", "False"), ("Remediated", "True")],
            history: &["uninstalled"],
            ..row(
                "install-fail-remediate",
                None,
                json!({
                    "values": unready(),
                    "install": {"remediation": {"remediateLastFailure": true}},
                    "uninstall": {"keepHistory": true},
                }),
            )
        },
        Row {
            conditions: &[("Released", "False"), ("Ready", "False"), ("Stalled", "True")],
            counters: &[("installFailures", 2)],
            history: &["failed"],
            ..row("install-fail-retry", None, json!({"values": unready(), "install": {"remediation": {"retries": 1}}}))
        },
    ]
}

fn upgrade_rows(row: MakeRow<'_>, failing_tests: &Value) -> Vec<Row> {
    let failed: &[_] = &[("Released", "False"), ("Ready", "False"), ("Stalled", "True")];
    let fine = || Some(json!({}));
    vec![
        Row {
            conditions: failed,
            history: &["deployed", "failed"],
            ..row("upgrade-fail", fine(), json!({"values": unready()}))
        },
        Row {
            conditions: &[("Released", "True"), ("TestSuccess", "False"), ("Ready", "False"), ("Stalled", "True")],
            history: &["superseded", "deployed"],
            ..row("upgrade-test-fail", fine(), json!({"values": failing_tests, "test": {"enable": true}}))
        },
        Row {
            conditions: &[("Released", "False"), ("Ready", "False"), ("Remediated", "True")],
            history: &["superseded", "failed", "deployed"],
            description: "Rollback to 1",
            ..row(
                "upgrade-fail-remediate",
                fine(),
                json!({"values": unready(), "upgrade": {"remediation": {"remediateLastFailure": true}}}),
            )
        },
        Row {
            conditions: failed,
            counters: &[("upgradeFailures", 2)],
            history: &["superseded", "failed", "superseded", "failed", "deployed"],
            description: "Rollback to 3",
            ..row(
                "upgrade-fail-retry",
                fine(),
                json!({
                    "values": unready(),
                    "upgrade": {"remediation": {"retries": 1, "remediateLastFailure": true}},
                }),
            )
        },
        Row {
            conditions: &[("Released", "False"), ("Ready", "False")],
            counters: &[("upgradeFailures", 1), ("installFailures", 1)],
            history: &["failed"],
            ..row(
                "upgrade-fail-uninstall",
                fine(),
                json!({
                    "values": unready(),
                    "upgrade": {"remediation": {"strategy": "uninstall", "remediateLastFailure": true}},
                }),
            )
        },
    ]
}

impl Row {
    fn is_met(&self, release: &DynamicObject) -> bool {
        let status = &release.data["status"];
        self.conditions.iter().all(|(kind, value)| has_condition(release, kind, value))
            && self.counters.iter().all(|(name, count)| status[*name] == *count)
            && condition(release, "Ready").is_some_and(|ready| ready["reason"] != "Progressing")
    }

    async fn play(&self, scene: &Scene) -> Result<()> {
        let spec = |more: &Value| super::spec("app", "1.0.0", more);
        if let Some(first) = &self.first {
            scene.apply_release(self.name, &spec(first)).await?;
            scene.ready(self.name, "1.0.0").await.context(self.name)?;
        }
        let mut then = spec(&self.then);
        then["timeout"] = json!("3s");
        scene.apply_release(self.name, &then).await?;
        wait_for(&scene.releases(), self.name, SOON, self.name, |found| self.is_met(found))
            .await
            .with_context(|| scene.operator_log())?;
        let history = scene.helm.json(&["history", self.name, "-n", &scene.namespace])?;
        let revisions = history.as_array().context("helm history printed no list")?;
        let statuses: Vec<&str> = revisions.iter().filter_map(|revision| revision["status"].as_str()).collect();
        assert_eq!(statuses, self.history, "{}", self.name);
        let last = revisions.last().map_or("", |revision| revision["description"].as_str().unwrap_or_default());
        assert!(last.contains(self.description), "{}: {last}", self.name);
        Ok(())
    }
}

#[tokio::test]
async fn releases_that_fail_end_as_with_flux() -> Result<()> {
    let scene = super::scene("outcomes").await?;
    try_join_all(rows().iter().map(|row| row.play(&scene))).await?;
    Ok(())
}
