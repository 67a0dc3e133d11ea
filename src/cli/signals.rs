//! Ending on SIGINT and SIGTERM: the first asks, the second does not.

use std::future::Future;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Carries out `work`. The first SIGINT or SIGTERM cancels the token that it
/// was given, so that it can end in order; at the second it is dropped where it
/// stands, and the result is `None`.
///
/// # Errors
/// The signals cannot be listened to.
pub(crate) async fn until_signal<W, F>(work: W) -> std::io::Result<Option<F::Output>>
where
    W: FnOnce(CancellationToken) -> F,
    F: Future,
{
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = CancellationToken::new();
    let work = work(stop.clone());
    let signals = async {
        either(&mut interrupt, &mut terminate).await;
        stop.cancel();
        either(&mut interrupt, &mut terminate).await;
    };
    tokio::select! {
        biased;
        done = work => Ok(Some(done)),
        () = signals => Ok(None),
    }
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        biased;
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}
