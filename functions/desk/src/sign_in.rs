//! Signing in by OpenID Connect: the authorization code flow with PKCE, at whichever issuer the
//! configuration names.
//!
//! Nothing is stored for a sign-in or a session: this desk signs what it will want to know again,
//! and the browser keeps it. The issuer proves an address, and the address is a person of the
//! configuration; whoever is taken out of it is out at once, whatever their session says. What must
//! stay true: a sign-in ends only in the browser it began in, leads back to this desk only, and
//! says the same to whoever forges any part of it.

mod issuer;
mod token;

pub(crate) use issuer::Issuer;

use crate::{
    Desk,
    access::{self, Visitor},
    fault::Fault,
    form, pages,
};
use bytes::Bytes;
use domain::{
    Config, PersonId,
    config::{Person, SignIn},
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use issuer::{Exchange, IssuerError, word};
use runtime::secrets::{SecretError, Wanted};
use subtle::ConstantTimeEq;
use token::{BEGUN_FOR, Expected, Identity, Own};

/// Where somebody begins to sign in.
pub(crate) const PATH: &str = "/sign-in";

/// Where the issuer sends people back to.
const DONE: &str = "/sign-in/done";

/// How long an address may be that somebody is led back to, in bytes.
const BACK_BYTES_MAX: usize = 400;

/// What is wanted of an issuer: who it is, and their address.
const SCOPE: &str = "openid email";

/// What the secret is on a laptop.
const SAMPLE_SECRET: &str = "local-sign-in-secret";

/// The two cookies of this desk: a sign-in that has begun, and a session.
#[derive(Clone, Copy)]
enum Cookie {
    Begun,
    Session,
}

impl Cookie {
    /// Reads its name. Behind TLS it has the prefix that keeps other hosts of the domain, and
    /// connections without TLS, from setting it.
    fn name(self, public_url: &str) -> &'static str {
        match (self, public_url.starts_with("https://")) {
            (Self::Begun, true) => "__Host-handoff_sign_in",
            (Self::Begun, false) => "handoff_sign_in",
            (Self::Session, true) => "__Host-handoff_session",
            (Self::Session, false) => "handoff_session",
        }
    }

    /// Writes it; for no seconds, so that it is forgotten.
    fn write(self, value: &str, seconds: i64, public_url: &str) -> String {
        let secure = if public_url.starts_with("https://") { "; Secure" } else { "" };
        // Lax and not Strict: the issuer's redirect comes from another site.
        format!(
            "{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}",
            self.name(public_url)
        )
    }
}

impl Desk {
    /// Finds whose session a request has, if it has one that is good.
    pub(crate) async fn signed_in(
        &self,
        headers: &HeaderMap,
        config: &Config,
    ) -> Result<Option<PersonId>, Fault> {
        let name = Cookie::Session.name(&config.organisation.public_url);
        let Some(session) = access::cookie(headers, name) else { return Ok(None) };
        let secrets = self.own_secrets(config).await?;
        Ok(Own::new(&secrets).holder(&session, self.clock.now()))
    }

    /// Sends somebody to the issuer, and remembers where they wanted to go.
    pub(crate) async fn begin_sign_in(
        &self,
        pairs: &form::Pairs,
    ) -> Result<Response<Bytes>, Fault> {
        let now = self.clock.now();
        let active = self.configs.active(now).await?;
        let (config, rule) = (&active.config, sign_in(&active.config)?);
        let secrets = self.own_secrets(config).await?;
        let doors = self.issuer.doors(rule, now).await.map_err(|error| unhelpful(&error))?;
        let own = Own::new(&secrets);
        let state = self.ids.ulid(now);
        let made = |token: Option<String>| token.ok_or_else(unmade);
        let verifier = made(own.derived("verifier", &state))?;
        let (nonce, challenge) = (made(own.derived("nonce", &state))?, token::challenge(&verifier));
        let redirect_uri = redirect_uri(config);
        let asked = [
            ("response_type", "code"),
            ("client_id", rule.client_id.as_str()),
            ("redirect_uri", redirect_uri.as_str()),
            ("scope", SCOPE),
            ("state", state.as_str()),
            ("nonce", nonce.as_str()),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
            // Whoever is not known here may have another account there.
            ("prompt", if pairs.contains_key("again") { "select_account" } else { "" }),
        ];
        let asked = form::write(asked.into_iter().filter(|(_, said)| !said.is_empty()));
        let door = doors.authorization_endpoint;
        let joint = if door.contains('?') { '&' } else { '?' };
        let mut answer = pages::see(&format!("{door}{joint}{asked}"));
        let begun = made(own.begin(&state, access::way_back(pairs), now))?;
        let public_url = &config.organisation.public_url;
        let cookie = Cookie::Begun.write(&begun, BEGUN_FOR.num_seconds(), public_url);
        set(&mut answer, &cookie);
        Ok(answer)
    }

