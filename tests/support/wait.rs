//! Waiting for a condition, never for a time.
#![allow(clippy::disallowed_methods, reason = "real processes are awaited in real time")]

use std::time::{Duration, Instant};

/// How often a condition is looked at.
const PAUSE: Duration = Duration::from_millis(150);

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Looks until `probe` is content and gives what it found. A probe that is not
/// content says what it saw instead; when the time is over the test fails with
/// the last of it.
#[track_caller]
pub(crate) fn eventually<T>(
    limit: Duration,
    awaited: &str,
    mut probe: impl FnMut() -> Result<T, String>,
) -> T {
    match until(limit, &mut probe) {
        Ok(found) => found,
        Err(seen) => panic!("after {limit:?} still not so: {awaited}\nlast seen: {seen}"),
    }
}

/// The same as a value: the last thing seen, if the time ran out.
pub(crate) fn until<T>(limit: Duration, mut probe: impl FnMut() -> Result<T, String>) -> Result<T, String> {
    let start = Instant::now();
    loop {
        match probe() {
            Ok(found) => return Ok(found),
            Err(seen) if start.elapsed() >= limit => return Err(seen),
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

/// Looks for the whole time and fails as soon as `probe` reports something that
/// must not happen.
#[track_caller]
pub(crate) fn never_within(limit: Duration, forbidden: &str, mut probe: impl FnMut() -> Option<String>) {
    let start = Instant::now();
    while start.elapsed() < limit {
        if let Some(seen) = probe() {
            panic!("after {:?} it happened: {forbidden}\nseen: {seen}", start.elapsed());
        }
        std::thread::sleep(PAUSE);
    }
}

#[test]
fn a_condition_that_comes_true_is_returned() {
    let mut left = 2;
    let found = eventually(secs(20), "the count is over", || {
        left -= 1;
        if left == 0 { Ok("over") } else { Err(left.to_string()) }
    });
    assert_eq!((found, left), ("over", 0));
}

#[test]
#[should_panic(expected = "last seen: nothing")]
fn a_condition_that_stays_false_fails_with_what_was_seen() {
    eventually(secs(0), "something", || Err::<(), _>("nothing".to_owned()));
}

#[test]
#[should_panic(expected = "seen: a deletion")]
fn what_must_not_happen_fails_at_once() {
    never_within(secs(600), "a deletion", || Some("a deletion".to_owned()));
}
