//! The one place that reads the operating system's clock and randomness.
//! Everything else is handed a [`Clock`] and an [`Entropy`], so that a
//! simulation can hand over its own.
#![allow(clippy::disallowed_methods, reason = "this module is what the lint sends everybody to")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Wall clock and monotonic clock.
#[derive(Clone, Debug)]
pub struct Clock {
    kind: Kind,
    /// Where monotonic time began.
    origin: tokio::time::Instant,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    System,
    /// Wall time is this start plus the runtime's (maybe paused) time.
    Virtual(Timestamp),
}

impl Clock {
    /// The machine's clocks.
    pub fn system() -> Self {
        Self { kind: Kind::System, origin: tokio::time::Instant::now() }
    }

    /// A wall clock that starts at `start` and moves with the tokio runtime's
    /// time, also when that is paused.
    pub fn starting_at(start: Timestamp) -> Self {
        Self { kind: Kind::Virtual(start), origin: tokio::time::Instant::now() }
    }

    /// Wall-clock time.
    pub fn now(&self) -> Timestamp {
        match self.kind {
            Kind::System => Timestamp::now(),
            Kind::Virtual(start) => {
                start + SignedDuration::try_from(self.monotonic()).unwrap_or(SignedDuration::MAX)
            }
        }
    }

    /// Time since the clock was made; stands still while the machine is
    /// suspended.
    pub fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }
}

/// A source of randomness: the machine's, or a seeded one that repeats.
/// Streams that are split off by purpose do not disturb each other.
#[derive(Clone, Debug)]
pub struct Entropy(Arc<Mutex<fastrand::Rng>>);

impl Entropy {
    /// Seeded by the machine.
    pub fn system() -> Self {
        Self(Arc::new(Mutex::new(fastrand::Rng::new())))
    }

    /// The same seed gives the same values.
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))))
    }

    /// A number below `limit`; 0 for a limit of 0.
    pub fn below(&self, limit: u64) -> u64 {
        if limit == 0 { 0 } else { self.lock().u64(..limit) }
    }

    /// Any number.
    pub fn number(&self) -> u64 {
        self.lock().u64(..)
    }

    /// This many random lower-case letters and digits.
    pub fn word(&self, length: usize) -> String {
        const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let mut rng = self.lock();
        (0..length).map(|_| char::from(ALPHABET[rng.usize(..ALPHABET.len())])).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, fastrand::Rng> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Seeds this thread's own generator. We never draw from it, but the AWS SDK
/// does, for the jitter of its retries: a simulation that is to repeat seeds
/// it before each run.
pub fn seed_thread(seed: u64) {
    fastrand::seed(seed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn virtual_time_moves_with_the_runtime() {
        let start: Timestamp = "2026-01-05T08:00:00Z".parse().unwrap();
        let clock = Clock::starting_at(start);
        tokio::time::sleep(Duration::from_secs(90)).await;
        assert_eq!(clock.now(), start + SignedDuration::from_secs(90));
    }

    #[test]
    fn the_same_seed_gives_the_same_words() {
        assert_eq!(Entropy::seeded(7).word(12), Entropy::seeded(7).word(12));
        assert_ne!(Entropy::seeded(7).word(12), Entropy::seeded(8).word(12));
    }
}
