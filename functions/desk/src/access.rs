//! Who is asking, and whether they ask from here.
//!
//! On a laptop whoever sits there picks a person and is believed. In the cloud people sign in
//! ([`crate::sign_in`]), and scripts have tokens. A token's hash must be known; it is compared in
//! constant time with every hash there is, so that neither the answer nor its delay says which was
//! near. What must stay true: a page of another site can never make a
//! browser act here.

use crate::{fault::Fault, form};
use domain::{Config, Handoff, PersonId};
use http::{HeaderMap, header};
use settle::may::{self, Forbidden};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// The cookie that holds the picked person.
const COOKIE: &str = "handoff_person";

/// The header by which a program on a laptop says who it acts for.
const HEADER: &str = "x-handoff-person";

/// How long a picked person is remembered, in seconds: a year.
const REMEMBERED_SECONDS: u32 = 31_536_000;

/// How the desk learns who is asking.
#[derive(Clone)]
pub struct Access {
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Picker,
    Tokens(Vec<(String, PersonId)>),
}

/// Somebody who may read; whoever acts must be a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Visitor {
    /// Who it is, if they said so.
    pub(crate) person: Option<PersonId>,
    /// Whether they may say they are somebody else.
    pub(crate) picks: bool,
}

impl Access {
    /// A laptop: whoever sits there picks a person.
    pub fn picker() -> Self {
        Self { kind: Kind::Picker }
    }

    /// The cloud: whoever holds a token, by the token's SHA-256 in lower-case hexadecimal.
    pub fn tokens(tokens: BTreeMap<String, PersonId>) -> Self {
        Self { kind: Kind::Tokens(tokens.into_iter().collect()) }
    }

    /// Finds who was picked, where people pick.
    pub(crate) fn picked(&self, headers: &HeaderMap) -> Option<Visitor> {
        self.is_picker().then(|| {
            let said = text(headers, HEADER).map(str::to_owned);
            let person = said.or_else(|| cookie(headers, COOKIE)).filter(|id| is_id(id));
            Visitor { person: person.map(PersonId), picks: true }
        })
    }

    /// Finds whose token a request bears; none where it bears none.
    pub(crate) fn bearer(&self, headers: &HeaderMap) -> Option<Result<PersonId, Fault>> {
        let token = bearer(headers)?;
        let found = match &self.kind {
            Kind::Picker => None,
            Kind::Tokens(tokens) => holder(tokens, token),
        };
        Some(found.ok_or(Fault::Unknown))
    }

    /// Tells whether people pick who they are here.
    pub(crate) fn is_picker(&self) -> bool {
        matches!(self.kind, Kind::Picker)
    }
}

impl Visitor {
    /// Tells whether they see a handoff. Whoever sits at a laptop and is nobody yet sees everything.
    pub(crate) fn sees(&self, handoff: &Handoff, config: &Config) -> bool {
        self.may_see(handoff, config).is_ok()
    }

    /// Refuses what they do not see.
    pub(crate) fn may_see(&self, handoff: &Handoff, config: &Config) -> Result<(), Forbidden> {
        match &self.person {
            Some(person) => may::may_see(person, handoff, config),
            None => Ok(()),
        }
    }

    /// Reads who acts.
    pub(crate) fn actor(&self) -> Result<&PersonId, Fault> {
        self.person.as_ref().ok_or_else(|| {
            let how = "Choose who you are first: at the top of the page, or with the header \
                       `x-handoff-person`.";
            Fault::Forbidden(how.to_owned())
        })
    }
}

/// Writes the cookie that remembers a picked person; nobody forgets them.
pub(crate) fn remember(person: Option<&str>) -> String {
    let (person, seconds) = match person.filter(|id| is_id(id)) {
        Some(person) => (person, REMEMBERED_SECONDS),
        None => ("", 0),
    };
    format!("{COOKIE}={person}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax")
}

