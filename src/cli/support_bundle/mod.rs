//! `rhumb support-bundle`: what somebody needs to see who was not there, in one archive, with secrets masked.
//!
//! In goes the cluster of the kubeconfig, with the rights of whoever asks; out comes a `.tar.gz`. What could not be read is named in
//! its `errors.txt` and is no failure.
//!
//! **Invariant:** nothing is written to the cluster, and no Secret's content is asked for.

mod collect;
mod mask;

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::cluster::{Cluster, ConnectOptions, Connection};

/// Flags of `rhumb support-bundle`.
#[derive(Args, Debug)]
pub(super) struct SupportBundle {
    /// Where the archive is written
    #[arg(long, short, default_value = "rhumb-support-bundle.tar.gz")]
    output: PathBuf,
    /// Only objects of this namespace; all namespaces without
    #[arg(long, short)]
    namespace: Option<String>,
    /// Namespace that the operator runs in
    #[arg(long, default_value = "rhumb-system")]
    operator_namespace: String,
    /// Kubeconfig; the usual one without
    #[arg(long, env = "KUBECONFIG")]
    kubeconfig: Option<PathBuf>,
    /// Where the operator's metrics are; without, its Pods are asked through the API server
    #[arg(long)]
    metrics_url: Option<String>,
}

/// A file of the archive.
struct Entry {
    path: String,
    content: String,
}

impl SupportBundle {
    /// Gathers everything and writes the archive.
    pub(super) fn execute(self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.context("cannot start the runtime")?;
        let entries = runtime.block_on(self.collect())?;
        let count = entries.len();
        self.write(&entries).with_context(|| format!("cannot write {}", self.output.display()))?;
        let mut said = std::io::stdout().lock();
        writeln!(said, "{}: {count} files. Have a look at it before you pass it on.", self.output.display())?;
        Ok(())
    }

    async fn collect(&self) -> Result<Vec<Entry>> {
        let connection = self.kubeconfig.clone().map_or(Connection::Infer, Connection::File);
        // The kubeconfig is the user's own, so it may do whatever the user may.
        let options =
            ConnectOptions { connection, allow_exec: true, allow_insecure_tls: true, ..ConnectOptions::default() };
        let cluster = Cluster::connect(&options).await?;
        let wanted = collect::Wanted {
            namespace: self.namespace.as_deref(),
            operator_namespace: &self.operator_namespace,
            metrics_url: self.metrics_url.as_deref(),
        };
        Ok(collect::collect(cluster.client(), &wanted).await)
    }

    fn write(&self, entries: &[Entry]) -> Result<()> {
        let file = File::create(&self.output)?;
        let mut archive = tar::Builder::new(GzEncoder::new(file, Compression::default()));
        for entry in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(entry.content.len() as u64);
            header.set_mode(0o600);
            header.set_mtime(u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default());
            archive.append_data(&mut header, format!("rhumb/{}", entry.path), entry.content.as_bytes())?;
        }
        archive.into_inner()?.finish()?.sync_all()?;
        Ok(())
    }
}
