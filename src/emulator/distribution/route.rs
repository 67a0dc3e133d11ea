//! What a request of the registry protocol asks for, and the name that faults and the record of calls know it by.

use std::collections::BTreeMap;

use http::request::Parts;
use http::{HeaderMap, Method, header};

use super::super::wire::{Form, unescape};

/// A request, as far as its line and its headers tell.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) what: What,
    /// Members of the query.
    pub(super) query: Form,
}

/// Paths and methods of the OCI distribution specification ("Endpoints").
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Whether the protocol is spoken here, and the caller known.
    Check,
    Repositories,
    Tags {
        name: String,
    },
    Manifest {
        name: String,
        reference: String,
        verb: Verb,
    },
    Blob {
        name: String,
        digest: String,
        verb: Verb,
    },
    /// A new upload, which a query may end or replace at once.
    Start {
        name: String,
    },
    Upload {
        name: String,
        id: String,
        verb: Verb,
    },
    /// A path that is none of the protocol.
    Nothing,
    /// A path of the protocol with a method that it does not have.
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Head,
    Get,
    Put,
    Patch,
    Delete,
}

impl Route {
    pub(super) fn read(head: &Parts) -> Self {
        let path = unescape(head.uri.path());
        let query = Form::decode(head.uri.query().unwrap_or_default().as_bytes());
        Self { what: what(&head.method, path.strip_prefix("/v2").unwrap_or(&path)), query }
    }

    /// As in the call log: reading ones begin with Get, Head, List or Check.
    pub(super) fn operation(&self, headers: &HeaderMap) -> &'static str {
        match &self.what {
            What::Check => "CheckVersion",
            What::Repositories => "ListRepositories",
            What::Tags { .. } => "ListTags",
            What::Manifest { verb, .. } => match verb {
                Verb::Head => "HeadManifest",
                Verb::Get => "GetManifest",
                Verb::Delete => "DeleteManifest",
                Verb::Put | Verb::Patch => "PutManifest",
            },
            What::Blob { verb, .. } => match verb {
                Verb::Head => "HeadBlob",
                Verb::Delete => "DeleteBlob",
                Verb::Get | Verb::Put | Verb::Patch => "GetBlob",
            },
            What::Start { .. } if self.query.get("digest").is_some() => "UploadBlob",
            What::Start { .. } if self.query.get("mount").is_some() => "MountBlob",
            What::Start { .. } => "StartUpload",
            What::Upload { verb, .. } => match verb {
                Verb::Patch => "UploadBlob",
                Verb::Put if brings_content(headers) => "UploadBlob",
                Verb::Put => "CompleteUpload",
                Verb::Delete => "CancelUpload",
                Verb::Get | Verb::Head => "GetUpload",
            },
            What::Nothing | What::Never => "Unknown",
        }
    }

    /// Members for the record, named as ECR's API names them.
    pub(super) fn params(&self) -> BTreeMap<String, String> {
        let mut params = BTreeMap::new();
        let mut enter = |name: &str, value: &str| {
            params.insert(name.to_owned(), value.to_owned());
        };
        match &self.what {
            What::Tags { name } | What::Start { name } => enter("repositoryName", name),
            What::Manifest { name, reference, .. } => {
                enter("repositoryName", name);
                enter(if reference.contains(':') { "imageDigest" } else { "imageTag" }, reference);
            }
            What::Blob { name, digest, .. } => {
                enter("repositoryName", name);
                enter("layerDigest", digest);
            }
            What::Upload { name, id, .. } => {
                enter("repositoryName", name);
                enter("uploadId", id);
            }
            What::Check | What::Repositories | What::Nothing | What::Never => {}
        }
        for (member, name) in
            [("digest", "layerDigest"), ("mount", "layerDigest"), ("from", "from"), ("last", "last")]
        {
            if let Some(value) = self.query.get(member) {
                enter(name, value);
            }
        }
        params
    }
}

fn brings_content(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    headers.contains_key(header::TRANSFER_ENCODING) || length.is_some_and(|length| length != "0")
}

