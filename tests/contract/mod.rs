//! The contract of a desired-state store, through which every implementation
//! is put: a place of its own kind, and the same clauses.

mod dynamodb;
mod history;
mod leases;
mod model;
mod moves;
mod rows;
mod sqlite;
mod writers;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use beansprout::model::{
    Dockerrun, Feature, FeatureName, FeatureSpec, Heal, Metadata, Notify, Phase, Record, StatusView, TtlFrom,
};
use beansprout::store::{Batch, Expect, RecordBody, SpecBody, Store, StoreError, Write};

/// A place that can hold one store, empty when it is made.
#[async_trait]
trait Place: Send + Sync {
    /// Opens one more handle to the store of this place, as another process
    /// would.
    async fn open(&self) -> Arc<dyn Store>;
}

/// Gives all clauses to a macro, after what else it is told; a further clause
/// is one further line.
macro_rules! contract {
    ($then:ident $(, $told:tt)*) => {
        $then! { $($told),*;
            rows::a_row_is_made_once,
            rows::a_write_needs_the_version_that_it_read,
            rows::a_specification_is_written_over_what_was_read,
            rows::versions_outlive_their_row,
            rows::a_batch_has_an_upper_bound,
            rows::a_batch_is_all_or_nothing,
            rows::rows_come_back_as_they_were_written,
            rows::handles_see_each_others_writes,
            rows::the_revision_moves_with_specs_records_and_documents,
            rows::the_revision_does_not_move_with_status_and_events,
            rows::deleted_rows_are_gone_everywhere,
            rows::documents_are_kept_by_name,
            rows::the_identity_is_minted_once,
            rows::a_store_is_bound_to_one_account_region_and_installation,
            leases::a_free_lease_is_granted,
            leases::a_held_lease_is_not_granted_to_who_has_not_watched_it,
            leases::a_renewal_defeats_who_watched_the_beat_before,
            leases::an_unchanged_lease_can_be_taken_over_once,
            leases::after_a_take_over_the_old_holder_cannot_renew_or_release,
            leases::a_renewal_whose_answer_was_lost_can_be_repeated,
            leases::epochs_grow_with_every_grant,
            leases::a_fence_holds_while_the_lease_row_names_it,
            history::events_come_newest_first,
            history::events_are_bounded_for_each_feature,
            history::history_outlives_its_feature,
            moves::a_store_goes_out_and_in_and_loses_nothing,
            moves::an_import_waits_to_be_claimed,
            moves::an_import_can_be_repeated,
            moves::an_import_of_more_than_one_batch_is_whole,
            moves::what_may_be_newer_is_never_overwritten_by_an_import,
            moves::another_store_that_is_in_use_takes_only_specifications,
            moves::a_sealed_store_is_read_only_until_it_is_taken_back,
            moves::an_export_of_a_newer_program_is_refused,
            moves::a_record_of_a_newer_program_is_not_overwritten,
            writers::every_one_of_many_writers_counts,
            writers::one_of_many_writers_makes_the_row,
        }
    };
}

/// One test for each clause, on a paused clock.
macro_rules! on_paused_time {
    ($name:ident, $place:expr; $($module:ident::$clause:ident),* $(,)?) => {
        mod $name {
            $(
                #[tokio::test(start_paused = true)]
                async fn $clause() {
                    super::$module::$clause(&$place).await;
                }
            )*
        }
    };
}

/// One test for each clause, on the machine's clock, where the server runs.
macro_rules! on_a_server {
    ($name:ident, $server:ident; $($module:ident::$clause:ident),* $(,)?) => {
        mod $name {
            $(
                #[tokio::test]
                async fn $clause() {
                    let Some(place) = super::dynamodb::$server() else { return };
                    let clause = concat!(stringify!($module), "::", stringify!($clause));
                    place.put_through(clause, super::$module::$clause(&place)).await;
                }
            )*
        }
    };
}

/// The names of all clauses.
macro_rules! names {
    (; $($module:ident::$clause:ident),* $(,)?) => {
        const CLAUSES: &[&str] = &[$(concat!(stringify!($module), "::", stringify!($clause))),*];
    };
}

