//! Contents stream through the emulator.

use std::io::{Read, Write};
use std::net::TcpStream;

use data_encoding::{BASE64, HEXLOWER};
use sha2::{Digest, Sha256};

use super::Place;
use crate::support::secs;

const PIECES: usize = 160;
const PIECE: usize = 1 << 20;

impl Place {
    /// Sends the head of a request, whose body is the caller's affair.
    fn ask(&self, line: &str, length: usize) -> TcpStream {
        let mut stream = TcpStream::connect(self.cloud.address()).unwrap();
        stream.set_read_timeout(Some(secs(60))).unwrap();
        let login = BASE64.encode(format!("AWS:{}", self.password()).as_bytes());
        write!(
            stream,
            "{line} HTTP/1.1\r\nHost: {}\r\nAuthorization: Basic {login}\r\nConnection: close\r\n\
             Content-Length: {length}\r\n\r\n",
            self.cloud.address()
        )
        .unwrap();
        stream
    }

    /// The most memory that the emulator has held so far, in bytes.
    fn peak(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.cloud.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
    }
}

#[test]
fn a_large_layer_is_in_memory_at_no_time() {
    let place = Place::new();
    let piece = vec![7_u8; PIECE];
    let mut hash = Sha256::new();
    (0..PIECES).for_each(|_| hash.update(&piece));
    let digest = format!("sha256:{}", HEXLOWER.encode(&hash.finalize()));
    let before = place.peak();

    let mut stream = place.ask(&format!("POST /v2/shop/blobs/uploads/?digest={digest}"), PIECES * PIECE);
    for _ in 0..PIECES {
        stream.write_all(&piece).unwrap();
    }
    let mut told = String::new();
    stream.read_to_string(&mut told).unwrap();
    assert!(told.starts_with("HTTP/1.1 201"), "{told}");
    assert_eq!(place.contents(), 1);

    let mut stream = place.ask(&format!("GET /v2/shop/blobs/{digest}"), 0);
    let read = std::io::copy(&mut stream, &mut std::io::sink()).unwrap();
    assert!(read > (PIECES * PIECE) as u64, "{read}");
    let grown = place.peak() - before;
    assert!(grown < 48 << 20, "{grown} bytes more at the peak, of {}", PIECES * PIECE);
}
