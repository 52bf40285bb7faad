//! Pages: server-rendered, complete without a script, the same decisions as the JSON behind every
//! form.
//!
//! Templates escape everything. What came from outside is also cut to a length and loses characters
//! that would turn or hide text, and becomes a link only where it is one. The policy lets a page
//! load this desk's own style and script and nothing else.

mod bars;
mod conversation;
mod dashboard;
mod digest;
mod facts;
mod fields;
mod handoff;
mod new;
mod outbox;
mod people;
mod queue;
mod reassign;
mod sessions;
mod shown;
mod survey;
mod why;

use crate::{Desk, fault::Fault, moment};
use askama::Template;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use domain::Config;
use http::{HeaderValue, Request, Response, StatusCode, header};
use runtime::web;
use shown::Moment;

pub(crate) use shown::plain;
pub(crate) use survey::SurveyPage;
pub(crate) use why::why_of;

/// What a page may load and where its forms may go.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// How long a browser keeps the style and the script, in seconds.
const ASSET_KEPT: &str = "max-age=300";

/// One choice of a list.
pub(crate) struct Choice {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) chosen: bool,
}

/// What is around every page.
pub(crate) struct Frame {
    title: String,
    organisation: String,
    picks: bool,
    person: Option<String>,
    signs_out: bool,
    people: Vec<Choice>,
    back: String,
    zone: String,
    now: Moment,
    now_ms: i64,
}

/// Who looks, when, and by which configuration.
pub(crate) struct Reader<'a> {
    pub(crate) config: &'a Config,
    pub(crate) person: Option<&'a domain::PersonId>,
    pub(crate) picks: bool,
    pub(crate) zone: Tz,
    pub(crate) now: DateTime<Utc>,
}

#[derive(Template)]
#[template(path = "fault.html")]
struct FaultPage {
    frame: Frame,
    detail: String,
    /// Where to sign in, where that is what is to be done.
    sign_in: Option<String>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        config: &'a Config,
        visitor: &'a crate::access::Visitor,
        now: DateTime<Utc>,
    ) -> Self {
        let person = visitor.person.as_ref();
        let known = person.and_then(|person| config.people.get(person));
        let zone = known.and_then(|known| known.timezone).unwrap_or(config.organisation.timezone);
        Self { config, person, picks: visitor.picks, zone, now }
    }

    /// Makes what is around a page; `request` says where choosing a person leads back to.
    pub(crate) fn frame(&self, title: &str, request: &Request<Bytes>) -> Frame {
        let people = self.config.people.iter().filter(|(_, known)| known.active);
        let uri = request.uri();
        let here = uri.path_and_query().map_or(uri.path(), |here| here.as_str());
        let posted = request.method() == http::Method::POST;
        Frame {
            title: title.to_owned(),
            organisation: self.config.organisation.name.clone(),
            picks: self.picks,
            person: self.person.map(|person| self.config.name_of(person).to_owned()),
            signs_out: !self.picks && self.config.sign_in.is_some(),
            people: people
                .map(|(id, known)| Choice {
                    id: id.to_string(),
                    name: known.name.clone(),
                    chosen: self.person == Some(id),
                })
                .collect(),
            // A form's own address takes no GET.
            back: if posted { form_page(here) } else { here.to_owned() },
            zone: self.zone.name().replace('_', " "),
            now: Moment::of(self.now, self.zone),
            now_ms: self.now.timestamp_millis(),
        }
    }
}

/// Finds the page a form is on: its address without the verb.
fn form_page(path: &str) -> String {
    let page = path.rsplit_once('/').map_or("/", |(page, _)| page);
    if page.is_empty() { "/".to_owned() } else { page.to_owned() }
}

impl Desk {
    /// Answers a page that says what is wrong.
    pub(crate) async fn page_fault(
        &self,
        request: &Request<Bytes>,
        status: StatusCode,
        detail: &str,
    ) -> Response<Bytes> {
        let now = self.clock.now();
        let visitor = self.looks(request).await;
        let title = status.canonical_reason().unwrap_or("Problem");
        let frame = match self.configs.active(now).await {
            Ok(active) => Reader::new(&active.config, &visitor, now).frame(title, request),
            Err(_) => bare(title, now),
        };
        // Whoever signed in as nobody who is known may have another account.
        let lost = visitor.person.is_none() && !visitor.picks && self.signs_in().await;
        let sign_in = lost.then(|| format!("{}?again=yes", crate::sign_in::PATH));
        let page = FaultPage { frame, detail: detail.to_owned(), sign_in };
        match html(status, &page) {
            Ok(answer) => answer,
            Err(_) => web::problem(status, detail, request.uri().path()),
        }
    }
}

