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

/// What a write expects: a version that was seen is named by how many came
/// after it.
#[derive(Clone, Copy, Debug)]
enum Wish {
    Any,
    Absent,
    Seen(usize),
}

/// One write of one row: a value, or its removal.
#[derive(Clone, Debug)]
struct Step {
    table: Table,
    name: &'static str,
    value: Option<u64>,
    wish: Wish,
}

/// What happens to the store.
#[derive(Clone, Debug)]
enum Deed {
    /// A batch, fenced by the last grant or by the one before, or not at all.
    Commit { steps: Vec<Step>, fence: Option<bool> },
    /// Somebody takes the lease.
    Grant,
}

type Key = (Table, String);

/// The contract in a few lines: every row's value and version, and all
/// versions that every name ever bore.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Model {
    /// Without a version: written, and not read since.
    rows: BTreeMap<Key, (Option<u64>, u64)>,
    seen: BTreeMap<Key, Vec<u64>>,
    epoch: u64,
}

impl Model {
    fn expect(&self, step: &Step) -> Expect {
        match step.wish {
            Wish::Any => Expect::Any,
            Wish::Absent => Expect::Absent,
            Wish::Seen(after) => {
                let seen = self.seen.get(&step.key()).map(Vec::as_slice).unwrap_or_default();
                // A number that no row of this name ever had.
                Expect::Version(seen.iter().rev().nth(after).copied().unwrap_or(u64::MAX >> 2))
            }
        }
    }

    /// The outcome of a batch: whether it is carried out.
    fn commit(&mut self, steps: &[Step], epoch: Option<u64>) -> bool {
        if epoch.is_some_and(|epoch| epoch == 0 || epoch != self.epoch) {
            return false;
        }
        let mut next = self.clone();
        for step in steps {
            let found = next.rows.get(&step.key());
            let fits = match self.expect(step) {
                Expect::Any => true,
                Expect::Absent => found.is_none(),
                Expect::Version(version) => found.is_some_and(|(found, _)| *found == Some(version)),
            };
            if !fits {
                return false;
            }
            match step.value {
                Some(value) => drop(next.rows.insert(step.key(), (None, value))),
                None => drop(next.rows.remove(&step.key())),
            }
        }
        *self = next;
        true
    }

    /// Takes over what the store shows, where it is what the model says: the
    /// same values, and versions of which none comes back for a value that it
    /// did not have before.
    fn learn(&mut self, found: &BTreeMap<Key, (u64, u64)>, before: &Model) {
        let values = |(key, (_, value)): (&Key, &(Option<u64>, u64))| (key.clone(), *value);
        let shown: BTreeMap<Key, u64> = found.iter().map(|(key, (_, value))| (key.clone(), *value)).collect();
        assert_eq!(shown, self.rows.iter().map(values).collect());
        for (key, (version, value)) in found {
            let row = self.rows.get_mut(key).unwrap();
            if let Some(known) = row.0 {
                assert_eq!(known, *version, "{key:?} was not written");
                continue;
            }
            row.0 = Some(*version);
            let seen = self.seen.entry(key.clone()).or_default();
            let same = before.rows.get(key).is_some_and(|(_, before)| before == value);
            // A specification is its own version: the same again is the same.
            assert!(key.0 == Table::Spec || !seen.contains(version), "{key:?} has {version} again");
            assert!(
                same || before.rows.get(key).is_none_or(|(before, _)| *before != Some(*version)),
                "{key:?} changed and its version did not"
            );
            seen.push(*version);
        }
    }
}

impl Step {
    fn key(&self) -> Key {
        (self.table, self.name.to_owned())
    }
}

fn write(step: &Step, expect: Expect) -> Write {
    let feature = FeatureName::from(step.name);
    match (step.table, step.value) {
        (Table::Spec, Some(value)) => put_spec(step.name, &format!("shop-web:{value}"), expect),
        (Table::Spec, None) => Write::DeleteSpec { feature, expect },
        (Table::Record, Some(value)) => put_record(step.name, value, expect),
        (Table::Record, None) => Write::DeleteRecord { feature, expect },
        // Documents are never deleted; the model writes zero instead.
        (Table::Document, value) => put_document(step.name, &value.unwrap_or(0).to_string(), expect),
    }
}

/// Version and value of every row that the store shows.
fn shown(rows: &Rows) -> BTreeMap<Key, (u64, u64)> {
    [Table::Spec, Table::Record, Table::Document]
        .into_iter()
        .flat_map(|kind| table(rows, kind).into_iter().map(move |(name, row)| ((kind, name), row)))
        .collect()
}

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
    let wish = prop_oneof![
        4 => Just(Wish::Any),
        1 => Just(Wish::Absent),
        2 => (0usize..3).prop_map(Wish::Seen),
    ];
    (table, proptest::sample::select(&NAMES[..]), proptest::option::weighted(0.75, 0u64..100), wish).prop_map(
        |(table, name, value, wish)| {
            let value = if table == Table::Document { value.or(Some(0)) } else { value };
            Step { table, name, value, wish }
        },
    )
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
                let lease = store
                    .acquire("one", length, jiff::Timestamp::UNIX_EPOCH, seen.as_ref())
                    .await
                    .unwrap()
                    .unwrap();
                assert!(lease.epoch > model.epoch);
                model.epoch = lease.epoch;
            }
            Deed::Commit { steps, fence } => {
                let epoch =
                    fence.map(|newest| if newest { model.epoch } else { model.epoch.saturating_sub(1) });
                let fence = epoch.map(|epoch| Fence { holder: "one".to_owned(), epoch });
                let writes = steps.iter().map(|step| write(step, model.expect(step))).collect();
                let outcome = store.commit(Batch { fence, writes }).await;
                match (model.commit(steps, epoch), &outcome) {
                    (true, Ok(())) | (false, Err(StoreError::Conflict { .. } | StoreError::Fenced)) => {}
                    (expected, _) => panic!("{deed:?}: expected {expected}, got {outcome:?}"),
                }
            }
        }
        let reader = &handles[(turn + 1) % 2];
        let rows = reader.load().await.unwrap();
        model.learn(&shown(&rows), &before);
        let now = reader.revision().await.unwrap();
        assert_eq!(rows.revision, now);
        let changed = before.rows != model.rows;
        assert!(now > revision || !changed, "after {deed:?}: {revision} to {now}");
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

    #[test]
    fn a_store_in_our_tables_does_what_the_model_does(deeds in proptest::collection::vec(deeds(), 1..24)) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async { carry_out(deeds, &super::dynamodb::Ours::new()).await });
    }
}

#[test]
fn a_store_in_tables_does_what_the_model_does() {
    // Each case is some dozens of calls over a socket.
    let config = ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() };
    if super::dynamodb::moto().is_none() {
        return;
    }
    proptest!(config, |(deeds in proptest::collection::vec(deeds(), 1..24))| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let tables = super::dynamodb::moto().unwrap();
        runtime.block_on(carry_out(deeds, &tables));
    });
}
