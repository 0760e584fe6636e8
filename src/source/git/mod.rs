//! Git repositories over HTTP and SSH: which commit a reference stands for, and the files of that commit.
//!
//! ```text
//! GitReference ─▶ Session (handshake, ls-refs, fetch of one commit) ─▶ Pack on disk ─▶ Commit { tree, signed }, GitTag { signed }
//!                   ├─ http: requests of our own client, with its limits, redirects and credentials
//!                   │    └─ github: a token in exchange for the statement of an app
//!                   └─ ssh: one channel, checked against known_hosts
//! ```
//!
//! Protocol, packs and objects are read by gitoxide's crates, SSH is spoken by russh; no Git or SSH program is run. What a reference
//! stands for and how a revision is written follow Flux's source-controller 1.9. Beyond it, a commit is fetched alone even where the
//! reference is a commit, if the server allows that.
//!
//! **Invariant:** one commit is fetched without its history, and what a server sends is bounded in bytes and in time.

mod bridge;
mod commit;
mod github;
mod http;
mod pack;
mod reference;
mod session;
mod signature;
mod ssh;
mod submodules;
mod visit;

pub use commit::Commit;
pub(super) use pack::Pack;
pub use reference::{GitReference, GitRevision, GitTag};
pub use signature::{AuthorKeys, Signed};
pub(super) use visit::Git;
pub use visit::{Checkout, Wanted};

/// The most bytes of one pack: 256 MiB.
pub const MAX_PACK_SIZE: u64 = 256 * 1024 * 1024;
/// The most bytes that one object may unpack to: 128 MiB.
pub const MAX_OBJECT_SIZE: usize = 128 * 1024 * 1024;
/// The most files that a commit may have.
pub const MAX_COMMIT_FILES: usize = 500_000;
/// How deep folders may be nested in a commit.
pub const MAX_FOLDER_DEPTH: usize = 64;
