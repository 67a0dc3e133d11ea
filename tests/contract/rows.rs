//! Clauses on rows: conditional writes, batches, revision, identity.

use beansprout::model::{Feature, FeatureName, Heal, Phase, Scalar, Setting, Source, TtlFrom, Variable};
use beansprout::store::{Expect, RecordBody, SpecBody, StoreError, Write};

use super::{
    Place, commit, conflict, feature, put_document, put_record, put_spec, record, record_of, spec_of, status,
};

pub(super) async fn a_row_is_made_once(place: &dyn Place) {
    let store = place.open().await;
    commit(&*store, vec![put_spec("feature/login", "shop-web:1", Expect::Absent)]).await.unwrap();
    let again = commit(&*store, vec![put_spec("feature/login", "shop-web:2", Expect::Absent)]).await;
    assert_eq!(conflict(again), "the specification of feature/login");
    assert_eq!(spec_of(&*store, "feature/login").await, Some((1, "shop-web:1".to_owned())));

    commit(&*store, vec![put_record("feature/login", 1, Expect::Absent)]).await.unwrap();
    let again = commit(&*store, vec![put_record("feature/login", 2, Expect::Absent)]).await;
    assert_eq!(conflict(again), "the record of feature/login");
    assert_eq!(record_of(&*store, "feature/login").await, Some((1, 1)));
}

pub(super) async fn a_write_needs_the_version_that_it_read(place: &dyn Place) {
    let store = place.open().await;
    for generation in 0..3 {
        let expect = if generation == 0 { Expect::Absent } else { Expect::Version(generation) };
        commit(&*store, vec![put_record("a", generation, expect)]).await.unwrap();
        assert_eq!(record_of(&*store, "a").await, Some((generation + 1, generation)));
    }
    for stale in [0, 1, 2, 4] {
        let outcome = commit(&*store, vec![put_record("a", 9, Expect::Version(stale))]).await;
        assert_eq!(conflict(outcome), "the record of a");
        let outcome = commit(
            &*store,
            vec![Write::DeleteRecord { feature: "a".into(), expect: Expect::Version(stale) }],
        )
        .await;
        assert_eq!(conflict(outcome), "the record of a");
    }
    assert_eq!(record_of(&*store, "a").await, Some((3, 2)));
    commit(&*store, vec![put_record("a", 7, Expect::Any)]).await.unwrap();
    assert_eq!(record_of(&*store, "a").await, Some((4, 7)));
    let absent = commit(&*store, vec![put_record("b", 1, Expect::Version(1))]).await;
    assert_eq!(conflict(absent), "the record of b");
}

pub(super) async fn versions_outlive_their_row(place: &dyn Place) {
    let store = place.open().await;
    commit(&*store, vec![put_spec("a", "shop-web:1", Expect::Absent)]).await.unwrap();
    commit(&*store, vec![put_spec("a", "shop-web:2", Expect::Version(1))]).await.unwrap();
    let gone = Write::DeleteSpec { feature: "a".into(), expect: Expect::Version(2) };
    commit(&*store, vec![gone.clone()]).await.unwrap();
    assert_eq!(spec_of(&*store, "a").await, None);
    assert_eq!(conflict(commit(&*store, vec![gone]).await), "the specification of a");

    commit(&*store, vec![put_spec("a", "shop-web:3", Expect::Absent)]).await.unwrap();
    let (version, image) = spec_of(&*store, "a").await.unwrap();
    assert!(version > 2, "version {version} was already borne by a row of this name");
    assert_eq!(image, "shop-web:3");
    for old in 1..=2 {
        conflict(commit(&*store, vec![put_spec("a", "shop-web:4", Expect::Version(old))]).await);
    }
}

pub(super) async fn a_batch_is_all_or_nothing(place: &dyn Place) {
    let store = place.open().await;
    commit(&*store, vec![put_record("c", 1, Expect::Absent)]).await.unwrap();
    let before = store.load().await.unwrap();
    let outcome = commit(
        &*store,
        vec![
            put_spec("a", "shop-web:1", Expect::Absent),
            put_document("guards", "{}", Expect::Absent),
            put_record("c", 2, Expect::Version(5)),
            put_record("d", 1, Expect::Absent),
        ],
    )
    .await;
    assert_eq!(conflict(outcome), "the record of c");
    assert_eq!(*store.load().await.unwrap(), *before);
    assert_eq!(*place.open().await.load().await.unwrap(), *before);

    // Writes of one batch see each other, in order.
    commit(&*store, vec![put_record("e", 1, Expect::Absent), put_record("e", 2, Expect::Version(1))])
        .await
        .unwrap();
    assert_eq!(record_of(&*store, "e").await, Some((2, 2)));
}

