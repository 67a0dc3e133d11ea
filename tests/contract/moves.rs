//! Clauses on moving: export, import, seal and claim, between any two kinds
//! of stores.

use std::collections::BTreeMap;

use beansprout::model::{FeatureName, Phase, RECORD_SCHEMA};
use beansprout::store::{
    BATCH_MOST, Batch, Dump, Expect, Fence, Hold, RecordBody, RowBody, RowKind, Scope, Sealed, SpecBody,
    Store, StoreError, Write,
};
use jiff::SignedDuration;

use super::history::event;
use super::sqlite::Folder;
use super::{Place, commit, image_of, moment, put_document, put_record, put_spec, record_of, status};

const LENGTH: SignedDuration = SignedDuration::from_secs(15);

fn sealed() -> Sealed {
    Sealed { to: "sqlite:/elsewhere/store.db".to_owned(), at: moment(), by: "alex".to_owned() }
}

/// Rows of every kind, a binding, a lease and some history.
async fn fill(store: &dyn Store) {
    store.bind("123456789012", "eu-west-1", "shop").await.unwrap();
    let spec = |name: &str, origin: &str| Write::PutSpec {
        feature: Box::new(super::rows::everything_said(name)),
        origin: Some(origin.to_owned()),
        expect: Expect::Absent,
    };
    commit(
        store,
        vec![
            spec("feature/login", "folder:specs/"),
            put_spec("Ünïcode/機能", "shop-web:1", Expect::Absent),
            put_record("feature/login", 3, Expect::Absent),
            put_record("only/remembered", 9, Expect::Absent),
            put_document("bucket", "\"the-bucket\"", Expect::Absent),
            Write::PutStatus(Box::new(status("feature/login", Phase::Ready))),
            Write::MarkActed,
            Write::AddEvent(event("feature/login", 1)),
            Write::AddEvent(event("gone", 2)),
        ],
    )
    .await
    .unwrap();
    store.acquire("one", LENGTH, moment(), None).await.unwrap().unwrap();
}

