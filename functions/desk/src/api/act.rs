//! Commands over JSON: `If-Match` is a condition, `Idempotency-Key` makes twice the same as once.

use crate::{Desk, access::Visitor, act::here, api::show, ask, fault::Fault};
use domain::HandoffId;
use http::{HeaderMap, Response, StatusCode, header};
use runtime::web;
use settle::{Order, Verb};

/// How long an idempotency key may be, in bytes.
const KEY_BYTES_MAX: usize = 200;

impl Desk {
    /// Carries out a command and answers the handoff's state after it.
    pub(crate) async fn api_act(
        &self,
        (id, verb): (&HandoffId, Verb),
        visitor: &Visitor,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Response<bytes::Bytes>, Fault> {
        let active = self.configs.active(self.clock.now()).await?;
        let zone = active.config.organisation.timezone;
        let order = Order {
            person: visitor.actor()?.clone(),
            ask: ask::from_json(verb, body, zone).map_err(Fault::Malformed)?,
            via: here(),
            version: expected_version(headers)?,
            key: key(headers)?,
        };
        let handoff = self.act(id, &order).await?;
        let answer = web::json(StatusCode::OK, &show::state(&handoff).into());
        Ok(show::with_version(answer, &handoff))
    }
}

/// Reads `If-Match`: a version, quoted or not; `*` expects nothing.
fn expected_version(headers: &HeaderMap) -> Result<Option<u64>, Fault> {
    let Some(said) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let said = said.to_str().unwrap_or_default().trim();
    if said == "*" {
        return Ok(None);
    }
    let bare = said.strip_prefix("W/").unwrap_or(said).trim_matches('"');
    bare.parse().map(Some).map_err(|_| {
        Fault::Malformed("`If-Match` is no version: send the number, such as \"5\".".to_owned())
    })
}

/// Reads `Idempotency-Key`.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<String>, Fault> {
    let Some(said) = headers.get("idempotency-key") else { return Ok(None) };
    let said = said.to_str().unwrap_or_default().trim();
    match said.len() {
        1..=KEY_BYTES_MAX => Ok(Some(said.to_owned())),
        _ => Err(Fault::Malformed(format!(
            "`Idempotency-Key` must be 1 to {KEY_BYTES_MAX} printable characters."
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(
            http::HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        )])
    }

    #[test]
    fn a_version_is_expected_as_a_number_or_a_tag() {
        let check = |said: &str, expected: Option<Option<u64>>| {
            let version = expected_version(&headers("if-match", said)).ok();
            assert_eq!(version, expected, "{said}");
        };
        check("5", Some(Some(5)));
        check("\"5\"", Some(Some(5)));
        check("W/\"5\"", Some(Some(5)));
        check("*", Some(None));
        check("five", None);
        check("", None);
        assert_eq!(expected_version(&HeaderMap::new()).ok(), Some(None));
    }

    #[test]
    fn a_key_is_short_text() {
        assert_eq!(key(&headers("idempotency-key", " k1 ")).ok(), Some(Some("k1".to_owned())));
        assert!(key(&headers("idempotency-key", "")).is_err());
        assert!(key(&headers("idempotency-key", &"k".repeat(201))).is_err());
        assert_eq!(key(&HeaderMap::new()).ok(), Some(None));
    }
}
