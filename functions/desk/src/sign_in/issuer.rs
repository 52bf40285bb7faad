//! What is asked of an issuer: where its doors are, its keys, and who a code is of.
//!
//! Its doors and keys are kept for an hour, and its keys asked for anew, at most once a minute, when
//! a token names one that is not among them. Nothing is followed elsewhere, and everything has a
//! time and a size ([`runtime::Outside`]).

use chrono::{DateTime, Duration, Utc};
use domain::config::SignIn;
use http::{Method, StatusCode};
use jsonwebtoken::jwk::Jwk;
use runtime::{Ask, Outside, outside::OutsideError};
use serde::Deserialize;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};

/// How long an issuer has to answer.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// How long its doors and keys are kept.
const KEPT_FOR: Duration = Duration::hours(1);

/// How long it is left alone before its keys are asked for anew.
const ASKED_ANEW_AFTER: Duration = Duration::minutes(1);

/// Where an issuer says where its doors are.
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// Why an issuer does not help.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssuerError {
    /// It does not answer, or not as it should.
    #[error("{what}: {error}")]
    Silent {
        /// What was asked for.
        what: &'static str,
        /// Why there is no answer.
        error: OutsideError,
    },
    /// It is somebody else, or answers something else.
    #[error("{0}")]
    Odd(&'static str),
    /// It does not take the code.
    #[error("it did not take the code: {0}")]
    Refused(String),
}

/// Where an issuer's doors are.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Doors {
    issuer: String,
    /// Where people are sent.
    pub(crate) authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// What is known of an issuer, and when it was asked.
#[derive(Clone)]
struct Known {
    issuer: String,
    at: DateTime<Utc>,
    doors: Doors,
    keys: Arc<Vec<Jwk>>,
    keys_at: Option<DateTime<Utc>>,
}

/// Asks an issuer; clones share what is known.
#[derive(Clone)]
pub(crate) struct Issuer {
    outside: Outside,
    known: Arc<Mutex<Option<Known>>>,
}

/// What a code is exchanged with.
pub(crate) struct Exchange<'a> {
    pub(crate) code: &'a str,
    pub(crate) verifier: &'a str,
    pub(crate) redirect_uri: &'a str,
    pub(crate) secret: Option<&'a str>,
}

impl Issuer {
    pub(crate) fn new(outside: Outside) -> Self {
        Self { outside, known: Arc::default() }
    }

    /// Finds where an issuer's doors are.
    ///
    /// # Errors
    /// [`IssuerError`].
    pub(crate) async fn doors(
        &self,
        rule: &SignIn,
        now: DateTime<Utc>,
    ) -> Result<Doors, IssuerError> {
        if let Some(known) = self.known(rule, now) {
            return Ok(known.doors);
        }
        let address = format!("{}{WELL_KNOWN}", rule.issuer.trim_end_matches('/'));
        let doors = self.document("its configuration", &address).await?;
        let doors: Doors = serde_json::from_value(doors)
            .map_err(|_| IssuerError::Odd("its configuration lacks an address"))?;
        if doors.issuer != rule.issuer {
            return Err(IssuerError::Odd("it calls itself something else than `sign_in.issuer`"));
        }
        let secure = doors.authorization_endpoint.starts_with("https://");
        if !secure && !self.outside.is_local() {
            return Err(IssuerError::Odd("it would have people sign in without TLS"));
        }
        let (issuer, kept) = (rule.issuer.clone(), doors.clone());
        self.keep(Known { issuer, at: now, doors: kept, keys: Arc::default(), keys_at: None });
        Ok(doors)
    }

    /// Reads an issuer's keys; `anew` where those known lack one.
    ///
    /// # Errors
    /// [`IssuerError`].
    pub(crate) async fn keys(
        &self,
        rule: &SignIn,
        anew: bool,
        now: DateTime<Utc>,
    ) -> Result<Arc<Vec<Jwk>>, IssuerError> {
        let doors = self.doors(rule, now).await?;
        if let Some(known) = self.known(rule, now)
            && let Some(at) = known.keys_at
            && (!anew || now < at + ASKED_ANEW_AFTER)
        {
            return Ok(known.keys);
        }
        let document = self.document("its keys", &doors.jwks_uri).await?;
        let listed = document["keys"].as_array().cloned().unwrap_or_default();
        // A key of a kind nobody here knows is left out, and the others are good.
        let keys = listed.into_iter().filter_map(|key| serde_json::from_value(key).ok());
        let keys: Arc<Vec<Jwk>> = Arc::new(keys.collect());
        if let Some(known) = self.known(rule, now) {
            self.keep(Known { keys: keys.clone(), keys_at: Some(now), ..known });
        }
        Ok(keys)
    }

