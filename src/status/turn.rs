//! The leader's last turn, for people who ask whether anything goes on.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The name of the store's document that tells of the last turn.
pub const TURN_DOCUMENT: &str = "turn";

/// How old the note of a turn may be while turns follow each other quickly: it
/// is there to show that somebody works, and every note costs a write.
const NOTED_EVERY: SignedDuration = SignedDuration::from_secs(10);

/// A turn that was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TurnView {
    /// When, in AWS time.
    pub at: Timestamp,
    /// Under which epoch; none for who never led.
    pub epoch: Option<u64>,
    /// How long it took until its outcome was written.
    pub took: SignedDuration,
    /// When the next one comes, if nothing calls for one before.
    pub next: Timestamp,
}

impl TurnView {
    /// Whether this turn is worth a note after that one.
    pub fn is_news_after(&self, before: Option<&TurnView>) -> bool {
        before.is_none_or(|before| {
            before.epoch != self.epoch || self.at.duration_since(before.at).abs() >= NOTED_EVERY
        })
    }
}
