//! sprout
fn main() {}
