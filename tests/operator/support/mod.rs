//! What the tests of the effect half share.

mod api_server;

pub(crate) use api_server::FakeApiServer;
