//! Where the project lies, for tests that read its files.

use std::path::PathBuf;

/// The project's folder, as cargo tells it when it runs the program; without cargo, where the program was built.
///
/// The second alone will not do: clones of the project that share a folder of builds have one program, built in whichever came first.
pub(crate) fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}
