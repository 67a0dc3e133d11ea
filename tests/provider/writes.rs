//! Complete requests, and what they do to the world.

use std::collections::{BTreeMap, BTreeSet};

use beansprout::model::{
    Ask, Configure, Deploy, EnvironmentId, EnvironmentStatus, OptionKey, Orphan, PutBundle, RefusalClass,
    Terminate, VersionLabel,
};

use super::{Rig, create, shop};

fn terminate(environment: &beansprout::model::Environment, binding: &str) -> Terminate {
    Terminate {
        id: environment.id.clone(),
        arn: environment.arn.clone().unwrap(),
        binding: binding.to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn an_environment_from_create_to_terminate() {
    let rig = Rig::new().await;
    let one = rig.ready("f-one").await;
    assert_eq!(rig.calls("CreateEnvironment").len(), 1);

    let colour = OptionKey::new("aws:elasticbeanstalk:application:environment", "COLOUR");
    let shape = OptionKey::new("aws:elasticbeanstalk:application:environment", "SHAPE");
    let configure = Configure {
        id: one.id.clone(),
        set: BTreeMap::from([(shape.clone(), "round".to_owned())]),
        remove: BTreeSet::from([colour.clone(), shape.clone()]),
    };
    let accepted = rig.beanstalk.configure(&configure).await.unwrap();
    assert!(accepted.request.is_some());
    rig.until(&one.id, &EnvironmentStatus::Ready).await;
    let options = rig.beanstalk.options(&shop(), &one.name).await.unwrap();
    assert_eq!((options.get(&shape).map(String::as_str), options.get(&colour)), (Some("round"), None));

    rig.make_version("v2").await;
    let deploy = Deploy { id: one.id.clone(), label: VersionLabel::new("v2") };
    rig.beanstalk.deploy(&deploy).await.unwrap();
    let shown = rig.until(&one.id, &EnvironmentStatus::Ready).await;
    assert_eq!(shown.label, Some(VersionLabel::new("v2")));
    assert!(shown.updated > one.updated);

    let owned = rig.beanstalk.prove(&terminate(&one, "binding-of-f-one")).await.unwrap();
    assert_eq!(owned.id(), &one.id);
    rig.beanstalk.terminate(owned).await.unwrap();
    rig.until(&one.id, &EnvironmentStatus::Terminated).await;
    let listing = rig.beanstalk.listing().await.unwrap().value;
    assert_eq!(listing.environments[&one.id].status, EnvironmentStatus::Terminated, "it lingers");
    let sent = rig.calls("TerminateEnvironment");
    assert_eq!(sent.len(), 1);
    assert!(!sent[0].params.contains_key("ForceTerminate"));
    assert!(!sent[0].params.contains_key("EnvironmentName"));
}

#[tokio::test(start_paused = true)]
async fn only_the_environment_that_bears_the_binding_is_ours() {
    let rig = Rig::new().await;
    let one = rig.ready("f-one").await;
    let error = rig.beanstalk.prove(&terminate(&one, "binding-of-f-two")).await.unwrap_err();
    assert!(error.is(RefusalClass::Unproven), "{error}");
    let mut other = create("f-bare");
    other.tags.clear();
    let id = rig.beanstalk.create_environment(&other).await.unwrap().environment.unwrap();
    let bare = rig.until(&id, &EnvironmentStatus::Ready).await;
    let error = rig.beanstalk.prove(&terminate(&bare, "binding-of-f-one")).await.unwrap_err();
    assert!(error.is(RefusalClass::Unproven), "{error}");
    // The id of one and the ARN of another prove nothing.
    let mut crossed = terminate(&bare, "binding-of-f-one");
    crossed.arn = one.arn.clone().unwrap();
    let error = rig.beanstalk.prove(&crossed).await.unwrap_err();
    assert!(error.is(RefusalClass::Unproven), "{error}");
    assert_eq!(rig.calls("TerminateEnvironment").len(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_tags_of_a_successor_do_not_prove_its_forerunner() {
    let rig = Rig::new().await;
    let old = rig.ready("f-one").await;
    let owned = rig.beanstalk.prove(&terminate(&old, "binding-of-f-one")).await.unwrap();
    rig.beanstalk.terminate(owned).await.unwrap();
    rig.until(&old.id, &EnvironmentStatus::Terminated).await;
    rig.beanstalk.create_environment(&create("f-one")).await.unwrap();
    let error = rig.beanstalk.prove(&terminate(&old, "binding-of-f-one")).await.unwrap_err();
    assert!(error.is(RefusalClass::NotFound), "{error}");
}

#[tokio::test(start_paused = true)]
async fn refusals_say_what_to_do_next() {
    let rig = Rig::new().await;
    let one = rig.ready("f-one").await;
    let class = |error: beansprout::aws::CallError| error.refusal().map(|refusal| refusal.class);

    let error = rig.beanstalk.create_environment(&create("f-one")).await.unwrap_err();
    assert_eq!(class(error), Some(RefusalClass::NameTaken));
    let mut cname = create("f-two");
    cname.cname_prefix = "f-one-cname".to_owned();
    let error = rig.beanstalk.create_environment(&cname).await.unwrap_err();
    assert_eq!(class(error), Some(RefusalClass::CnameTaken));
    let mut version = create("f-two");
    version.label = VersionLabel::new("v9");
    let error = rig.beanstalk.create_environment(&version).await.unwrap_err();
    assert_eq!(class(error), Some(RefusalClass::NotFound));
    let mut platform = create("f-two");
    platform.platform = None;
    let error = rig.beanstalk.create_environment(&platform).await.unwrap_err();
    assert!(matches!(error, beansprout::aws::CallError::NotSent { .. }));

    let deploy = Deploy { id: one.id.clone(), label: VersionLabel::new("v9") };
    let error = rig.beanstalk.deploy(&deploy).await.unwrap_err();
    assert_eq!(class(error), Some(RefusalClass::NotFound));
    rig.make_version("v2").await;
    let deploy = Deploy { id: one.id.clone(), label: VersionLabel::new("v2") };
    rig.beanstalk.deploy(&deploy).await.unwrap();
    let error = rig.beanstalk.deploy(&deploy).await.unwrap_err();
    assert_eq!(class(error), Some(RefusalClass::NotNow));
    let owned = rig.beanstalk.prove(&terminate(&one, "binding-of-f-one")).await.unwrap();
    let error = rig.beanstalk.terminate(owned).await.unwrap_err();
    assert_eq!(class(error), Some(RefusalClass::NotNow));
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_there_is_ours_only_with_our_bundle() {
    let rig = Rig::new().await;
    rig.make_version("v1").await;
    let (_, again) = rig.version("v1");
    rig.beanstalk.create_version(&again).await.expect("the same version once more");
    let (put, mut other) = rig.version("v1");
    other.key = "sprout/other.zip".to_owned();
    rig.bundles.put(&PutBundle { key: other.key.clone(), ..put }).await.unwrap();
    let error = rig.beanstalk.create_version(&other).await.unwrap_err();
    assert!(error.is(RefusalClass::Invalid), "{error}");
    let (_, mut nowhere) = rig.version("v3");
    nowhere.key = "sprout/nowhere.zip".to_owned();
    let error = rig.beanstalk.create_version(&nowhere).await.unwrap_err();
    assert!(error.is(RefusalClass::NotFound), "{error}");
    let (_, mut elsewhere) = rig.version("v1");
    elsewhere.application = "shoe".into();
    assert!(rig.beanstalk.create_version(&elsewhere).await.is_err(), "no application is made on the way");
}

#[tokio::test(start_paused = true)]
async fn versions_and_bundles_can_be_deleted_twice() {
    let rig = Rig::new().await;
    rig.make_version("v1").await;
    let (put, _) = rig.version("v1");
    for _ in 0..2 {
        rig.beanstalk.delete_version(&shop(), &VersionLabel::new("v1")).await.unwrap();
        rig.bundles.delete(&put.bucket, &put.key).await.unwrap();
    }
    assert!(!rig.bundles.exists(&put.bucket, &put.key).await.unwrap());
    assert_eq!(rig.beanstalk.versions(&shop(), &[]).await.unwrap().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_bundle_is_stored_once_and_never_overwritten() {
    let rig = Rig::new().await;
    let (put, _) = rig.version("v1");
    rig.bundles.put(&put).await.unwrap();
    rig.bundles.put(&put).await.expect("the same bytes once more");
    let mut other = put.clone();
    other.bytes.push(0);
    let error = rig.bundles.put(&other).await.unwrap_err();
    assert!(error.is(RefusalClass::Invalid), "{error}");
    assert!(rig.bundles.exists(&put.bucket, &put.key).await.unwrap());
    assert!(rig.bundles.bucket_exists(&put.bucket).await.unwrap());
    assert!(!rig.bundles.bucket_exists("no-such-bucket-here").await.unwrap());
    let astray = PutBundle { bucket: "no-such-bucket-here".to_owned(), ..put };
    assert!(rig.bundles.put(&astray).await.unwrap_err().is(RefusalClass::NotFound));
}

#[tokio::test(start_paused = true)]
async fn an_orphan_is_proved_by_what_was_shown_and_by_no_ledger() {
    let rig = Rig::new().await;
    let one = rig.ready("f-one").await;
    let shown = Orphan {
        id: one.id.clone(),
        arn: one.arn.clone(),
        name: one.name.clone(),
        application: one.application.clone(),
        created: one.created,
        tags: rig
            .beanstalk
            .tags(one.arn.as_ref().unwrap())
            .await
            .unwrap()
            .into_iter()
            .filter(|(key, _)| beansprout::model::names::is_our_tag(key))
            .collect(),
        fits: false,
    };
    let ask = |what: &Orphan| Ask {
        what: what.clone(),
        by: "anna".to_owned(),
        at: jiff::Timestamp::UNIX_EPOCH,
        why: None,
    };
    let known = BTreeSet::from([one.id.clone()]);
    let none = BTreeSet::new();
    let error = rig.beanstalk.prove_orphan(&ask(&shown), &known).await.unwrap_err();
    assert!(error.is(RefusalClass::Unproven) && error.to_string().contains("belongs to"), "{error}");
    let mut changed = Vec::new();
    for change in [
        |orphan: &mut Orphan| drop(orphan.tags.insert("beansprout:binding".to_owned(), "x".to_owned())),
        |orphan: &mut Orphan| orphan.tags.clear(),
        |orphan: &mut Orphan| orphan.name = "f-two".into(),
        |orphan: &mut Orphan| orphan.arn = Some("arn:x".to_owned()),
        |orphan: &mut Orphan| orphan.id = EnvironmentId::new("e-zzzzzzzzzz"),
    ] {
        let mut other = shown.clone();
        change(&mut other);
        changed.push(other);
    }
    for other in &changed {
        let error = rig.beanstalk.prove_orphan(&ask(other), &none).await.unwrap_err();
        assert!(error.is(RefusalClass::Unproven), "{other:?}: {error}");
    }
    let proof = rig.beanstalk.prove_orphan(&ask(&shown), &none).await.unwrap();
    assert_eq!(proof.id(), &one.id);
    rig.beanstalk.terminate(proof).await.unwrap();
    rig.until(&one.id, &EnvironmentStatus::Terminated).await;
    let error = rig.beanstalk.prove_orphan(&ask(&shown), &none).await.unwrap_err();
    assert!(error.is(RefusalClass::NotFound), "{error}");
}