/// Tells whether a browser says that another site made it send this. What no browser sent is from
/// here.
pub(crate) fn is_from_elsewhere(headers: &HeaderMap, public_url: &str) -> bool {
    if let Some(site) = text(headers, "sec-fetch-site") {
        return !matches!(site, "same-origin" | "none");
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let Ok(origin) = origin.to_str() else { return true };
    let authority = |url: &str| {
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
        Some(rest.split('/').next().unwrap_or(rest).to_ascii_lowercase())
    };
    let Some(origin) = authority(origin) else { return true };
    let host = text(headers, "host").map(str::to_ascii_lowercase);
    Some(&origin) != host.as_ref() && Some(origin) != authority(public_url)
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// Reads a cookie.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';'));
    pairs.find_map(|pair| Some(pair.trim().strip_prefix(name)?.strip_prefix('=')?.to_owned()))
}

/// Tells whether a text can be a person's id; anything else never reaches a page or a key.
fn is_id(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '@');
    (1..=64).contains(&text.len()) && text.chars().all(known)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = text(headers, "authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

/// Finds a token's holder; every hash is looked at, whichever fits.
fn holder(tokens: &[(String, PersonId)], token: &str) -> Option<PersonId> {
    let hash = hex::encode(Sha256::digest(token.as_bytes()));
    let mut place = u64::MAX;
    for (index, (known, _)) in (0_u64..).zip(tokens) {
        let fits: Choice = known.as_bytes().ct_eq(hash.as_bytes());
        place.conditional_assign(&index, fits);
    }
    let place = usize::try_from(place).ok()?;
    tokens.get(place).map(|(_, person)| person.clone())
}

/// Reads where a form wants to go back to: a path of this site, or the queue.
pub(crate) fn way_back(pairs: &form::Pairs) -> &str {
    let path = pairs.get("back").map_or("/", String::as_str);
    let plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    match path.starts_with('/') && !path.starts_with("//") && plain {
        true => path,
        false => "/",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const URL: &str = "https://desk.northwind.example";

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (http::HeaderName::from_static(name), HeaderValue::from_static(value))
            })
            .collect()
    }

    fn picked(pairs: &[(&'static str, &'static str)]) -> Option<String> {
        let visitor = Access::picker().picked(&headers(pairs)).unwrap();
        visitor.person.map(|person| person.0)
    }

    #[test]
    fn on_a_laptop_a_person_is_picked_by_cookie_or_header() {
        assert_eq!(picked(&[("cookie", "a=1; handoff_person=amara")]).as_deref(), Some("amara"));
        assert_eq!(picked(&[("x-handoff-person", "ben")]).as_deref(), Some("ben"));
        assert_eq!(picked(&[]), None);
        assert_eq!(picked(&[("cookie", "handoff_person=")]), None);
        assert_eq!(picked(&[("cookie", "handoff_person=<script>")]), None);
        assert_eq!(picked(&[("cookie", "not_handoff_person=amara")]), None);
    }

    #[test]
    fn whoever_is_nobody_may_look_and_not_act() {
        let visitor = Access::picker().picked(&HeaderMap::new()).unwrap();
        assert!(matches!(visitor.actor(), Err(Fault::Forbidden(_))));
    }

    #[test]
    fn a_token_is_known_by_its_hash() {
        let hash = |token: &str| hex::encode(Sha256::digest(token.as_bytes()));
        let known = BTreeMap::from([(hash("one"), "amara".into()), (hash("two"), "ben".into())]);
        let access = Access::tokens(known);
        let who = |value| {
            let borne = access.bearer(&headers(&[("authorization", value)]));
            borne.and_then(Result::ok).map(|person| person.0)
        };
        assert_eq!(who("Bearer one").as_deref(), Some("amara"));
        assert_eq!(who("bearer two").as_deref(), Some("ben"));
        for wrong in ["Bearer three", "Bearer ", "Basic one", "one", ""] {
            assert_eq!(who(wrong), None, "{wrong}");
        }
        let unknown = access.bearer(&headers(&[("authorization", "Bearer three")]));
        assert!(matches!(unknown, Some(Err(Fault::Unknown))));
        assert!(access.picked(&headers(&[("x-handoff-person", "amara")])).is_none());
    }

    #[test]
    fn another_site_cannot_make_a_browser_act() {
        let check = |pairs: &[(&'static str, &'static str)], elsewhere| {
            assert_eq!(is_from_elsewhere(&headers(pairs), URL), elsewhere, "{pairs:?}");
        };
        check(&[], false);
        check(&[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")], false);
        check(&[("sec-fetch-site", "none")], false);
        check(&[("sec-fetch-site", "same-site")], true);
        check(&[("sec-fetch-site", "cross-site")], true);
        check(&[("origin", "http://127.0.0.1:8787"), ("host", "127.0.0.1:8787")], false);
        check(&[("origin", URL), ("host", "abc.execute-api.example")], false);
        check(&[("origin", "https://evil.example"), ("host", "127.0.0.1:8787")], true);
        check(&[("origin", "https://desk.northwind.example.evil.example")], true);
        check(&[("origin", "null"), ("host", "127.0.0.1:8787")], true);
    }

    #[test]
    fn a_form_goes_back_within_this_site_only() {
        let back =
            |path: &str| way_back(&form::Pairs::from([("back".into(), path.into())])).to_owned();
        assert_eq!(back("/handoffs/1?x=%20"), "/handoffs/1?x=%20");
        for wrong in
            ["//evil.example", "https://evil.example", "/\\evil", "/a\r\nSet-Cookie: b", ""]
        {
            assert_eq!(back(wrong), "/", "{wrong}");
        }
        assert_eq!(way_back(&form::Pairs::new()), "/");
    }

    #[test]
    fn a_cookie_remembers_only_ids() {
        assert!(
            remember(Some("amara")).starts_with("handoff_person=amara; Path=/; Max-Age=31536000")
        );
        assert!(
            remember(Some("a; Domain=evil")).starts_with("handoff_person=; Path=/; Max-Age=0;")
        );
    }
}
