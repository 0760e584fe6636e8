//! Trees out of archives: unpacked to a file on disk once, read from there.
//!
//! Counterpart: the `tar` package of Flux, by which its controllers unpack each other's artifacts. Links and other entries that are no
//! regular files are left out.
//!
//! **Invariant:** no path of an archive leads out of the tree, and what an archive unpacks to is bounded, whatever its headers claim.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _};
use std::os::unix::fs::FileExt as _;
use std::path::Component;
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest as _, Sha256};

use super::{Blob, Content, Tree};

/// The most bytes that the archive of a tree may unpack to: 512 MiB.
pub const MAX_TREE_SIZE: u64 = 512 * 1024 * 1024;
/// The most files and folders that an archive may have.
const MAX_TREE_ENTRIES: usize = 500_000;
/// How many bytes are hashed at once.
const BLOCK: usize = 64 * 1024;

/// An archive on disk, unpacked; it goes with the last file of the tree.
pub(in crate::source) struct Unpacked(File);

impl Unpacked {
    /// Some of the bytes.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn read(&self, at: u64, size: u64) -> Result<Vec<u8>, String> {
        let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
        self.0.read_exact_at(&mut bytes, at).map_err(|error| error.to_string())?;
        Ok(bytes)
    }
}

impl fmt::Debug for Unpacked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unpacked(..)")
    }
}

impl Tree {
    /// The regular files of an archive (`.tar.gz`). Waits for the disk.
    ///
    /// # Errors
    /// The archive is malformed, beyond a limit or has a path that leads out of it; or there is no place to unpack it to.
    pub fn from_archive(bytes: &[u8]) -> Result<Self, String> {
        let unpacked = unpack(bytes)?;
        let mut tree = Self::default();
        let mut reader = unpacked.try_clone().map_err(|error| error.to_string())?;
        reader.rewind().map_err(|error| error.to_string())?;
        let unpacked = Arc::new(Unpacked(unpacked));
        let mut archive = tar::Archive::new(BufReader::with_capacity(BLOCK, reader));
        let malformed = |error: io::Error| format!("the archive cannot be read: {error}");
        for (index, entry) in archive.entries().map_err(malformed)?.enumerate() {
            if index >= MAX_TREE_ENTRIES {
                return Err(format!("the archive has more than {MAX_TREE_ENTRIES} entries"));
            }
            let mut entry = entry.map_err(malformed)?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let path = path_of(&entry).ok_or("the archive has a file whose path leads out of it or is not UTF-8")?;
            let is_executable = entry.header().mode().is_ok_and(|mode| mode & 0o111 != 0);
            let (at, size) = (entry.raw_file_position(), entry.size());
            let digest = digest(&mut entry).map_err(malformed)?;
            let content = Content::Unpacked { archive: Arc::clone(&unpacked), at, size, digest };
            tree.insert(path, Blob { content, is_executable });
        }
        Ok(tree)
    }
}

/// An archive without its packing, in a file that nobody else sees.
fn unpack(bytes: &[u8]) -> Result<File, String> {
    let mut file = tempfile::tempfile().map_err(|error| {
        let place = std::env::temp_dir();
        format!("cannot write to {}: {error}; mount an emptyDir volume there or set TMPDIR", place.display())
    })?;
    let mut stream = MultiGzDecoder::new(bytes).take(MAX_TREE_SIZE + 1);
    let size = io::copy(&mut stream, &mut file).map_err(|error| format!("the archive cannot be unpacked: {error}"))?;
    if size > MAX_TREE_SIZE {
        return Err(format!("the archive unpacks to more than the limit of {MAX_TREE_SIZE} bytes"));
    }
    Ok(file)
}

/// The path of an entry in the form of a tree's paths.
fn path_of(entry: &tar::Entry<'_, impl Read>) -> Option<String> {
    let path = entry.path().ok()?;
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::Normal(name) => parts.push(name.to_str()?.to_owned()),
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

fn digest(entry: &mut impl Read) -> io::Result<[u8; 32]> {
    let (mut hash, mut block) = (Sha256::new(), vec![0; BLOCK]);
    loop {
        match entry.read(&mut block)? {
            0 => return Ok(hash.finalize().into()),
            read => hash.update(block.get(..read).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn archive(files: &[(&str, &[u8], u32)], edit: impl Fn(&mut tar::Builder<Vec<u8>>)) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, bytes, mode) in files {
            let mut header = tar::Header::new_gnu();
            // The path is put in as it is; the builder itself would refuse some of them.
            let name = &mut header.as_gnu_mut().unwrap().name;
            name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_size(bytes.len() as u64);
            header.set_mode(*mode);
            header.set_cksum();
            builder.append(&header, *bytes).unwrap();
        }
        edit(&mut builder);
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&builder.into_inner().unwrap()).unwrap();
        packed.finish().unwrap()
    }

    fn nothing(_: &mut tar::Builder<Vec<u8>>) {}

    #[test]
    fn regular_files_are_found_by_path_and_links_are_left_out() {
        let files: &[(&str, &[u8], u32)] =
            &[("./charts/app/Chart.yaml", b"name: app", 0o644), ("run.sh", b"#!", 0o755)];
        let bytes = archive(files, |builder| {
            let mut link = tar::Header::new_gnu();
            link.set_entry_type(tar::EntryType::Symlink);
            link.set_size(0);
            builder.append_link(&mut link, "link", "/etc/passwd").unwrap();
        });
        let tree = Tree::from_archive(&bytes).unwrap();
        assert_eq!(tree.paths().collect::<Vec<_>>(), ["charts/app/Chart.yaml", "run.sh"]);
        assert_eq!(tree.read("charts/app/Chart.yaml", 100).unwrap().as_deref(), Some(b"name: app".as_slice()));
        assert_eq!(tree.read("run.sh", 100).unwrap().as_deref(), Some(b"#!".as_slice()));
        assert!(tree.read("run.sh", 1).unwrap_err().contains("more than the limit of 1"));
        assert_eq!(tree.read("link", 100).unwrap(), None);

        let other = |mode, text| Tree::from_archive(&archive(&[("run.sh", text, mode)], nothing)).unwrap().digest();
        assert_eq!(other(0o755, b"#!"), other(0o700, b"#!"));
        assert_ne!(other(0o755, b"#!"), other(0o644, b"#!"));
        assert_ne!(other(0o755, b"#!"), other(0o755, b"#?"));
    }

    #[test]
    fn paths_that_lead_out_and_archives_that_are_none_are_refused() {
        for path in ["../evil", "/etc/evil", "a/../../evil"] {
            let error = Tree::from_archive(&archive(&[(path, b"x", 0o644)], nothing)).unwrap_err();
            assert!(error.contains("leads out of it"), "{path}: {error}");
        }
        assert!(Tree::from_archive(b"no gzip").unwrap_err().contains("cannot be unpacked"));
        let whole = archive(&[("a", &[7; 4000], 0o644)], nothing);
        assert!(Tree::from_archive(&whole[..whole.len() - 20]).is_err());
    }
}
