//! The one integration binary.

mod contract;
mod rules;
mod spec;
mod support;
