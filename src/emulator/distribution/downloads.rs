//! Pulling: manifests, tags and contents. And what changes manifests.

use std::io::SeekFrom;

use bytes::Bytes;
use futures::TryStreamExt;
use http::header;
use http_body_util::{BodyExt, Limited, StreamBody};
use hyper::body::Frame;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::super::Emulator;
use super::super::blobs;
use super::super::ecr::protocol::page_size;
use super::super::wire::Form;
use super::reply::{Refusal, Reply, whole};
use super::{Answer, Call, Content, Verb};

/// The largest manifest (API reference: PutImage, `imageManifest`).
const MANIFEST: usize = 4 << 20;

/// Contents are read in pieces of this size.
const PIECE: usize = 256 << 10;

impl Emulator {
    pub(super) fn repositories(&self, query: &Form) -> Answer {
        let most = page_size(query.get("n"))?;
        let part = self.lock().world.registry.names_after(query.get("last"), most);
        let text = json!({"repositories": part.names}).to_string();
        let next = part.names.last().filter(|_| part.more);
        Ok(listed("_catalog", text, next, most))
    }

    pub(super) fn tags(&self, name: &str, query: &Form) -> Answer {
        let most = page_size(query.get("n"))?;
        let part = self.lock().world.registry.tags_after(name, query.get("last"), most)?;
        let text = json!({"name": name, "tags": part.names}).to_string();
        let next = part.names.last().filter(|_| part.more);
        Ok(listed(&format!("{name}/tags/list"), text, next, most))
    }

    pub(super) fn get_manifest(&self, name: &str, reference: &str, verb: Verb) -> Answer {
        let mut inside = self.lock();
        let now = inside.world.now();
        let registry = &mut inside.world.registry;
        let manifest = registry.manifest(name, reference)?;
        if verb == Verb::Get {
            registry.pulled(name, &manifest.digest, now);
        }
        let reply = Reply::new(200).text(&manifest.media_type, manifest.text);
        Ok(reply.header("docker-content-digest", &manifest.digest))
    }

    pub(super) async fn put_manifest(
        &self,
        call: &Call,
        name: &str,
        reference: &str,
        body: &mut Content,
    ) -> Answer {
        let Ok(collected) = Limited::new(body, MANIFEST).collect().await else {
            let message = "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Member must have \
                 length less than or equal to 4194304'";
            return Err(Refusal::new(405, "UNSUPPORTED", message));
        };
        let kind = call.head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).map(|kind| kind.trim().to_owned());
        // What is no text is no JSON; so it is refused like any other text that is none.
        let text = String::from_utf8_lossy(&collected.to_bytes()).into_owned();
        let mut inside = self.lock();
        let now = inside.world.now();
        let digest = inside.world.registry.push(name, reference, kind, text, now)?;
        Ok(Reply::new(201)
            .header("location", format!("/v2/{name}/manifests/{digest}"))
            .header("docker-content-digest", &digest)
            .body(0, whole(Bytes::new())))
    }

    pub(super) fn delete_manifest(&self, name: &str, reference: &str) -> Answer {
        let mut inside = self.lock();
        let now = inside.world.now();
        inside.world.registry.erase(name, reference, now)?;
        Ok(Reply::new(202).body(0, whole(Bytes::new())))
    }

    pub(super) fn get_blob(&self, call: &Call, name: &str, digest: &str) -> Answer {
        let (found, contents) = {
            let inside = self.lock();
            let registry = &inside.world.registry;
            registry.check_repository(name)?;
            (registry.layer(name, digest), registry.contents())
        };
        let unknown = || Refusal::new(404, "BLOB_UNKNOWN", format!("The layer {digest} does not exist"));
        let size = found.ok_or_else(unknown)?;
        let content = contents.open(digest).map_err(|_| unknown())?;
        let range = call.head.headers.get(header::RANGE).and_then(|range| range.to_str().ok());
        let (reply, first, length) = match range.map(|range| asked(range, size)) {
            None | Some(Asked::All) => (Reply::new(200), 0, size),
            Some(Asked::Some { first, last }) => {
                let shown = format!("bytes {first}-{last}/{size}");
                (Reply::new(206).header(header::CONTENT_RANGE.as_str(), shown), first, last - first + 1)
            }
            Some(Asked::None) => {
                let reply = Reply::new(416).header(header::CONTENT_RANGE.as_str(), format!("bytes */{size}"));
                return Ok(reply.body(0, whole(Bytes::new())));
            }
        };
        Ok(reply
            .header(header::CONTENT_TYPE.as_str(), "application/octet-stream")
            .header(header::ACCEPT_RANGES.as_str(), "bytes")
            .header("docker-content-digest", digest)
            .body(length, streamed(content, first, length)))
    }
}

/// A list, with the way to its next part.
fn listed(path: &str, text: String, next: Option<&String>, most: usize) -> Reply {
    let reply = Reply::new(200).text("application/json; charset=utf-8", text);
    match next {
        None => reply,
        Some(last) => reply.header("link", format!("</v2/{path}?last={last}&n={most}>; rel=\"next\"")),
    }
}

/// Part of a content that a client asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    All,
    Some { first: u64, last: u64 },
    None,
}

/// Reads a Range header (RFC 9110, "Range"). What cannot be read or names several parts is as if not sent.
fn asked(range: &str, size: u64) -> Asked {
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Asked::All;
    };
    let end = size.saturating_sub(1);
    let (first, last) = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if last >= first => (first, last.min(end)),
        (Ok(first), Err(_)) if last.trim().is_empty() => (first, end),
        (Err(_), Ok(count)) if first.trim().is_empty() => (size.saturating_sub(count), end),
        _ => return Asked::All,
    };
    if first >= size { Asked::None } else { Asked::Some { first, last } }
}

fn streamed(content: blobs::Content, first: u64, length: u64) -> Content {
    match content {
        blobs::Content::Memory(bytes) => {
            let from = usize::try_from(first).unwrap_or(usize::MAX).min(bytes.len());
            let to = usize::try_from(first + length).unwrap_or(usize::MAX).min(bytes.len());
            whole(bytes.slice(from..to))
        }
        blobs::Content::Disk(file) => {
            let pieces = async move {
                let mut file = tokio::fs::File::from_std(file);
                file.seek(SeekFrom::Start(first)).await?;
                Ok::<_, std::io::Error>(ReaderStream::with_capacity(file.take(length), PIECE))
            };
            let stream = futures::stream::once(pieces).try_flatten().map_ok(Frame::data);
            StreamBody::new(stream).boxed_unsync()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_http_writes_them() {
        for (text, expected) in [
            ("bytes=0-3", Asked::Some { first: 0, last: 3 }),
            ("bytes=4-", Asked::Some { first: 4, last: 9 }),
            ("bytes=-3", Asked::Some { first: 7, last: 9 }),
            ("bytes=5-99", Asked::Some { first: 5, last: 9 }),
            ("bytes=10-", Asked::None),
            ("bytes=3-1", Asked::All),
            ("bytes=0-1,4-5", Asked::All),
            ("items=0-3", Asked::All),
        ] {
            assert_eq!(asked(text, 10), expected, "{text}");
        }
    }
}
