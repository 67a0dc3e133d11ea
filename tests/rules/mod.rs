//! House rules that the compiler does not know. Each rule lists what breaks it,
//! must list nothing for this repository, and is shown a bad sample that it has
//! to catch.

mod invariants;
mod layers;
mod licences;
mod links;
mod modules;
mod sizes;
mod source;
mod words;

/// Fails with every violation at once, one a line.
#[track_caller]
fn assert_kept(rule: &str, violations: &[String]) {
    assert!(violations.is_empty(), "{rule}:\n  {}", violations.join("\n  "));
}
