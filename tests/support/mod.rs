//! What the end-to-end tests are written with: the real binary as processes,
//! sockets between them, and the AWS CLI as the hand from outside.
//!
//! ```text
//! let Some(lab) = Lab::start() else { return };       // names the test as not run where the AWS CLI is missing
//! lab.speed(20.0);
//! lab.sprout(&["init"]).ok();
//! let mut controller = lab.controller();
//! eventually(secs(60), "login is Ready", || …);
//! controller.kill9();
//! ```
#![allow(dead_code, unused_imports, reason = "set up once; not every tool is in use by a test yet")]

mod bench;
mod cloud;
mod desk;
mod hands;
mod images;
mod process;
mod wait;

pub(crate) use bench::Lab;
pub(crate) use cloud::{Cloud, Page};
pub(crate) use desk::{Controller, Desk, surroundings};
pub(crate) use hands::{Output, aws_cli, not_run, run};
pub(crate) use images::{Engine, archive, busybox, read, skopeo, values};
pub(crate) use process::Process;
pub(crate) use wait::{eventually, never_within, secs, until};