/// A feature with something in nearly every field.
fn everything_said(name: &str) -> Feature {
    let mut feature = feature(name, "shop-web:login-41");
    feature.metadata.source =
        Some(Source { commit: Some("9f2c1ab".to_owned()), pull_request: Some(41), ..Source::default() });
    let spec = &mut feature.spec;
    spec.ttl = Some("36h".parse().unwrap());
    spec.ttl_from = TtlFrom::Deploy;
    spec.template = Some("feature-base".to_owned());
    spec.instance_type = Some("t3.small".to_owned());
    spec.variables.insert("VERSION".to_owned(), Variable::Text("1.10".to_owned()));
    spec.variables.insert("QUOTED".to_owned(), Variable::Text("'\"\\\n;--".to_owned()));
    spec.settings.push(Setting {
        namespace: "aws:elasticbeanstalk:application".to_owned(),
        option: "Application Healthcheck URL".to_owned(),
        value: "/health".to_owned(),
    });
    spec.dockerrun.vars.insert("memory".to_owned(), Scalar::Int(512));
    spec.notify.slack = Some("#qa".to_owned());
    spec.protect = true;
    spec.heal = Heal::Never;
    feature
}

pub(super) async fn rows_come_back_as_they_were_written(place: &dyn Place) {
    let store = place.open().await;
    let names = ["feature/login-redesign", "Ünïcode/機能", "a'b\"c;--", "x"];
    let mut writes = Vec::new();
    for (generation, name) in (1..).zip(names) {
        writes.push(Write::PutSpec {
            feature: Box::new(everything_said(name)),
            origin: Some("folder:specs/".to_owned()),
            expect: Expect::Absent,
        });
        writes.push(put_record(name, generation, Expect::Absent));
        writes.push(Write::PutStatus(Box::new(status(name, Phase::Pending))));
    }
    commit(&*store, writes).await.unwrap();

    let rows = place.open().await.load().await.unwrap();
    for (generation, name) in (1..).zip(names) {
        let key = FeatureName::from(name);
        let alone = store.feature(&key).await.unwrap();
        assert_eq!(alone.spec.as_ref(), rows.specs.get(&key));
        assert_eq!(alone.record.as_ref(), rows.records.get(&key));
        assert_eq!(alone.status.as_ref(), rows.statuses.get(&key));

        let spec = alone.spec.unwrap();
        assert_eq!(spec.origin.as_deref(), Some("folder:specs/"));
        let wanted = everything_said(name);
        assert!(matches!(&spec.body, SpecBody::Readable { feature, .. } if **feature == wanted), "{spec:?}");
        let wanted = Box::new(record(name, generation));
        assert_eq!(alone.record.unwrap().body, RecordBody::Readable(wanted));
        assert_eq!(alone.status.unwrap(), status(name, Phase::Pending));
    }
    let mut views = store.statuses().await.unwrap();
    views.sort();
    assert!(views.iter().eq(rows.statuses.values()), "{views:?}");
}

pub(super) async fn handles_see_each_others_writes(place: &dyn Place) {
    let (one, other) = (place.open().await, place.open().await);
    for version in 1..=3 {
        let expect = if version == 1 { Expect::Absent } else { Expect::Version(version - 1) };
        let (writer, reader) = if version % 2 == 0 { (&one, &other) } else { (&other, &one) };
        commit(&**writer, vec![put_record("a", version * 10, expect)]).await.unwrap();
        assert_eq!(record_of(&**reader, "a").await, Some((version, version * 10)));
        assert_eq!(*reader.load().await.unwrap(), *writer.load().await.unwrap());
        assert_eq!(reader.load().await.unwrap().records[&FeatureName::from("a")].version, version);
    }
}

pub(super) async fn the_revision_moves_with_specs_records_and_documents(place: &dyn Place) {
    let (store, watcher) = (place.open().await, place.open().await);
    let mut last = watcher.revision().await.unwrap();
    let writes = [
        put_spec("a", "shop-web:1", Expect::Absent),
        put_record("a", 1, Expect::Absent),
        put_document("pause", "{}", Expect::Absent),
        put_spec("a", "shop-web:1", Expect::Any),
        put_record("a", 2, Expect::Any),
        put_document("pause", "", Expect::Any),
        Write::DeleteSpec { feature: "a".into(), expect: Expect::Any },
        Write::DeleteRecord { feature: "a".into(), expect: Expect::Any },
    ];
    for write in writes {
        let told = format!("{write:?}");
        commit(&*store, vec![write]).await.unwrap();
        let now = watcher.revision().await.unwrap();
        assert!(now > last, "{told} moved the revision from {last} to {now}");
        assert_eq!(watcher.load().await.unwrap().revision, now);
        last = now;
    }
}

