//! What happens to a request before `s3s` sees it: the body's framing is undone
//! and compared with what the headers say of it, and the signature is dropped.

use bytes::{Buf, Bytes, BytesMut};
use data_encoding::HEXLOWER;
use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue,
};
use s3s::crypto::{Checksum, Sha256};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

const CONTENT_HASH: &str = "x-amz-content-sha256";
const DECODED_LENGTH: &str = "x-amz-decoded-content-length";

/// Query members of a presigned URL, which are its signature.
const PRESIGNED: [&str; 7] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
];

/// Makes an unsigned request with a plain body out of a signed one.
///
/// # Errors
/// `XAmzContentSHA256Mismatch` where the body is not what its hash says, and
/// `IncompleteBody` where its framing is cut short.
pub(super) fn admit(request: http::Request<Bytes>) -> S3Result<http::Request<Bytes>> {
    let (mut parts, body) = request.into_parts();
    let headers = &mut parts.headers;
    headers.remove(AUTHORIZATION);
    // Only what came over a socket has a Host header; in-process the URI says it.
    if let Some(host) = parts.uri.authority().filter(|_| !headers.contains_key(HOST)) {
        headers.insert(HOST, HeaderValue::try_from(host.as_str()).map_err(|_| s3_error!(InvalidURI))?);
    }
    let hash = headers.remove(CONTENT_HASH);
    let hash = hash.as_ref().and_then(|value| value.to_str().ok()).unwrap_or_default();
    let body = if hash.starts_with("STREAMING-") || is_chunked(headers) {
        let (body, trailers) = decode(body)?;
        settle(headers, &body, trailers)?;
        body
    } else {
        let is_hash = hash.len() == 64;
        if is_hash && HEXLOWER.encode(&Sha256::checksum(&body)) != hash {
            let message = "The provided 'x-amz-content-sha256' header does not match what was computed.";
            let mut error =
                S3Error::with_message(S3ErrorCode::Custom("XAmzContentSHA256Mismatch".into()), message);
            error.set_status_code(http::StatusCode::BAD_REQUEST);
            return Err(error);
        }
        body
    };
    if !body.is_empty() || headers.contains_key(CONTENT_LENGTH) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    parts.uri = without_signature(parts.uri);
    Ok(http::Request::from_parts(parts, body))
}

fn is_chunked(headers: &HeaderMap) -> bool {
    encodings(headers).any(|encoding| encoding == "aws-chunked")
}

fn encodings(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|encoding| !encoding.is_empty())
}

/// Leaves the headers as they would have been without the framing; trailers
/// become headers, so that a checksum is found in one place.
fn settle(headers: &mut HeaderMap, body: &Bytes, trailers: Vec<(HeaderName, HeaderValue)>) -> S3Result<()> {
    let said = headers.remove(DECODED_LENGTH);
    let said = said.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if said.is_some_and(|said| said != body.len()) {
        return Err(incomplete());
    }
    let kept: Vec<&str> = encodings(headers).filter(|encoding| *encoding != "aws-chunked").collect();
    let kept = (!kept.is_empty()).then(|| kept.join(","));
    headers.remove(CONTENT_ENCODING);
    if let Some(kept) = kept.and_then(|kept| HeaderValue::try_from(kept).ok()) {
        headers.insert(CONTENT_ENCODING, kept);
    }
    headers.remove("x-amz-trailer");
    headers.extend(trailers.into_iter().filter(|(name, _)| name != "x-amz-trailer-signature"));
    Ok(())
}

/// Undoes the framing of "Signature calculations: transferring payload in
/// multiple chunks": each chunk is led by its length in hexadecimal, perhaps
/// with a signature behind a semicolon; after the last, empty one come trailers.
fn decode(mut framed: Bytes) -> S3Result<(Bytes, Vec<(HeaderName, HeaderValue)>)> {
    let mut body = BytesMut::new();
    loop {
        let line = take_line(&mut framed)?;
        let length = line.split(';').next().unwrap_or_default().trim();
        let length = usize::from_str_radix(length, 16).map_err(|_| incomplete())?;
        if length == 0 {
            break;
        }
        if framed.len() < length + 2 || &framed[length..length + 2] != b"\r\n" {
            return Err(incomplete());
        }
        body.extend_from_slice(&framed.split_to(length));
        framed.advance(2);
    }
    let mut trailers = Vec::new();
    while !framed.is_empty() {
        let line = take_line(&mut framed)?;
        if let Some((name, value)) = line.split_once(':') {
            let name = HeaderName::try_from(name.trim()).map_err(|_| incomplete())?;
            trailers.push((name, HeaderValue::try_from(value.trim()).map_err(|_| incomplete())?));
        }
    }
    Ok((body.freeze(), trailers))
}

fn take_line(framed: &mut Bytes) -> S3Result<String> {
    let end = framed.windows(2).position(|pair| pair == b"\r\n").ok_or_else(incomplete)?;
    let line = framed.split_to(end);
    framed.advance(2);
    String::from_utf8(line.to_vec()).map_err(|_| incomplete())
}

fn incomplete() -> S3Error {
    s3_error!(
        IncompleteBody,
        "You did not provide the number of bytes specified by the Content-Length HTTP header"
    )
}

fn without_signature(uri: http::Uri) -> http::Uri {
    let Some(query) = uri.query().filter(|query| query.contains("X-Amz-Signature=")) else { return uri };
    let named = |pair: &&str| !PRESIGNED.contains(&pair.split('=').next().unwrap_or_default());
    let kept: Vec<&str> = query.split('&').filter(named).collect();
    let path = uri.path();
    let target = if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) };
    let mut parts = uri.clone().into_parts();
    match target.parse() {
        Ok(target) => parts.path_and_query = Some(target),
        Err(_) => return uri,
    }
    http::Uri::from_parts(parts).unwrap_or(uri)
}