impl Desk {
    /// Answers a page to whoever is not signed in.
    pub(crate) async fn page_signed_out(
        &self,
        request: &Request<Bytes>,
        status: StatusCode,
        detail: String,
    ) -> Response<Bytes> {
        let now = self.clock.now();
        let nobody = crate::access::Visitor { person: None, picks: false };
        let frame = match self.configs.active(now).await {
            Ok(active) => Reader::new(&active.config, &nobody, now).frame("Signed out", request),
            Err(_) => bare("Signed out", now),
        };
        let page = FaultPage { frame, detail, sign_in: Some(crate::sign_in::PATH.to_owned()) };
        match html(status, &page) {
            Ok(answer) => answer,
            Err(_) => web::problem(status, &page.detail, request.uri().path()),
        }
    }
}

/// Makes what is around a page while there is no configuration.
fn bare(title: &str, now: DateTime<Utc>) -> Frame {
    Frame {
        title: title.to_owned(),
        organisation: "Handoff".to_owned(),
        picks: false,
        person: None,
        signs_out: false,
        people: Vec::new(),
        back: "/".to_owned(),
        zone: "UTC".to_owned(),
        now: Moment { iso: moment::iso(now), text: moment::absolute(now, Tz::UTC) },
        now_ms: now.timestamp_millis(),
    }
}

/// Answers with a page.
pub(crate) fn html(status: StatusCode, page: &impl Template) -> Result<Response<Bytes>, Fault> {
    let text = page.render().map_err(|error| Fault::Broken(error.to_string()))?;
    let mut answer = web::answer(status, "text/html; charset=utf-8", text);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    Ok(answer)
}

/// Sends a browser to look at another page.
pub(crate) fn see(path: &str) -> Response<Bytes> {
    let mut answer = web::answer(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", "");
    let place = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    answer.headers_mut().insert(header::LOCATION, place);
    answer
}

/// Answers with the style or the script.
pub(crate) fn asset(is_style: bool) -> Response<Bytes> {
    let (kind, text) = match is_style {
        true => ("text/css; charset=utf-8", include_str!("../../assets/desk.css")),
        false => ("text/javascript; charset=utf-8", include_str!("../../assets/desk.js")),
    };
    let mut answer = web::answer(StatusCode::OK, kind, text);
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(ASSET_KEPT));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        access::Visitor,
        testing::{at, config},
    };

    #[test]
    fn a_page_is_in_the_zone_of_whoever_looks() {
        let (config, now) = (config(), at("2026-01-05T09:00:00Z"));
        let zone = |person: Option<&str>| {
            let visitor = Visitor { person: person.map(Into::into), picks: true };
            Reader::new(&config, &visitor, now).zone
        };
        assert_eq!(zone(Some("carla")), Tz::America__New_York);
        assert_eq!(zone(Some("mallory")), Tz::Europe__London);
        assert_eq!(zone(None), Tz::Europe__London);
    }

    #[test]
    fn choosing_a_person_leads_back_to_the_page() {
        let (config, visitor) = (config(), Visitor { person: None, picks: true });
        let reader = Reader::new(&config, &visitor, at("2026-01-05T09:00:00Z"));
        let back = |method: &str, uri: &str| {
            let request = Request::builder().method(method).uri(uri).body(Bytes::new()).unwrap();
            reader.frame("Queue", &request).back
        };
        assert_eq!(back("GET", "/?type=mql"), "/?type=mql");
        assert_eq!(back("POST", "/handoffs/h1/accept"), "/handoffs/h1");
        assert_eq!(back("POST", "/person"), "/");
    }

    #[test]
    fn a_page_loads_nothing_from_elsewhere_and_nothing_inline() {
        let frame = bare("Not Found", at("2026-01-05T09:00:00Z"));
        let page = FaultPage {
            frame,
            detail: "\"><img src=x onerror=alert(1)>".to_owned(),
            sign_in: None,
        };
        let answer = html(StatusCode::NOT_FOUND, &page).unwrap();
        let policy = answer.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"));
        let text = String::from_utf8(answer.body().to_vec()).unwrap();
        assert!(!text.contains("<img") && !text.contains("<style") && !text.contains(" style="));
        assert!(text.contains("&#62;&#60;img") || text.contains("&gt;&lt;img"), "{text}");
    }
}
