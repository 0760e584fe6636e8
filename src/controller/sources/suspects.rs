//! HelmCharts whose source gives other bytes than those of their artifact.
//!
//! **Invariant:** a suspicion is looked into once.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use futures::channel::mpsc::UnboundedSender;
use kube_runtime::reflector::ObjectRef;

use super::watch::key;
use crate::api::HelmChart;

/// The HelmCharts to look into. Cheap to clone.
#[derive(Clone)]
pub(super) struct Suspects {
    charts: Arc<Mutex<HashSet<(String, String)>>>,
    wake: UnboundedSender<ObjectRef<HelmChart>>,
}

impl Suspects {
    pub(super) fn new(wake: UnboundedSender<ObjectRef<HelmChart>>) -> Self {
        Self { charts: Arc::default(), wake }
    }

    /// Has a HelmChart pulled anew, whatever its version says.
    pub(super) fn add(&self, chart: &HelmChart) {
        self.charts.lock().unwrap_or_else(PoisonError::into_inner).insert(key(chart));
        // The receiver is gone only while the program stops.
        let _ = self.wake.unbounded_send(ObjectRef::from_obj(chart));
    }

    /// Whether a HelmChart is to be looked into; asked once.
    pub(super) fn take(&self, chart: &HelmChart) -> bool {
        self.charts.lock().unwrap_or_else(PoisonError::into_inner).remove(&key(chart))
    }
}
