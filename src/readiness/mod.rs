//! Is this object ready? kstatus rules as data.
//!
//! **Invariant:** decides on the object alone.
