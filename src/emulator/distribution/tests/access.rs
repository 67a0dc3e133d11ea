//! Who may come in.

use jiff::SignedDuration;

use super::*;

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_challenged_as_by_ecr() {
    let mut rig = Rig::new();
    rig.get("/v2/").await.expect(200);
    rig.login.clear();
    let told = rig.get("/v2/").await.expect(401);
    assert_eq!(
        told.header("www-authenticate"),
        format!(
            "Basic realm=\"https://{}/\",service=\"ecr.amazonaws.com\"",
            rig.emulator.with(|world| world.registry.host())
        )
    );
    assert_eq!(told.header("docker-distribution-api-version"), "registry/2.0");
    assert_eq!(told.body, "Not Authorized\n");
    rig.send("POST", "/v2/shop/blobs/uploads/", &[], b"").await.expect(401);
    let recorded = ("StartUpload".to_owned(), refused("UNAUTHORIZED"));
    assert_eq!(rig.calls().last(), Some(&recorded));
}

#[tokio::test(start_paused = true)]
async fn a_password_is_good_for_twelve_hours() {
    let mut rig = Rig::new();
    rig.emulator.jump(SignedDuration::from_secs(12 * 3600 - 1));
    rig.get("/v2/").await.expect(200);
    rig.emulator.jump(SignedDuration::from_secs(1));
    let told = rig.get("/v2/shop/tags/list").await.expect(403);
    let message = "Your authorization token has expired. Reauthenticate and try again.";
    assert_eq!(told.error(), ("DENIED".to_owned(), message.to_owned()));
    rig.log_in();
    rig.get("/v2/").await.expect(200);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_password_is_no_way_in() {
    let mut rig = Rig::new();
    let good = rig.login.clone();
    let plain = BASE64.decode(&good.as_bytes()["Basic ".len()..]).unwrap();
    let password = String::from_utf8(plain).unwrap();
    let password = password.strip_prefix("AWS:").unwrap();
    let other = format!("Basic {}", BASE64.encode(format!("root:{password}").as_bytes()));
    for wrong in [other.as_str(), "Basic QVdTOnNlY3JldA==", "Basic %", "Bearer abc", "Basic QVdT"] {
        rig.login = wrong.to_owned();
        let told = rig.get("/v2/").await;
        assert_eq!((told.status, told.error().0.as_str()), (400, "DENIED"), "{wrong}");
    }
    rig.login = good;
    rig.get("/v2/").await.expect(200);
}

#[tokio::test(start_paused = true)]
async fn a_link_to_a_layer_vouches_for_itself_for_an_hour() {
    let mut rig = Rig::new();
    rig.push("shop", "v1", "content").await;
    let link = |digest: String| {
        let asked = json!({"repositoryName": "shop", "layerDigest": digest});
        rig.call("GetDownloadUrlForLayer", asked)["downloadUrl"].as_str().unwrap().to_owned()
    };
    let link = link(digest("content"));
    let path = link.split_once("amazonaws.com").unwrap().1.to_owned();
    rig.login.clear();
    assert_eq!(rig.get(&path).await.expect(200).body, "content");
    rig.get(&path.replace(&digest("content"), &digest("{}"))).await.expect(401);
    rig.get(&path.replace("proof=", "proof=0")).await.expect(401);
    rig.emulator.jump(SignedDuration::from_secs(3601));
    rig.get(&path).await.expect(401);
}

#[test]
fn an_environments_own_paths_are_its_own() {
    let spoken = |host: &str, path: &str, signed: bool| {
        let mut request = Request::builder().uri(path).header("host", host);
        if signed {
            let scope = "AWS4-HMAC-SHA256 Credential=A/20260105/eu-central-1/s3/aws4_request";
            request = request.header("authorization", scope);
        }
        is_spoken_by(&request.body(()).unwrap())
    };
    assert!(spoken("127.0.0.1:4600", "/v2/", false));
    assert!(spoken("localhost:4600", "/v2/shop/tags/list", false));
    assert!(spoken("123456789012.dkr.ecr.eu-central-1.amazonaws.com", "/v2", false));
    assert!(!spoken("login.localhost:4600", "/v2/users", false));
    assert!(!spoken("login.eu-central-1.elasticbeanstalk.com", "/v2/users", false));
    assert!(!spoken("127.0.0.1:4600", "/v2/key", true), "a bucket may be called v2");
    assert!(!spoken("127.0.0.1:4600", "/v20", false));
}

#[tokio::test(start_paused = true)]
async fn what_the_protocol_has_not_got_is_said() {
    let rig = Rig::new();
    rig.get("/v2/shop/referrers/sha256:ab").await.expect(404);
    let told = rig.send("POST", "/v2/shop/manifests/v1", &[], b"{}").await.expect(405);
    assert_eq!(told.error().0, "UNSUPPORTED");
    let deleted = rig.send("DELETE", &format!("/v2/shop/blobs/{}", digest("x")), &[], b"").await;
    assert_eq!(deleted.expect(405).error().0, "UNSUPPORTED");
}
