//! A Docker Engine builds, pushes, forgets and pulls.

use serde_json::{Value, json};

use super::Place;
use crate::support::{Engine, archive, busybox, read, values};

/// An engine beside an emulator, and the images that were made in it.
struct Yard {
    place: Place,
    engine: Engine,
    registry: String,
}

impl Yard {
    fn new() -> Option<Self> {
        let engine = Engine::found()?;
        let place = Place::new();
        let registry = place.registry();
        Some(Self { place, engine, registry })
    }

    /// Builds an image from nothing but these files and gives its id. No other test makes the same.
    #[track_caller]
    fn build(&self, tag: &str, files: &[(&str, u32, &[u8])]) -> String {
        let dockerfile = "FROM scratch\nCOPY . /\nCMD [\"/busybox\", \"httpd\", \"-f\"]\n";
        let mark = self.place.dir().display().to_string();
        let own = [("Dockerfile", 0o644, dockerfile.as_bytes()), ("mark", 0o644, mark.as_bytes())];
        let context = archive(&[&own, files].concat());
        let path = format!("/build?t={}", self.name(tag));
        let told = self.engine.stream("POST", &path, "Content-Type: application/x-tar\r\n", &context);
        let id = told.iter().find_map(|line| line["aux"]["ID"].as_str());
        id.unwrap_or_else(|| panic!("{told:?}")).to_owned()
    }

    /// Pushes a tag: the digest that the engine tells in the end, or its error.
    #[track_caller]
    fn push(&self, tag: &str, password: &str) -> Result<String, String> {
        let auth = self.place.registry_auth(password);
        let path = format!("/images/{}/shop/push?tag={tag}", self.registry);
        let told = self.engine.stream("POST", &path, &auth, b"");
        outcome(&told)?;
        let digest = told.iter().find_map(|line| line["aux"]["Digest"].as_str());
        Ok(digest.unwrap_or_else(|| panic!("{told:?}")).to_owned())
    }

    #[track_caller]
    fn pull(&self, reference: &str) -> Result<(), String> {
        let auth = self.place.registry_auth(&self.place.password());
        let path = format!("/images/create?fromImage={reference}");
        match self.engine.call("POST", &path, &auth, b"") {
            (200, told) => outcome(&values(&told)),
            (_, told) => Err(told),
        }
    }

    #[track_caller]
    fn inspect(&self, reference: &str) -> Option<Value> {
        let (status, told) = self.engine.call("GET", &format!("/images/{reference}/json"), "", b"");
        (status == 200).then(|| serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {told}")))
    }

    fn forget(&self, reference: &str) {
        self.engine.call("DELETE", &format!("/images/{reference}?force=1"), "", b"");
    }

    fn name(&self, tag: &str) -> String {
        format!("{}/shop:{tag}", self.registry)
    }
}

fn outcome(told: &[Value]) -> Result<(), String> {
    let error = told.iter().find_map(|line| line["error"].as_str());
    error.map_or(Ok(()), |error| Err(error.to_owned()))
}

#[test]
fn an_image_is_pushed_forgotten_and_pulled() {
    let (Some(yard), Some(busybox)) = (Yard::new(), busybox()) else { return };
    let built = yard.build("v1", &[("busybox", 0o755, &read(&busybox))]);
    let pushed = yard.push("v1", &yard.place.password()).unwrap();
    assert_eq!(yard.place.digest("v1").as_ref(), Some(&pushed));
    let details = yard.place.ecr("DescribeImages", json!({"repositoryName": "shop"}));
    assert_eq!(
        details["imageDetails"][0]["imageManifestMediaType"],
        "application/vnd.docker.distribution.manifest.v2+json"
    );
    yard.forget(&yard.name("v1"));
    yard.forget(&built);
    assert_eq!(yard.inspect(&built), None);

    let pinned = format!("{}/shop@{pushed}", yard.registry);
    yard.pull(&pinned).unwrap();
    let pulled = yard.inspect(&pinned).expect("it is there again");
    assert_eq!(pulled["Id"], built.as_str());
    assert_eq!(pulled["RepoDigests"], json!([pinned]));
    let calls = yard.place.cloud.calls(0);
    assert!(calls.iter().any(|call| call.operation == "GetBlob"), "the layers were really fetched");
    yard.forget(&built);
}

#[test]
fn a_push_that_is_struck_is_tried_again_by_the_engine() {
    let Some(yard) = Yard::new() else { return };
    let built = yard.build("v1", &[("file", 0o644, b"struck")]);
    yard.place
        .cloud
        .control(r#"fault {"service": "ecr", "operation": "UploadBlob", "kind": "lost", "count": 1}"#);
    let pushed = yard.push("v1", &yard.place.password());
    assert_eq!(pushed.ok(), yard.place.digest("v1"));
    assert_eq!(yard.place.cloud.control("hits")["hits"][0]["hits"], 1);
    yard.forget(&built);
}

#[test]
fn the_engine_says_what_the_registry_says() {
    let Some(yard) = Yard::new() else { return };
    let built = yard.build("v1", &[("file", 0o644, b"one")]);
    let password = yard.place.password();
    yard.push("v1", &password).unwrap();
    let immutable = json!({"repositoryName": "shop", "imageTagMutability": "IMMUTABLE"});
    yard.place.ecr("PutImageTagMutability", immutable);
    yard.push("v1", &password).expect("the same image again is no move");
    let other = yard.build("v1", &[("file", 0o644, b"two")]);
    let told = yard.push("v1", &password).unwrap_err();
    assert_eq!(
        told,
        "tag invalid: The image tag 'v1' already exists in the 'shop' repository and cannot be overwritten because \
         the tag is immutable."
    );
    yard.place.cloud.control("clock +12h");
    let told = yard.push("v1", &password).unwrap_err();
    assert_eq!(told, "denied: Your authorization token has expired. Reauthenticate and try again.");
    yard.place.ecr("DeleteRepository", json!({"repositoryName": "shop", "force": true}));
    let told = yard.push("v1", &yard.place.password()).unwrap_err();
    assert!(told.starts_with("name unknown: The repository with name 'shop' does not exist"), "{told}");
    assert_eq!(yard.place.contents(), 0, "with the repository go its contents");
    yard.forget(&built);
    yard.forget(&other);
}

#[test]
fn an_invented_image_can_be_pulled() {
    let Some(yard) = Yard::new() else { return };
    let invented = yard.place.cloud.control("push shop v1")["digest"].as_str().unwrap().to_owned();
    let pinned = format!("{}/shop@{invented}", yard.registry);
    yard.pull(&pinned).unwrap();
    let pulled = yard.inspect(&pinned).unwrap();
    assert_eq!(pulled["Config"]["Labels"]["dev.beansprout.invented"], "shop:v1");
    yard.forget(&pinned);
    let missing = yard.pull(&yard.name("gone")).unwrap_err();
    assert!(missing.contains("manifest unknown: Requested image not found"), "{missing}");
}
