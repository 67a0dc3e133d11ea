//! Pushing contents: in one piece, in several, or by a word about where they are already.

use bytes::Bytes;
use http::header;
use http_body_util::BodyExt;
use tokio::sync::mpsc;

use super::super::Emulator;
use super::super::blobs::{Pen, is_sha256};
use super::super::ecr::layers::out_of_place;
use super::reply::{Refusal, Reply, whole};
use super::{Answer, Call, Content, Verb};

/// So many pieces of a content wait to be written; the connection waits for the rest.
const WAITING: usize = 16;

impl Emulator {
    pub(super) async fn start_upload(&self, call: &Call, name: &str, body: &mut Content) -> Answer {
        let query = &call.route.query;
        let id = {
            let mut inside = self.lock();
            let now = inside.world.now();
            let registry = &mut inside.world.registry;
            registry.check_repository(name)?;
            if let (Some(digest), Some(from)) = (query.get("mount"), query.get("from"))
                && registry.mount(name, from, digest, now)
            {
                return Ok(created(name, digest));
            }
            registry.begin_upload(name, now)?
        };
        match query.get("digest") {
            None => Ok(under_way(202, name, &id, 0)),
            Some(digest) => self.complete(call, name, &id, digest, body).await,
        }
    }

    pub(super) async fn upload(
        &self,
        call: &Call,
        name: &str,
        id: &str,
        verb: Verb,
        body: &mut Content,
    ) -> Answer {
        match verb {
            Verb::Patch => self.append(call, name, id, body).await,
            Verb::Put => match call.route.query.get("digest") {
                Some(digest) => self.complete(call, name, id, digest, body).await,
                None => Err(Refusal::new(400, "DIGEST_INVALID", "The upload's digest is not given")),
            },
            Verb::Delete => {
                self.lock().world.registry.cancel_upload(name, id)?;
                Ok(Reply::new(204))
            }
            Verb::Get | Verb::Head => {
                let size = self.lock().world.registry.arrived(name, id)?;
                Ok(under_way(204, name, id, size))
            }
        }
    }

    /// ECR answers 201 here, where the specification wants 202.
    async fn append(&self, call: &Call, name: &str, id: &str, body: &mut Content) -> Answer {
        let pen = self.pen(call, name, id)?;
        let (pen, written) = write(pen, body).await;
        let size = pen.size();
        drop(pen);
        let mut inside = self.lock();
        let now = inside.world.now();
        inside.world.registry.touch_upload(id, now);
        written.map(|()| under_way(201, name, id, size))
    }

    async fn complete(&self, call: &Call, name: &str, id: &str, digest: &str, body: &mut Content) -> Answer {
        let pen = self.pen(call, name, id)?;
        if !is_sha256(digest) {
            return Err(Refusal::new(400, "DIGEST_INVALID", format!("{digest} is no SHA-256 digest")));
        }
        let (pen, written) = write(pen, body).await;
        let mut inside = self.lock();
        let now = inside.world.now();
        let registry = &mut inside.world.registry;
        registry.touch_upload(id, now);
        written?;
        registry.finish_upload(name, id, pen, digest, now)?;
        Ok(created(name, digest))
    }

    /// Takes an upload to go on with it, if the request goes on where it stands.
    fn pen(&self, call: &Call, name: &str, id: &str) -> Result<Pen, Refusal> {
        let pen = self.lock().world.registry.take_upload(name, id)?;
        let range = call.head.headers.get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
        let first =
            range.and_then(|range| range.trim_start_matches("bytes ").split('-').next()?.parse().ok());
        match first {
            Some(first) if first != pen.size() => Err(out_of_place(first, pen.size()).into()),
            _ => Ok(pen),
        }
    }
}

/// Writes what arrives, piece by piece and away from the threads that serve. What arrived before a connection broke
/// stays: the client may ask how far it came and go on from there.
async fn write(mut pen: Pen, body: &mut Content) -> (Pen, Result<(), Refusal>) {
    if pen.is_in_memory() {
        let written = async {
            while let Some(frame) = body.frame().await {
                if let Ok(piece) = frame.map_err(|_| broken_off())?.into_data() {
                    pen.append(&piece).map_err(|error| no_room(&error))?;
                }
            }
            Ok(())
        };
        let written = written.await;
        return (pen, written);
    }
    let (pieces, mut waiting) = mpsc::channel::<Bytes>(WAITING);
    let writer = tokio::task::spawn_blocking(move || {
        let mut written = Ok(());
        while let Some(piece) = waiting.blocking_recv() {
            // After a failure the rest is read and dropped, so that the client hears of it.
            if written.is_ok() {
                written = pen.append(&piece).map_err(|error| no_room(&error));
            }
        }
        (pen, written)
    });
    let mut arrived = Ok(());
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            arrived = Err(broken_off());
            break;
        };
        if let Ok(piece) = frame.into_data()
            && pieces.send(piece).await.is_err()
        {
            break;
        }
    }
    drop(pieces);
    match writer.await {
        Ok((pen, written)) => (pen, arrived.and(written)),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

fn broken_off() -> Refusal {
    Refusal::new(400, "BLOB_UPLOAD_INVALID", "The content broke off")
}

fn no_room(error: &std::io::Error) -> Refusal {
    let full = error.kind() == std::io::ErrorKind::StorageFull;
    Refusal::new(if full { 507 } else { 500 }, "UNKNOWN", format!("The registry cannot keep this: {error}"))
}

fn under_way(status: u16, name: &str, id: &str, size: u64) -> Reply {
    let reply = Reply::new(status)
        .header("location", format!("/v2/{name}/blobs/uploads/{id}"))
        .header("range", format!("0-{}", size.saturating_sub(1)))
        .header("docker-upload-uuid", id);
    // 204 has no body, and so no length.
    if status == 204 { reply } else { reply.body(0, whole(Bytes::new())) }
}

fn created(name: &str, digest: &str) -> Reply {
    Reply::new(201)
        .header("location", format!("/v2/{name}/blobs/{digest}"))
        .header("docker-content-digest", digest)
        .body(0, whole(Bytes::new()))
}
