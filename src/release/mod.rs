//! The release record as Helm 4.3 stores it: the model, its text form in a Secret, and what can be read off a history.
//!
//! In: what an action learned; out: the text and labels of a Secret that `helm list`, `get`, `history` and `rollback` read. Decoding
//! takes what Helm 3.0 and later wrote. Counterpart: Helm's `pkg/release/v1` and `pkg/storage`.
//!
//! **Invariant:** never reads the clock; times come in.

mod codec;
mod digest;
mod error;
mod gzip;
mod history;
mod hook;
mod json;
mod name;
mod record;
mod secret;
mod time;

pub use codec::{Encoded, MAX_DECODED_BYTES, MAX_SECRET_BYTES, Packed, Slimming, encode};
pub use digest::{SNAPSHOT_API_VERSION, config_digest, digest_of, snapshot_digest};
pub use error::Error;
pub use history::{last, newest_deployed, revisions_to_prune};
pub use hook::{
    DeletePolicy, Hook, HookEvent, HookMark, HookPhase, HookRun, OutputLogPolicy, annotation, sort_by_weight,
};
pub use name::{MAX_NAME_LENGTH, check_release_name};
pub use record::{ApplyMethod, Info, Release, Status};
pub use secret::{
    DATA_KEY, OWNER, SECRET_TYPE, SYSTEM_LABELS, label, merge_labels, secret_labels, secret_name, user_labels,
};
pub use time::Time;
