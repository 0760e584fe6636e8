//! Build script: how the program is linked.
//!
//! On Linux with glibc `rhumb` starts as fast as its linker lets it:
//!
//! - It is linked to a fixed address, as Go links `helm` and `flux`: a program that can be loaded anywhere has some 40,000 pointers corrected
//!   and 220 pages copied at each start, which takes longer than rendering a small chart. Libraries, stack and heap lie at random addresses
//!   all the same.
//! - GCC's unwinder is part of it, where the compiler has that as an archive, and no library that is searched for and mapped at each start.
#![allow(clippy::print_stdout, reason = "cargo is told by printing")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// What the linker finds in place of the shared library.
const UNWINDER: &str = "INPUT(-lgcc_eh -lgcc)\n";

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed=.cargo/link.rs");
    let target = |part: &str| std::env::var(format!("CARGO_CFG_TARGET_{part}")).unwrap_or_default();
    if target("OS") != "linux" || target("ENV") != "gnu" {
        return Ok(());
    }
    println!("cargo::rustc-link-arg-bin=rhumb=-no-pie");
    let is_native = std::env::var("HOST") == std::env::var("TARGET");
    if is_native && has_archive() {
        let folder = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
        std::fs::write(folder.join("libgcc_s.so"), UNWINDER)?;
        println!("cargo::rustc-link-search=native={}", folder.display());
    }
    Ok(())
}

/// Whether the C compiler, which links, has the unwinder as an archive: it answers with the bare name if not.
fn has_archive() -> bool {
    let asked = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output();
    asked.is_ok_and(|told| Path::new(String::from_utf8_lossy(&told.stdout).trim()).is_absolute())
}
