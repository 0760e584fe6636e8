//! A release whose target has moved: another storage namespace, release namespace, release name or, unless it is renamed in place, chart.
//!
//! As in Flux 1.6, the old release is uninstalled first and its history forgotten; the next reconcile installs the new one.
//!
//! **Invariant:** the old release is uninstalled where the status says that it is, never where the spec says that it should be.

use std::sync::Arc;

use super::Error;
use super::act::Draft;
use super::context::Context;
use super::engagement::Engagement;
use super::prerequisites::{Inputs, workbench};
use super::remote;
use super::requeue::Ending;
use crate::action::{Settings, Uninstalled, uninstall};
use crate::api::conditions::reason;
use crate::lifecycle::{Event, EventType};

/// Uninstalls the old release if the target has moved; what follows is then another reconcile's business.
pub(super) async fn leave_old(
    draft: &mut Draft,
    inputs: &Inputs,
    engagement: &Engagement,
    ctx: &Context,
) -> Result<Option<Ending>, Error> {
    let Some(newest) = draft.status.history.first() else { return Ok(None) };
    let desired = &inputs.desired;
    let storage_namespace = draft.status.storage_namespace.clone().unwrap_or_else(|| desired.storage_namespace.clone());
    let moved = storage_namespace != desired.storage_namespace
        || newest.namespace != desired.release_namespace
        || newest.name != desired.release_name
        || (newest.chart_name != desired.chart.name && !desired.renames_in_place);
    if !moved {
        return Ok(None);
    }
    let release = Arc::clone(&draft.release);
    let place = remote::place(&release, ctx).await?;
    let bench = workbench(&release, &newest.name, &newest.namespace, &storage_namespace, engagement, &place, ctx);
    let _quiet = bench.cluster.watches().hold(&bench.origin.release);
    if let Uninstalled::Gone { revision, chart } = uninstall(&bench, &Settings::uninstall(&release)).await? {
        let message = format!(
            "Helm uninstall succeeded for release {}/{}.v{revision} with chart {chart}",
            newest.namespace, newest.name
        );
        ctx.publish(&release, &[Event { event_type: EventType::Normal, reason: reason::UNINSTALL_SUCCEEDED, message }]);
    }
    draft.status.history.clear();
    draft.status.failures = 0;
    draft.status.install_failures = 0;
    draft.status.upgrade_failures = 0;
    draft.status.storage_namespace = None;
    Ok(None)
}
