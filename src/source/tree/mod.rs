//! The files of a source by path: what charts are built from when they do not come packaged.
//!
//! **Invariant:** a path is relative, split by slashes, and none of its parts is empty, `.` or `..`; there are regular files only. A link
//! in a source is left out, as Flux's source-controller 1.9 leaves it out of its archives.

mod ignore;
mod unpack;

use std::collections::BTreeMap;
use std::sync::Arc;

use gix_hash::ObjectId;
use sha2::{Digest as _, Sha256};

use super::digest;
use super::git::Pack;

pub use ignore::SourceIgnore;
pub use unpack::MAX_TREE_SIZE;
use unpack::Unpacked;

/// The most bytes that a file may have that is read out of a tree: 5 MiB, as in Flux and Helm.
pub const MAX_TREE_FILE_SIZE: u64 = 5 * 1024 * 1024;

/// Files by path. Cheap to clone as long as there are few of them; contents are read when they are asked for.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    files: BTreeMap<Box<str>, Blob>,
}

/// A file.
#[derive(Clone, Debug)]
pub(super) struct Blob {
    pub(super) content: Content,
    pub(super) is_executable: bool,
}

/// Where the content of a file lies.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// In a pack, under its name.
    Packed { pack: Arc<Pack>, id: ObjectId },
    /// In an archive that was unpacked, at so many bytes.
    Unpacked { archive: Arc<Unpacked>, at: u64, size: u64, digest: [u8; 32] },
}

impl Content {
    fn read(&self, limit: u64) -> Result<Vec<u8>, String> {
        match self {
            Self::Packed { pack, id } => pack.blob(id, limit),
            Self::Unpacked { size, .. } if *size > limit => {
                Err(format!("the file has {size} bytes, more than the limit of {limit}"))
            }
            Self::Unpacked { archive, at, size, .. } => archive.read(*at, *size),
        }
    }

    /// What tells contents apart.
    fn id(&self) -> &[u8] {
        match self {
            Self::Packed { id, .. } => id.as_slice(),
            Self::Unpacked { digest, .. } => digest,
        }
    }
}

impl Tree {
    /// Whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// The paths of all files, in order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(AsRef::as_ref)
    }

    /// Whether there is a file at a path.
    pub fn has_file(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// Whether there are files below a path; the empty path is the root.
    pub fn has_folder(&self, path: &str) -> bool {
        self.below(path).next().is_some()
    }

    /// The paths of the files below a folder, relative to it.
    pub fn below<'a>(&'a self, folder: &str) -> impl Iterator<Item = &'a str> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let from = self.files.range::<str, _>((std::ops::Bound::Included(prefix.as_str()), std::ops::Bound::Unbounded));
        let length = prefix.len();
        from.map(|(path, _)| path.as_ref())
            .take_while(move |path: &&str| path.starts_with(prefix.as_str()))
            .filter_map(move |path| path.get(length..))
    }

    /// The bytes of a file; `None` if there is none at the path.
    ///
    /// # Errors
    /// The file is larger than `limit`, or what holds it cannot be read.
    pub fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, String> {
        let Some(blob) = self.files.get(path) else { return Ok(None) };
        blob.content.read(limit).map(Some)
    }

    /// A digest over all paths and contents, `sha256:` and hex.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for (path, blob) in &self.files {
            feed(&mut hash, path, blob);
        }
        digest::written(&hash.finalize())
    }

    /// Takes a file into a digest, by path and content; whether there is one.
    pub(super) fn feed(&self, hash: &mut Sha256, path: &str) -> bool {
        let blob = self.files.get(path);
        if let Some(blob) = blob {
            feed(hash, path, blob);
        }
        blob.is_some()
    }

    /// Keeps only the files that a rule admits.
    pub fn retain(&mut self, mut admits: impl FnMut(&str) -> bool) {
        self.files.retain(|path, _| admits(path));
    }

    /// Puts the files below a folder of another tree below a folder of this one, over what is there.
    pub fn put_below(&mut self, folder: &str, other: &Self, from: &str) {
        let prefix = if from.is_empty() { String::new() } else { format!("{from}/") };
        for (path, blob) in &other.files {
            if let Some(rest) = path.strip_prefix(prefix.as_str()) {
                let path = if folder.is_empty() { rest.to_owned() } else { format!("{folder}/{rest}") };
                self.files.insert(path.into(), blob.clone());
            }
        }
    }

    pub(super) fn insert(&mut self, path: String, blob: Blob) {
        self.files.insert(path.into(), blob);
    }
}

fn feed(hash: &mut Sha256, path: &str, blob: &Blob) {
    hash.update((path.len() as u64).to_le_bytes());
    hash.update(path);
    hash.update([u8::from(blob.is_executable)]);
    hash.update(blob.content.id());
}

/// A path as a user writes it, in the form of a tree's paths; the root is empty. What would lead out of the tree stops at its root, as
/// a folder that is the root of a file system has itself above it.
pub fn clean_path(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_never_leave_the_tree() {
        assert_eq!(clean_path("./charts//app/"), "charts/app");
        assert_eq!(clean_path("../../etc/passwd"), "etc/passwd");
        assert_eq!(clean_path("a/../.."), "");
        assert_eq!(clean_path("/"), "");
    }
}
