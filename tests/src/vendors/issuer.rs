//! An OpenID provider, and whoever is signing in there: it takes authorization requests as the
//! standard has them, and gives a code away once, to whoever proves to be the desk that asked.

use super::call::{Call, Faults, Reply, form};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// What the desk is called there.
pub const CLIENT: &str = "handoff-desk";

/// The key of RFC 7515, appendix A.3.
const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
const D: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";

/// What the provider knows.
#[derive(Clone, Default)]
pub(super) struct Issuer {
    /// Codes that were given to browsers and not taken yet.
    codes: BTreeMap<String, Given>,
    given: u64,
    /// Claims that the next tokens have instead of the right ones.
    pub(super) lies: serde_json::Map<String, Value>,
    /// What its key is called by now.
    pub(super) key: u64,
}

#[derive(Clone)]
struct Given {
    redirect_uri: String,
    challenge: String,
    nonce: String,
    email: String,
}

impl Issuer {
    /// Lets somebody sign in who was sent here: tells where they are sent back to, and what was
    /// wrong with how they were sent.
    pub(super) fn authorize(&mut self, address: &str, email: &str) -> (String, Faults) {
        let mut faults = Faults::default();
        let asked = form(address.split_once('?').map_or("", |(_, query)| query));
        let said = |name: &str| asked.get(name).cloned().unwrap_or_default();
        for (name, must) in [
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("scope", "openid email"),
            ("code_challenge_method", "S256"),
        ] {
            let found = said(name);
            faults.must(found == must, || format!("`{name}` is `{found}`, not `{must}`"));
        }
        for (name, least) in [("state", 20), ("nonce", 20), ("code_challenge", 43)] {
            let long = said(name).len();
            faults.must(long >= least, || format!("`{name}` has {long} characters"));
        }
        self.given += 1;
        let code = format!("code-{}", self.given);
        let given = Given {
            redirect_uri: said("redirect_uri"),
            challenge: said("code_challenge"),
            nonce: said("nonce"),
            email: email.to_owned(),
        };
        let back = format!("{}?code={code}&state={}", given.redirect_uri, said("state"));
        self.codes.insert(code, given);
        (back, faults)
    }

    /// Answers a request.
    pub(super) fn answer(&mut self, call: &Call<'_>, faults: &mut Faults) -> Reply {
        let host = call.header("host").unwrap_or_default();
        let here = format!("http://{host}/issuer");
        match (call.asked.method.as_str(), call.parts().as_slice()) {
            ("GET", [".well-known", "openid-configuration"]) => {
                let document = json!({
                    "issuer": here,
                    "authorization_endpoint": format!("{here}/authorize"),
                    "token_endpoint": format!("{here}/token"),
                    "jwks_uri": format!("{here}/keys"),
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["ES256"],
                });
                Reply::json(200, &document)
            }
            ("GET", ["keys"]) => {
                let kid = format!("key-{}", self.key);
                let odd = json!({ "kty": "XYZ", "kid": "odd" });
                let key = json!({ "kty": "EC", "kid": kid, "crv": "P-256", "x": X, "y": Y });
                Reply::json(200, &json!({ "keys": [odd, key] }))
            }
            ("POST", ["token"]) => self.token(call, &here, faults),
            (method, parts) => {
                faults.must(false, || format!("it has no door {method} {parts:?}"));
                Reply::json(404, &json!({ "error": "not_found" }))
            }
        }
    }

    fn token(&mut self, call: &Call<'_>, here: &str, faults: &mut Faults) -> Reply {
        let is_form = call.media() == "application/x-www-form-urlencoded";
        faults.must(is_form, || "a token is asked for by a form".to_owned());
        let asked = form(&String::from_utf8_lossy(call.raw));
        let said = |name: &str| asked.get(name).map(String::as_str).unwrap_or_default();
        let proof = call.header("authorization").and_then(|proof| proof.strip_prefix("Basic "));
        let proof = proof.and_then(|proof| STANDARD.decode(proof).ok()).unwrap_or_default();
        let is_desk =
            call.secrets.iter().any(|secret| proof == format!("{CLIENT}:{secret}").into_bytes());
        if !is_desk {
            return Reply::json(401, &json!({ "error": "invalid_client" }));
        }
        let grant = said("grant_type");
        faults.must(grant == "authorization_code", || format!("`{grant}` is no grant"));
        // A code is good once, whatever comes of it.
        let Some(given) = self.codes.remove(said("code")) else {
            return Reply::json(400, &json!({ "error": "invalid_grant" }));
        };
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(said("code_verifier").as_bytes()));
        faults.must(challenge == given.challenge, || "the verifier is another's".to_owned());
        let same = said("redirect_uri") == given.redirect_uri;
        faults.must(same, || "the redirect_uri is another".to_owned());
        if !faults.is_clean() {
            return Reply::json(400, &json!({ "error": "invalid_grant" }));
        }
        let now = call.now.map_or(0, |now: DateTime<Utc>| now.timestamp());
        let mut claims = json!({
            "iss": here, "aud": CLIENT, "sub": given.email, "nonce": given.nonce, "iat": now,
            "exp": now + 300, "email": given.email, "email_verified": true,
        });
        for (name, lie) in &self.lies {
            claims[name] = lie.clone();
        }
        let token = signed(&claims, &format!("key-{}", self.key));
        Reply::json(200, &json!({ "token_type": "Bearer", "access_token": "x", "id_token": token }))
    }
}

fn signed(claims: &Value, kid: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.decode(text).expect("base64");
    let head = "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420";
    let bytes = |hex: &str| -> Vec<u8> {
        let pairs = (0..hex.len()).step_by(2).map(|at| &hex[at..at + 2]);
        pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal")).collect()
    };
    let point = [bytes("a14403420004"), part(X), part(Y)].concat();
    let key = [bytes(head), part(D), point].concat();
    let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::ES256) };
    encode(&header, claims, &EncodingKey::from_ec_der(&key)).expect("a token")
}
