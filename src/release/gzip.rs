//! Gzip around a record, as Helm 4.3 writes it: best compression, no name, no time.
//!
//! In: a record's JSON. Out: the same packed. A compressor takes 380 KB, which would be asked for and cleared several times a release, and
//! would leave gaps of that size among what stays; so those that have done their work are kept, for the next record to use.
//!
//! **Invariant:** never keeps more than [`KEPT`] compressors, however many records are written at a time.

use std::io::{Error, Result};
use std::sync::{Mutex, PoisonError};

use flate2::{Compress, Compression, FlushCompress, Status};

/// How many idle compressors are kept.
const KEPT: usize = 2;

/// The bits of the largest window that deflate has: 32 KiB.
const WINDOW_BITS: u8 = 15;

static IDLE: Mutex<Vec<Compress>> = Mutex::new(Vec::new());

/// Packs a text.
pub(super) fn gzip(text: &[u8]) -> Result<Vec<u8>> {
    let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut compressor = idle.unwrap_or_else(|| Compress::new_gzip(Compression::best(), WINDOW_BITS));
    let packed = pack(&mut compressor, text);
    compressor.reset();
    let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
    if idle.len() < KEPT {
        idle.push(compressor);
    }
    packed
}

fn pack(compressor: &mut Compress, text: &[u8]) -> Result<Vec<u8>> {
    // Manifests and templates shrink to a fifth or better.
    let mut packed = Vec::with_capacity(text.len() / 4 + 64);
    loop {
        let taken = usize::try_from(compressor.total_in()).unwrap_or(usize::MAX);
        let rest = text.get(taken..).unwrap_or_default();
        match compressor.compress_vec(rest, &mut packed, FlushCompress::Finish).map_err(Error::other)? {
            Status::StreamEnd => return Ok(packed),
            Status::Ok | Status::BufError => packed.reserve(packed.capacity().max(64)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::gzip;

    #[test]
    fn what_is_packed_is_whole_whatever_was_packed_before() {
        let long = (0..20_000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_string()).collect::<String>();
        for text in ["", "{}", &long, "again", &long[1000..]] {
            let packed = gzip(text.as_bytes()).unwrap();
            let mut unpacked = String::new();
            GzDecoder::new(&*packed).read_to_string(&mut unpacked).unwrap();
            assert_eq!(unpacked, text);
            assert_eq!(packed[4..8], [0; 4], "no time");
        }
    }

    #[test]
    fn the_same_text_gives_the_same_bytes_from_a_used_compressor() {
        let first = gzip(b"one and the same").unwrap();
        gzip(b"something else").unwrap();
        assert_eq!(gzip(b"one and the same").unwrap(), first);
    }
}
