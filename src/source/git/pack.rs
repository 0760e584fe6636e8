//! A pack on disk: written and indexed while it comes in, read object by object.
//!
//! **Invariant:** a received pack has no name in the file system any more, so that its space is free once it is dropped, however the
//! program ends; and no object is unpacked beyond its limit.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::sync::atomic::AtomicBool;

use gix_hash::ObjectId;
use gix_object::Kind;
use gix_pack::cache::Never;
use gix_pack::data::decode::header::ResolvedBase;
use gix_utils::progress::Discard;
use gix_zlib::Inflate;
use tempfile::TempDir;

use super::{MAX_OBJECT_SIZE, MAX_PACK_SIZE};

/// A pack with its index.
pub(in crate::source) struct Pack {
    bundle: gix_pack::Bundle,
    /// Bytes of the pack and its index on disk.
    pub(super) size: u64,
}

/// What Git names objects by here; repositories of SHA-256 are refused before.
const HASH: gix_hash::Kind = gix_hash::Kind::Sha1;

impl Pack {
    /// Writes a pack that comes in to a folder of its own, with an index.
    ///
    /// # Errors
    /// The pack is malformed or beyond a limit, or the folder cannot be written to.
    pub(super) fn receive(input: &mut dyn BufRead, stop: &AtomicBool) -> Result<Self, String> {
        let folder = working_folder()?;
        let options = gix_pack::bundle::write::Options {
            thread_limit: Some(1),
            alloc_limit_bytes: Some(MAX_OBJECT_SIZE),
            ..gix_pack::bundle::write::Options::default()
        };
        let mut limited = BufReader::new(Limited { inner: input, left: MAX_PACK_SIZE });
        let none = None::<gix_object::find::Never>;
        let written = gix_pack::Bundle::write_to_directory(
            &mut limited,
            Some(folder.path()),
            &mut Discard,
            stop,
            none,
            HASH,
            options,
        );
        let written = written.map_err(|error| error_text(&error))?;
        let (Some(data), Some(index)) = (&written.data_path, &written.index_path) else {
            return Err("the pack was not written".to_owned());
        };
        let size = [data, index].iter().filter_map(|path| path.metadata().ok()).map(|file| file.len()).sum();
        let bundle = gix_pack::Bundle::at(index, HASH).map_err(|error| error_text(&error))?;
        let bundle = gix_pack::Bundle { pack: bundle.pack.with_alloc_limit_bytes(Some(MAX_OBJECT_SIZE)), ..bundle };
        // Both files are mapped by now; the folder goes with its names only.
        Ok(Self { bundle, size })
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// It is not there, larger than `limit` or no file.
    pub(in crate::source) fn blob(&self, id: &ObjectId, limit: u64) -> Result<Vec<u8>, String> {
        self.object(id, Kind::Blob, limit)
    }

    /// The bytes of an object of a kind.
    ///
    /// # Errors
    /// It is not there, larger than `limit` or of another kind.
    pub(super) fn object(&self, id: &ObjectId, kind: Kind, limit: u64) -> Result<Vec<u8>, String> {
        let mut inflate = Inflate::default();
        let size = self.object_size(id, &mut inflate).map_err(|error| error_text(&error))?;
        let size = size.ok_or_else(|| format!("object {id} was not sent"))?;
        if size > limit {
            return Err(format!("object {id} has {size} bytes, more than the limit of {limit}"));
        }
        let mut bytes = Vec::new();
        let found = self.bundle.find(id, &mut bytes, &mut inflate, &mut Never).map_err(|error| error_text(&error))?;
        match found.map(|(data, _)| data.kind) {
            Some(found) if found == kind => Ok(bytes),
            Some(found) => Err(format!("object {id} is a {found}, not a {kind}")),
            None => Err(format!("object {id} was not sent")),
        }
    }

    /// Whether an object was sent.
    pub(super) fn has(&self, id: &ObjectId) -> bool {
        self.bundle.index.lookup(id).is_some()
    }

    /// The bytes of an object as its header tells them.
    fn object_size(&self, id: &gix_hash::oid, inflate: &mut Inflate) -> gix_error::Result<Option<u64>> {
        let gix_pack::Bundle { pack, index } = &self.bundle;
        let entry =
            |id: &gix_hash::oid| index.lookup(id).map(|at| pack.entry(index.pack_offset_at_index(at))).transpose();
        let Some(found) = entry(id)? else { return Ok(None) };
        let header = pack.decode_header(found, inflate, &|id| Ok(entry(id)?.map(ResolvedBase::InPack)))?;
        Ok(Some(header.object_size))
    }
}

impl fmt::Debug for Pack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pack({} bytes)", self.size)
    }
}

/// A folder for what has to lie on disk, which goes with the value.
///
/// # Errors
/// There is no place to write to; the text says what to do.
pub(super) fn working_folder() -> Result<TempDir, String> {
    tempfile::Builder::new().prefix("rhumb-git-").tempdir().map_err(|error| {
        let place = std::env::temp_dir();
        format!("cannot write to {}: {error}; mount an emptyDir volume there or set TMPDIR", place.display())
    })
}

/// The text of an error with all that it stems from.
pub(super) fn error_text(error: &gix_error::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    for error in error.iter_errors() {
        let text = error.to_string();
        if texts.last().is_none_or(|last| !last.ends_with(&text)) {
            texts.push(text);
        }
    }
    texts.join(": ")
}

/// Passes on so many bytes and then fails.
struct Limited<'a> {
    inner: &'a mut dyn BufRead,
    left: u64,
}

impl std::io::Read for Limited<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.spend(read)?;
        Ok(read)
    }
}

impl Limited<'_> {
    fn spend(&mut self, bytes: usize) -> std::io::Result<()> {
        let left = self.left.checked_sub(bytes as u64);
        self.left = left.ok_or_else(|| {
            std::io::Error::other(format!("the commit has more than the limit of {MAX_PACK_SIZE} bytes, packed"))
        })?;
        Ok(())
    }
}
