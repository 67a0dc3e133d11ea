//! The front on a socket: HTTP/1.1 for unmodified SDKs and tools, and the keeper of the world's file.

use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::distribution::{self, Content};
use super::{Emulator, state};

/// The file is rewritten at most this often.
const KEEPING: Duration = Duration::from_millis(200);
/// Connections that are not done by then are dropped at shutdown.
const GRACE: Duration = Duration::from_secs(2);

impl Emulator {
    /// Serves until `shutdown`; keeps the world's file current meanwhile and writes it a last time at the end.
    ///
    /// # Errors
    /// The file cannot be written at the end. A connection that fails is its client's affair.
    pub async fn serve(&self, listener: TcpListener, shutdown: CancellationToken) -> std::io::Result<()> {
        let graceful = GracefulShutdown::new();
        self.lock().world.registry.serve_at(listener.local_addr()?);
        let keeper = tokio::spawn(self.clone().keep(shutdown.clone()));
        loop {
            let accepted = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                // Out of descriptors, most likely: a moment later there may be some.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let emulator = self.clone();
            let service = service_fn(move |request| emulator.clone().serve_one(request));
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            let watched = graceful.watch(connection);
            tokio::spawn(async move {
                if let Err(error) = watched.await {
                    tracing::debug!(%error, "a connection ended early");
                }
            });
        }
        if tokio::time::timeout(GRACE, graceful.shutdown()).await.is_err() {
            tracing::debug!("connections are still open at shutdown");
        }
        match keeper.await {
            Ok(kept) => kept,
            Err(error) => Err(std::io::Error::other(error)),
        }
    }

    async fn serve_one(self, request: Request<Incoming>) -> std::io::Result<Response<Content>> {
        if distribution::is_spoken_by(&request) {
            let request = request.map(|body| body.map_err(std::io::Error::other).boxed_unsync());
            return Ok(self.distribute(request).await?);
        }
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
        let answer = self.handle(Request::from_parts(head, body)).await?;
        Ok(answer.map(distribution::whole))
    }

    /// Rewrites the file whenever the world has changed.
    async fn keep(self, shutdown: CancellationToken) -> std::io::Result<()> {
        let mut written = None;
        loop {
            let last = tokio::select! {
                biased;
                () = shutdown.cancelled() => true,
                () = tokio::time::sleep(KEEPING) => false,
            };
            let kept = self.write_changes(&mut written).await;
            if last {
                return kept;
            }
            if let Err(error) = kept {
                tracing::warn!(%error, "the emulator's state cannot be written; trying again");
            }
        }
    }

    async fn write_changes(&self, written: &mut Option<u64>) -> std::io::Result<()> {
        let Some(path) = self.inner.state.clone() else {
            return Ok(());
        };
        let (revision, text) = {
            let inside = self.lock();
            if *written == Some(inside.world.revision) {
                return Ok(());
            }
            (inside.world.revision, serde_json::to_vec(&inside.world)?)
        };
        tokio::task::spawn_blocking(move || state::save(&path, &text)).await??;
        *written = Some(revision);
        Ok(())
    }
}
