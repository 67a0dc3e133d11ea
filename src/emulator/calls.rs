//! The record of every call that reached the world: what tests ask instead of mocks.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::fault::Kind;

/// The oldest calls are dropped beyond this number.
const KEPT: usize = 200_000;

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It succeeded.
    Applied,
    /// The service refused it with this code.
    Refused(String),
    /// A fault kept it from being applied.
    Fault(Kind),
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Counts up from 1 without gaps.
    pub seq: u64,
    /// World time of its effect.
    pub at: Timestamp,
    /// Signing name: `elasticbeanstalk`, `ecr`, `s3`, `dynamodb`, `sts`.
    pub service: String,
    /// Such as `CreateEnvironment`.
    pub operation: String,
    /// Access key id of the caller; empty where the request bears none.
    pub access_key: String,
    /// Members of the request, sorted.
    pub params: BTreeMap<String, String>,
    /// What became of it.
    pub outcome: Outcome,
    /// A fault that struck it; with `Applied` the caller may not have learnt so.
    pub struck: Option<Kind>,
    /// Environment that it concerned: the one named, found or made.
    pub environment: Option<String>,
}

/// The calls, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallLog {
    calls: VecDeque<Call>,
    seq: u64,
}

impl CallLog {
    /// Enters a call and gives it its number.
    pub(crate) fn enter(&mut self, mut call: Call) {
        self.seq += 1;
        call.seq = self.seq;
        if self.calls.len() == KEPT {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }

    /// The calls after a number.
    pub(crate) fn since(&self, seq: u64) -> impl Iterator<Item = &Call> {
        let skip = self.calls.partition_point(|call| call.seq <= seq);
        self.calls.range(skip..)
    }
}
