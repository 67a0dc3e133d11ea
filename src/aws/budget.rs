//! The rate budget: one token bucket per service for the whole process, which
//! everything slows down with when AWS throttles.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::verbs::Verb;
use crate::clock::Entropy;

/// The longest that a call waits for its token; signatures are good for five
/// minutes, so a token must come well before.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How much slower than its rate a service is ever asked.
const MOST_STRETCH: f64 = 16.0;
/// Without throttling, the stretch falls by a factor e in this time.
const RECOVERY: Duration = Duration::from_secs(60);

/// A token bucket's measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Calls per second in the long run.
    pub per_second: f64,
    /// Calls at once.
    pub burst: u32,
}

/// The measures by service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Elastic Beanstalk, whose unpublished limits are shared by everybody in
    /// the account, the console included.
    pub beanstalk: Rate,
    /// DynamoDB, which counts by table and has room for much more; this only
    /// keeps a loop that ran wild from costing a fortune.
    pub tables: Rate,
    /// Each of ECR, S3 and STS.
    pub others: Rate,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            beanstalk: Rate { per_second: 2.0, burst: 10 },
            tables: Rate { per_second: 500.0, burst: 2000 },
            others: Rate { per_second: 20.0, burst: 40 },
        }
    }
}

/// The budget of one process; clones share it.
#[derive(Clone, Debug)]
pub struct Budget {
    shared: Arc<Mutex<Shared>>,
    entropy: Entropy,
}

#[derive(Debug)]
struct Shared {
    rates: Rates,
    buckets: BTreeMap<&'static str, Bucket>,
    calls: BTreeMap<(String, String), u64>,
    throttled: u64,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    rate: Rate,
    /// May fall below zero: what is missing is owed to calls that wait.
    tokens: f64,
    at: Instant,
    /// The stretch at [`Bucket::stretched_at`]; it decays towards 1.
    stretch: f64,
    stretched_at: Instant,
    cool_until: Instant,
}

impl Bucket {
    fn new(rate: Rate, now: Instant) -> Self {
        Self {
            rate,
            tokens: f64::from(rate.burst),
            at: now,
            stretch: 1.0,
            stretched_at: now,
            cool_until: now,
        }
    }

    fn stretch(&self, now: Instant) -> f64 {
        let age = now.saturating_duration_since(self.stretched_at).as_secs_f64();
        1.0 + (self.stretch - 1.0) * (-age / RECOVERY.as_secs_f64()).exp()
    }

    /// Takes a token, now or in the returned time; `Err` with that time if it
    /// is longer than anybody should wait.
    fn take(&mut self, now: Instant) -> Result<Duration, Duration> {
        let rate = self.rate.per_second / self.stretch(now);
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * rate;
        self.tokens = (self.tokens + gained).min(f64::from(self.rate.burst));
        self.at = now;
        let owed = Duration::from_secs_f64((1.0 - self.tokens).max(0.0) / rate);
        let wait = owed.max(self.cool_until.saturating_duration_since(now));
        if wait > LONGEST_WAIT {
            return Err(wait);
        }
        self.tokens -= 1.0;
        Ok(wait)
    }

    fn throttled(&mut self, now: Instant, jitter: f64) {
        self.stretch = (self.stretch(now) * 2.0).min(MOST_STRETCH);
        self.stretched_at = now;
        self.tokens = self.tokens.min(0.0);
        let pause = Duration::from_secs_f64(self.stretch * (0.5 + jitter));
        self.cool_until = self.cool_until.max(now + pause);
    }
}

impl Budget {
    /// A full budget; `entropy` spreads the pauses after throttling.
    pub fn new(rates: Rates, entropy: Entropy) -> Self {
        let shared = Shared { rates, buckets: BTreeMap::new(), calls: BTreeMap::new(), throttled: 0 };
        Self { shared: Arc::new(Mutex::new(shared)), entropy }
    }

    /// How many times slower than at rest everything that polls should go: 1
    /// when nothing was throttled lately, 16 at most. It grows with each
    /// throttled reply and falls by itself.
    pub fn stretch(&self) -> f64 {
        let now = Instant::now();
        self.lock().buckets.values().map(|bucket| bucket.stretch(now)).fold(1.0, f64::max)
    }

