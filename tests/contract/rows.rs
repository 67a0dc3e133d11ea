//! Clauses on rows: conditional writes, batches, revision, identity.

use beansprout::model::{Feature, FeatureName, Heal, Phase, Scalar, Setting, Source, TtlFrom, Variable};
use beansprout::store::{BATCH_MOST, Expect, RecordBody, SpecBody, StoreError, Write};

use super::{
    Place, commit, conflict, feature, generation_of, image_of, put_document, put_record, put_spec, record,
    record_of, spec_of, status,
};

pub(super) async fn a_row_is_made_once(place: &dyn Place) {
    let store = place.open().await;
    commit(&*store, vec![put_spec("feature/login", "shop-web:1", Expect::Absent)]).await.unwrap();
    let again = commit(&*store, vec![put_spec("feature/login", "shop-web:2", Expect::Absent)]).await;
    assert_eq!(conflict(again), "the specification of feature/login");
    assert_eq!(image_of(&*store, "feature/login").await.as_deref(), Some("shop-web:1"));

    commit(&*store, vec![put_record("feature/login", 1, Expect::Absent)]).await.unwrap();
    let again = commit(&*store, vec![put_record("feature/login", 2, Expect::Absent)]).await;
    assert_eq!(conflict(again), "the record of feature/login");
    assert_eq!(generation_of(&*store, "feature/login").await, Some(1));
}

pub(super) async fn a_write_needs_the_version_that_it_read(place: &dyn Place) {
    let store = place.open().await;
    let mut versions = Vec::new();
    for generation in 0..3 {
        let expect = versions.last().map_or(Expect::Absent, |last| Expect::Version(*last));
        commit(&*store, vec![put_record("a", generation, expect)]).await.unwrap();
        let (version, written) = record_of(&*store, "a").await.unwrap();
        assert_eq!(written, generation);
        assert!(!versions.contains(&version), "version {version} comes twice");
        versions.push(version);
    }
    let current = versions.pop().unwrap();
    for stale in versions.into_iter().chain([current ^ 1]) {
        let outcome = commit(&*store, vec![put_record("a", 9, Expect::Version(stale))]).await;
        assert_eq!(conflict(outcome), "the record of a");
        let expect = Expect::Version(stale);
        let outcome = commit(&*store, vec![Write::DeleteRecord { feature: "a".into(), expect }]).await;
        assert_eq!(conflict(outcome), "the record of a");
    }
    assert_eq!(record_of(&*store, "a").await, Some((current, 2)));
    commit(&*store, vec![put_record("a", 7, Expect::Any)]).await.unwrap();
    let (version, generation) = record_of(&*store, "a").await.unwrap();
    assert!(version != current && generation == 7, "{version} {generation}");
    let absent = commit(&*store, vec![put_record("b", 1, Expect::Version(version))]).await;
    assert_eq!(conflict(absent), "the record of b");
}

pub(super) async fn a_specification_is_written_over_what_was_read(place: &dyn Place) {
    let store = place.open().await;
    commit(&*store, vec![put_spec("a", "shop-web:1", Expect::Absent)]).await.unwrap();
    let (first, _) = spec_of(&*store, "a").await.unwrap();
    commit(&*store, vec![put_spec("a", "shop-web:2", Expect::Version(first))]).await.unwrap();
    let (second, _) = spec_of(&*store, "a").await.unwrap();
    assert_ne!(first, second);
    let stale = commit(&*store, vec![put_spec("a", "shop-web:3", Expect::Version(first))]).await;
    assert_eq!(conflict(stale), "the specification of a");
    let check = |version| Write::CheckSpec { feature: "a".into(), expect: Expect::Version(version) };
    assert_eq!(conflict(commit(&*store, vec![check(first)]).await), "the specification of a");
    commit(&*store, vec![check(second)]).await.unwrap();
    let gone = |version| Write::DeleteSpec { feature: "a".into(), expect: Expect::Version(version) };
    assert_eq!(conflict(commit(&*store, vec![gone(first)]).await), "the specification of a");
    commit(&*store, vec![gone(second)]).await.unwrap();
    assert_eq!(conflict(commit(&*store, vec![check(second)]).await), "the specification of a");
    let absent = Write::CheckSpec { feature: "a".into(), expect: Expect::Absent };
    commit(&*store, vec![absent]).await.unwrap();
}

