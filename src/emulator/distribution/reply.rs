//! Answers of the registry protocol: ECR's refusals in the protocol's form, and the headers that all answers bear.

use std::io;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use serde_json::json;

use super::super::ecr;
use super::super::fault::Kind;
use super::Content;

/// A refusal as a client of the protocol sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// A code of the specification ("Error Codes").
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// What a fault stands for; the sources of the texts stand in `docs/registry-and-bundles.md`.
    pub(super) fn of(kind: Kind) -> Self {
        match kind {
            Kind::Throttle => Self::new(429, "TOOMANYREQUESTS", "Rate exceeded"),
            Kind::Unavailable => Self::new(503, "UNAVAILABLE", "Service unavailable"),
            Kind::Denied => Self::new(403, "DENIED", "User is not authorized to perform this operation"),
            Kind::Expired => Self::expired(),
            Kind::Signature => Self::stranger(),
            _ => Self::new(500, "UNKNOWN", "The request processing has failed because of an unknown error."),
        }
    }

    /// A password that was good once.
    pub(super) fn expired() -> Self {
        Self::new(403, "DENIED", "Your authorization token has expired. Reauthenticate and try again.")
    }

    /// A password that nobody gave out.
    pub(super) fn invalid() -> Self {
        Self::new(400, "DENIED", "Your authorization token is invalid.")
    }

    /// Nobody said who asks. The answer challenges.
    pub(super) fn stranger() -> Self {
        Self::new(401, "UNAUTHORIZED", "Not Authorized")
    }

    /// What a registry has not got, in the words of its refusals.
    pub(super) fn unsupported() -> Self {
        Self::new(405, "UNSUPPORTED", "The operation is unsupported.")
    }
}

impl From<ecr::Refusal> for Refusal {
    /// The API's exceptions as the registry protocol of ECR shows them.
    fn from(refusal: ecr::Refusal) -> Self {
        let (status, code) = match refusal.code {
            "RepositoryNotFoundException" => (404, "NAME_UNKNOWN"),
            "ImageNotFoundException" => (404, "MANIFEST_UNKNOWN"),
            "ImageTagAlreadyExistsException" => (400, "TAG_INVALID"),
            "ImageDigestDoesNotMatchException" => (400, "MANIFEST_INVALID"),
            "ImageReferencedByManifestList" => (409, "DENIED"),
            "LayersNotFoundException" | "UploadNotFoundException" => (404, "BLOB_UPLOAD_UNKNOWN"),
            "ReferencedImagesNotFoundException" => (404, "MANIFEST_BLOB_UNKNOWN"),
            "InvalidLayerPartException" => (416, "BLOB_UPLOAD_INVALID"),
            "InvalidLayerException" | "EmptyUploadException" => (400, "BLOB_UPLOAD_INVALID"),
            "LimitExceededException" => (429, "TOOMANYREQUESTS"),
            "InvalidParameterException" => (405, "UNSUPPORTED"),
            _ => (refusal.status, "UNKNOWN"),
        };
        Self { status, code, message: refusal.message }
    }
}

/// An answer under way.
#[derive(Debug)]
pub(super) struct Reply(Response<Content>);

impl Reply {
    pub(super) fn new(status: u16) -> Self {
        let mut response = Response::new(whole(Bytes::new()));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self(response).header("docker-distribution-api-version", "registry/2.0")
    }

    /// A refusal in the protocol's form, with a challenge for those who did not say who they are.
    pub(super) fn refusal(refusal: &Refusal, host: &str) -> Self {
        if refusal.status == 401 {
            let challenge = format!("Basic realm=\"{host}\",service=\"ecr.amazonaws.com\"");
            return Self::new(401)
                .header(header::WWW_AUTHENTICATE.as_str(), challenge)
                .text("text/plain; charset=utf-8", "Not Authorized\n".to_owned());
        }
        let body = json!({"errors": [{"code": refusal.code, "message": refusal.message}]});
        Self::new(refusal.status).text("application/json; charset=utf-8", body.to_string())
    }

    #[must_use]
    pub(super) fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        let name = header::HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value.as_ref())) {
            self.0.headers_mut().insert(name, value);
        }
        self
    }

    #[must_use]
    pub(super) fn text(self, kind: &str, text: String) -> Self {
        let length = text.len() as u64;
        self.header(header::CONTENT_TYPE.as_str(), kind).body(length, whole(Bytes::from(text)))
    }

    #[must_use]
    pub(super) fn body(mut self, length: u64, body: Content) -> Self {
        *self.0.body_mut() = body;
        self.header(header::CONTENT_LENGTH.as_str(), length.to_string())
    }

    /// The headers alone, as HEAD wants them.
    #[must_use]
    pub(super) fn without_body(mut self) -> Self {
        *self.0.body_mut() = whole(Bytes::new());
        self
    }

    pub(super) fn done(self) -> Response<Content> {
        self.0
    }
}

/// A body that is there already.
pub(in super::super) fn whole(bytes: Bytes) -> Content {
    Full::new(bytes).map_err(|never| -> io::Error { match never {} }).boxed_unsync()
}