/// An export of a filled store, with rows added that no program of today can
/// read.
async fn strange_dump() -> Dump {
    let folder = Folder::new();
    let store = folder.open().await;
    fill(&*store).await;
    let mut dump = store.export().await.unwrap();
    let newer = format!(r#"{{"schema": {}, "life": "as never before", "n": 1.10}}"#, RECORD_SCHEMA + 1);
    for (kind, name, body) in [
        (RowKind::Spec, "strange/cut", r#"{"image": "shop-w"#.to_owned()),
        (
            RowKind::Spec,
            "strange/field",
            r#"{"image": "shop-web:1", "imag": {"a": [1, null, true]}}"#.to_owned(),
        ),
        (RowKind::Record, "strange/newer", newer),
        (RowKind::Record, "strange/cut", "{\"schema\":".to_owned()),
        (RowKind::Document, "strange", " not JSON\n".to_owned()),
    ] {
        let mut row = dump.rows[0].clone();
        row.kind = kind;
        row.name = name.to_owned();
        row.body = RowBody::Text(body);
        row.origin = None;
        dump.rows.push(row);
    }
    dump.rows.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    dump
}

/// What every store must say alike: specifications as they are understood,
/// everything else as it stands.
async fn contents(store: &dyn Store) -> BTreeMap<(RowKind, String), String> {
    let rows = store.load().await.unwrap();
    let said = |row: &beansprout::store::DumpRow| {
        if row.kind == RowKind::Spec {
            let spec = &rows.specs[&FeatureName::new(row.name.as_str())];
            return match &spec.body {
                SpecBody::Readable { feature, .. } => format!("{feature:?} from {:?}", spec.origin),
                SpecBody::Unreadable { .. } => "unreadable".to_owned(),
            };
        }
        let bytes = row.body.bytes();
        match serde_json::from_slice::<serde_json::Value>(&bytes) {
            Ok(value) => value.to_string(),
            Err(_) => String::from_utf8(bytes).unwrap(),
        }
    };
    let dump = store.export().await.unwrap();
    dump.rows.iter().map(|row| ((row.kind, row.name.clone()), said(row))).collect()
}

pub(super) async fn a_store_goes_out_and_in_and_loses_nothing(place: &dyn Place) {
    let dump = strange_dump().await;
    let (first, last) = (Folder::new(), Folder::new());
    let first = first.open().await;
    first.import(&dump, Scope::Everything).await.unwrap();
    assert_eq!(first.hold().await.unwrap(), Some(Hold::Unclaimed));

    let middle = place.open().await;
    let told = middle.import(&first.export().await.unwrap(), Scope::Everything).await.unwrap();
    assert!(told.took_over, "{told:?}");
    assert_eq!((told.written, told.same, told.events), (dump.rows.len(), 0, dump.events.len()));
    assert_eq!(contents(&*middle).await, contents(&*first).await);

    let out = place.open().await.export().await.unwrap();
    let file = Dump::from_lines(&out.to_lines()).unwrap();
    assert_eq!(file, out);
    let last = last.open().await;
    last.import(&file, Scope::Everything).await.unwrap();
    assert_eq!(contents(&*last).await, contents(&*first).await);
    for store in [&middle, &last] {
        assert_eq!(store.events(None, 99).await.unwrap(), first.events(None, 99).await.unwrap());
        let identity = store.identity().await.unwrap();
        assert_eq!(identity.store, dump.identity.store);
        assert_eq!(identity.installation.as_deref(), Some("shop"));
        assert!(identity.acted);
    }
}

pub(super) async fn an_import_waits_to_be_claimed(place: &dyn Place) {
    let store = place.open().await;
    let dump = strange_dump().await;
    store.import(&dump, Scope::Everything).await.unwrap();
    let other = place.open().await;
    assert_eq!(other.hold().await.unwrap(), Some(Hold::Unclaimed));
    let refused = commit(&*other, vec![put_document("bucket", "\"x\"", Expect::Any)]).await;
    assert!(matches!(refused, Err(StoreError::Held(Hold::Unclaimed))), "{refused:?}");
    let refused = other.acquire("two", LENGTH, moment(), None).await;
    assert!(matches!(refused, Err(StoreError::Held(_))), "{refused:?}");

    let claimed = store.claim().await.unwrap();
    assert!(claimed.place.is_some() && claimed.sealed.is_none(), "{claimed:?}");
    assert_eq!(other.hold().await.unwrap(), None);
    commit(&*other, vec![put_document("bucket", "\"x\"", Expect::Any)]).await.unwrap();
    assert_eq!(store.claim().await.unwrap(), claimed);
    let lease = other.acquire("two", LENGTH, moment(), None).await.unwrap().unwrap();
    assert!(lease.epoch > dump.epoch, "{lease:?} after {}", dump.epoch);
    assert_eq!(store.lease().await.unwrap().unwrap().since, moment());
}

pub(super) async fn an_import_can_be_repeated(place: &dyn Place) {
    let store = place.open().await;
    let dump = strange_dump().await;
    // What a crash left of the first try.
    let half = Dump { rows: dump.rows[..3].to_vec(), events: Vec::new(), ..dump.clone() };
    store.import(&half, Scope::Everything).await.unwrap();
    let told = store.import(&dump, Scope::Everything).await.unwrap();
    assert_eq!((told.took_over, told.same, told.written), (false, 3, dump.rows.len() - 3));
    let whole = contents(&*store).await;
    let told = store.import(&dump, Scope::Everything).await.unwrap();
    assert_eq!((told.written, told.same, told.events), (0, dump.rows.len(), 0));
    assert_eq!(contents(&*store).await, whole);
}

pub(super) async fn an_import_of_more_than_one_batch_is_whole(place: &dyn Place) {
    let folder = Folder::new();
    let source = folder.open().await;
    let names: Vec<String> = (0..2 * BATCH_MOST + 7).map(|n| format!("feature/{n}")).collect();
    for some in names.chunks(BATCH_MOST / 2) {
        let writes = some.iter().flat_map(|name| {
            [put_spec(name, "shop-web:1", Expect::Absent), put_record(name, 1, Expect::Absent)]
        });
        commit(&*source, writes.collect()).await.unwrap();
    }
    let dump = source.export().await.unwrap();
    let store = place.open().await;
    let told = store.import(&dump, Scope::Everything).await.unwrap();
    assert_eq!(told.written, 2 * names.len());
    let rows = place.open().await.load().await.unwrap();
    assert_eq!((rows.specs.len(), rows.records.len()), (names.len(), names.len()));
}

pub(super) async fn what_may_be_newer_is_never_overwritten_by_an_import(place: &dyn Place) {
    let store = place.open().await;
    fill(&*store).await;
    let dump = store.export().await.unwrap();
    commit(
        &*store,
        vec![
            put_spec("feature/login", "shop-web:42", Expect::Any),
            put_record("only/remembered", 10, Expect::Any),
            put_document("bucket", "\"another\"", Expect::Any),
            Write::DeleteSpec { feature: "Ünïcode/機能".into(), expect: Expect::Any },
        ],
    )
    .await
    .unwrap();
    let before = contents(&*store).await;
    match store.import(&dump, Scope::Everything).await {
        Err(StoreError::NewerRows { rows }) => {
            assert_eq!(rows, ["the specification of feature/login", "the record of only/remembered"],)
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(contents(&*store).await, before);
    assert_eq!(image_of(&*store, "feature/login").await.as_deref(), Some("shop-web:42"));

    // Without these two, what is missing is put back, and marks stay.
    let mut rest = dump.clone();
    rest.rows.retain(|row| !["feature/login", "only/remembered"].contains(&row.name.as_str()));
    let told = store.import(&rest, Scope::Everything).await.unwrap();
    assert_eq!((told.took_over, told.written), (false, 1));
    assert_eq!(image_of(&*store, "Ünïcode/機能").await.as_deref(), Some("shop-web:1"));
    assert_eq!(store.document("bucket").await.unwrap().unwrap().body, "\"another\"");
    assert_eq!(store.hold().await.unwrap(), None);
}

pub(super) async fn another_store_that_is_in_use_takes_only_specifications(place: &dyn Place) {
    let store = place.open().await;
    commit(&*store, vec![put_spec("mine", "shop-web:1", Expect::Absent)]).await.unwrap();
    let before = store.identity().await.unwrap();
    let dump = strange_dump().await;
    let refused = store.import(&dump, Scope::Everything).await;
    assert!(matches!(refused, Err(StoreError::OtherStore { .. })), "{refused:?}");
    assert_eq!(store.load().await.unwrap().specs.len(), 1);

    let told = store.import(&dump, Scope::Specs).await.unwrap();
    assert!(!told.took_over);
    let rows = store.load().await.unwrap();
    assert_eq!((rows.specs.len(), rows.records.len()), (5, 0));
    assert_eq!(store.identity().await.unwrap(), before);
    assert_eq!(store.hold().await.unwrap(), None);
    assert!(store.events(None, 9).await.unwrap().is_empty());
}

pub(super) async fn a_sealed_store_is_read_only_until_it_is_taken_back(place: &dyn Place) {
    let (store, other) = (place.open().await, place.open().await);
    fill(&*store).await;
    let lease = store.lease().await.unwrap();
    let taken = other.acquire("two", LENGTH, moment(), lease.as_ref()).await.unwrap().unwrap();
    store.seal(sealed()).await.unwrap();
    store.seal(sealed()).await.unwrap();
    let elsewhere = Sealed { to: "dynamodb:features".to_owned(), ..sealed() };
    assert!(matches!(store.seal(elsewhere).await, Err(StoreError::Held(Hold::Sealed(_)))));

    assert_eq!(other.hold().await.unwrap(), Some(Hold::Sealed(sealed())));
    let fence = Fence { holder: "two".to_owned(), epoch: taken.epoch };
    for fence in [None, Some(fence.clone())] {
        let batch = Batch { fence, writes: vec![put_record("a", 1, Expect::Any)] };
        let refused = other.commit(batch).await;
        assert!(matches!(refused, Err(StoreError::Held(_))), "{refused:?}");
    }
    assert!(matches!(other.renew(&taken).await, Err(StoreError::Held(_))));
    assert!(matches!(other.acquire("x", LENGTH, moment(), None).await, Err(StoreError::Held(_))));
    assert_eq!(image_of(&*other, "feature/login").await.as_deref(), Some("shop-web:login-41"));
    other.bind("123456789012", "eu-west-1", "shop").await.unwrap();

    store.claim().await.unwrap();
    assert_eq!(other.hold().await.unwrap(), None);
    assert_eq!(other.renew(&taken).await.unwrap(), None);
    let batch = Batch { fence: Some(fence), writes: vec![put_record("a", 1, Expect::Any)] };
    assert!(matches!(other.commit(batch).await, Err(StoreError::Fenced)));
    commit(&*other, vec![put_record("a", 1, Expect::Any)]).await.unwrap();
}

pub(super) async fn an_export_of_a_newer_program_is_refused(place: &dyn Place) {
    let store = place.open().await;
    let before = store.identity().await.unwrap();
    let dump = strange_dump().await;
    let newer = Dump { schema: dump.schema + 1, ..dump };
    let refused = store.import(&newer, Scope::Everything).await;
    assert!(matches!(refused, Err(StoreError::NewerDump { .. })), "{refused:?}");
    assert_eq!(store.identity().await.unwrap(), before);
    assert!(store.load().await.unwrap().specs.is_empty());
}

pub(super) async fn a_record_of_a_newer_program_is_not_overwritten(place: &dyn Place) {
    let store = place.open().await;
    store.import(&strange_dump().await, Scope::Everything).await.unwrap();
    store.claim().await.unwrap();
    let name = FeatureName::from("strange/newer");
    let version = store.feature(&name).await.unwrap().record.unwrap().version;
    for expect in [Expect::Any, Expect::Version(version)] {
        for write in
            [put_record(name.as_str(), 1, expect), Write::DeleteRecord { feature: name.clone(), expect }]
        {
            match commit(&*store, vec![put_document("x", "1", Expect::Any), write]).await {
                Err(StoreError::NewerRow { what }) => assert_eq!(what, "the record of strange/newer"),
                other => panic!("{other:?}"),
            }
        }
    }
    let stored = store.feature(&name).await.unwrap().record.unwrap();
    assert_eq!(stored.version, version);
    assert!(matches!(&stored.body, RecordBody::Unreadable { why } if why.contains("newer sprout")));
    assert_eq!(store.document("x").await.unwrap(), None);
    // One that is merely broken may be replaced by who says so.
    commit(&*store, vec![put_record("strange/cut", 5, Expect::Any)]).await.unwrap();
    assert_eq!(record_of(&*store, "strange/cut").await.map(|(_, generation)| generation), Some(5));
}
