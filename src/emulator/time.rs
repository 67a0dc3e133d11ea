//! World time: tokio's clock, made faster and pushed ahead. A paused clock drives it in tests.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::world::signed;

/// Where world time stood when it was last set, and how fast it goes since.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WorldClock {
    base: Timestamp,
    since: Instant,
    speed: f64,
}

impl WorldClock {
    pub(crate) fn new(base: Timestamp, speed: f64) -> Self {
        Self { base, since: Instant::now(), speed: speed.max(0.0) }
    }

    /// World time now.
    pub(crate) fn now(&self) -> Timestamp {
        // At natural speed no float comes in between: the same steps give the same nanoseconds.
        let passed = self.since.elapsed();
        let passed = if self.speed == 1.0 { passed } else { passed.mul_f64(self.speed) };
        self.base.saturating_add(signed(passed)).unwrap_or(Timestamp::MAX)
    }

    /// A jump ahead; backwards is none.
    pub(crate) fn jump(&mut self, ahead: SignedDuration) {
        let ahead = ahead.max(SignedDuration::ZERO);
        self.base = self.base.saturating_add(ahead).unwrap_or(Timestamp::MAX);
    }

    /// Another speed from now on; 0 stops the world.
    pub(crate) fn set_speed(&mut self, speed: f64) {
        *self = Self::new(self.now(), speed);
    }

    /// How long a stretch of world time takes on tokio's clock.
    pub(crate) fn real(&self, stretch: Duration) -> Duration {
        stretch.div_f64(self.speed.max(1e-6))
    }
}
