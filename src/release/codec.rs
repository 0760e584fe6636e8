//! The text of a release record in its Secret: JSON, gzip, base64 (the API server's own base64 comes on top).
//!
//! Counterpart: Helm's `pkg/storage/driver/util.go`. The difference: a record that does not fit into a Secret is slimmed by what no
//! reader of records needs, the chart's own files.
//!
//! **Invariant:** what [`encode`] packs unpacks to the same release, but for labels, which the Secret carries, and what was slimmed.

use std::io::Read as _;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;

use super::gzip::gzip;
use super::json::to_go_json;
use super::{Error, Release, secret_name};

/// The most bytes of data that the API server accepts in a Secret.
pub const MAX_SECRET_BYTES: usize = 1024 * 1024;

/// What is kept free in the record of an action that is under way: how it ends, and the runs of its hooks, are still to be written.
const RESERVE_BYTES: usize = 16 * 1024;

/// The most bytes that a record may take when decompressed; a larger one is taken for an attack on memory.
pub const MAX_DECODED_BYTES: u64 = 100 * 1024 * 1024;

/// What gzip streams begin with; a record from before compression begins otherwise.
const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 0x08];

/// A record as the Secret holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The record, whose [`Packed::text`] is the value of [`super::DATA_KEY`].
    pub packed: Packed,
    /// What was left out so that it fits.
    pub slimming: Slimming,
}

/// A record's JSON under gzip, or as it is where it is from before compression: a tenth of what the decoded record takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed(Box<[u8]>);

impl Packed {
    /// The record in the text of a Secret, as Helm 3.0 and later wrote it; `secret` is the Secret's name, for the error.
    ///
    /// # Errors
    /// [`Error::Base64`] where the text is not base64.
    pub fn from_text(secret: &str, text: &[u8]) -> Result<Self, Error> {
        // Go's decoder skips line breaks inside base64; so does this one.
        let text: Vec<u8> = text.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
        let packed = STANDARD.decode(text).map_err(|source| Error::Base64 { secret: secret.to_owned(), source })?;
        Ok(Self(packed.into()))
    }

    /// The text for a Secret.
    pub fn text(&self) -> String {
        STANDARD.encode(&self.0)
    }

    /// How many bytes it takes.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// The release; `secret` is the Secret's name, for the error.
    ///
    /// # Errors
    /// [`Error::Gzip`] and [`Error::Document`] where it is no record, [`Error::TooLarge`] where it grows beyond [`MAX_DECODED_BYTES`].
    pub fn unpack(&self, secret: &str) -> Result<Release, Error> {
        let secret = || secret.to_owned();
        let unpacked;
        let json = if self.0.starts_with(&GZIP_MAGIC) {
            let mut json = Vec::new();
            let mut reader = GzDecoder::new(&*self.0).take(MAX_DECODED_BYTES + 1);
            reader.read_to_end(&mut json).map_err(|source| Error::Gzip { secret: secret(), source })?;
            if json.len() as u64 > MAX_DECODED_BYTES {
                return Err(Error::TooLarge { secret: secret(), limit: MAX_DECODED_BYTES });
            }
            unpacked = json;
            &*unpacked
        } else {
            &*self.0
        };
        serde_json::from_slice(json).map_err(|error| Error::Document { secret: secret(), place: place_of(&error) })
    }
}

/// What was left out of a record so that it fits into a Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slimming {
    /// Nothing.
    None,
    /// The chart's files other than templates.
    Files,
    /// The chart's templates, other files and values schema.
    FilesTemplatesAndSchema,
}

/// The text of a record, slimmed as far as needed to stay within [`MAX_SECRET_BYTES`].
pub fn encode(release: &Release) -> Result<Encoded, Error> {
    let reserve = if release.info.status.is_pending() { RESERVE_BYTES } else { 0 };
    encode_within(release, MAX_SECRET_BYTES - reserve)
}

fn encode_within(release: &Release, limit: usize) -> Result<Encoded, Error> {
    let packed = pack(release)?;
    let mut size = text_size(&packed);
    if size <= limit {
        return Ok(Encoded { packed, slimming: Slimming::None });
    }
    let mut slim = release.clone();
    for slimming in [Slimming::Files, Slimming::FilesTemplatesAndSchema] {
        slim_chart(&mut slim, slimming);
        let packed = pack(&slim)?;
        size = text_size(&packed);
        if size <= limit {
            return Ok(Encoded { packed, slimming });
        }
    }
    Err(Error::DoesNotFit { secret: secret_name(&release.name, release.revision), size, limit })
}