contract!(names);
contract!(on_paused_time, in_sqlite, (super::sqlite::Folder::new()));
contract!(on_paused_time, in_our_tables, (super::dynamodb::Ours::new()));
contract!(on_a_server, in_moto, moto);
contract!(on_a_server, in_dynalite, dynalite);

/// A moment at which something is written down for people.
fn moment() -> jiff::Timestamp {
    "2026-01-05T08:00:00Z".parse().unwrap()
}

/// A feature that says this much of itself.
fn feature(name: &str, image: &str) -> Feature {
    Feature {
        metadata: Metadata {
            name: FeatureName::from(name),
            owner: Some("someone@example.com".to_owned()),
            labels: BTreeMap::from([("team".to_owned(), "growth".to_owned())]),
            source: None,
        },
        spec: FeatureSpec {
            application: Some("shop".into()),
            image: Some(image.to_owned()),
            bundle: None,
            ttl: None,
            ttl_from: TtlFrom::Create,
            template: None,
            copy_from: None,
            instance_type: None,
            variables: BTreeMap::new(),
            settings: Vec::new(),
            dockerrun: Dockerrun::default(),
            notify: Notify::default(),
            protect: false,
            heal: Heal::default(),
        },
    }
}

fn record(name: &str, generation: u64) -> Record {
    Record { generation, ..Record::new(FeatureName::from(name)) }
}

fn status(name: &str, phase: Phase) -> StatusView {
    StatusView {
        feature: FeatureName::from(name),
        observed_spec_hash: None,
        observed_generation: 1,
        phase,
        happened: "It was accepted.".to_owned(),
        next: "An environment is made.".to_owned(),
        next_at: None,
        advice: None,
        url: None,
        environment: None,
        environment_id: None,
        version_label: None,
        deployed: None,
        wanted_image: None,
        wanted_digest: None,
        created_at: None,
        expires_at: None,
        protected: false,
        stuck: false,
        conditions: Vec::new(),
    }
}

fn put_spec(name: &str, image: &str, expect: Expect) -> Write {
    Write::PutSpec { feature: Box::new(feature(name, image)), origin: None, expect }
}

fn put_record(name: &str, generation: u64, expect: Expect) -> Write {
    Write::PutRecord { record: Box::new(record(name, generation)), expect }
}

fn put_document(name: &str, body: &str, expect: Expect) -> Write {
    Write::PutDocument { name: name.to_owned(), body: body.to_owned(), expect }
}

async fn commit(store: &dyn Store, writes: Vec<Write>) -> Result<(), StoreError> {
    store.commit(Batch { fence: None, writes }).await
}

/// Version and image of a specification's row; `None` where there is no row.
async fn spec_of(store: &dyn Store, name: &str) -> Option<(u64, String)> {
    let rows = store.feature(&FeatureName::from(name)).await.unwrap();
    rows.spec.map(|row| match row.body {
        SpecBody::Readable { feature, .. } => (row.version, feature.spec.image.unwrap()),
        SpecBody::Unreadable { why } => panic!("{name}: {why}"),
    })
}

/// Version and generation of a record's row.
async fn record_of(store: &dyn Store, name: &str) -> Option<(u64, u64)> {
    let rows = store.feature(&FeatureName::from(name)).await.unwrap();
    rows.record.map(|row| match row.body {
        RecordBody::Readable(record) => (row.version, record.generation),
        RecordBody::Unreadable { why } => panic!("{name}: {why}"),
    })
}

async fn image_of(store: &dyn Store, name: &str) -> Option<String> {
    spec_of(store, name).await.map(|(_, image)| image)
}

async fn generation_of(store: &dyn Store, name: &str) -> Option<u64> {
    record_of(store, name).await.map(|(_, generation)| generation)
}

/// The row that a refused write names.
fn conflict(outcome: Result<(), StoreError>) -> String {
    match outcome {
        Err(StoreError::Conflict { what }) => what,
        other => panic!("expected a conflict, got {other:?}"),
    }
}
