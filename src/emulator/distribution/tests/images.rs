//! Pushing and pulling manifests, and what ECR's own API makes of them.

use super::*;

const LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

#[tokio::test(start_paused = true)]
async fn what_is_pushed_is_an_image_of_ecr() {
    let rig = Rig::new();
    let pushed = rig.push("shop", "v1", "content").await;
    assert_eq!(pushed, digest(manifest("content")));
    let described = rig.call("DescribeImages", json!({"repositoryName": "shop"}));
    let image = &described["imageDetails"][0];
    assert_eq!((image["imageDigest"].as_str(), &image["imageTags"]), (Some(pushed.as_str()), &json!(["v1"])));
    assert_eq!(image["imageSizeInBytes"], 9);
    assert_eq!(image["artifactMediaType"], "application/vnd.oci.image.config.v1+json");
    assert!(image.get("lastRecordedPullTime").is_none());
    let got = rig.call("BatchGetImage", json!({"repositoryName": "shop", "imageIds": [{"imageTag": "v1"}]}));
    assert_eq!(got["images"][0]["imageManifest"], manifest("content"));

    for reference in ["v1", pushed.as_str()] {
        let path = format!("/v2/shop/manifests/{reference}");
        let pulled = rig.get(&path).await.expect(200);
        assert_eq!(pulled.body, manifest("content"));
        assert_eq!(pulled.header("content-type"), OCI);
        assert_eq!(pulled.header("docker-content-digest"), pushed);
        let head = rig.send("HEAD", &path, &[], b"").await.expect(200);
        assert_eq!(head.header("content-length"), manifest("content").len().to_string());
        assert!(head.body.is_empty());
    }
    let described = rig.call("DescribeImages", json!({"repositoryName": "shop"}));
    assert!(described["imageDetails"][0]["lastRecordedPullTime"].is_number(), "{described}");
}

