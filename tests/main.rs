//! The one integration binary.

mod spec;
