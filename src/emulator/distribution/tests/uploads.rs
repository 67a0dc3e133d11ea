//! Pushing contents.

use super::*;

const PATH: &str = "/v2/shop/blobs/uploads/";

#[tokio::test(start_paused = true)]
async fn a_content_comes_in_one_piece_with_or_without_a_beginning() {
    let rig = Rig::new();
    let [one, two] = ["one", "two"].map(digest);
    let told = rig.send("POST", &format!("{PATH}?digest={one}"), &[], b"one").await.expect(201);
    assert_eq!(told.header("location"), format!("/v2/shop/blobs/{one}"));
    assert_eq!(told.header("docker-content-digest"), one);
    let place = rig.begin("shop").await;
    let escaped = two.replace(':', "%3A");
    rig.send("PUT", &format!("{place}?digest={escaped}"), &[], b"two").await.expect(201);
    for (digest, content) in [(&one, "one"), (&two, "two")] {
        let path = format!("/v2/shop/blobs/{digest}");
        let got = rig.get(&path).await.expect(200);
        assert_eq!((got.body.as_ref(), got.header("content-length")), (content.as_bytes(), "3"));
        let head = rig.send("HEAD", &path, &[], b"").await.expect(200);
        assert_eq!((head.body.len(), head.header("content-length")), (0, "3"));
    }
    let operations: Vec<_> = rig.calls().into_iter().map(|(operation, _)| operation).collect();
    assert_eq!(operations[..3], ["UploadBlob", "StartUpload", "UploadBlob"]);
}

#[tokio::test(start_paused = true)]
async fn pieces_follow_each_other_and_one_may_ask_how_far_they_came() {
    let rig = Rig::new();
    let begun = rig.send("POST", PATH, &[], b"").await.expect(202);
    assert_eq!(begun.header("range"), "0-0");
    let place = begun.header("location").to_owned();
    assert!(place.ends_with(begun.header("docker-upload-uuid")), "{begun:?}");
    let told = rig.send("PATCH", &place, &[("content-range", "0-3")], b"some").await.expect(201);
    assert_eq!(told.header("range"), "0-3");
    let again = rig.send("PATCH", &place, &[("content-range", "0-3")], b"some").await.expect(416);
    let message = "First byte of the layer part is 0 instead of 4";
    assert_eq!(again.error(), ("BLOB_UPLOAD_INVALID".to_owned(), message.to_owned()));
    let status = rig.get(&place).await.expect(204);
    assert_eq!((status.header("range"), status.header("location")), ("0-3", place.as_str()));
    rig.send("PATCH", &place, &[("content-range", "4-8")], b" more").await.expect(201);
    let digest = digest("some more.");
    rig.send("PUT", &format!("{place}?digest={digest}"), &[("content-range", "9-9")], b".").await.expect(201);
    assert_eq!(rig.get(&format!("/v2/shop/blobs/{digest}")).await.expect(200).body, "some more.");
    assert_eq!(rig.get(&place).await.expect(404).error().0, "BLOB_UPLOAD_UNKNOWN");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_digest_ends_the_upload_and_keeps_nothing() {
    let rig = Rig::new();
    let place = rig.begin("shop").await;
    rig.send("PATCH", &place, &[], b"content").await.expect(201);
    let wrong = digest("other");
    let told = rig.send("PUT", &format!("{place}?digest={wrong}"), &[], b"").await.expect(400);
    let message = "None of the provided layer digests match the calculated layer digest";
    assert_eq!(told.error(), ("BLOB_UPLOAD_INVALID".to_owned(), message.to_owned()));
    rig.get(&place).await.expect(404);
    for content in ["content", "other"] {
        let told = rig.get(&format!("/v2/shop/blobs/{}", digest(content))).await.expect(404);
        assert_eq!(told.error().0, "BLOB_UNKNOWN");
    }
    let place = rig.begin("shop").await;
    let none = rig.send("PUT", &place, &[], b"x").await.expect(400);
    assert_eq!(none.error().0, "DIGEST_INVALID");
    let other = rig.send("PUT", &format!("{place}?digest=md5:00"), &[], b"x").await.expect(400);
    assert_eq!(other.error().0, "DIGEST_INVALID");
}

#[tokio::test(start_paused = true)]
async fn an_upload_is_of_one_repository_and_can_be_cancelled() {
    let rig = Rig::new();
    rig.call("CreateRepository", json!({"repositoryName": "web"}));
    let place = rig.begin("shop").await;
    rig.send("PATCH", &place.replace("/shop/", "/web/"), &[], b"x").await.expect(404);
    rig.send("DELETE", &place, &[], b"").await.expect(204);
    rig.send("PATCH", &place, &[], b"x").await.expect(404);
    assert_eq!(rig.calls().last(), Some(&("UploadBlob".to_owned(), refused("BLOB_UPLOAD_UNKNOWN"))));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_made_by_pushing_to_it() {
    let rig = Rig::new();
    let told = rig.send("POST", "/v2/web/blobs/uploads/", &[], b"").await.expect(404);
    let account = rig.emulator.with(|world| world.account.clone());
    let message =
        format!("The repository with name 'web' does not exist in the registry with id '{account}'");
    assert_eq!(told.error(), ("NAME_UNKNOWN".to_owned(), message));
}

#[tokio::test(start_paused = true)]
async fn a_layer_is_mounted_where_the_account_wants_it_and_an_image_names_it() {
    let rig = Rig::new();
    rig.call("CreateRepository", json!({"repositoryName": "web"}));
    rig.push("shop", "v1", "content").await;
    let stray = rig.push_blob("shop", b"stray").await;
    let mount = |digest: &str| format!("/v2/web/blobs/uploads/?mount={digest}&from=shop");
    let named = digest("content");
    rig.send("POST", &mount(&named), &[], b"").await.expect(202);
    rig.call("PutAccountSetting", json!({"name": "BLOB_MOUNTING", "value": "ENABLED"}));
    let told = rig.send("POST", &mount(&named), &[], b"").await.expect(201);
    assert_eq!(told.header("location"), format!("/v2/web/blobs/{named}"));
    assert_eq!(rig.get(&format!("/v2/web/blobs/{named}")).await.expect(200).body, "content");
    rig.send("POST", &mount(&stray), &[], b"").await.expect(202);
    rig.send("POST", &mount(&digest("unknown")), &[], b"").await.expect(202);
    assert_eq!(rig.calls().last(), Some(&("MountBlob".to_owned(), Outcome::Applied)));
}

#[tokio::test(start_paused = true)]
async fn part_of_a_content_is_given_to_who_asks_for_it() {
    let rig = Rig::new();
    let digest = rig.push_blob("shop", b"0123456789").await;
    let path = format!("/v2/shop/blobs/{digest}");
    let part = rig.send("GET", &path, &[("range", "bytes=2-4")], b"").await.expect(206);
    assert_eq!((part.body.as_ref(), part.header("content-range")), (b"234".as_slice(), "bytes 2-4/10"));
    let none = rig.send("GET", &path, &[("range", "bytes=10-")], b"").await.expect(416);
    assert_eq!(none.header("content-range"), "bytes */10");
}
