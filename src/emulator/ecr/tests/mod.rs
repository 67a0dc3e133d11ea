use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::images::digest_of;
use super::{Refusal, Registry, SameDigest};

mod client;
mod images;
mod layers;
mod policy;
mod repositories;

const ACCOUNT: &str = "123456789012";

fn start() -> Timestamp {
    "2025-03-01T00:00:00Z".parse().unwrap()
}

fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * count)
}

/// A registry with one repository, `shop`, and a clock that is moved by hand.
struct Given {
    registry: Registry,
    now: Timestamp,
}

impl Given {
    fn shop() -> Self {
        let mut given = Self { registry: Registry::new(ACCOUNT, "eu-central-1"), now: start() };
        given.call("CreateRepository", json!({"repositoryName": "shop"}));
        given
    }

    fn try_call(&mut self, operation: &str, body: Value) -> Result<Value, Refusal> {
        self.registry.call(operation, &body, self.now)
    }

    fn call(&mut self, operation: &str, body: Value) -> Value {
        self.try_call(operation, body).unwrap()
    }

    fn refusal(&mut self, operation: &str, body: Value) -> &'static str {
        self.try_call(operation, body).unwrap_err().code
    }

    /// Puts an image whose content is `content` and answers its digest.
    fn put(&mut self, content: &str, tag: &str) -> String {
        for part in ["{}".to_owned(), layer(content)] {
            self.layer(part.as_bytes());
        }
        let manifest = manifest(content);
        let body = json!({"repositoryName": "shop", "imageManifest": manifest, "imageTag": tag});
        self.call("PutImage", body)["image"]["imageId"]["imageDigest"].as_str().unwrap().to_owned()
    }

    /// Uploads a layer by ECR's own operations, if it is not there, and answers its digest.
    fn layer(&mut self, content: &[u8]) -> String {
        let digest = digest_of(content);
        let checked = json!({"repositoryName": "shop", "layerDigests": [digest]});
        if self.call("BatchCheckLayerAvailability", checked)["layers"][0]["layerAvailability"] == "AVAILABLE"
        {
            return digest;
        }
        let upload = self.call("InitiateLayerUpload", json!({"repositoryName": "shop"}))["uploadId"].clone();
        self.call("UploadLayerPart", part(&upload, 0, content));
        let completed = json!({"repositoryName": "shop", "uploadId": upload, "layerDigests": [digest]});
        self.call("CompleteLayerUpload", completed);
        digest
    }

    fn get(&mut self, ids: Value) -> Value {
        self.call("BatchGetImage", json!({"repositoryName": "shop", "imageIds": ids}))
    }

    fn delete(&mut self, ids: Value) -> Value {
        self.call("BatchDeleteImage", json!({"repositoryName": "shop", "imageIds": ids}))
    }

    fn policy(&mut self, rules: Value) {
        let text = serde_json::to_string_pretty(&json!({"rules": rules})).unwrap();
        self.call("PutLifecyclePolicy", json!({"repositoryName": "shop", "lifecyclePolicyText": text}));
    }

    fn pass(&mut self, time: SignedDuration) {
        self.now += time;
        self.registry.advance(self.now);
    }
}

/// A layer of 40 bytes.
fn layer(content: &str) -> String {
    format!("{content:40}")
}

/// An image of 42 bytes: a configuration without content and one layer.
fn manifest(content: &str) -> String {
    let config = json!({"size": 2, "digest": digest_of("{}")});
    let layer = json!({"size": 40, "digest": digest_of(layer(content))});
    json!({"schemaVersion": 2, "config": config, "layers": [layer]}).to_string()
}

/// A request of UploadLayerPart.
fn part(upload: &Value, first: usize, content: &[u8]) -> Value {
    json!({
        "repositoryName": "shop", "uploadId": upload, "partFirstByte": first,
        "partLastByte": first + content.len() - 1,
        "layerPartBlob": data_encoding::BASE64.encode(content),
    })
}

fn rule(priority: i64, selection: Value) -> Value {
    let description = "a description that is long enough to reach the least length of a policy text";
    json!({"rulePriority": priority, "description": description, "selection": selection, "action": {"type": "expire"}})
}

fn older_than(days: i64, mut selection: Value) -> Value {
    selection["countType"] = json!("sinceImagePushed");
    selection["countUnit"] = json!("days");
    selection["countNumber"] = json!(days);
    selection
}

fn more_than(count: i64, mut selection: Value) -> Value {
    selection["countType"] = json!("imageCountMoreThan");
    selection["countNumber"] = json!(count);
    selection
}
