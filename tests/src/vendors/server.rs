//! The vendors' wire: one request by connection, read whole, and answered in the manner that is set.
//!
//! It writes bytes itself, for what a server would never let happen must happen here: an answer that
//! drips, a connection that dies in the middle, an answer that never comes.

use super::{
    Asked, Plan, Shared,
    call::{Reply, form},
    lock,
};
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// How long a request may be, in bytes.
const REQUEST_MAX: usize = 4 * 1024 * 1024;

/// How many bytes there are in an answer that is too long for anybody.
const SHOUT: usize = 10_000_000;

/// How long lies between two bytes of an answer that drips.
const DROP: Duration = Duration::from_millis(100);

/// Takes connections until nobody needs them.
pub(super) async fn listen(listener: TcpListener, desk: Shared) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, Shared::clone(&desk)));
    }
}

async fn serve(mut stream: TcpStream, desk: Shared) {
    let Some((asked, raw)) = read(&mut stream).await else { return };
    let plan = lock(&desk).take(asked, &raw);
    match plan {
        Plan::Answer(reply, late) => {
            if !late.is_zero() {
                tokio::time::sleep(late).await;
            }
            let _ = stream.write_all(&written(&reply)).await;
            let _ = stream.shutdown().await;
        }
        Plan::Close => {}
        Plan::Hang => {
            // Until whoever asked gives up.
            let _ = stream.read(&mut [0; 1]).await;
        }
        Plan::Drip => {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
                        content-length: 9999\r\n\r\n";
            let mut alive = stream.write_all(head.as_bytes()).await.is_ok();
            while alive {
                tokio::time::sleep(DROP).await;
                alive = stream.write_all(b" ").await.is_ok();
            }
        }
        Plan::Shout => {
            let body = format!("\"{}\"", "x".repeat(SHOUT)).into_bytes();
            let reply = Reply { body, ..Reply::text(200, "") };
            let _ = stream.write_all(&written(&reply)).await;
        }
    }
}

/// Reads a request whole; nothing where none comes.
async fn read(stream: &mut TcpStream) -> Option<(Asked, Vec<u8>)> {
    let (mut bytes, mut part) = (Vec::new(), [0; 8192]);
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        more(stream, &mut bytes, &mut part).await?;
    };
    let head = String::from_utf8_lossy(bytes.get(..end)?).into_owned();
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let known = headers.entry(name.trim().to_ascii_lowercase()).or_default();
        if !known.is_empty() {
            known.push_str(", ");
        }
        known.push_str(value.trim());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok());
    let length: usize = length.unwrap_or(0);
    let mut body = bytes.split_off(end + 4);
    while body.len() < length.min(REQUEST_MAX) {
        more(stream, &mut body, &mut part).await?;
    }
    let (vendor, path) = parted(&target);
    let media = headers.get("content-type").map(String::as_str).unwrap_or_default();
    let asked = Asked { method, vendor, path, body: understood(media, &body), headers };
    Some((asked, body))
}

async fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>, part: &mut [u8]) -> Option<()> {
    match stream.read(part).await {
        Ok(0) | Err(_) => None,
        Ok(_) if bytes.len() > REQUEST_MAX => None,
        Ok(read) => {
            bytes.extend_from_slice(part.get(..read)?);
            Some(())
        }
    }
}

/// Splits a target into the vendor and what is asked of it.
fn parted(target: &str) -> (String, String) {
    let target = target.trim_start_matches('/');
    let end = target.find(['/', '?']).unwrap_or(target.len());
    let (vendor, path) = target.split_at(end);
    (vendor.to_owned(), path.to_owned())
}

/// Reads a body by its media type; what cannot be read stays a text.
fn understood(media: &str, body: &[u8]) -> Value {
    let text = || String::from_utf8_lossy(body).into_owned();
    match media.split(';').next().unwrap_or_default().trim() {
        _ if body.is_empty() => Value::Null,
        "application/json" => {
            serde_json::from_slice(body).unwrap_or_else(|_| Value::String(text()))
        }
        "application/x-www-form-urlencoded" => {
            let fields = form(&text()).into_iter();
            fields.map(|(name, value)| (name, Value::String(value))).collect()
        }
        _ => Value::String(text()),
    }
}

fn written(reply: &Reply) -> Vec<u8> {
    let (status, media, length) = (reply.status, reply.media, reply.body.len());
    let mut head =
        format!("HTTP/1.1 {status} Said\r\ncontent-type: {media}\r\nconnection: close\r\n");
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if status != 204 {
        head.push_str(&format!("content-length: {length}\r\n"));
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&reply.body);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_target_names_its_vendor_first() {
        let of = |target: &str| parted(target);
        let pair = |vendor: &str, path: &str| (vendor.to_owned(), path.to_owned());
        assert_eq!(of("/slack/chat.update"), pair("slack", "/chat.update"));
        assert_eq!(of("/slack_webhook"), pair("slack_webhook", ""));
        assert_eq!(of("/webhook?x=1"), pair("webhook", "?x=1"));
    }

    #[test]
    fn a_body_is_read_by_its_media_type() {
        assert_eq!(understood("application/json; charset=utf-8", b"{\"a\":1}"), json!({ "a": 1 }));
        assert_eq!(understood("application/json", b"{"), json!("{"));
        let form = understood("application/x-www-form-urlencoded", b"a=1%20x");
        assert_eq!(form, json!({ "a": "1 x" }));
        assert_eq!(understood("", b""), Value::Null);
    }
}
