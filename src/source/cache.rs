//! Charts by the digest of their archives: parsed once, shared for as long as anybody holds them, kept a while longer.
//!
//! **Invariant:** the chart under a digest came from bytes that have this digest, or from a build that the digest stands for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use moka::sync::Cache;

use super::flight::Flights;
use super::{Error, digest};
use crate::chart::Chart;

/// How many bytes of unpacked charts are kept that nobody holds.
const MAX_KEPT_BYTES: u64 = 64 * 1024 * 1024;
/// How long a chart is kept that nobody asks for.
const IDLE: Duration = Duration::from_secs(900);

/// A chart with the size of its archive.
#[derive(Clone, Debug)]
pub(super) struct Loaded {
    pub(super) chart: Arc<Chart>,
    pub(super) digest: Arc<str>,
    pub(super) size: u64,
}

/// A chart that somebody else holds, with the size of its archive.
type Held = (Weak<Chart>, u64);

/// Charts by digest.
pub(super) struct ChartCache {
    kept: Cache<Arc<str>, Loaded>,
    held: Mutex<HashMap<Arc<str>, Held>>,
    parsing: Flights<Arc<str>, Loaded>,
}

impl Default for ChartCache {
    fn default() -> Self {
        let kept = Cache::builder()
            .max_capacity(MAX_KEPT_BYTES)
            .weigher(|_, loaded: &Loaded| weight(&loaded.chart))
            .time_to_idle(IDLE)
            .build();
        Self { kept, held: Mutex::default(), parsing: Flights::default() }
    }
}

impl ChartCache {
    /// The chart with a digest, if it is at hand.
    pub(super) fn get(&self, digest: &str) -> Option<Loaded> {
        if let Some(loaded) = self.kept.get(digest) {
            return Some(loaded);
        }
        let loaded = {
            let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            let (key, (chart, size)) = held.get_key_value(digest)?;
            Loaded { chart: chart.upgrade()?, digest: Arc::clone(key), size: *size }
        };
        self.kept.insert(Arc::clone(&loaded.digest), loaded.clone());
        Some(loaded)
    }

    /// Keeps a chart under a digest.
    pub(super) fn insert(&self, loaded: Loaded) -> Loaded {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, (chart, _)| chart.strong_count() > 0);
        held.insert(Arc::clone(&loaded.digest), (Arc::downgrade(&loaded.chart), loaded.size));
        drop(held);
        self.kept.insert(Arc::clone(&loaded.digest), loaded.clone());
        loaded
    }

    /// The chart in an archive: at hand by the digest of its bytes, else parsed on a thread that may block. `what` is for errors.
    pub(super) async fn load(&self, bytes: Bytes, what: String) -> Result<Loaded, Error> {
        let size = bytes.len() as u64;
        let digest: Arc<str> = digest::sha256(&bytes).into();
        if let Some(loaded) = self.get(&digest) {
            return Ok(loaded);
        }
        let key = Arc::clone(&digest);
        let loaded = self
            .parsing
            .join(key, || async move {
                let parsed = tokio::task::spawn_blocking(move || Chart::from_archive(&bytes)).await;
                let chart = match parsed {
                    Ok(Ok(chart)) => chart,
                    Ok(Err(error)) => return Err(Error::chart(what, &error)),
                    Err(error) => return Err(Error::Chart { what, message: format!("parsing was cut off: {error}") }),
                };
                Ok(Loaded { chart: Arc::new(chart), digest, size })
            })
            .await?;
        Ok(self.insert(loaded))
    }
}

/// A rough count of the bytes that a chart takes in memory.
fn weight(chart: &Chart) -> u32 {
    let files: usize = chart.raw.iter().map(|file| file.data.len() + file.name.len() + 64).sum();
    let own = u32::try_from(files).unwrap_or(u32::MAX).saturating_add(4096);
    // Subcharts share the bytes of their parent's files only if they are not packed themselves.
    chart.dependencies.iter().fold(own, |sum, subchart| sum.saturating_add(weight(subchart)))
}
