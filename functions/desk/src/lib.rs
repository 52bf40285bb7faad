//! The desk: what people see and do, as pages and as JSON.
//!
//! One struct answers every route: reading shows what is stored now, and acting is one command on
//! one handoff, decided by the domain and committed in one transaction. What must stay true: GET
//! and HEAD change nothing, a page of another site acts on nothing, every refusal is a sentence,
//! and whatever came from outside is shown as text.

mod access;
mod act;
mod api;
mod ask;
mod by_hand;
mod csv;
mod fault;
mod filter;
mod form;
mod hold;
mod messages;
mod moment;
mod outbox;
mod pages;
mod reassign;
mod route;
mod row;
mod sessions;
mod sheet;
mod sign_in;
mod survey;
#[cfg(test)]
#[path = "../../../shared/settle/src/testing.rs"]
mod testing;
mod waiting;
mod words;

pub use access::Access;

use access::Visitor;
use bytes::Bytes;
use fault::Fault;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use route::Route;
use runtime::{Clock, Configs, Ids, Outside, Secrets, web};
use serde_json::json;
use settle::Settler;
use sign_in::Issuer;
use store::Store;

/// The largest body that is taken, in bytes: a form with everything a package holds, each byte of
/// another script written as three.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// How long a query may be, in bytes: what it names becomes part of keys, which are bounded too.
const QUERY_BYTES_MAX: usize = 1_500;

/// The source under which what people do is counted and remembered.
const DESK: &str = "desk";

/// How long a caller is asked to wait when something does not answer, in seconds.
const TRY_AGAIN_SECONDS: u32 = 2;

/// Answers the desk's routes.
#[derive(Clone)]
pub struct Desk {
    store: Store,
    configs: Configs,
    secrets: Secrets,
    clock: Clock,
    ids: Ids,
    settler: Settler,
    access: Access,
    issuer: Issuer,
}

impl Desk {
    /// Makes a desk of its parts.
    pub fn new(
        store: Store,
        (configs, secrets): (Configs, Secrets),
        (clock, ids): (Clock, Ids),
        (access, outside): (Access, Outside),
    ) -> Self {
        let settler = Settler::new(store.clone(), configs.clone(), clock.clone(), ids.clone());
        let issuer = Issuer::new(outside);
        Self { store, configs, secrets, clock, ids, settler, access, issuer }
    }