    /// Exchanges a code for the token that says who signed in.
    ///
    /// # Errors
    /// [`IssuerError`].
    pub(crate) async fn token(
        &self,
        rule: &SignIn,
        exchange: &Exchange<'_>,
        now: DateTime<Utc>,
    ) -> Result<String, IssuerError> {
        let doors = self.doors(rule, now).await?;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", exchange.code),
            ("redirect_uri", exchange.redirect_uri),
            ("code_verifier", exchange.verifier),
        ];
        let mut headers = Vec::new();
        let methods = doors.token_endpoint_auth_methods_supported.as_deref();
        match exchange.secret {
            Some(secret) if takes_basic(methods) => {
                headers.push(("authorization", basic(&rule.client_id, secret)));
            }
            Some(secret) => {
                form.extend([("client_id", rule.client_id.as_str()), ("client_secret", secret)]);
            }
            None => form.push(("client_id", &rule.client_id)),
        }
        let body = crate::form::write(form);
        let ask = Ask {
            method: Method::POST,
            address: doors.token_endpoint,
            headers,
            body: Some(("application/x-www-form-urlencoded", body.into())),
        };
        let silent = |error| IssuerError::Silent { what: "its token", error };
        let answer = self.outside.send(ask, PATIENCE).await.map_err(silent)?;
        match answer.status {
            StatusCode::OK => {
                let said = answer.json().map_err(silent)?;
                let token = said["id_token"].as_str().map(str::to_owned);
                token.ok_or(IssuerError::Odd("it answered without an `id_token`"))
            }
            status if status.is_client_error() => {
                let said = answer.json().unwrap_or_default();
                let error = word(said["error"].as_str().unwrap_or_default());
                Err(IssuerError::Refused(error.unwrap_or_else(|| status.to_string())))
            }
            status => Err(silent(OutsideError::Status(status))),
        }
    }

    async fn document(&self, what: &'static str, address: &str) -> Result<Value, IssuerError> {
        let document = self.outside.get(address, None, PATIENCE).await;
        document.map_err(|error| IssuerError::Silent { what, error })
    }

    fn known(&self, rule: &SignIn, now: DateTime<Utc>) -> Option<Known> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        known.filter(|known| known.issuer == rule.issuer && now < known.at + KEPT_FOR)
    }

    fn keep(&self, known: Known) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
    }
}

/// Tells whether a secret is taken as HTTP authentication, which every issuer takes that does not
/// say what it takes.
fn takes_basic(methods: Option<&[String]>) -> bool {
    methods.is_none_or(|methods| methods.iter().any(|one| one == "client_secret_basic"))
}

fn basic(client_id: &str, secret: &str) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let pair = [client_id, secret].map(crate::form::encode).join(":");
    format!("Basic {}", STANDARD.encode(pair))
}

/// Reads an error's name, which may stand in a log and on a page; free text may not.
pub(crate) fn word(said: &str) -> Option<String> {
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    ((1..=40).contains(&said.len()) && said.chars().all(known)).then(|| said.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_goes_where_the_issuer_takes_it() {
        let methods = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        assert!(takes_basic(None));
        assert!(takes_basic(Some(&methods(&["client_secret_post", "client_secret_basic"]))));
        assert!(!takes_basic(Some(&methods(&["client_secret_post"]))));
        // RFC 6749, section 2.3.1: each part is encoded before they are joined.
        assert_eq!(basic("a:b", "c d"), "Basic YSUzQWI6YyUyMGQ=");
    }

    #[test]
    fn only_the_name_of_an_error_is_repeated() {
        assert_eq!(word("access_denied").as_deref(), Some("access_denied"));
        for wrong in ["", "Dana Reyes", "<b>", &"x".repeat(41)] {
            assert_eq!(word(wrong), None, "{wrong}");
        }
    }
}
