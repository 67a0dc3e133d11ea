//! The one integration binary.

mod contract;
mod rules;
mod sim;
mod spec;
mod support;
