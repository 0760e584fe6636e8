//! The ground that end-to-end tests, the demo and the benchmark stand on: a control plane, chart sources, the operator, helm.
//!
//! Each of the three includes this module and uses a part of it.
#![allow(dead_code, reason = "the tests, the demo and the benchmark use different parts")]

pub(crate) mod api_proxy;
pub(crate) mod audit;
pub(crate) mod certificates;
pub(crate) mod chart_server;
pub(crate) mod cluster;
pub(crate) mod collector;
pub(crate) mod control_plane;
pub(crate) mod git_server;
pub(crate) mod helm;
pub(crate) mod http_server;
pub(crate) mod installation;
pub(crate) mod operator;
pub(crate) mod process;
pub(crate) mod programs;
pub(crate) mod prometheus;
pub(crate) mod random;
pub(crate) mod registry;
pub(crate) mod release;
pub(crate) mod tokens;
