//! The one integration binary.

mod cli;
mod contract;
mod e2e;
mod plan;
mod provider;
mod registry;
mod rules;
mod sim;
mod spec;
mod support;
mod traps;
mod wheel;
