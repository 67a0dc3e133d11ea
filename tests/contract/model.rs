//! Random batches against a model of the contract in plain maps.

use std::collections::BTreeMap;

use beansprout::model::FeatureName;
use beansprout::store::{Batch, Expect, Fence, RecordBody, Rows, SpecBody, Store, StoreError, Write};
use proptest::prelude::*;

use super::{Place, put_document, put_record, put_spec};

const NAMES: [&str; 3] = ["a", "feature/b", "C"];

/// The tables that the model knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Table {
    Spec,
    Record,
    Document,
}

/// One write of one row: a value, or its removal.
#[derive(Clone, Debug)]
struct Step {
    table: Table,
    name: &'static str,
    value: Option<u64>,
    expect: Expect,
}

/// What happens to the store.
#[derive(Clone, Debug)]
enum Deed {
    /// A batch, fenced by the last grant or by the one before, or not at all.
    Commit { steps: Vec<Step>, fence: Option<bool> },
    /// Somebody takes the lease.
    Grant,
}

/// The contract in a few lines: every row's value, and the last version of
/// every name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Model {
    rows: BTreeMap<(Table, String), u64>,
    versions: BTreeMap<(Table, String), u64>,
    epoch: u64,
}

impl Model {
    /// The outcome of a batch: whether it is carried out.
    fn commit(&mut self, steps: &[Step], epoch: Option<u64>) -> bool {
        if epoch.is_some_and(|epoch| epoch == 0 || epoch != self.epoch) {
            return false;
        }
        let mut next = self.clone();
        for step in steps {
            let key = (step.table, step.name.to_owned());
            let found = next.rows.contains_key(&key).then(|| next.versions[&key]);
            let fits = match step.expect {
                Expect::Any => true,
                Expect::Absent => found.is_none(),
                Expect::Version(version) => found == Some(version),
            };
            if !fits {
                return false;
            }
            match step.value {
                Some(value) => {
                    next.rows.insert(key.clone(), value);
                    *next.versions.entry(key).or_default() += 1;
                }
                None => drop(next.rows.remove(&key)),
            }
        }
        *self = next;
        true
    }

    /// The rows of a table with version and value.
    fn table(&self, table: Table) -> BTreeMap<String, (u64, u64)> {
        self.rows
            .iter()
            .filter(|((of, _), _)| *of == table)
            .map(|(key, value)| (key.1.clone(), (self.versions[key], *value)))
            .collect()
    }
}

fn write(step: &Step) -> Write {
    let (feature, expect) = (FeatureName::from(step.name), step.expect);
    match (step.table, step.value) {
        (Table::Spec, Some(value)) => put_spec(step.name, &format!("shop-web:{value}"), expect),
        (Table::Spec, None) => Write::DeleteSpec { feature, expect },
        (Table::Record, Some(value)) => put_record(step.name, value, expect),
        (Table::Record, None) => Write::DeleteRecord { feature, expect },
        // Documents are never deleted; the model writes zero instead.
        (Table::Document, value) => put_document(step.name, &value.unwrap_or(0).to_string(), expect),
    }
}

/// The same view of the store's rows as [`Model::table`].
fn table(rows: &Rows, table: Table) -> BTreeMap<String, (u64, u64)> {
    match table {
        Table::Spec => {
            let value = |body: &SpecBody| match body {
                SpecBody::Readable { feature, .. } => {
                    feature.spec.image.as_deref().unwrap()[9..].parse().unwrap()
                }
                SpecBody::Unreadable { why } => panic!("{why}"),
            };
            rows.specs.iter().map(|(name, row)| (name.to_string(), (row.version, value(&row.body)))).collect()
        }
        Table::Record => {
            let value = |body: &RecordBody| match body {
                RecordBody::Readable(record) => record.generation,
                RecordBody::Unreadable { why } => panic!("{why}"),
            };
            rows.records
                .iter()
                .map(|(name, row)| (name.to_string(), (row.version, value(&row.body))))
                .collect()
        }
        Table::Document => rows
            .documents
            .iter()
            .map(|(name, row)| (name.clone(), (row.version, row.body.parse().unwrap())))
            .collect(),
    }
}

fn steps() -> impl Strategy<Value = Step> {
    let table = prop_oneof![Just(Table::Spec), Just(Table::Record), Just(Table::Document)];
    let expect = prop_oneof![
        4 => Just(Expect::Any),
        1 => Just(Expect::Absent),
        2 => (0u64..4).prop_map(Expect::Version),
    ];
    (table, proptest::sample::select(&NAMES[..]), proptest::option::weighted(0.75, 0u64..100), expect)
        .prop_map(|(table, name, value, expect)| {
            let value = if table == Table::Document { value.or(Some(0)) } else { value };
            Step { table, name, value, expect }
        })
}

fn deeds() -> impl Strategy<Value = Deed> {
    prop_oneof![
        8 => (proptest::collection::vec(steps(), 1..5), proptest::option::weighted(0.3, any::<bool>()))
            .prop_map(|(steps, fence)| Deed::Commit { steps, fence }),
        1 => Just(Deed::Grant),
    ]
}

async fn carry_out(deeds: Vec<Deed>, place: &dyn Place) {
    let handles = [place.open().await, place.open().await];
    let mut model = Model::default();
    let mut revision = handles[0].revision().await.unwrap();
    for (turn, deed) in deeds.into_iter().enumerate() {
        let store: &dyn Store = &*handles[turn % 2];
        let before = model.clone();
        match &deed {
            Deed::Grant => {
                let seen = store.lease().await.unwrap();
                let length = jiff::SignedDuration::from_secs(15);
                let lease = store.acquire("one", length, seen.as_ref()).await.unwrap().unwrap();
                assert!(lease.epoch > model.epoch);
                model.epoch = lease.epoch;
            }
            Deed::Commit { steps, fence } => {
                let epoch =
                    fence.map(|newest| if newest { model.epoch } else { model.epoch.saturating_sub(1) });
                let fence = epoch.map(|epoch| Fence { holder: "one".to_owned(), epoch });
                let outcome = store.commit(Batch { fence, writes: steps.iter().map(write).collect() }).await;
                match (model.commit(steps, epoch), &outcome) {
                    (true, Ok(())) | (false, Err(StoreError::Conflict { .. } | StoreError::Fenced)) => {}
                    (expected, _) => panic!("{deed:?}: expected {expected}, got {outcome:?}"),
                }
            }
        }
        let reader = &handles[(turn + 1) % 2];
        let rows = reader.load().await.unwrap();
        for kind in [Table::Spec, Table::Record, Table::Document] {
            assert_eq!(table(&rows, kind), model.table(kind), "after {deed:?}");
        }
        let now = reader.revision().await.unwrap();
        assert_eq!(rows.revision, now);
        let changed = (&before.rows, &before.versions) != (&model.rows, &model.versions);
        assert_eq!(now > revision, changed, "after {deed:?}: {revision} to {now}");
        revision = now;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_sqlite_store_does_what_the_model_does(deeds in proptest::collection::vec(deeds(), 1..24)) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(carry_out(deeds, &super::sqlite::Folder::new()));
    }
}
