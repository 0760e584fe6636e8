//! Tests of the effect half: the real clients over fakes. They need neither network nor cluster.

/// Charts from repositories and registries.
mod sources;