    /// Attempts sent so far, by service and operation.
    pub fn calls(&self) -> BTreeMap<(String, String), u64> {
        self.lock().calls.clone()
    }

    /// Replies so far that said "throttled".
    pub fn throttled_replies(&self) -> u64 {
        self.lock().throttled
    }

    /// Waits for a token; the error says that none comes in time.
    pub(super) async fn token(&self, verb: &Verb) -> Result<(), String> {
        loop {
            let now = Instant::now();
            let wait = self.bucket(verb, now, |bucket| bucket.take(now)).map_err(|wait| {
                format!("our own rate budget for {} is used up for {} s", verb.service, wait.as_secs())
            })?;
            tokio::time::sleep(wait).await;
            // Throttling may have struck others while this call waited.
            let now = Instant::now();
            if self.bucket(verb, now, |bucket| bucket.cool_until <= now) {
                return Ok(());
            }
        }
    }

    /// Counts an attempt that is about to be sent.
    pub(super) fn count(&self, verb: &Verb) {
        let key = (verb.service.to_owned(), verb.operation.to_owned());
        *self.lock().calls.entry(key).or_default() += 1;
    }

    /// Slows the service down after a throttled reply. DynamoDB throttles one
    /// key or table and not the caller, whose renewals of a lease must not
    /// wait for it: there each call backs off by itself.
    pub(super) fn throttled(&self, verb: &Verb) {
        if verb.service == "dynamodb" {
            self.lock().throttled += 1;
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a thousandth is fine enough for jitter")]
        let jitter = self.entropy.below(1000) as f64 / 1000.0;
        let now = Instant::now();
        self.bucket(verb, now, |bucket| bucket.throttled(now, jitter));
        self.lock().throttled += 1;
    }

    fn bucket<R>(&self, verb: &Verb, now: Instant, with: impl FnOnce(&mut Bucket) -> R) -> R {
        let mut shared = self.lock();
        let rate = match verb.service {
            "elasticbeanstalk" => shared.rates.beanstalk,
            "dynamodb" => shared.rates.tables,
            _ => shared.rates.others,
        };
        with(shared.buckets.entry(verb.service).or_insert_with(|| Bucket::new(rate, now)))
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verb() -> &'static Verb {
        Verb::find("Elastic Beanstalk", "DescribeEnvironments").unwrap()
    }

    fn budget() -> Budget {
        Budget::new(Rates::default(), Entropy::seeded(1))
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_free_and_the_rest_comes_at_the_rate() {
        let (budget, start) = (budget(), Instant::now());
        for _ in 0..10 {
            budget.token(verb()).await.unwrap();
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        for _ in 0..20 {
            budget.token(verb()).await.unwrap();
        }
        let elapsed = start.elapsed().as_secs_f64();
        assert!((9.9..10.2).contains(&elapsed), "{elapsed}");
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_stretches_and_recovers() {
        let budget = budget();
        budget.token(verb()).await.unwrap();
        assert!((budget.stretch() - 1.0).abs() < 1e-9);
        budget.throttled(verb());
        budget.throttled(verb());
        assert!(budget.stretch() > 3.9);
        let start = Instant::now();
        budget.token(verb()).await.unwrap();
        assert!(start.elapsed() >= Duration::from_secs(2), "it cools down first");
        for _ in 0..20 {
            budget.throttled(verb());
        }
        assert!(budget.stretch() <= MOST_STRETCH);
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert!(budget.stretch() < 1.01);
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_table_does_not_hold_up_the_next_renewal() {
        let (budget, start) = (budget(), Instant::now());
        let renewal = Verb::find("DynamoDB", "UpdateItem").unwrap();
        for _ in 0..20 {
            budget.throttled(renewal);
        }
        budget.token(renewal).await.unwrap();
        assert_eq!((start.elapsed(), budget.throttled_replies()), (Duration::ZERO, 20));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever() {
        let budget = budget();
        let waits: Vec<_> = (0..400).map(|_| budget.token(verb())).collect();
        let outcomes = futures::future::join_all(waits).await;
        let granted = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert!((125..=135).contains(&granted), "10 at once and 2 a second for a minute: {granted}");
    }
}
