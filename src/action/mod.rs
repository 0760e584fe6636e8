//! Performs one decided release action.

mod ambient;

pub use ambient::SystemAmbient;
