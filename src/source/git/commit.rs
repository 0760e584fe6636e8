//! A commit with the files in it, told from its tree objects; contents stay in the pack.
//!
//! **Invariant:** a tree that a server made up to lead out of its folder, or to be endless, is refused.

use std::sync::Arc;

use gix_hash::ObjectId;
use gix_object::tree::EntryKind;
use gix_object::{CommitRef, Kind, TagRef, TreeRefIter};

use super::pack::Pack;
use super::signature::Signed;
use super::{MAX_COMMIT_FILES, MAX_FOLDER_DEPTH};
use crate::source::tree::{Blob, Content, Tree};

/// The most bytes of a commit, a tag or a folder's list.
const MAX_LIST_SIZE: u64 = 16 * 1024 * 1024;
/// How many letters of a commit's first line are shown, as in Flux.
const SUBJECT_LENGTH: usize = 50;

/// A commit with its files.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The first line of its message, cut after 50 letters.
    pub subject: String,
    /// What of it is signed, and how.
    pub signed: Signed,
    /// Its files, before any rule leaves some out.
    pub tree: Tree,
    /// Other repositories that it has in its folders: path and commit.
    pub(super) submodules: Vec<(String, ObjectId)>,
    /// Bytes of its packs on disk, which stand for the size of an archive that nobody makes.
    pub size: u64,
}

impl Commit {
    /// The commit out of a pack; a tag leads to the commit behind it.
    ///
    /// # Errors
    /// Something is missing, malformed or beyond a limit.
    pub(super) fn read(pack: Pack, id: ObjectId) -> Result<Self, String> {
        let (id, bytes) = peeled(&pack, id)?;
        let commit = CommitRef::from_bytes(&bytes, id.kind()).map_err(|error| format!("commit {id}: {error}"))?;
        let subject = commit.message().title.to_string();
        let subject = match subject.char_indices().nth(SUBJECT_LENGTH) {
            Some((end, _)) => format!("{}...", subject.get(..end).unwrap_or_default()),
            None => subject.trim_end().to_owned(),
        };
        let (root, signed) = (commit.tree(), Signed::of_commit(&bytes));
        let size = pack.size;
        let mut walk = Walk { pack: Arc::new(pack), tree: Tree::default(), submodules: Vec::new() };
        walk.folder("", root, 0)?;
        Ok(Self { subject, signed, tree: walk.tree, submodules: walk.submodules, size })
    }
}

/// What of a tag is signed, and how; and the commit that it leads to.
///
/// # Errors
/// It was not sent, or is malformed.
pub(super) fn read_tag(pack: &Pack, id: ObjectId) -> Result<(Signed, ObjectId), String> {
    let bytes = pack.object(&id, Kind::Tag, MAX_LIST_SIZE)?;
    Ok((Signed::of_tag(&bytes), peeled(pack, id)?.0))
}

/// A commit, or the commit behind a tag, with its bytes.
fn peeled(pack: &Pack, mut id: ObjectId) -> Result<(ObjectId, Vec<u8>), String> {
    // A tag may be of a tag; nobody nests them deeper.
    for _ in 0..4 {
        match pack.object(&id, Kind::Tag, MAX_LIST_SIZE) {
            Ok(tag) => {
                let tag = TagRef::from_bytes(&tag, id.kind()).map_err(|error| format!("tag {id}: {error}"))?;
                id = tag.target();
            }
            Err(_) => return pack.object(&id, Kind::Commit, MAX_LIST_SIZE).map(|bytes| (id, bytes)),
        }
    }
    Err(format!("tag {id} is a tag of tags of tags"))
}

struct Walk {
    pack: Arc<Pack>,
    tree: Tree,
    submodules: Vec<(String, ObjectId)>,
}

impl Walk {
    fn folder(&mut self, path: &str, id: ObjectId, depth: usize) -> Result<(), String> {
        if depth > MAX_FOLDER_DEPTH {
            return Err(format!("folders are nested deeper than {MAX_FOLDER_DEPTH}: {path}"));
        }
        let bytes = self.pack.object(&id, Kind::Tree, MAX_LIST_SIZE)?;
        for entry in TreeRefIter::from_bytes(&bytes, id.kind()) {
            let entry = entry.map_err(|error| format!("folder '{path}': {error}"))?;
            let name = String::from_utf8_lossy(entry.filename);
            if matches!(name.as_ref(), "" | "." | "..") || name.contains(['/', '\0']) {
                return Err(format!("folder '{path}' has a file with the name {name:?}"));
            }
            let child = if path.is_empty() { name.into_owned() } else { format!("{path}/{name}") };
            let id = entry.oid.to_owned();
            match entry.mode.kind() {
                EntryKind::Tree => self.folder(&child, id, depth + 1)?,
                EntryKind::Blob | EntryKind::BlobExecutable => {
                    let is_executable = entry.mode.kind() == EntryKind::BlobExecutable;
                    let content = Content::Packed { pack: Arc::clone(&self.pack), id };
                    self.tree.insert(child, Blob { content, is_executable });
                }
                EntryKind::Commit => self.submodules.push((child, id)),
                EntryKind::Link => {}
            }
            if self.tree.len() > MAX_COMMIT_FILES {
                return Err(format!("the commit has more than {MAX_COMMIT_FILES} files"));
            }
        }
        Ok(())
    }
}