    /// Answers one request.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let path = request.uri().path().to_owned();
        let reads_only = request.method() == Method::HEAD;
        // Boxed: the futures of the routes are deep, and it is one allocation a request.
        let answer = match Box::pin(self.answer(&request)).await {
            Ok(answer) => answer,
            Err(fault) => self.explain(&fault, &path, &request).await,
        };
        match reads_only {
            true => answer.map(|_| Bytes::new()),
            false => answer,
        }
    }

    async fn answer(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, Fault> {
        let (headers, body) = (request.headers(), request.body());
        let route = route::find(request.method(), request.uri().path());
        if let Ok(Route::Style | Route::Script) = route {
            return Ok(pages::asset(matches!(route, Ok(Route::Style))));
        }
        if let Ok(Route::Survey(token)) = &route {
            // Whoever holds the link is nobody of the organisation.
            return self.page_survey(request, token).await;
        }
        match &route {
            Ok(Route::SignIn) => return self.begin_sign_in(&self.query(request)?).await,
            Ok(Route::SignOut) if *request.method() == Method::POST => {
                self.admit(request).await?;
                return self.sign_out(request).await;
            }
            Ok(Route::SignInDone) => return self.end_sign_in(request, &self.query(request)?).await,
            _ => {}
        }
        let visitor = self.visitor(headers).await?;
        let route = route?;
        if request.method() == Method::POST {
            self.admit(request).await?;
        }
        let pairs = self.query(request)?;
        let accept = headers.get(header::ACCEPT).and_then(|types| types.to_str().ok());
        match &route {
            Route::Style | Route::Script => Ok(pages::asset(route == Route::Style)),
            Route::Survey(token) => self.page_survey(request, token).await,
            Route::SignIn => self.begin_sign_in(&pairs).await,
            Route::SignInDone => self.end_sign_in(request, &pairs).await,
            Route::SignOut => self.sign_out(request).await,
            Route::Queue => self.page_queue(request, &pairs, &visitor).await,
            Route::Handoff(id) => self.page_handoff(request, id, &visitor).await,
            Route::Hold(id) => self.hold(id, &visitor).await,
            Route::Form(id, verb) => self.page_act(request, (id, *verb), &visitor).await,
            Route::New => self.page_new(request, &pairs, &visitor).await,
            Route::Open => self.page_open(request, &visitor).await,
            Route::People => self.page_people(request, &visitor).await,
            Route::Absence => self.page_absence(request, &visitor).await,
            Route::Reassign => self.page_reassign(request, &pairs, &visitor).await,
            Route::Dashboard => self.page_dashboard(request, &pairs, &visitor).await,
            Route::Digest => self.page_digest(request, &pairs, &visitor).await,
            Route::Sessions => self.page_sessions(request, &visitor).await,
            Route::Session => self.page_session(request, &visitor).await,
            Route::Outbox => self.page_outbox(request, &visitor).await,
            Route::Redrive => self.page_redrive(request, &visitor).await,
            Route::Person => self.pick(body),
            Route::ApiList => self.api_list(&pairs, &visitor, accept).await,
            Route::ApiOpen => self.api_open(&visitor, headers, body).await,
            Route::ApiHandoff(id) => self.api_show(id, &visitor).await,
            Route::ApiMessages(id) => self.api_messages(id, &visitor).await,
            Route::ApiWhy(id) => self.api_why(id, &visitor, &pairs).await,
            Route::ApiAct(id, verb) => self.api_act((id, *verb), &visitor, headers, body).await,
            Route::ApiAbsence(rep) => self.api_absence(rep, &visitor, body).await,
            Route::ApiReassign => self.api_reassign(&visitor, &pairs, headers, body).await,
            Route::ApiQueue => self.api_queue(&pairs, &visitor, accept).await,
            Route::ApiMetrics => self.api_metrics(&pairs).await,
            Route::ApiSessions => self.api_sessions().await,
            Route::ApiSession => self.api_session(&visitor, headers, body).await,
            Route::ApiHealth => self.api_health().await,
            Route::ApiOutbox => self.api_outbox().await,
            Route::ApiRedrive => self.api_redrive(&visitor, body).await,
        }
    }

    /// Finds out who is asking.
    async fn visitor(&self, headers: &HeaderMap) -> Result<Visitor, Fault> {
        if let Some(picked) = self.access.picked(headers) {
            return Ok(picked);
        }
        let active = self.configs.active(self.clock.now()).await?;
        let config = &active.config;
        let person = match self.access.bearer(headers) {
            Some(holder) => holder?,
            None if config.sign_in.is_some() => {
                self.signed_in(headers, config).await?.ok_or(Fault::Unknown)?
            }
            None => return Err(Fault::Unknown),
        };
        Visitor::known(person, config)
    }

    fn query(&self, request: &Request<Bytes>) -> Result<form::Pairs, Fault> {
        let query = request.uri().query().unwrap_or_default();
        if query.len() > QUERY_BYTES_MAX {
            let most = format!("The query is longer than {QUERY_BYTES_MAX} bytes: ask for less.");
            return Err(Fault::Malformed(most));
        }
        Ok(form::read(query))
    }

    /// Lets a request act only if it is from here and of a size.
    pub(crate) async fn admit(&self, request: &Request<Bytes>) -> Result<(), Fault> {
        if request.body().len() > BODY_BYTES_MAX {
            return Err(Fault::TooLarge(BODY_BYTES_MAX));
        }
        let active = self.configs.active(self.clock.now()).await?;
        let here = &active.config.organisation.public_url;
        match access::is_from_elsewhere(request.headers(), here) {
            false => Ok(()),
            true => {
                tracing::warn!(
                    path = route::logged(request.uri().path()),
                    "another site tried to act"
                );
                let said = "Another site sent this: act on the desk's own pages.";
                Err(Fault::Forbidden(said.to_owned()))
            }
        }
    }

    /// Remembers who somebody says they are, where people pick.
    fn pick(&self, body: &[u8]) -> Result<Response<Bytes>, Fault> {
        if !self.access.is_picker() {
            return Err(Fault::NotFound("There is nothing at this address.".to_owned()));
        }
        let pairs = form::read(&String::from_utf8_lossy(body));
        let mut answer = pages::see(access::way_back(&pairs));
        let cookie = access::remember(pairs.get("person").map(String::as_str));
        let cookie = HeaderValue::from_str(&cookie);
        answer.headers_mut().extend(cookie.ok().map(|cookie| (header::SET_COOKIE, cookie)));
        Ok(answer)
    }

    /// Answers what could not be done: a page to whoever looks at pages, a problem document to
    /// everybody else.
    async fn explain(
        &self,
        fault: &Fault,
        path: &str,
        request: &Request<Bytes>,
    ) -> Response<Bytes> {
        fault.log(&route::logged(path));
        if matches!(fault, Fault::Unknown) && !path.starts_with("/api") && self.signs_in().await {
            return self.ask_to_sign_in(request).await;
        }
        let (status, detail) = (fault.status(), fault.to_string());
        let for_programs = path.starts_with("/api") || status == StatusCode::UNAUTHORIZED;
        let mut answer = match for_programs {
            true => problem(fault, status, &detail, path),
            false => self.page_fault(request, status, &detail).await,
        };
        let headers = answer.headers_mut();
        match fault {
            Fault::Method(allowed) => {
                headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
            }
            Fault::Unknown => {
                let scheme = HeaderValue::from_static("Bearer");
                headers.insert(header::WWW_AUTHENTICATE, scheme);
            }
            Fault::NotNow(_) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(TRY_AGAIN_SECONDS));
            }
            _ => {}
        }
        answer
    }

    /// Tells whether people sign in here.
    async fn signs_in(&self) -> bool {
        let active = self.configs.active(self.clock.now()).await;
        active.is_ok_and(|active| active.config.sign_in.is_some())
    }

    /// Finds who looks at a page; nobody, when they could not say.
    async fn looks(&self, request: &Request<Bytes>) -> Visitor {
        let nobody = Visitor { person: None, picks: self.access.is_picker() };
        self.visitor(request.headers()).await.unwrap_or(nobody)
    }
}

/// Writes a problem document; what is wrong with single fields stands in `errors`, by field.
fn problem(fault: &Fault, status: StatusCode, detail: &str, path: &str) -> Response<Bytes> {
    let errors = match fault {
        Fault::Fields(wrong) => json!({ "errors": wrong.0 }),
        _ => json!({}),
    };
    web::problem_with(status, detail, path, errors)
}