fn slim_chart(release: &mut Release, slimming: Slimming) {
    let Some(chart) = &mut release.chart else { return };
    chart.files = Arc::default();
    if slimming == Slimming::FilesTemplatesAndSchema {
        chart.templates = Arc::default();
        chart.schema = None;
        chart.schema_modified = None;
    }
}

/// How many bytes the text of a record takes: four for each three, the last ones filled up.
fn text_size(packed: &Packed) -> usize {
    packed.size().div_ceil(3) * 4
}

fn pack(release: &Release) -> Result<Packed, Error> {
    let failed = |source| Error::Encode { secret: secret_name(&release.name, release.revision), source };
    let json = to_go_json(release).map_err(failed)?;
    Ok(Packed(gzip(&json).map_err(failed)?.into()))
}

/// Where a JSON fault is; serde's own message may quote the content.
fn place_of(error: &serde_json::Error) -> String {
    let class = match error.classify() {
        serde_json::error::Category::Io | serde_json::error::Category::Syntax => "not JSON",
        serde_json::error::Category::Data => "a field of another type than Helm's",
        serde_json::error::Category::Eof => "cut short",
    };
    format!("{class} at byte {} of line {}", error.column(), error.line())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::{Chart, File};

    fn decode(secret: &str, text: &str) -> Result<Release, Error> {
        Packed::from_text(secret, text.as_bytes())?.unpack(secret)
    }

    fn noise(length: u32) -> Vec<u8> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..length).map(|_| next()).collect()
    }

    fn release(templates: u32, files: u32) -> Release {
        let file = |length| Arc::from([File::new("f", noise(length))]);
        let chart = Chart { templates: file(templates), files: file(files), ..Chart::default() };
        Release { name: "web".into(), revision: 1, chart: Some(chart), ..Release::default() }
    }

    #[test]
    fn a_record_that_fits_is_kept_whole() {
        let release = release(10, 10);
        let encoded = encode(&release).unwrap();
        assert_eq!(encoded.slimming, Slimming::None);
        assert_eq!(encoded.packed.unpack("s").unwrap(), release);
        assert_eq!(Packed::from_text("s", encoded.packed.text().as_bytes()).unwrap(), encoded.packed);
        assert_eq!(text_size(&encoded.packed), encoded.packed.text().len());
    }

    #[test]
    fn a_large_record_loses_files_first_and_templates_next() {
        let slimming =
            |templates, files| encode_within(&release(templates, files), 4000).map(|it| it.slimming).unwrap();
        assert_eq!(slimming(100, 5000), Slimming::Files);
        assert_eq!(slimming(5000, 100), Slimming::FilesTemplatesAndSchema);
    }

    #[test]
    fn a_record_that_never_fits_is_refused_with_its_secret() {
        let mut release = release(1, 1);
        release.manifest = STANDARD.encode(noise(9000));
        let error = encode_within(&release, 4000).unwrap_err().to_string();
        assert!(error.starts_with("release record sh.helm.release.v1.web.v1 takes "), "{error}");
    }

    #[test]
    fn faults_name_the_secret_and_not_the_content() {
        for text in ["%", "e30", &STANDARD.encode(r#"{"name":{"password":"hunter2"}}"#)] {
            let error = decode("the-secret", text).unwrap_err().to_string();
            assert!(error.contains("the-secret") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn plain_json_and_null_fields_are_read() {
        let json = r#"{"name":"a","info":{"deleted":"","first_deployed":null,"status":"deployed"},"config":null,
            "chart":{"metadata":{"name":"c"},"lock":null,"templates":null,"values":null,"schema":null,"files":null},"hooks":[{"last_run":{"phase":""}}],"version":2}"#;
        let release = decode("s", &STANDARD.encode(json)).unwrap();
        assert_eq!((release.revision, release.info.status.as_str()), (2, "deployed"));
        assert_eq!(release.hooks.len(), 1);
    }
}
