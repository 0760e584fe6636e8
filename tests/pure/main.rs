//! Placeholder until the first tests land.
