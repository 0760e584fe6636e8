//! Getting chart bytes.