pub(super) async fn the_revision_does_not_move_with_status_and_events(place: &dyn Place) {
    let store = place.open().await;
    commit(&*store, vec![put_spec("a", "shop-web:1", Expect::Absent)]).await.unwrap();
    let before = store.revision().await.unwrap();
    commit(&*store, vec![Write::PutStatus(Box::new(status("a", Phase::Ready)))]).await.unwrap();
    assert_eq!(store.load().await.unwrap().statuses[&FeatureName::from("a")].phase, Phase::Ready);
    commit(&*store, vec![Write::AddEvent(super::history::event("a", 1))]).await.unwrap();
    commit(&*store, vec![Write::DeleteStatus("a".into())]).await.unwrap();
    assert!(store.load().await.unwrap().statuses.is_empty());
    assert_eq!(store.revision().await.unwrap(), before);
}

pub(super) async fn deleted_rows_are_gone_everywhere(place: &dyn Place) {
    let (store, other) = (place.open().await, place.open().await);
    commit(
        &*store,
        vec![
            put_spec("a", "shop-web:1", Expect::Absent),
            put_record("a", 1, Expect::Absent),
            Write::PutStatus(Box::new(status("a", Phase::Ready))),
            put_spec("b", "shop-web:1", Expect::Absent),
        ],
    )
    .await
    .unwrap();
    assert_eq!(other.load().await.unwrap().specs.len(), 2);
    commit(
        &*store,
        vec![
            Write::DeleteSpec { feature: "a".into(), expect: Expect::Version(1) },
            Write::DeleteRecord { feature: "a".into(), expect: Expect::Version(1) },
            Write::DeleteStatus("a".into()),
        ],
    )
    .await
    .unwrap();
    for handle in [&store, &other] {
        let rows = handle.load().await.unwrap();
        assert_eq!(rows.specs.keys().map(FeatureName::as_str).collect::<Vec<_>>(), ["b"]);
        assert!(rows.records.is_empty() && rows.statuses.is_empty(), "{rows:?}");
        assert!(handle.statuses().await.unwrap().is_empty());
        assert_eq!(handle.feature(&"a".into()).await.unwrap(), Default::default());
    }
}

pub(super) async fn documents_are_kept_by_name(place: &dyn Place) {
    let store = place.open().await;
    assert_eq!(store.document("guards").await.unwrap(), None);
    commit(&*store, vec![put_document("guards", "{\"asked\":[]}", Expect::Absent)]).await.unwrap();
    commit(&*store, vec![put_document("pause", "because", Expect::Absent)]).await.unwrap();
    let again = commit(&*store, vec![put_document("guards", "{}", Expect::Version(2))]).await;
    assert_eq!(conflict(again), "the document guards");
    commit(&*store, vec![put_document("guards", "{}", Expect::Version(1))]).await.unwrap();
    let guards = place.open().await.document("guards").await.unwrap().unwrap();
    assert_eq!((guards.version, guards.body.as_str()), (2, "{}"));
    let rows = store.load().await.unwrap();
    assert_eq!(rows.documents["guards"], guards);
    assert_eq!(rows.documents["pause"].body, "because");
}

pub(super) async fn the_identity_is_minted_once(place: &dyn Place) {
    let (one, other) = (place.open().await, place.open().await);
    let minted = one.identity().await.unwrap();
    assert!(minted.store.as_str().len() >= 12, "{minted:?}");
    assert!(!minted.acted);
    assert_eq!(other.identity().await.unwrap(), minted);
    commit(&*one, vec![Write::MarkActed]).await.unwrap();
    let later = other.identity().await.unwrap();
    assert!(later.acted);
    assert_eq!(later.store, minted.store);
}

pub(super) async fn a_store_is_bound_to_one_account_region_and_installation(place: &dyn Place) {
    let (one, other) = (place.open().await, place.open().await);
    let bound = one.bind("123456789012", "eu-west-1", "shop").await.unwrap();
    assert_eq!(bound.account.as_deref(), Some("123456789012"));
    assert_eq!(bound.region.as_deref(), Some("eu-west-1"));
    assert_eq!(bound.installation.as_deref(), Some("shop"));
    assert_eq!(other.bind("123456789012", "eu-west-1", "shop").await.unwrap(), bound);
    for (account, region, installation) in [
        ("999999999999", "eu-west-1", "shop"),
        ("123456789012", "us-east-1", "shop"),
        ("123456789012", "eu-west-1", "other"),
    ] {
        match other.bind(account, region, installation).await {
            Err(StoreError::ForeignIdentity { bound, asked }) => {
                assert_eq!(bound, "account 123456789012, region eu-west-1, installation shop");
                assert_eq!(asked, format!("account {account}, region {region}, installation {installation}"));
            }
            outcome => panic!("{outcome:?}"),
        }
    }
    assert_eq!(one.identity().await.unwrap(), bound);
}
