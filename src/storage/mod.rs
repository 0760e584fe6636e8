//! Release records in Secrets.
