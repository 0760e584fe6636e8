//! Performs one decided release action.
