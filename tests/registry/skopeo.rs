//! skopeo copies images in and out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::{Place, digest};
use crate::support::{Output, archive, read, run, secs, skopeo};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// skopeo at its place, with the way into the registry.
struct Skopeo {
    place: Place,
    tool: PathBuf,
    password: String,
    registry: String,
}

impl Skopeo {
    fn new() -> Option<Self> {
        let tool = skopeo()?;
        let place = Place::new();
        let (password, registry) = (place.password(), place.registry());
        Some(Self { place, tool, password, registry })
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.tool);
        command.arg("--insecure-policy").args(arguments);
        command.env("HOME", self.place.dir()).env("XDG_RUNTIME_DIR", self.place.dir());
        run(&mut command, self.place.dir(), secs(60))
    }

    #[track_caller]
    fn copy_in(&self, from: &str, tag: &str, more: &[&str]) -> Output {
        let credentials = format!("AWS:{}", self.password);
        let to = self.image(tag);
        let arguments = ["copy", "--dest-tls-verify=false", "--dest-creds", &credentials];
        self.run(&[&arguments, more, &[from, &to]].concat())
    }

    #[track_caller]
    fn copy_out(&self, reference: &str, to: &str, more: &[&str]) -> Output {
        let credentials = format!("AWS:{}", self.password);
        let from = self.image(reference);
        let arguments = ["copy", "--src-tls-verify=false", "--src-creds", &credentials];
        self.run(&[&arguments, more, &[&from, to]].concat())
    }

    /// `docker://HOST:PORT/shop:TAG`, or with a digest.
    fn image(&self, reference: &str) -> String {
        let between = if reference.contains(':') { "@" } else { ":" };
        format!("docker://{}/shop{between}{reference}", self.registry)
    }
}

/// An OCI layout made by hand.
struct Layout(PathBuf);

impl Layout {
    fn new(folder: &Path) -> Self {
        fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
        fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion": "1.0.0"}"#).unwrap();
        Self(folder.to_owned())
    }

    /// Puts a content and describes it.
    fn blob(&self, kind: &str, content: &[u8]) -> Value {
        let digest = digest(content);
        fs::write(self.0.join("blobs/sha256").join(&digest["sha256:".len()..]), content).unwrap();
        json!({"mediaType": kind, "digest": digest, "size": content.len()})
    }

    /// An image with one file, for one architecture.
    fn image(&self, architecture: &str, content: &[u8]) -> Value {
        let layer = archive(&[("hello.txt", 0o644, content)]);
        let config = json!({
            "architecture": architecture, "os": "linux", "config": {"Cmd": ["/hello"]},
            "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
        });
        let config = self.blob("application/vnd.oci.image.config.v1+json", config.to_string().as_bytes());
        let layer = self.blob("application/vnd.oci.image.layer.v1.tar", &layer);
        let manifest =
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]});
        let mut described = self.blob(MANIFEST, manifest.to_string().as_bytes());
        described["platform"] = json!({"architecture": architecture, "os": "linux"});
        described
    }

    /// Names what was described, as `oci:FOLDER:NAME` finds it.
    fn named(&self, mut described: Value, name: &str) -> String {
        described["annotations"] = json!({"org.opencontainers.image.ref.name": name});
        let index = json!({"schemaVersion": 2, "manifests": [described]});
        fs::write(self.0.join("index.json"), index.to_string()).unwrap();
        format!("oci:{}:{name}", self.0.display())
    }
}

#[test]
fn an_image_comes_back_as_it_went() {
    let Some(skopeo) = Skopeo::new() else { return };
    let layout = Layout::new(&skopeo.place.dir().join("in"));
    // Too much for one piece of anything on the way.
    let content: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    let image = layout.image("amd64", &content);
    let pushed = image["digest"].as_str().unwrap().to_owned();
    skopeo.copy_in(&layout.named(image, "v1"), "v1", &["--preserve-digests"]).ok();
    assert_eq!(skopeo.place.digest("v1").as_ref(), Some(&pushed));
    assert_eq!(skopeo.place.contents(), 2, "a layer and a configuration");

    let out = skopeo.place.dir().join("out");
    for reference in ["v1", &pushed] {
        skopeo.copy_out(reference, &format!("dir:{}", out.display()), &[]).ok();
        assert_eq!(digest(&read(&out.join("manifest.json"))), pushed);
        let manifest: Value = serde_json::from_slice(&read(&out.join("manifest.json"))).unwrap();
        let layer = manifest["layers"][0]["digest"].as_str().unwrap();
        let layer = read(&out.join(&layer["sha256:".len()..]));
        assert_eq!(layer, archive(&[("hello.txt", 0o644, &content)]));
        fs::remove_dir_all(&out).unwrap();
    }
    let inspected = skopeo.run(&[
        "inspect",
        "--tls-verify=false",
        "--creds",
        &format!("AWS:{}", skopeo.password),
        &skopeo.image("v1"),
    ]);
    let inspected = inspected.ok().json();
    assert_eq!((&inspected["Digest"], &inspected["RepoTags"]), (&json!(pushed), &json!(["v1"])));
    // Again: everything is there.
    let layout = format!("oci:{}:v1", layout.0.display());
    skopeo.copy_in(&layout, "v2", &["--preserve-digests"]).ok();
    assert_eq!(skopeo.place.digest("v2"), Some(pushed));
}

#[test]
fn a_list_comes_with_all_that_it_names() {
    let Some(skopeo) = Skopeo::new() else { return };
    let layout = Layout::new(&skopeo.place.dir().join("in"));
    let images = ["amd64", "arm64"].map(|architecture| layout.image(architecture, architecture.as_bytes()));
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": images});
    let index = layout.blob(INDEX, index.to_string().as_bytes());
    let pushed = index["digest"].as_str().unwrap().to_owned();
    skopeo.copy_in(&layout.named(index, "all"), "all", &["--all", "--preserve-digests"]).ok();
    assert_eq!(skopeo.place.digest("all"), Some(pushed));
    let out = skopeo.place.dir().join("out");
    skopeo.copy_out("all", &format!("oci:{}:all", out.display()), &["--all", "--preserve-digests"]).ok();
    for image in images {
        let name = image["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap().to_owned();
        assert!(out.join("blobs/sha256").join(name).is_file(), "{image}");
    }
}

#[test]
fn what_the_registry_says_arrives() {
    let Some(mut skopeo) = Skopeo::new() else { return };
    let layout = Layout::new(&skopeo.place.dir().join("in"));
    let from = layout.named(layout.image("amd64", b"one"), "v1");
    let missing = skopeo.image("v1").replace("/shop", "/nothing");
    let credentials = format!("AWS:{}", skopeo.password);
    let told =
        skopeo.run(&["copy", "--dest-tls-verify=false", "--dest-creds", &credentials, &from, &missing]);
    assert!(told.ended(1).stderr.contains("The repository with name 'nothing' does not exist"));
    skopeo.copy_in(&from, "v1", &[]).ok();
    let delete = ["delete", "--tls-verify=false", "--creds", &credentials, &skopeo.image("v1")];
    skopeo.run(&delete).ok();
    assert_eq!(skopeo.place.digest("v1"), None);
    skopeo.place.cloud.control("clock +12h");
    let told = skopeo.copy_in(&from, "v1", &[]).ended(1);
    assert!(told.stderr.contains("403 (Forbidden)"), "{told}");
    skopeo.password = skopeo.place.password();
    skopeo.copy_in(&from, "v1", &[]).ok();
}
