//! The one integration binary.

mod rules;
mod spec;
mod support;
mod contract;