#[tokio::test(start_paused = true)]
async fn an_image_of_ecrs_api_can_be_pulled() {
    let rig = Rig::new();
    rig.push("shop", "v1", "content").await;
    let tagged =
        json!({"repositoryName": "shop", "imageManifest": manifest("content"), "imageTag": "lease-1"});
    rig.call("PutImage", tagged);
    rig.get("/v2/shop/manifests/lease-1").await.expect(200);
    let seeded = rig.emulator.with(|world| {
        let now = world.now();
        world.registry.seed_image("web", "v1", now)
    });
    let pulled = rig.get("/v2/web/manifests/v1").await.expect(200);
    assert_eq!(pulled.header("docker-content-digest"), seeded);
    let manifest: Value = serde_json::from_slice(&pulled.body).unwrap();
    for part in [&manifest["config"], &manifest["layers"][0]] {
        let path = format!("/v2/web/blobs/{}", part["digest"].as_str().unwrap());
        let blob = rig.get(&path).await.expect(200).body;
        assert_eq!(
            (Some(digest(&blob).as_str()), blob.len() as u64),
            (part["digest"].as_str(), part["size"].as_u64().unwrap())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_manifest_needs_what_it_names() {
    let rig = Rig::new();
    rig.push_blob("shop", b"{}").await;
    let put = |manifest: String, kind: &'static str| {
        let rig = &rig;
        async move {
            rig.send("PUT", "/v2/shop/manifests/v1", &[("content-type", kind)], manifest.as_bytes()).await
        }
    };
    let (code, message) = put(manifest("content"), OCI).await.expect(404).error();
    let account = rig.emulator.with(|world| world.account.clone());
    assert_eq!(code, "BLOB_UPLOAD_UNKNOWN");
    assert_eq!(
        message,
        format!(
            "Layers with digests '[{}]' required for pushing image into repository with name 'shop' in the registry \
             with id '{account}' do not exist",
            digest("content")
        )
    );
    let list = json!({"schemaVersion": 2, "mediaType": LIST, "manifests": [{"digest": digest("child")}]});
    let (code, message) = put(list.to_string(), LIST).await.expect(404).error();
    assert_eq!(code, "MANIFEST_BLOB_UNKNOWN");
    assert!(message.starts_with("Images with digests"), "{message}");
    let got = rig.get("/v2/shop/manifests/v1").await.expect(404);
    assert_eq!(got.error(), ("MANIFEST_UNKNOWN".to_owned(), "Requested image not found".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn lists_and_both_families_of_types_are_taken() {
    let rig = Rig::new();
    let child = rig.push("shop", "child", "content").await;
    for (kind, tag) in [(LIST, "docker"), ("application/vnd.oci.image.index.v1+json", "oci")] {
        let text = json!({"schemaVersion": 2, "mediaType": kind, "manifests": [{"digest": child}]});
        let path = format!("/v2/shop/manifests/{tag}");
        rig.send("PUT", &path, &[("content-type", kind)], text.to_string().as_bytes()).await.expect(201);
        assert_eq!(rig.get(&path).await.expect(200).header("content-type"), kind);
    }
    let docker = "application/vnd.docker.distribution.manifest.v2+json";
    let text = manifest("content").replace(OCI, docker);
    let path = "/v2/shop/manifests/v2";
    rig.send("PUT", path, &[("content-type", docker)], text.as_bytes()).await.expect(201);
    let deleted = rig.send("DELETE", &format!("/v2/shop/manifests/{child}"), &[], b"").await;
    assert_eq!(deleted.expect(409).error().0, "DENIED");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_manifest_is_unsupported() {
    let rig = Rig::new();
    let old = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    for (kind, text) in [
        (OCI, "no JSON"),
        (old, r#"{"schemaVersion": 1, "name": "shop", "tag": "v1", "fsLayers": []}"#),
        ("application/json", &manifest("x")),
        (LIST, &manifest("x")),
    ] {
        let told = rig.send("PUT", "/v2/shop/manifests/v1", &[("content-type", kind)], text.as_bytes()).await;
        let (code, message) = told.expect(405).error();
        assert_eq!(code, "UNSUPPORTED");
        assert!(message.starts_with("Invalid parameter at 'ImageManifest'"), "{message}");
    }
    let long = vec![b' '; (4 << 20) + 1];
    rig.send("PUT", "/v2/shop/manifests/v1", &[], &long).await.expect(405);
    let wrong = format!("/v2/shop/manifests/{}", digest("other"));
    rig.push("shop", "v1", "content").await;
    let told = rig.send("PUT", &wrong, &[], manifest("content").as_bytes()).await.expect(400);
    let (code, message) = told.error();
    assert_eq!(code, "MANIFEST_INVALID");
    assert!(
        message.ends_with("does not match the image digest that Amazon ECR has calculated."),
        "{message}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_immutable_tag_does_not_move_and_the_same_image_again_succeeds() {
    let rig = Rig::new();
    rig.call("PutImageTagMutability", json!({"repositoryName": "shop", "imageTagMutability": "IMMUTABLE"}));
    let first = rig.push("shop", "v1", "one").await;
    assert_eq!(rig.push("shop", "v1", "one").await, first);
    rig.push_blob("shop", b"two").await;
    let path = "/v2/shop/manifests/v1";
    let told = rig.send("PUT", path, &[("content-type", OCI)], manifest("two").as_bytes()).await;
    let message = "The image tag 'v1' already exists in the 'shop' repository and cannot be overwritten because the \
         tag is immutable.";
    assert_eq!(told.expect(400).error(), ("TAG_INVALID".to_owned(), message.to_owned()));
    assert_eq!(rig.get(path).await.expect(200).header("docker-content-digest"), first);
}

#[tokio::test(start_paused = true)]
async fn a_tag_or_an_image_is_deleted() {
    let rig = Rig::new();
    let digest = rig.push("shop", "v1", "one").await;
    rig.push("shop", "v2", "one").await;
    rig.send("DELETE", "/v2/shop/manifests/v1", &[], b"").await.expect(202);
    rig.get("/v2/shop/manifests/v1").await.expect(404);
    rig.send("DELETE", &format!("/v2/shop/manifests/{digest}"), &[], b"").await.expect(202);
    rig.get("/v2/shop/manifests/v2").await.expect(404);
    let again = rig.send("DELETE", &format!("/v2/shop/manifests/{digest}"), &[], b"").await;
    assert_eq!(again.expect(404).error().0, "MANIFEST_UNKNOWN");
}

#[tokio::test(start_paused = true)]
async fn tags_come_in_pages() {
    let rig = Rig::new();
    for number in 0..105 {
        rig.emulator.with(|world| {
            let now = world.now();
            world.registry.seed_image("shop", &format!("v{number:03}"), now);
        });
    }
    let tags = |told: &Told| {
        let body: Value = serde_json::from_slice(&told.body).unwrap();
        let tags = body["tags"].as_array().unwrap().clone();
        tags.into_iter().map(|tag| tag.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let first = rig.get("/v2/shop/tags/list").await.expect(200);
    assert_eq!(
        (tags(&first).len(), first.header("link")),
        (100, "</v2/shop/tags/list?last=v099&n=100>; rel=\"next\"")
    );
    let rest = rig.get("/v2/shop/tags/list?last=v099&n=100").await.expect(200);
    assert_eq!((tags(&rest), rest.header("link")), ((100..105).map(|n| format!("v{n}")).collect(), ""));
    let two = rig.get("/v2/shop/tags/list?n=2").await.expect(200);
    assert_eq!(tags(&two), ["v000", "v001"]);
    let told = rig.get("/v2/shop/tags/list?n=10000").await.expect(405);
    let message = "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value less than \
         or equal to 1000'";
    assert_eq!(told.error(), ("UNSUPPORTED".to_owned(), message.to_owned()));
    rig.get("/v2/web/tags/list").await.expect(404);
    let catalog = rig.get("/v2/_catalog").await.expect(200);
    assert_eq!(catalog.body, r#"{"repositories":["shop"]}"#);
}

#[tokio::test(start_paused = true)]
async fn a_lifecycle_rule_ends_what_was_pushed_and_its_layers_go_later() {
    let rig = Rig::new();
    rig.push("shop", "feat-1", "content").await;
    let rule = json!({
        "rulePriority": 1, "description": "feature images live for one day and no longer than that",
        "selection": {"tagStatus": "tagged", "tagPatternList": ["feat-*"], "countType": "sinceImagePushed",
            "countUnit": "days", "countNumber": 1},
        "action": {"type": "expire"},
    });
    let text = json!({"rules": [rule]}).to_string();
    rig.call("PutLifecyclePolicy", json!({"repositoryName": "shop", "lifecyclePolicyText": text}));
    let contents = rig.emulator.with(|world| world.registry.contents());
    rig.emulator.jump(jiff::SignedDuration::from_hours(26));
    let listed = rig.call("ListImages", json!({"repositoryName": "shop"}));
    assert_eq!(listed["imageIds"], json!([]));
    assert!(contents.size(&digest("content")).is_some());
    rig.emulator.jump(jiff::SignedDuration::from_hours(25));
    rig.call("ListImages", json!({"repositoryName": "shop"}));
    assert!(contents.size(&digest("content")).is_none());
}
