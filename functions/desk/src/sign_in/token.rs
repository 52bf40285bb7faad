//! What a token proves: an issuer's, of who signed in, and this desk's own, of a sign-in that has
//! begun and of a session.
//!
//! A token is believed when it is signed by a key it must be signed by, meant for this desk, and of
//! this time; what it says is read only then. Times are those of the caller's clock. Nothing here
//! asks anybody.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use domain::PersonId;
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, EncodingKey, Header, Validation, decode,
    decode_header, encode,
    jwk::{AlgorithmParameters, Jwk, PublicKeyUse},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// How far an issuer's clock may be off.
const SKEW: Duration = Duration::seconds(60);

/// How long a sign-in may take, from its first redirect to its last.
pub(crate) const BEGUN_FOR: Duration = Duration::minutes(10);

/// How long a token may be, in bytes.
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// Algorithms an issuer's token may be signed by: those whose key the issuer alone has.
const SIGNED_BY: [AlgorithmFamily; 3] =
    [AlgorithmFamily::Rsa, AlgorithmFamily::Ec, AlgorithmFamily::Ed];

/// Why a token is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Untrusted {
    /// It is no token, or signed in a way none may be.
    #[error("it is not signed as a token must be")]
    Unreadable,
    /// No key of the issuer has its name.
    #[error("its key is none of the issuer's")]
    UnknownKey,
    /// Its signature is not that key's.
    #[error("its signature does not fit")]
    Forged,
    /// What it says does not fit what was asked for.
    #[error("its `{0}` is not what it must be")]
    Claim(&'static str),
}

/// What an issuer's token must say.
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) now: DateTime<Utc>,
}

/// Whose address it is, as the issuer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) email: String,
    /// Whether the issuer proved it; none where it does not say.
    pub(crate) proved: Option<bool>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    azp: Option<String>,
    exp: f64,
    iat: Option<f64>,
    nonce: Option<String>,
    email: Option<String>,
    email_verified: Option<Said>,
}

/// One audience, or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Yes or no, which some issuers write as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    Bool(bool),
    Text(String),
}

/// Reads who signed in off an issuer's token.
///
/// # Errors
/// [`Untrusted`]; its words name nobody.
pub(crate) fn identity(
    token: &str,
    keys: &[Jwk],
    expected: &Expected<'_>,
) -> Result<Identity, Untrusted> {
    let claims: Claims = signed(token, keys)?;
    let instant = |seconds: f64| DateTime::from_timestamp(seconds as i64, 0);
    let meant = match &claims.aud {
        Audience::One(one) => one == expected.client_id,
        // Several only where this desk is whom it was made for.
        Audience::Several(all) => {
            let is_ours = all.iter().any(|one| one == expected.client_id);
            is_ours && (all.len() == 1 || claims.azp.is_some())
        }
    };
    let nonce = claims.nonce.as_deref().unwrap_or_default();
    let checks = [
        ("iss", claims.iss == expected.issuer),
        ("aud", meant),
        ("azp", claims.azp.as_deref().is_none_or(|azp| azp == expected.client_id)),
        ("exp", instant(claims.exp).is_some_and(|exp| expected.now < exp + SKEW)),
        ("iat", claims.iat.and_then(instant).is_none_or(|iat| iat <= expected.now + SKEW)),
        ("nonce", bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes()))),
    ];
    if let Some((claim, _)) = checks.into_iter().find(|(_, holds)| !holds) {
        return Err(Untrusted::Claim(claim));
    }
    let email = claims.email.filter(|email| email.contains('@'));
    let proved = claims.email_verified.map(|said| match said {
        Said::Bool(said) => said,
        Said::Text(said) => said.eq_ignore_ascii_case("true"),
    });
    Ok(Identity { email: email.ok_or(Untrusted::Claim("email"))?, proved })
}

/// Tells whether an issuer's keys lack the one a token names: it may be newer than they are.
pub(crate) fn lacks_key(token: &str, keys: &[Jwk]) -> bool {
    decode_header(token).is_ok_and(|header| fitting(keys, &header).is_empty())
}

/// Reads what an issuer signed.
fn signed<T: DeserializeOwned>(token: &str, keys: &[Jwk]) -> Result<T, Untrusted> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Untrusted::Unreadable);
    }
    let header = decode_header(token).map_err(|_| Untrusted::Unreadable)?;
    if !SIGNED_BY.iter().any(|family| family.algorithms().contains(&header.alg)) {
        return Err(Untrusted::Unreadable);
    }
    let fitting = fitting(keys, &header);
    if fitting.is_empty() {
        return Err(Untrusted::UnknownKey);
    }
    let keys = fitting.into_iter().filter_map(|key| DecodingKey::from_jwk(key).ok());
    let mut read = keys.filter_map(|key| decode(token, &key, &plain(header.alg)).ok());
    read.next().map(|read| read.claims).ok_or(Untrusted::Forged)
}

