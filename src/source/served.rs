//! Artifacts that somebody else serves over HTTP: charts, and trees of files.
//!
//! **Invariant:** bytes are looked into only after their digest was found to be the one that was told.

use std::sync::Arc;

use bytes::Bytes;
use url::Url;

use super::cache::Loaded;
use super::http::{Answer, Ask, shown};
use super::library::{Fetched, Library, MAX_CHART_ARCHIVE_SIZE, http_url};
use super::{Access, BuildStage, Error, Tree, digest};

/// The most bytes that the archive of a tree of files (a source artifact) may have.
pub const MAX_TREE_ARCHIVE_SIZE: u64 = 256 * 1024 * 1024;

impl Library {
    /// The chart at a URL at which somebody else serves it, checked by its digest (`sha256:`, `sha384:` or `sha512:` and hex).
    ///
    /// # Errors
    /// It cannot be fetched, has another digest, or is no chart.
    pub async fn chart_from_url(&self, url: &str, digest: &str) -> Result<Fetched, Error> {
        let access = Access::anonymous(url);
        let url = http_url(&access)?;
        let loaded = if digest.starts_with("sha256:") {
            self.archive(&access, &url, Some(digest)).await?
        } else {
            self.chart_of_other_digest(&access, &url, digest).await?
        };
        let version = loaded.chart.metadata.version.clone();
        Ok(loaded.fetched(version))
    }

    /// As [`Self::archive`], for digests under which charts are not kept.
    async fn chart_of_other_digest(&self, access: &Access, url: &Url, digest: &str) -> Result<Loaded, Error> {
        let key = (access.identity(), format!("{url}@{digest}"));
        if let Some(known) = self.0.archives.get(&key)
            && let Some(loaded) = self.0.charts.get(&known)
        {
            return Ok(loaded);
        }
        let bytes = self.served(access, url, digest, ("chart", MAX_CHART_ARCHIVE_SIZE)).await?;
        let loaded = self.0.charts.load(bytes, shown(url)).await?;
        self.0.archives.insert(key, Arc::clone(&loaded.digest));
        Ok(loaded)
    }

    /// The files in the archive (`.tar.gz`) at a URL at which somebody else serves it, checked by its digest.
    ///
    /// # Errors
    /// It cannot be fetched, is larger than [`MAX_TREE_ARCHIVE_SIZE`], has another digest, or cannot be unpacked.
    pub async fn tree(&self, url: &str, digest: &str) -> Result<Arc<Tree>, Error> {
        let key = (url.to_owned(), digest.to_owned());
        if let Some(tree) = self.0.trees.get(&key) {
            return Ok(tree);
        }
        let (library, (url, digest)) = (self.clone(), key.clone());
        let tree = self.0.fetching_trees.join(key.clone(), || async move { library.fetch_tree(&url, &digest).await });
        let tree = tree.await?;
        self.0.trees.insert(key, Arc::clone(&tree));
        Ok(tree)
    }

    async fn fetch_tree(&self, url: &str, digest: &str) -> Result<Arc<Tree>, Error> {
        let access = Access::anonymous(url);
        let place = http_url(&access)?;
        let bytes = self.served(&access, &place, digest, ("source artifact", MAX_TREE_ARCHIVE_SIZE)).await?;
        let unpacked = tokio::task::spawn_blocking(move || Tree::from_archive(&bytes)).await;
        let unpacked = unpacked.unwrap_or_else(|error| Err(error.to_string()));
        unpacked.map(Arc::new).map_err(|message| Error::Build {
            stage: BuildStage::Package,
            message: format!("source artifact at {}: {message}", shown(&place)),
        })
    }

    async fn served(
        &self,
        access: &Access,
        url: &Url,
        digest: &str,
        (what, limit): (&'static str, u64),
    ) -> Result<Bytes, Error> {
        let ask = Ask { what, limit, gzip: false, known: None };
        let Answer::Body(bytes, _) = self.0.http.fetch(access, url, ask).await? else {
            return Err(Error::Status { url: shown(url), status: "304 Not Modified".to_owned() });
        };
        let Some(actual) = digest::alike(digest, &bytes) else {
            let what = format!("the digest '{digest}' of the artifact at {}", shown(url));
            return Err(Error::Unsupported { what });
        };
        if digest::equal(&actual, digest) {
            return Ok(bytes);
        }
        Err(Error::DigestMismatch { what: shown(url), expected: digest.to_owned(), actual })
    }
}
