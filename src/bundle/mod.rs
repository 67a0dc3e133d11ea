//! What a version consists of: the rendered Dockerrun file, the bundle that
//! carries it, and the hash that says whether two versions are the same.

mod pack;
mod render;

pub use pack::{FileEntry, Files, content_hash, files, zip};
pub use render::{Context, RenderError, builtin, render};
