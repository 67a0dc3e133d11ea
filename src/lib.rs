//! Beansprout gives every feature its own environment on AWS Elastic Beanstalk
//! and takes it away when its time is up.
// Futures of commands hold futures of the SDK, some hundred deep.
#![recursion_limit = "256"]

pub mod act;
pub mod aws;
pub mod bundle;
pub mod cli;
pub mod clock;
pub mod config;
pub mod controller;
pub mod emulator;
pub mod gitops;
pub mod model;
pub mod observe;
pub mod plan;
pub mod provider;
pub mod status;
pub mod store;
pub mod telemetry;
pub mod web;
