//! The one vocabulary of faults, in the protocol's form.

use std::time::Duration;

use super::super::super::Fault;
use super::*;

fn fault(rig: &Rig, operation: &str, kind: Kind) {
    let fault = Fault { service: "ecr".to_owned(), ..Fault::on(operation, kind) };
    rig.emulator.faults(vec![fault.once()]);
}

#[tokio::test(start_paused = true)]
async fn refusals_have_the_protocols_form_and_apply_nothing() {
    let rig = Rig::new();
    rig.push("shop", "v1", "content").await;
    for (kind, status, code) in [
        (Kind::Throttle, 429, "TOOMANYREQUESTS"),
        (Kind::Unavailable, 503, "UNAVAILABLE"),
        (Kind::Denied, 403, "DENIED"),
        (Kind::Expired, 403, "DENIED"),
    ] {
        fault(&rig, "PutManifest", kind);
        let told = rig.send("PUT", "/v2/shop/manifests/v2", &[], manifest("content").as_bytes()).await;
        assert_eq!((told.status, told.error().0.as_str()), (status, code));
        assert_eq!(rig.calls().last(), Some(&("PutManifest".to_owned(), Outcome::Fault(kind))));
    }
    fault(&rig, "GetBlob", Kind::Signature);
    let told = rig.get(&format!("/v2/shop/blobs/{}", digest("content"))).await.expect(401);
    assert!(told.header("www-authenticate").starts_with("Basic realm="), "{told:?}");
    rig.get("/v2/shop/manifests/v2").await.expect(404);
}

#[tokio::test(start_paused = true)]
async fn a_broken_connection_may_have_done_it_all_the_same() {
    let rig = Rig::new();
    rig.push("shop", "v1", "content").await;
    let put = |tag: &'static str| {
        let rig = &rig;
        async move {
            let path = format!("/v2/shop/manifests/{tag}");
            rig.try_send("PUT", &path, &[], manifest("content").as_bytes()).await
        }
    };
    fault(&rig, "PutManifest", Kind::Refused);
    assert_eq!(put("refused").await.unwrap_err(), Broken::Refused);
    rig.get("/v2/shop/manifests/refused").await.expect(404);
    fault(&rig, "PutManifest", Kind::Lost);
    assert_eq!(put("lost").await.unwrap_err(), Broken::Lost);
    rig.get("/v2/shop/manifests/lost").await.expect(200);
    fault(&rig, "PutManifest", Kind::Broken);
    assert_eq!(put("broken").await.unwrap().status, 500);
    rig.get("/v2/shop/manifests/broken").await.expect(200);
    fault(&rig, "PutManifest", Kind::Twice);
    assert_eq!(put("twice").await.unwrap().status, 201);
}

#[tokio::test(start_paused = true)]
async fn silence_is_for_ever_and_a_late_call_arrives_all_the_same() {
    let rig = Rig::new();
    rig.push("shop", "v1", "content").await;
    let minute = Duration::from_secs(60);
    fault(&rig, "GetManifest", Kind::Timeout);
    assert!(tokio::time::timeout(minute, rig.get("/v2/shop/manifests/v1")).await.is_err());
    let manifest = manifest("content");
    fault(&rig, "PutManifest", Kind::Late);
    let late = rig.send("PUT", "/v2/shop/manifests/late", &[], manifest.as_bytes());
    assert!(tokio::time::timeout(Duration::from_secs(1), late).await.is_err());
    rig.get("/v2/shop/manifests/late").await.expect(404);
    tokio::time::sleep(minute).await;
    rig.get("/v2/shop/manifests/late").await.expect(200);
    rig.emulator.faults(vec![Fault::on("GetManifest", Kind::Slow).by(20.0)]);
    let begun = tokio::time::Instant::now();
    rig.get("/v2/shop/manifests/v1").await.expect(200);
    assert_eq!(begun.elapsed(), Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_is_struck_on_its_way_can_be_pushed_again() {
    let rig = Rig::new();
    let place = rig.begin("shop").await;
    fault(&rig, "UploadBlob", Kind::Throttle);
    rig.send("PATCH", &place, &[], b"content").await.expect(429);
    fault(&rig, "UploadBlob", Kind::Lost);
    assert_eq!(rig.try_send("PATCH", &place, &[], b"content").await.unwrap_err(), Broken::Lost);
    assert_eq!(rig.get(&place).await.expect(204).header("range"), "0-6");
    for kind in [Kind::Twice, Kind::Late] {
        fault(&rig, "UploadBlob", kind);
        let again = rig.begin("shop").await;
        rig.send("PATCH", &again, &[], b"x").await.expect(201);
        assert!(rig.emulator.fault_hits().iter().all(|(_, struck, _)| *struck != kind), "{kind:?}");
    }
    fault(&rig, "CompleteUpload", Kind::Unavailable);
    let path = format!("{place}?digest={}", digest("content"));
    rig.send("PUT", &path, &[], b"").await.expect(503);
    rig.send("PUT", &path, &[], b"").await.expect(201);
}

#[tokio::test(start_paused = true)]
async fn half_an_answer_is_half_a_content() {
    let rig = Rig::new();
    let digest = rig.push_blob("shop", b"0123456789").await;
    fault(&rig, "GetBlob", Kind::Garbled);
    assert_eq!(rig.get(&format!("/v2/shop/blobs/{digest}")).await.expect(200).body, "01234");
}
