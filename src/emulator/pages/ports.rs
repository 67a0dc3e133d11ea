//! A port of its own for every environment, for systems that do not resolve
//! names such as `login.localhost`.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{PageFacts, nobody, render, wants_json};

/// More ports are not opened at a time.
const MOST: usize = 50;

/// How often a port asks whether its environment is still there.
const CHECK: Duration = Duration::from_secs(2);

/// The open ports. Clones share them; all close with the last clone.
#[derive(Clone)]
pub struct Ports {
    shared: Arc<Shared>,
    /// Ends every port when the last clone goes.
    _guard: Arc<DropGuard>,
}

type Lookup = dyn Fn(&str) -> Option<PageFacts> + Send + Sync;

struct Shared {
    lookup: Box<Lookup>,
    open: Mutex<BTreeMap<String, Port>>,
    shutdown: CancellationToken,
}

struct Port {
    address: SocketAddr,
    closing: CancellationToken,
}

impl Ports {
    /// `lookup` finds an environment by its id; `None` says that it is gone,
    /// and closes its port. It is called from the ports' own tasks only, never
    /// from within the methods here.
    pub fn new(lookup: impl Fn(&str) -> Option<PageFacts> + Send + Sync + 'static) -> Self {
        let shutdown = CancellationToken::new();
        let guard = Arc::new(shutdown.clone().drop_guard());
        let open = Mutex::new(BTreeMap::new());
        Self { shared: Arc::new(Shared { lookup: Box::new(lookup), open, shutdown }), _guard: guard }
    }

    /// Where the environment answers on this machine, opening a port on
    /// 127.0.0.1 if it has none yet. `None` when fifty are open, or when the
    /// system gives no port. Must be called within a tokio runtime.
    pub fn url_for(&self, environment: &str) -> Option<String> {
        let mut open = self.shared.lock();
        if let Some(port) = open.get(environment) {
            return Some(url(port.address));
        }
        if open.len() >= MOST || self.shared.shutdown.is_cancelled() {
            return None;
        }
        let (listener, address) = bind().ok()?;
        let closing = self.shared.shutdown.child_token();
        open.insert(environment.to_owned(), Port { address, closing: closing.clone() });
        drop(open);
        tokio::spawn(self.shared.clone().serve(environment.to_owned(), listener, closing));
        Some(url(address))
    }

    /// Closes the environment's port; it would also close by itself within seconds.
    pub fn close(&self, environment: &str) {
        if let Some(port) = self.shared.lock().remove(environment) {
            port.closing.cancel();
        }
    }

    /// How many ports are open.
    pub fn count(&self) -> usize {
        self.shared.lock().len()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Port>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(self: Arc<Self>, environment: String, listener: TcpListener, closing: CancellationToken) {
        let mut check = tokio::time::interval(CHECK);
        loop {
            tokio::select! {
                biased;
                () = closing.cancelled() => return,
                accepted = listener.accept() => {
                    let Ok((stream, _)) = accepted else { continue };
                    tokio::spawn(self.clone().answer(environment.clone(), stream, closing.clone()));
                }
                _ = check.tick() => {
                    if (self.lookup)(&environment).is_none() {
                        self.lock().remove(&environment);
                        closing.cancel();
                        return;
                    }
                }
            }
        }
    }

    async fn answer(
        self: Arc<Self>,
        environment: String,
        stream: tokio::net::TcpStream,
        closing: CancellationToken,
    ) {
        let service = service_fn(|request: http::Request<Incoming>| {
            let json = wants_json(request.uri().path(), request.headers());
            let page = match (self.lookup)(&environment) {
                Some(facts) => render(&facts, json),
                None => nobody(&environment, json),
            };
            std::future::ready(Ok::<_, Infallible>(page.map(Full::<Bytes>::new)))
        });
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::select! {
            biased;
            () = closing.cancelled() => {}
            // A client that goes away in the middle is no concern of ours.
            _ = connection => {}
        }
    }
}

fn bind() -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((TcpListener::from_std(listener)?, address))
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}/")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Ports over a world that holds nothing but ids.
    fn given(ids: &[&str]) -> (Arc<Mutex<BTreeSet<String>>>, Ports) {
        let world: BTreeSet<String> = ids.iter().map(|&id| id.to_owned()).collect();
        let world = Arc::new(Mutex::new(world));
        let seen = world.clone();
        let ports = Ports::new(move |id| {
            let found = seen.lock().unwrap().contains(id);
            found.then(|| PageFacts { id: id.to_owned(), status: "Ready".into(), ..PageFacts::default() })
        });
        (world, ports)
    }

    async fn fetch(url: &str) -> std::io::Result<String> {
        let address = url.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = tokio::net::TcpStream::connect(address).await?;
        stream.write_all(b"GET /.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        Ok(text)
    }

    #[tokio::test]
    async fn each_environment_answers_at_its_own_port() {
        let (_world, ports) = given(&["e-1", "e-2"]);
        let (one, two) = (ports.url_for("e-1").unwrap(), ports.url_for("e-2").unwrap());
        assert_ne!(one, two);
        assert_eq!(ports.url_for("e-1"), Some(one.clone()));
        let answer = fetch(&one).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("\"e-1\""));
        assert!(fetch(&two).await.unwrap().contains("\"e-2\""));
    }

    #[tokio::test]
    async fn a_port_closes_with_its_environment() {
        let (world, ports) = given(&["e-1"]);
        let url = ports.url_for("e-1").unwrap();
        fetch(&url).await.unwrap();
        world.lock().unwrap().clear();
        tokio::time::pause();
        while ports.count() > 0 {
            tokio::time::advance(CHECK).await;
        }
        tokio::time::resume();
        while fetch(&url).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn fifty_are_open_at_most() {
        let (_world, ports) = given(&[]);
        for number in 0..MOST {
            assert!(ports.url_for(&format!("e-{number}")).is_some());
        }
        assert_eq!(ports.url_for("e-more"), None);
        ports.close("e-0");
        assert!(ports.url_for("e-more").is_some());
    }

    #[tokio::test]
    async fn all_close_with_the_last_handle() {
        let (_world, ports) = given(&["e-1"]);
        let url = ports.url_for("e-1").unwrap();
        drop(ports);
        while fetch(&url).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }
}
