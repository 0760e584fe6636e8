//! Logs and metric definitions.