fn what(method: &Method, path: &str) -> What {
    let verb = match *method {
        Method::HEAD => Some(Verb::Head),
        Method::GET => Some(Verb::Get),
        Method::PUT => Some(Verb::Put),
        Method::PATCH => Some(Verb::Patch),
        Method::DELETE => Some(Verb::Delete),
        _ => None,
    };
    let reading = matches!(verb, Some(Verb::Get | Verb::Head));
    let owned = |text: &str| text.trim_start_matches('/').to_owned();
    let allowed = |allowed: &[Verb]| verb.filter(|verb| allowed.contains(verb));
    if matches!(path, "" | "/") {
        return if reading { What::Check } else { What::Never };
    }
    if path == "/_catalog" {
        return if reading { What::Repositories } else { What::Never };
    }
    if let Some(name) = path.strip_suffix("/tags/list") {
        return if reading { What::Tags { name: owned(name) } } else { What::Never };
    }
    if let Some(name) = path.strip_suffix("/blobs/uploads/").or_else(|| path.strip_suffix("/blobs/uploads")) {
        return if *method == Method::POST { What::Start { name: owned(name) } } else { What::Never };
    }
    // A repository's name may hold such words too, so the last one divides.
    if let Some((name, id)) = split(path, "/blobs/uploads/") {
        let verb = allowed(&[Verb::Get, Verb::Put, Verb::Patch, Verb::Delete]);
        return verb.map_or(What::Never, |verb| What::Upload { name: owned(name), id: id.to_owned(), verb });
    }
    if let Some((name, digest)) = split(path, "/blobs/") {
        let verb = allowed(&[Verb::Get, Verb::Head, Verb::Delete]);
        let digest = digest.to_owned();
        return verb.map_or(What::Never, |verb| What::Blob { name: owned(name), digest, verb });
    }
    if let Some((name, reference)) = split(path, "/manifests/") {
        let verb = allowed(&[Verb::Get, Verb::Head, Verb::Put, Verb::Delete]);
        let reference = reference.to_owned();
        return verb.map_or(What::Never, |verb| What::Manifest { name: owned(name), reference, verb });
    }
    What::Nothing
}

fn split<'a>(path: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    path.rsplit_once(word).filter(|(_, last)| !last.is_empty() && !last.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(method: &str, uri: &str) -> (What, &'static str) {
        let (head, ()) = http::Request::builder().method(method).uri(uri).body(()).unwrap().into_parts();
        let route = Route::read(&head);
        let operation = route.operation(&head.headers);
        (route.what, operation)
    }

    #[test]
    fn a_name_ends_where_the_last_word_of_the_protocol_begins() {
        let (what, operation) = read("GET", "/v2/team/manifests/web/manifests/sha256%3Aab");
        let (name, reference) = ("team/manifests/web".to_owned(), "sha256:ab".to_owned());
        assert_eq!(what, What::Manifest { name, reference, verb: Verb::Get });
        assert_eq!(operation, "GetManifest");
        assert_eq!(read("GET", "/v2/a/b/tags/list").0, What::Tags { name: "a/b".to_owned() });
    }

    #[test]
    fn each_way_to_upload_has_its_name() {
        for (method, uri, operation) in [
            ("POST", "/v2/shop/blobs/uploads/", "StartUpload"),
            ("POST", "/v2/shop/blobs/uploads/?mount=sha256:ab&from=web", "MountBlob"),
            ("POST", "/v2/shop/blobs/uploads/?digest=sha256:ab", "UploadBlob"),
            ("PATCH", "/v2/shop/blobs/uploads/u", "UploadBlob"),
            ("PUT", "/v2/shop/blobs/uploads/u?digest=sha256:ab", "CompleteUpload"),
            ("DELETE", "/v2/shop/blobs/uploads/u", "CancelUpload"),
            ("GET", "/v2/shop/blobs/uploads/u", "GetUpload"),
        ] {
            assert_eq!(read(method, uri).1, operation, "{method} {uri}");
        }
    }

    #[test]
    fn what_is_no_path_of_the_protocol_is_told_from_a_wrong_method() {
        assert_eq!(read("GET", "/v2/shop/referrers/sha256:ab").0, What::Nothing);
        assert_eq!(read("POST", "/v2/shop/manifests/v1").0, What::Never);
        assert_eq!(read("GET", "/v2/").0, What::Check);
        assert_eq!(read("GET", "/v2").0, What::Check);
    }
}