    /// Takes what the issuer sends back, and begins a session.
    pub(crate) async fn end_sign_in(
        &self,
        request: &Request<Bytes>,
        pairs: &form::Pairs,
    ) -> Result<Response<Bytes>, Fault> {
        let now = self.clock.now();
        let active = self.configs.active(now).await?;
        let (config, rule) = (&active.config, sign_in(&active.config)?);
        let public_url = &config.organisation.public_url;
        let secrets = self.own_secrets(config).await?;
        let own = Own::new(&secrets);
        let said = |name: &str| pairs.get(name).map(String::as_str).unwrap_or_default();
        let begun = access::cookie(request.headers(), Cookie::Begun.name(public_url));
        let begun = begun.and_then(|begun| own.begun(&begun, now));
        let begun =
            begun.filter(|begun| begun.state.as_bytes().ct_eq(said("state").as_bytes()).into());
        let Some(begun) = begun else {
            // Of several windows the last one signed in.
            return match self.signed_in(request.headers(), config).await? {
                Some(_) => Ok(pages::see("/")),
                None => Err(stale()),
            };
        };
        if pairs.contains_key("error") {
            let why = word(said("error")).unwrap_or_else(|| "no reason it names".to_owned());
            let refused = format!("{} did not sign you in ({why}): try again.", rule.issuer);
            return Err(Fault::Forbidden(refused));
        }
        let derived = |what: &str| own.derived(what, &begun.state).ok_or_else(unmade);
        let (verifier, nonce) = (derived("verifier")?, derived("nonce")?);
        let secret = self.client_secret(rule).await?;
        let exchange = Exchange {
            code: said("code"),
            verifier: &verifier,
            redirect_uri: &redirect_uri(config),
            secret: secret.as_deref(),
        };
        let token = self.issuer.token(rule, &exchange, now).await;
        let token = token.map_err(|error| match error {
            // A code is good once: whoever loads the page again begins again.
            IssuerError::Refused(ref why) if why == "invalid_grant" => stale(),
            other => unhelpful(&other),
        })?;
        let identity = self.identity(rule, &token, &nonce).await?;
        let person = person_of(&identity, rule, config)?;
        let lasts = rule.lasts.elapsed();
        let session = own.session(&person, now + lasts).ok_or_else(unmade)?;
        tracing::info!(%person, "signed in");
        let mut answer = pages::see(&begun.back);
        set(&mut answer, &Cookie::Session.write(&session, lasts.num_seconds(), public_url));
        set(&mut answer, &Cookie::Begun.write("", 0, public_url));
        Ok(answer)
    }

    /// Ends a session in the browser that has it.
    pub(crate) async fn sign_out(
        &self,
        request: &Request<Bytes>,
    ) -> Result<Response<Bytes>, Fault> {
        let active = self.configs.active(self.clock.now()).await?;
        sign_in(&active.config)?;
        let said = "You are signed out.".to_owned();
        let mut answer = self.page_signed_out(request, StatusCode::OK, said).await;
        let public_url = &active.config.organisation.public_url;
        set(&mut answer, &Cookie::Session.write("", 0, public_url));
        Ok(answer)
    }

    /// Reads who a token is of. Where it names a key that is not known, the keys are asked for anew.
    async fn identity(&self, rule: &SignIn, token: &str, nonce: &str) -> Result<Identity, Fault> {
        let now = self.clock.now();
        let unhelpful = |error: IssuerError| unhelpful(&error);
        let mut keys = self.issuer.keys(rule, false, now).await.map_err(unhelpful)?;
        if token::lacks_key(token, &keys) {
            keys = self.issuer.keys(rule, true, now).await.map_err(unhelpful)?;
        }
        let expected = Expected { issuer: &rule.issuer, client_id: &rule.client_id, nonce, now };
        token::identity(token, &keys, &expected).map_err(|untrusted| {
            tracing::warn!(%untrusted, "an issuer's token is not believed");
            let said = format!("What {} said cannot be believed: try again.", rule.issuer);
            Fault::Forbidden(said)
        })
    }

    /// Reads what sessions are signed with: the secret that links are made with, each use derived.
    async fn own_secrets(&self, config: &Config) -> Result<Vec<String>, Fault> {
        self.link_secrets(config).await.map_err(|error| unreadable(&error))
    }

    async fn client_secret(&self, rule: &SignIn) -> Result<Option<String>, Fault> {
        let Some(name) = &rule.secret else { return Ok(None) };
        let wanted = Wanted {
            what: "sign-in (`sign_in.secret`)".to_owned(),
            name,
            sample: SAMPLE_SECRET.to_owned(),
        };
        let secrets = self.secrets.named(&wanted, self.clock.now()).await;
        Ok(secrets.map_err(|error| unreadable(&error))?.into_iter().next())
    }

