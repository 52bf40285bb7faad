//! A sender's side of HTTP/1.1: one connection that is kept, signed webhooks, and what was answered.
//!
//! Small on purpose: what is measured and killed is the other side. An answer counts only when it
//! was read whole, as its length says; anything less is no acknowledgement.

use std::{
    io::{self, BufRead, BufReader, ErrorKind, Read, Write},
    net::TcpStream,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// What the sample organisation's generic source signs with.
pub(crate) const SECRET: &[u8] = b"local-generic-secret";

/// How long an answer is waited for before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// A sender's connection, made again when it broke.
pub(crate) struct Client {
    address: String,
    connection: Option<BufReader<TcpStream>>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The body, as JSON.
    pub(crate) said: Value,
}

impl Client {
    /// A sender to `address:port`; it connects when it first sends.
    pub(crate) fn new(address: &str) -> Self {
        Self { address: address.to_owned(), connection: None }
    }

    /// Sends a request, given its first line without the version and its headers, and reads the
    /// answer.
    ///
    /// # Errors
    /// When the connection broke before the answer was whole.
    pub(crate) fn send(&mut self, line: &str, headers: &str, body: &[u8]) -> io::Result<Answer> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let stream = TcpStream::connect(&self.address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                BufReader::new(stream)
            }
        };
        let length = body.len();
        let head = format!(
            "{line} HTTP/1.1\r\nhost: {}\r\ncontent-length: {length}\r\n{headers}\r\n",
            self.address
        );
        connection.get_mut().write_all(&[head.as_bytes(), body].concat())?;
        let (answer, stays) = read(&mut connection)?;
        self.connection = stays.then_some(connection);
        Ok(answer)
    }

    /// Posts a webhook, signed at `at` by the generic source.
    ///
    /// # Errors
    /// When it was not acknowledged.
    pub(crate) fn post(&mut self, id: &str, at: DateTime<Utc>, body: &[u8]) -> io::Result<Answer> {
        self.send("POST /hooks/generic", &signed(id, at, body, SECRET), body)
    }
}

/// What time it is for senders, as for the system they send to.
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}

/// Signs a webhook by Standard Webhooks; the headers that say so.
pub(crate) fn signed(id: &str, at: DateTime<Utc>, body: &[u8], secret: &[u8]) -> String {
    let seconds = at.timestamp();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("a key may have any length");
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body);
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    format!(
        "content-type: application/json\r\nwebhook-id: {id}\r\nwebhook-timestamp: {seconds}\r\n\
         webhook-signature: v1,{signature}\r\n"
    )
}

/// Reads an answer, and whether the connection stays.
fn read(connection: &mut BufReader<TcpStream>) -> io::Result<(Answer, bool)> {
    let broken = || io::Error::from(ErrorKind::UnexpectedEof);
    let mut line = String::new();
    connection.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|text| text.parse().ok()).ok_or_else(broken)?;
    let (mut length, mut stays) = (0, true);
    loop {
        line.clear();
        if connection.read_line(&mut line)? == 0 {
            return Err(broken());
        }
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().map_err(|_| broken())?;
            }
            Some((name, _)) if name.eq_ignore_ascii_case("connection") => stays = false,
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body)?;
    let said = serde_json::from_slice(&body).unwrap_or_default();
    Ok((Answer { status, said }, stays))
}
