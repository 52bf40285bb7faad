//! The smallest HTTP client there is: one request over a connection of its own, to this machine.
//!
//! Enough for the sample traffic to come in by the same door as everybody's, and no more: a length,
//! no chunks, no redirects, no TLS.

use bytes::Bytes;
use http::Request;
use std::io::{Error, ErrorKind, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Sends a request to `http://address:port`; returns the status and the body.
pub(super) async fn send(url: &str, request: Request<Bytes>) -> Result<(u16, Bytes)> {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(&head(address, &request)).await?;
    stream.write_all(request.body()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    read(&answer).ok_or_else(|| Error::new(ErrorKind::InvalidData, "that is no HTTP answer"))
}

fn head(address: &str, request: &Request<Bytes>) -> Vec<u8> {
    let (method, uri, length) = (request.method(), request.uri(), request.body().len());
    let mut head = format!(
        "{method} {uri} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-length: {length}\r\n"
    )
    .into_bytes();
    for (name, value) in request.headers() {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

fn read(answer: &[u8]) -> Option<(u16, Bytes)> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some((status, Bytes::copy_from_slice(&answer[end + 4..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_written_with_its_length_and_headers() {
        let mut request = Request::new(Bytes::from_static(b"{}"));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = http::Uri::from_static("/hooks/generic");
        request.headers_mut().insert("webhook-id", http::HeaderValue::from_static("m1"));
        assert_eq!(
            String::from_utf8(head("127.0.0.1:1", &request)).unwrap(),
            "POST /hooks/generic HTTP/1.1\r\nhost: 127.0.0.1:1\r\nconnection: close\r\n\
             content-length: 2\r\nwebhook-id: m1\r\n\r\n"
        );
    }

    #[test]
    fn an_answer_is_its_status_and_what_follows_the_head() {
        let answer = b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno";
        assert_eq!(read(answer), Some((404, Bytes::from_static(b"no"))));
        assert_eq!(read(b"HTTP/1.1 200 OK\r\n"), None);
        assert_eq!(read(b"nonsense\r\n\r\n"), None);
    }
}
