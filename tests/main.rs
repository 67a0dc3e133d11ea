//! The one integration binary.

mod contract;
mod provider;
mod rules;
mod sim;
mod spec;
mod support;
