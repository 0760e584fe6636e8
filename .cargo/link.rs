//! Build script: how the program is linked.
//!
//! On Linux with glibc `rhumb` is linked to a fixed address, as Go links `helm` and `flux`: a program that can be loaded anywhere has some
//! 40,000 pointers corrected and 220 pages copied at each start, which takes longer than rendering a small chart. Libraries, stack and heap
//! lie at random addresses all the same.
#![allow(clippy::print_stdout, reason = "cargo is told by printing")]

fn main() {
    println!("cargo::rerun-if-changed=.cargo/link.rs");
    let target = |part: &str| std::env::var(format!("CARGO_CFG_TARGET_{part}")).unwrap_or_default();
    if target("OS") == "linux" && target("ENV") == "gnu" {
        println!("cargo::rustc-link-arg-bin=rhumb=-no-pie");
    }
}
