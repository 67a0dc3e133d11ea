//! The registry protocol, request by request.

mod access;
mod faults;
mod images;
mod streams;
mod uploads;

use data_encoding::{BASE64, HEXLOWER};
use http::{Request, Response};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::{Emulator, Settings};
use super::*;

const OCI: &str = "application/vnd.oci.image.manifest.v1+json";

/// A world with the repository `shop`, and the way into its registry.
struct Rig {
    emulator: Emulator,
    login: String,
}

/// An answer with its body.
#[derive(Debug)]
struct Told {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Told {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The first error's code and message.
    fn error(&self) -> (String, String) {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"));
        let text = |member: &str| body["errors"][0][member].as_str().unwrap().to_owned();
        (text("code"), text("message"))
    }

    #[track_caller]
    fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }
}

impl Rig {
    fn new() -> Self {
        Self::around(Emulator::new(Settings::default()))
    }

    fn around(emulator: Emulator) -> Self {
        let mut rig = Self { emulator, login: String::new() };
        rig.call("CreateRepository", json!({"repositoryName": "shop"}));
        rig.log_in();
        rig
    }

    fn log_in(&mut self) {
        let token = self.call("GetAuthorizationToken", json!({}));
        let token = token["authorizationData"][0]["authorizationToken"].as_str().unwrap().to_owned();
        self.login = format!("Basic {token}");
    }

    /// An operation of ECR's API.
    fn call(&self, operation: &str, body: Value) -> Value {
        let called = self.emulator.with(|world| {
            let now = world.now();
            world.registry.call(operation, &body, now)
        });
        called.unwrap_or_else(|refusal| panic!("{operation}: {refusal}"))
    }

    async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Told, Broken> {
        let mut request = Request::builder().method(method).uri(path).header("host", "127.0.0.1:4600");
        if !self.login.is_empty() {
            request = request.header("authorization", &self.login);
        }
        if !body.is_empty() {
            request = request.header("content-length", body.len());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::copy_from_slice(body)).unwrap();
        let answer: Response<Bytes> = self.emulator.handle(request).await?;
        let (head, body) = answer.into_parts();
        Ok(Told { status: head.status.as_u16(), headers: head.headers, body })
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Told {
        self.try_send(method, path, headers, body).await.unwrap()
    }

    async fn get(&self, path: &str) -> Told {
        self.send("GET", path, &[], b"").await
    }

    /// Pushes a content in the way of Docker: begun, sent, ended. Gives its digest.
    async fn push_blob(&self, repository: &str, content: &[u8]) -> String {
        let place = self.begin(repository).await;
        self.send("PATCH", &place, &[], content).await.expect(201);
        let digest = digest(content);
        self.send("PUT", &format!("{place}?digest={digest}"), &[], b"").await.expect(201);
        digest
    }

    /// Begins an upload; gives its place.
    async fn begin(&self, repository: &str) -> String {
        let begun =
            self.send("POST", &format!("/v2/{repository}/blobs/uploads/"), &[], b"").await.expect(202);
        begun.header("location").to_owned()
    }

    /// Pushes an image whose layer is `content`, and gives its digest.
    async fn push(&self, repository: &str, tag: &str, content: &str) -> String {
        for part in ["{}", content] {
            self.push_blob(repository, part.as_bytes()).await;
        }
        let path = format!("/v2/{repository}/manifests/{tag}");
        let put = self.send("PUT", &path, &[("content-type", OCI)], manifest(content).as_bytes()).await;
        put.expect(201).header("docker-content-digest").to_owned()
    }

    /// Operations of the registry protocol so far, with what became of them.
    fn calls(&self) -> Vec<(String, Outcome)> {
        self.emulator.calls().into_iter().map(|call| (call.operation, call.outcome)).collect()
    }
}

fn digest(content: impl AsRef<[u8]>) -> String {
    format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(content)))
}

fn manifest(content: &str) -> String {
    let part = |kind: &str, content: &str| json!({"mediaType": kind, "digest": digest(content), "size": content.len()});
    let config = part("application/vnd.oci.image.config.v1+json", "{}");
    let layers = [part("application/vnd.oci.image.layer.v1.tar", content)];
    json!({"schemaVersion": 2, "mediaType": OCI, "config": config, "layers": layers}).to_string()
}

fn refused(code: &str) -> Outcome {
    Outcome::Refused(code.to_owned())
}
