//! Nouns: what the user writes, what we remember and what the cloud showed.
//! No I/O, no clock, no randomness; everything is Eq, Ord and Hash.

mod asks;
mod condition;
mod environment;
mod feature;
pub mod hash;
mod ids;
mod image_ref;
pub mod names;
mod orphan;
mod parse;
mod record;
mod request;
mod schema;
mod snapshot;
pub mod ttl;
mod validate;
mod view;

pub use asks::{Ask, Asks};
pub use condition::{Condition, ConditionKind, Truth};
pub use environment::{Environment, EnvironmentStatus, Health, ServiceEvent, Severity};
pub use feature::{
    Dockerrun, Feature, FeatureSpec, Heal, Metadata, Notify, Scalar, Setting, Source, Ttl, TtlFrom, Variable,
};
pub use hash::{deployable_hash, spec_hash};
pub use ids::{
    ApplicationName, Digest, EnvironmentId, EnvironmentName, FeatureName, RequestId, SpecHash, StoreId,
    VersionLabel,
};
pub use image_ref::{ImageReference, ImageReferenceError, is_ecr_host};
pub use orphan::{Orphan, OrphanRequest};
pub use parse::{
    Located, SpecError, SpecFile, duplicates, flat_fields, from_json, not_yet, parse_features, refusals,
    render, to_json, to_yaml,
};
pub use record::{
    Artifact, Attempt, Deployed, EndReason, Failure, Identity, Intent, IntentKind, Ledger, Life, OptionKey,
    RECORD_SCHEMA, Record, Refusal, RefusalClass, Reply, Wanted,
};
pub use request::{
    Adopt, Configure, CreateEnvironment, CreateVersion, Deploy, EndOrphan, PutBundle, Terminate,
};
pub use schema::schema_json;
pub use snapshot::{
    Address, Answer, BindingAnswer, Entry, Guard, GuardLedger, Home, ImageAnswer, RecordRow, Snapshot,
    SpecRow,
};
pub use view::{DeployedView, Phase, StatusView};
