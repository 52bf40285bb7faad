//! Webhooks out, signed by the Standard Webhooks scheme.
//!
//! One message has one id however often it is sent, and each try a time and a signature of its own.
//! While a secret replaces another, both sign. It holds ids and no personal data: whoever may know
//! more asks the API.

use crate::{
    Courier,
    context::Context,
    send::Line,
    verdict::{Later, Verdict, left_alone},
};
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use bytes::Bytes;
use domain::outward::webhook_body;
use hmac::{Hmac, KeyInit, Mac};
use http::Method;
use runtime::Ask;
use sha2::Sha256;

/// What stands before a key.
const KEY_PREFIX: &str = "whsec_";

const KEYS: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Courier {
    /// Sends one event of a commit.
    pub(crate) async fn webhook(
        &self,
        context: &Context,
        line: &Line<'_>,
        event: &'static str,
    ) -> Verdict {
        let Some(commit) = &context.commit else {
            return Verdict::never("There is no commit to tell of.");
        };
        let desk = &context.config().organisation.public_url;
        let body = Bytes::from(webhook_body(commit, event, desk).text());
        let now = self.clock.now();
        let id = format!("msg_{}_{}_{}", commit.handoff, commit.version, event.replace('.', "_"));
        let time = now.timestamp().to_string();
        let signed: Vec<String> =
            line.secrets.iter().filter_map(|secret| signature(secret, &id, &time, &body)).collect();
        if signed.is_empty() {
            return Verdict::must_act(
                "Its secret is no key: make it `whsec_` and a key in base64, 24 bytes or more.",
            );
        }
        let headers = vec![
            ("webhook-id", id),
            ("webhook-timestamp", time),
            ("webhook-signature", signed.join(" ")),
        ];
        let body = Some(("application/json; charset=utf-8", body));
        let ask = Ask { method: Method::POST, address: line.base.clone(), headers, body };
        let (status, headers) = match self.hand_over(ask).await {
            Ok(answer) => answer,
            Err(error) => return Verdict::of_silence(&error),
        };
        let after = left_alone(&headers, now);
        match status.as_u16() {
            200..=299 => Verdict::arrived(format!("It took it ({}).", status.as_u16())),
            410 => Verdict::Never {
                why: "It wants no more of them (410): take the destination out.".to_owned(),
                must_act: true,
                known: Default::default(),
            },
            300..=399 | 429 | 500..=599 => Verdict::of_status(status, after),
            // A receiver that is being mended answers anything: it is tried for its day.
            _ => Verdict::Later(Later {
                why: format!("It did not take it ({status})."),
                after,
                ..Later::default()
            }),
        }
    }
}

/// Signs a message with a key; nothing where it is none.
fn signature(secret: &str, id: &str, time: &str, body: &[u8]) -> Option<String> {
    let key = KEYS.decode(secret.strip_prefix(KEY_PREFIX)?).ok().filter(|key| !key.is_empty())?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    for part in [id.as_bytes(), b".", time.as_bytes(), b".", body] {
        mac.update(part);
    }
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_the_scheme_publishes() {
        // The vector of the Standard Webhooks reference libraries.
        let signed = signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signed.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn what_is_no_key_signs_nothing() {
        for secret in ["", "whsec_", "whsec_not base64!", "plain"] {
            assert_eq!(signature(secret, "id", "1", b"{}"), None, "{secret}");
        }
    }
}
