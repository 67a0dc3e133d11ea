//! Finding the `sprout dev` that runs in a folder.

use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Where a running `sprout dev` says how to reach it, below its folder.
pub const DEV_FILE: &str = ".sprout/dev.json";

/// How long a loopback address may take to answer.
const PATIENCE: Duration = Duration::from_millis(300);

/// A running `sprout dev`, as its file tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DevWorld {
    /// The store's place.
    pub store: String,
    /// Where its AWS answers.
    pub endpoint: String,
    /// The region that it plays.
    pub region: String,
    /// The process.
    pub pid: u32,
}

impl DevWorld {
    /// The one that runs in this folder. A file that a killed one left behind
    /// is no world: its address does not answer.
    pub fn running_in(folder: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(folder.join(DEV_FILE)).ok()?;
        let world: Self = serde_json::from_str(&text).ok()?;
        world.answers().then_some(world)
    }

    fn answers(&self) -> bool {
        let address = self.endpoint.strip_prefix("http://").unwrap_or(&self.endpoint).trim_end_matches('/');
        let addresses = address.to_socket_addrs().into_iter().flatten();
        addresses.into_iter().any(|address| TcpStream::connect_timeout(&address, PATIENCE).is_ok())
    }
}
