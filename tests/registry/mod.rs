//! Real tools push to the emulator's registry and pull from it.

mod engine;
mod skopeo;
#[cfg(target_os = "linux")]
mod streams;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use data_encoding::{BASE64, BASE64URL, HEXLOWER};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Cloud, secs};

/// An emulator with the repository `shop`.
struct Place {
    cloud: Cloud,
    dir: tempfile::TempDir,
}

impl Place {
    #[track_caller]
    fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("sprout-").tempdir().expect("a temporary folder");
        let place = Self { cloud: Cloud::start(dir.path(), &[]), dir };
        place.ecr("CreateRepository", json!({"repositoryName": "shop"}));
        place
    }

    fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Host and port of the registry, as production code gets them.
    fn registry(&self) -> String {
        let token = self.ecr("GetAuthorizationToken", json!({}));
        let proxy = token["authorizationData"][0]["proxyEndpoint"].as_str().expect("an endpoint");
        proxy.strip_prefix("http://").unwrap_or_else(|| panic!("{proxy}")).to_owned()
    }

    fn password(&self) -> String {
        let token = self.ecr("GetAuthorizationToken", json!({}));
        let token = token["authorizationData"][0]["authorizationToken"].as_str().expect("a token");
        let plain = BASE64.decode(token.as_bytes()).expect("base64");
        let plain = String::from_utf8(plain).expect("text");
        plain.strip_prefix("AWS:").expect("a user").to_owned()
    }

    /// The header that a Docker Engine wants for its registry.
    fn registry_auth(&self, password: &str) -> String {
        let auth = json!({"username": "AWS", "password": password, "serveraddress": self.cloud.address().to_string()});
        format!("X-Registry-Auth: {}\r\n", BASE64URL.encode(auth.to_string().as_bytes()))
    }

    /// An operation of ECR's API. Signatures are not verified here.
    #[track_caller]
    fn ecr(&self, operation: &str, body: Value) -> Value {
        let body = body.to_string();
        let request = format!(
            "POST / HTTP/1.0\r\nHost: {}\r\nX-Amz-Target: AmazonEC2ContainerRegistry_V20150921.{operation}\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=AKIDTEST/20260101/eu-central-1/ecr/aws4_request\r\n\
             Content-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\n\r\n{body}",
            self.cloud.address(),
            body.len()
        );
        let talk = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(self.cloud.address())?;
            stream.set_read_timeout(Some(secs(30)))?;
            stream.write_all(request.as_bytes())?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let answer = talk().unwrap_or_else(|error| panic!("{operation}: {error}"));
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP: {answer}"));
        assert!(head.contains(" 200 "), "{operation}: {answer}");
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{operation}: {error}: {body}"))
    }

    /// The digest that a tag of `shop` names.
    #[track_caller]
    fn digest(&self, tag: &str) -> Option<String> {
        let asked = json!({"repositoryName": "shop", "imageIds": [{"imageTag": tag}]});
        let answer = self.ecr("BatchGetImage", asked);
        answer["images"][0]["imageId"]["imageDigest"].as_str().map(str::to_owned)
    }

    /// Files of contents that the registry keeps.
    fn contents(&self) -> usize {
        let folder = self.dir().join("world.json.d/blobs/sha256");
        std::fs::read_dir(folder).map(Iterator::count).unwrap_or_default()
    }
}

fn digest(content: &[u8]) -> String {
    format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(content)))
}
