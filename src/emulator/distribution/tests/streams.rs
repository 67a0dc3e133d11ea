//! Contents on their way over a real socket, to and from the disk.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::*;

/// A world in a folder, served on a socket.
struct Served {
    rig: Rig,
    address: std::net::SocketAddr,
    folder: tempfile::TempDir,
    shutdown: CancellationToken,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Served {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::again(folder, Rig::around).await
    }

    async fn again(folder: tempfile::TempDir, rig: impl FnOnce(Emulator) -> Rig) -> Self {
        let emulator = Emulator::open(Settings::default(), &folder.path().join("world.json")).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let (server, token) = (emulator.clone(), shutdown.clone());
        let serving = tokio::spawn(async move { server.serve(listener, token).await });
        Self { rig: rig(emulator), address, folder, shutdown, serving }
    }

    /// Ends it in order, and opens the same world again with the same login.
    async fn restarted(self) -> Self {
        self.shutdown.cancel();
        self.serving.await.unwrap().unwrap();
        let login = self.rig.login;
        Self::again(self.folder, |emulator| Rig { emulator, login }).await
    }

    fn files(&self, inner: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path().join("world.json.d").join(inner));
        entries.into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
    }

    /// The head of a request.
    fn head(&self, line: &str, more: &str) -> String {
        format!(
            "{line} HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\nConnection: close\r\n{more}\r\n",
            self.address, self.rig.login
        )
    }

    /// Sends a request whole and gives the answer's head and body.
    async fn send(&self, line: &str, body: &[u8]) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let head = self.head(line, &format!("Content-Length: {}\r\n", body.len()));
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        let mut told = Vec::new();
        stream.read_to_end(&mut told).await.unwrap();
        let end = told.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let body = told.split_off(end + 4);
        (String::from_utf8(told).unwrap(), body)
    }
}

#[tokio::test]
async fn an_upload_and_an_image_go_on_after_a_restart() {
    let served = Served::new().await;
    let image = served.rig.push("shop", "v1", "content").await;
    let place = served.rig.begin("shop").await;
    let (told, _) = served.send(&format!("PATCH {place}"), b"first ").await;
    assert!(told.starts_with("HTTP/1.1 201") && told.to_lowercase().contains("range: 0-5"), "{told}");
    std::fs::write(served.folder.path().join("world.json.d/uploads/stray"), "x").unwrap();

    let served = served.restarted().await;
    assert_eq!(served.files("uploads").len(), 1, "what nobody knows is gone");
    let pulled = served.rig.get("/v2/shop/manifests/v1").await.expect(200);
    assert_eq!(pulled.header("docker-content-digest"), image);
    let (_, content) = served.send(&format!("GET /v2/shop/blobs/{}", digest("content")), b"").await;
    assert_eq!(content, b"content");
    let whole = digest("first second");
    let (told, _) = served.send(&format!("PUT {place}?digest={whole}"), b"second").await;
    assert!(told.starts_with("HTTP/1.1 201"), "{told}");
    let (_, content) = served.send(&format!("GET /v2/shop/blobs/{whole}"), b"").await;
    assert_eq!(content, b"first second");
}

#[tokio::test]
async fn what_came_before_a_connection_broke_stays_and_the_rest_may_follow() {
    let served = Served::new().await;
    let place = served.rig.begin("shop").await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let head = served.head(&format!("PATCH {place}"), "Content-Length: 1000\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(b"begin").await.unwrap();
    let file = || served.files("uploads").first().map(|path| path.metadata().unwrap().len());
    until(|| file() == Some(5)).await;
    drop(stream);
    let mut status = served.rig.get(&place).await;
    while status.header("range") != "0-4" {
        tokio::time::sleep(Duration::from_millis(5)).await;
        status = served.rig.get(&place).await;
    }
    let whole = digest("begin and end");
    let path = format!("{place}?digest={whole}");
    let mut told = served.rig.send("PUT", &path, &[("content-range", "5-12")], b" and end").await;
    while told.status == 416 {
        // The hand that wrote before the break lets go of it.
        tokio::time::sleep(Duration::from_millis(5)).await;
        told = served.rig.send("PUT", &path, &[("content-range", "5-12")], b" and end").await;
    }
    told.expect(201);
}

#[cfg(unix)]
#[tokio::test]
async fn a_full_disk_is_said_and_leaves_no_half_content() {
    let served = Served::new().await;
    let place = served.rig.begin("shop").await;
    let file = served.files("uploads").remove(0);
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/dev/full", &file).unwrap();
    let path = format!("{place}?digest={}", digest("content"));
    let told = served.rig.send("PUT", &path, &[], b"content").await.expect(507);
    assert!(told.error().1.starts_with("The registry cannot keep this"), "{told:?}");
    assert_eq!(served.files("blobs/sha256"), [] as [PathBuf; 0]);
    served.rig.send("DELETE", &place, &[], b"").await.expect(204);
    assert_eq!(served.files("uploads"), [] as [PathBuf; 0]);
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_said() {
    let served = Served::new().await;
    std::fs::write(served.folder.path().join("world.json.d"), "in the way").unwrap();
    let told = served.rig.send("POST", "/v2/shop/blobs/uploads/", &[], b"").await.expect(500);
    assert!(told.error().1.starts_with("The registry cannot keep this"), "{told:?}");
    assert!(Path::new(&served.folder.path().join("world.json.d")).is_file());
}

#[tokio::test]
async fn the_proxy_is_where_the_emulator_is_served() {
    let served = Served::new().await;
    until(|| endpoint(&served) == format!("http://{}", served.address)).await;
    let (told, _) = served.send("GET /v2/", b"").await;
    assert!(told.starts_with("HTTP/1.1 200"), "{told}");
    let repositories = served.rig.call("DescribeRepositories", json!({}));
    let uri = repositories["repositories"][0]["repositoryUri"].as_str().unwrap();
    assert!(uri.ends_with(".dkr.ecr.eu-central-1.amazonaws.com/shop"), "{uri}");
}

fn endpoint(served: &Served) -> String {
    let token = served.rig.call("GetAuthorizationToken", json!({}));
    token["authorizationData"][0]["proxyEndpoint"].as_str().unwrap().to_owned()
}

async fn until(mut seen: impl FnMut() -> bool) {
    while !seen() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
