//! The `rhumb` program.
fn main() {}