    /// Answers whoever must sign in first: they are sent there where nothing is lost by it.
    pub(crate) async fn ask_to_sign_in(&self, request: &Request<Bytes>) -> Response<Bytes> {
        if *request.method() != http::Method::POST {
            let uri = request.uri();
            let here = uri.path_and_query().map_or(uri.path(), |here| here.as_str());
            let here = if here.len() > BACK_BYTES_MAX { "/" } else { here };
            let way = format!("{PATH}?{}", form::write([("back", here)]));
            // A page and no redirect: a browser does not follow a form's redirects to another site.
            let said = "Sign in to see this page.".to_owned();
            let mut answer = self.page_signed_out(request, StatusCode::UNAUTHORIZED, said).await;
            let refresh = HeaderValue::from_str(&format!("0; url={way}"));
            answer.headers_mut().extend(refresh.ok().map(|at| (header::REFRESH, at)));
            return answer;
        }
        let said =
            "Your session is over, and nothing was changed: sign in in another window, come \
                    back here and send it again."
                .to_owned();
        self.page_signed_out(request, StatusCode::UNAUTHORIZED, said).await
    }
}

impl Visitor {
    /// Makes somebody the desk knows: whoever is not of the organisation any more is nobody.
    pub(crate) fn known(person: PersonId, config: &Config) -> Result<Self, Fault> {
        settle::may::is_known(&person, config)?;
        Ok(Self { person: Some(person), picks: false })
    }
}

fn sign_in(config: &Config) -> Result<&SignIn, Fault> {
    let none = || Fault::NotFound("There is nothing at this address.".to_owned());
    config.sign_in.as_ref().ok_or_else(none)
}

/// Finds the person an address is of.
fn person_of(identity: &Identity, rule: &SignIn, config: &Config) -> Result<PersonId, Fault> {
    if !identity.proved.unwrap_or(rule.addresses_are_proved) {
        return Err(Fault::Forbidden(format!(
            "{} does not say that your address is yours: prove it there, and sign in again.",
            rule.issuer
        )));
    }
    let is_theirs = |one: &Person| one.active && one.email.eq_ignore_ascii_case(&identity.email);
    let person = config.people.iter().find(|(_, one)| is_theirs(one));
    person.map(|(person, _)| person.clone()).ok_or_else(|| {
        let said = "Nobody of this organisation has the address you signed in with: ask whoever \
                    runs this desk to add it to the configuration.";
        Fault::Forbidden(said.to_owned())
    })
}

fn redirect_uri(config: &Config) -> String {
    format!("{}{DONE}", config.organisation.public_url.trim_end_matches('/'))
}

fn set(answer: &mut Response<Bytes>, cookie: &str) {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

fn stale() -> Fault {
    let said =
        "This sign-in was begun in another browser, too long ago, or has ended: begin again.";
    Fault::Malformed(said.to_owned())
}

fn unmade() -> Fault {
    Fault::Broken("a token could not be made".to_owned())
}

fn unhelpful(error: &IssuerError) -> Fault {
    tracing::warn!(%error, "nobody can sign in");
    Fault::NotNow("Whoever signs people in does not answer as it should: try again.".to_owned())
}

fn unreadable(error: &SecretError) -> Fault {
    tracing::warn!(%error, "nobody can sign in");
    Fault::NotNow("Nobody can sign in just now: tell whoever runs this desk.".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::config;

    fn rule(addresses_are_proved: bool) -> SignIn {
        SignIn {
            issuer: "https://id.example".to_owned(),
            client_id: "handoff".to_owned(),
            secret: None,
            lasts: domain::span::Span::default(),
            addresses_are_proved,
        }
    }

    fn who(
        email: &str,
        proved: Option<bool>,
        addresses_are_proved: bool,
    ) -> Result<String, String> {
        let identity = Identity { email: email.to_owned(), proved };
        let person = person_of(&identity, &rule(addresses_are_proved), &config());
        person.map(|person| person.to_string()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn only_a_proved_address_is_a_person() {
        let amara = || Ok("amara".to_owned());
        assert_eq!(who("Amara@northwind.example", Some(true), false), amara());
        assert_eq!(who("amara@northwind.example", None, true), amara());
        for (proved, trusted) in [(Some(false), false), (None, false), (Some(false), true)] {
            let refused = who("amara@northwind.example", proved, trusted).unwrap_err();
            assert!(refused.contains("does not say that your address is yours"), "{refused}");
        }
        let stranger = who("mallory@northwind.example", Some(true), false).unwrap_err();
        assert!(stranger.contains("Nobody of this organisation") && !stranger.contains("mallory"));
    }

    #[test]
    fn a_cookie_is_this_hosts_alone_behind_tls() {
        let behind_tls = Cookie::Session.write("x", 60, "https://desk.example");
        assert_eq!(
            behind_tls,
            "__Host-handoff_session=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
        let here = Cookie::Begun.write("", 0, "http://127.0.0.1:8787");
        assert_eq!(here, "handoff_sign_in=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    }
}
