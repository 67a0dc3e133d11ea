//! What is certain, and what is not, when the service or the way to it fails.

use std::time::Duration;

use beansprout::aws::CallError;
use beansprout::emulator::{Fault, Kind};
use beansprout::model::{Deploy, RefusalClass, Reply, VersionLabel};

use super::{Rig, create};

/// The outcome of one create under a fault, whether it reached the world,
/// and how often it was sent.
async fn create_under(kind: Kind) -> (CallError, bool, u64) {
    let rig = Rig::new().await;
    rig.make_version("v1").await;
    rig.emulator.faults(vec![Fault::on("CreateEnvironment", kind)]);
    let error = rig.beanstalk.create_environment(&create("f-one")).await.unwrap_err();
    let applied = rig.emulator.with(|world| world.live().count()) > 0;
    let key = ("elasticbeanstalk".to_owned(), "CreateEnvironment".to_owned());
    (error, applied, rig.budget.calls()[&key])
}

#[tokio::test(start_paused = true)]
async fn a_mutating_call_is_sent_once_whatever_happens() {
    for kind in [Kind::Lost, Kind::Garbled, Kind::Timeout, Kind::Broken, Kind::Unavailable, Kind::Throttle] {
        let (error, _, sent) = create_under(kind).await;
        assert_eq!(sent, 1, "{kind:?}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_applied_is_unknown() {
    for kind in [Kind::Lost, Kind::Garbled, Kind::Broken] {
        let (error, applied, _) = create_under(kind).await;
        assert!(applied, "{kind:?} applies");
        assert!(matches!(error, CallError::Unknown { .. }), "{kind:?}: {error:?}");
        assert_eq!(error.reply(), Reply::Unknown);
    }
    for kind in [Kind::Timeout, Kind::Unavailable] {
        let (error, _, _) = create_under(kind).await;
        assert!(matches!(error, CallError::Unknown { .. }), "{kind:?}: {error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_surely_not_applied_is_said_so() {
    let (error, applied, _) = create_under(Kind::Refused).await;
    assert!(!applied && matches!(error, CallError::NotSent { .. }), "{error:?}");
    for (kind, class) in [
        (Kind::Throttle, RefusalClass::NotNow),
        (Kind::Denied, RefusalClass::Denied),
        (Kind::Expired, RefusalClass::NotNow),
        (Kind::Signature, RefusalClass::Denied),
    ] {
        let (error, applied, _) = create_under(kind).await;
        assert!(!applied && error.is(class), "{kind:?}: {error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn reads_are_tried_three_times() {
    for kind in [Kind::Unavailable, Kind::Throttle, Kind::Refused, Kind::Lost] {
        let rig = Rig::new().await;
        let mut fault = Fault::on("DescribeEnvironments", kind);
        fault.count = Some(2);
        rig.emulator.faults(vec![fault]);
        assert!(rig.beanstalk.listing().await.is_ok(), "{kind:?}");
        rig.emulator.faults(vec![Fault::on("DescribeEnvironments", kind)]);
        assert!(rig.beanstalk.listing().await.is_err(), "{kind:?}");
        let key = ("elasticbeanstalk".to_owned(), "DescribeEnvironments".to_owned());
        assert_eq!(rig.budget.calls()[&key], 6, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_wait_ends() {
    let rig = Rig::new().await;
    let one = rig.ready("f-one").await;
    rig.make_version("v2").await;
    rig.emulator.faults(vec![Fault::on("*", Kind::Timeout)]);
    let start = tokio::time::Instant::now();
    assert!(rig.beanstalk.listing().await.is_err());
    assert!(start.elapsed() < Duration::from_secs(90), "{:?}", start.elapsed());
    let start = tokio::time::Instant::now();
    let deploy = Deploy { id: one.id, label: VersionLabel::new("v2") };
    assert!(matches!(rig.beanstalk.deploy(&deploy).await, Err(CallError::Unknown { .. })));
    assert_eq!(start.elapsed().as_secs(), 15);
}

#[tokio::test(start_paused = true)]
async fn a_garbled_listing_is_no_listing() {
    let rig = Rig::new().await;
    rig.ready("f-one").await;
    rig.emulator.faults(vec![Fault::on("DescribeEnvironments", Kind::Garbled)]);
    assert!(matches!(rig.beanstalk.listing().await, Err(CallError::Unknown { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_of_a_version_mends_itself_at_the_next_try() {
    let rig = Rig::new().await;
    let (put, version) = rig.version("v1");
    rig.emulator.faults(vec![Fault::on("mutating", Kind::Lost)]);
    assert!(rig.bundles.put(&put).await.is_err());
    rig.emulator.faults(Vec::new());
    rig.bundles.put(&put).await.expect("it is there already, with our bytes");
    rig.emulator.faults(vec![Fault::on("CreateApplicationVersion", Kind::Lost)]);
    assert!(rig.beanstalk.create_version(&version).await.is_err());
    rig.emulator.faults(Vec::new());
    rig.beanstalk.create_version(&version).await.expect("it is there already, with our bundle");
}
