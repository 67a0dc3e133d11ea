//! What dynalite cannot run: it has no transactions. The list stands in one
//! file, and is wrong as soon as something on it passes.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;

const LIST: &str = include_str!("dynalite-cannot.txt");

/// The clauses on the list.
pub(super) fn dynalite() -> BTreeSet<&'static str> {
    LIST.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// Fails the test unless the clause fails.
pub(super) async fn fails(clause: &str, run: impl Future<Output = ()>) {
    let ended = AssertUnwindSafe(run).catch_unwind().await;
    assert!(ended.is_err(), "dynalite can run {clause}: take it off dynalite-cannot.txt");
}

#[test]
fn every_clause_that_dynalite_cannot_run_is_one() {
    for clause in dynalite() {
        assert!(super::super::CLAUSES.contains(&clause), "there is no clause {clause}");
    }
}
