//! The commands over a store in a folder, with hand-made status rows: what
//! people read is part of the contract.

use jiff::Timestamp;

use crate::model::{FeatureName, Phase, StatusView};

/// A status row that says little.
pub(super) fn view(name: &str, phase: Phase) -> StatusView {
    StatusView {
        feature: FeatureName::from(name),
        observed_spec_hash: None,
        observed_generation: 1,
        phase,
        happened: "It runs what is wanted.".to_owned(),
        next: "nothing to do".to_owned(),
        next_at: None,
        advice: None,
        url: None,
        environment: None,
        environment_id: None,
        version_label: None,
        deployed: None,
        wanted_image: None,
        wanted_digest: None,
        created_at: None::<Timestamp>,
        expires_at: None,
        protected: false,
        stuck: false,
        conditions: Vec::new(),
    }
}