/// Finds the keys that may have signed a token: the one of its name, or all where it names none.
fn fitting<'k>(keys: &'k [Jwk], header: &Header) -> Vec<&'k Jwk> {
    let fits = |key: &&Jwk| {
        let family = match key.algorithm {
            AlgorithmParameters::RSA(_) => AlgorithmFamily::Rsa,
            AlgorithmParameters::EllipticCurve(_) => AlgorithmFamily::Ec,
            AlgorithmParameters::OctetKeyPair(_) => AlgorithmFamily::Ed,
            _ => return false,
        };
        let signs = !matches!(key.common.public_key_use, Some(PublicKeyUse::Encryption));
        let is_named = header.kid.is_none() || key.common.key_id == header.kid;
        signs && is_named && family.algorithms().contains(&header.alg)
    };
    keys.iter().filter(fits).collect()
}

/// Checks a signature and nothing else: what a token says is checked here, by the caller's clock.
fn plain(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation
}

/// Makes and reads this desk's own tokens, with a secret of its own for each use.
pub(crate) struct Own<'s> {
    /// The secrets that are good, the one that makes new tokens first.
    secrets: &'s [String],
}

/// A sign-in that has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Begun {
    /// What the issuer gives back with its answer.
    pub(crate) state: String,
    /// Where somebody wanted to go.
    pub(crate) back: String,
    exp: i64,
}

/// Who is signed in, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Session {
    sub: PersonId,
    exp: i64,
}

/// What each of this desk's tokens is for; one is never good as another.
const BEGUN: &str = "handoff desk sign-in";
const SESSION: &str = "handoff desk session";

impl<'s> Own<'s> {
    pub(crate) fn new(secrets: &'s [String]) -> Self {
        Self { secrets }
    }

    /// Makes the token of a sign-in that begins.
    pub(crate) fn begin(&self, state: &str, back: &str, now: DateTime<Utc>) -> Option<String> {
        let exp = (now + BEGUN_FOR).timestamp();
        self.make(BEGUN, &Begun { state: state.to_owned(), back: back.to_owned(), exp })
    }

    /// Reads a sign-in that has begun, unless it took too long.
    pub(crate) fn begun(&self, token: &str, now: DateTime<Utc>) -> Option<Begun> {
        self.read(BEGUN, token).filter(|begun: &Begun| now.timestamp() < begun.exp)
    }

    /// Makes the token of a session.
    pub(crate) fn session(&self, person: &PersonId, until: DateTime<Utc>) -> Option<String> {
        self.make(SESSION, &Session { sub: person.clone(), exp: until.timestamp() })
    }

    /// Reads whose session it is, unless it is over.
    pub(crate) fn holder(&self, token: &str, now: DateTime<Utc>) -> Option<PersonId> {
        let session = self.read(SESSION, token);
        session.filter(|session: &Session| now.timestamp() < session.exp).map(|it| it.sub)
    }

    /// Derives what goes with a sign-in's state, so that it need not be remembered: the `nonce` the
    /// issuer's token must repeat, or the `verifier` by which the issuer knows that the same desk
    /// asks again.
    pub(crate) fn derived(&self, what: &str, state: &str) -> Option<String> {
        mac(self.secrets.first()?, &format!("handoff desk {what} {state}")).map(hex::encode)
    }

    fn make<T: Serialize>(&self, what: &str, said: &T) -> Option<String> {
        let key = EncodingKey::from_secret(&mac(self.secrets.first()?, what)?);
        encode(&Header::new(Algorithm::HS256), said, &key).ok()
    }

    fn read<T: DeserializeOwned>(&self, what: &str, token: &str) -> Option<T> {
        let read = self.secrets.iter().filter(|_| token.len() <= TOKEN_BYTES_MAX).find_map(|one| {
            let key = DecodingKey::from_secret(&mac(one, what)?);
            decode(token, &key, &plain(Algorithm::HS256)).ok()
        });
        read.map(|read| read.claims)
    }
}

/// Hashes a verifier as the issuer is told of it.
pub(crate) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

fn mac(secret: &str, what: &str) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(what.as_bytes());
    Some(mac.finalize().into_bytes().to_vec())
}

#[cfg(test)]
mod tests;
