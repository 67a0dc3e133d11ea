//! Token buckets of the service: three busy reads share one, everything else another
//! (`docs/beanstalk.md`, "Throttling").

use jiff::Timestamp;

/// Reads that share a bucket (aws/aws-toolkit-azure-devops#62).
const SHARED: [&str; 3] = ["DescribeEnvironments", "DescribeEvents", "ListTagsForResource"];

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Timestamp,
}

/// Both buckets; without a rate nothing is ever refused.
#[derive(Clone, Debug, Default)]
pub(crate) struct Throttle {
    rate: Option<(f64, u32)>,
    buckets: Option<[Bucket; 2]>,
}

impl Throttle {
    pub(crate) fn new(rate: Option<(f64, u32)>, now: Timestamp) -> Self {
        let buckets = rate.map(|(_, burst)| [Bucket { tokens: f64::from(burst), at: now }; 2]);
        Self { rate, buckets }
    }

    /// Takes a token for a call; false is `Rate exceeded`.
    pub(crate) fn admits(&mut self, operation: &str, now: Timestamp) -> bool {
        let (Some((rate, burst)), Some(buckets)) = (self.rate, self.buckets.as_mut()) else {
            return true;
        };
        let bucket = &mut buckets[usize::from(!SHARED.contains(&operation))];
        let passed = now.duration_since(bucket.at).as_secs_f64().max(0.0);
        bucket.tokens = (bucket.tokens + passed * rate).min(f64::from(burst));
        bucket.at = now;
        if bucket.tokens < 1.0 {
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }
}