pub(super) async fn versions_outlive_their_row(place: &dyn Place) {
    let store = place.open().await;
    let mut versions = Vec::new();
    for image in ["shop-web:1", "shop-web:2"] {
        commit(&*store, vec![put_spec("a", image, Expect::Any)]).await.unwrap();
        versions.push(spec_of(&*store, "a").await.unwrap().0);
    }
    let gone = Write::DeleteSpec { feature: "a".into(), expect: Expect::Version(versions[1]) };
    commit(&*store, vec![gone.clone()]).await.unwrap();
    assert_eq!(spec_of(&*store, "a").await, None);
    assert_eq!(conflict(commit(&*store, vec![gone]).await), "the specification of a");

    commit(&*store, vec![put_spec("a", "shop-web:3", Expect::Absent)]).await.unwrap();
    let (version, image) = spec_of(&*store, "a").await.unwrap();
    assert!(!versions.contains(&version), "version {version} was already borne by a row of this name");
    assert_eq!(image, "shop-web:3");
    for old in versions {
        conflict(commit(&*store, vec![put_spec("a", "shop-web:4", Expect::Version(old))]).await);
    }
}

pub(super) async fn a_batch_has_an_upper_bound(place: &dyn Place) {
    let store = place.open().await;
    let many = |count: usize| -> Vec<Write> {
        (0..count).map(|n| put_record(&format!("feature/{n:03}"), 1, Expect::Any)).collect()
    };
    let refused = commit(&*store, many(BATCH_MOST + 1)).await;
    assert!(
        matches!(refused, Err(StoreError::TooMany { writes }) if writes == BATCH_MOST + 1),
        "{refused:?}"
    );
    assert!(store.load().await.unwrap().records.is_empty());
    commit(&*store, many(BATCH_MOST)).await.unwrap();
    assert_eq!(store.load().await.unwrap().records.len(), BATCH_MOST);
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
            put_record("c", 2, Expect::Absent),
            put_record("d", 1, Expect::Absent),
        ],
    )
    .await;
    assert_eq!(conflict(outcome), "the record of c");
    assert_eq!(*store.load().await.unwrap(), *before);
    assert_eq!(*place.open().await.load().await.unwrap(), *before);

    // Writes of one batch see each other, in order.
    commit(&*store, vec![put_record("e", 1, Expect::Absent), put_record("e", 2, Expect::Any)]).await.unwrap();
    assert_eq!(generation_of(&*store, "e").await, Some(2));
    let twice = commit(&*store, vec![put_record("f", 1, Expect::Any), put_record("f", 2, Expect::Absent)]);
    assert_eq!(conflict(twice.await), "the record of f");
    let gone = Write::DeleteRecord { feature: "e".into(), expect: Expect::Any };
    commit(&*store, vec![gone, put_record("e", 3, Expect::Absent)]).await.unwrap();
    assert_eq!(generation_of(&*store, "e").await, Some(3));
}

/// A feature with something in nearly every field.
pub(super) fn everything_said(name: &str) -> Feature {
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
    let mut last = None;
    for generation in 1..=3 {
        let expect = last.map_or(Expect::Absent, Expect::Version);
        let (writer, reader) = if generation % 2 == 0 { (&one, &other) } else { (&other, &one) };
        commit(&**writer, vec![put_record("a", generation, expect)]).await.unwrap();
        let (version, read) = record_of(&**reader, "a").await.unwrap();
        assert_eq!(read, generation);
        assert_eq!(*reader.load().await.unwrap(), *writer.load().await.unwrap());
        assert_eq!(reader.load().await.unwrap().records[&FeatureName::from("a")].version, version);
        last = Some(version);
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
    let (spec, _) = spec_of(&*other, "a").await.unwrap();
    let (record, _) = record_of(&*other, "a").await.unwrap();
    commit(
        &*store,
        vec![
            Write::DeleteSpec { feature: "a".into(), expect: Expect::Version(spec) },
            Write::DeleteRecord { feature: "a".into(), expect: Expect::Version(record) },
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
    let first = store.document("guards").await.unwrap().unwrap().version;
    let again = commit(&*store, vec![put_document("guards", "{}", Expect::Version(first ^ 1))]).await;
    assert_eq!(conflict(again), "the document guards");
    commit(&*store, vec![put_document("guards", "{}", Expect::Version(first))]).await.unwrap();
    let guards = place.open().await.document("guards").await.unwrap().unwrap();
    assert_ne!(guards.version, first);
    assert_eq!(guards.body, "{}");
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
