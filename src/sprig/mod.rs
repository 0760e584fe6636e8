//! The sprig 3.3.0 function library, by topic.
//!
//! **Invariant:** no function reaches the clock, randomness or the network but through [`Ambient`].

mod ambient;

pub use ambient::Ambient;
