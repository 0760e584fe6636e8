//! kube-runtime wiring: observe, decide, act, record.

mod config;
mod sources;

pub use config::{Config, Sources};
