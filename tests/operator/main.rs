//! Tests of the effect half: the real clients over fakes. They need neither network nor cluster.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test tells by a panic what is wrong, and so do its helpers"
)]

#[path = "../project.rs"]
mod project;
mod support;

/// Applying, watching, waiting for, deleting and comparing the objects of releases.
mod cluster;
/// Collections of charts with the output of helm.
mod corpora;
/// What the pages for users name.
mod docs;
/// Metrics, dashboards and alerts.
mod monitoring;
/// Events to a notification-controller.
mod notifications;
/// What the chart starts is what the program understands.
mod packaging;
/// Charts from repositories and registries.
mod sources;
/// What is said at the start.
mod start;
/// Release records in Secrets.
mod storage;
/// The command `rhumb template`.
mod template;
