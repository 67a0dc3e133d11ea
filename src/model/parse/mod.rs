//! From text to features and back.

mod json;

pub use json::to_json;
