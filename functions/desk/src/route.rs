//! Which address is what: the whole map of the desk in one function.
//!
//! Reading (GET, HEAD) changes nothing, whatever the address; only POST acts.

use crate::fault::Fault;
use domain::{HandoffId, PersonId};
use http::Method;
use settle::Verb;

/// How long a part of an address may be, in bytes: longer than any id.
const SEGMENT_BYTES_MAX: usize = 128;

/// What an address stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// The stylesheet.
    Style,
    /// The script.
    Script,
    /// The page of the queue, and of lists.
    Queue,
    /// The page of one handoff.
    Handoff(HandoffId),
    /// The time to prepare, as a calendar entry.
    Hold(HandoffId),
    /// A form of that page.
    Form(HandoffId, Verb),
    /// The types one can open, and the form of one.
    New,
    /// What that form says.
    Open,
    /// What somebody who was passed on is asked, by the link's token.
    Survey(String),
    /// The page of the people.
    People,
    /// Its form by which somebody is away.
    Absence,
    /// The page on which somebody's handoffs go to others, and its form.
    Reassign,
    /// The page of the month.
    Dashboard,
    /// The page of a day's digest.
    Digest,
    /// The page of feedback sessions.
    Sessions,
    /// Its form.
    Session,
    /// The choice of who one is.
    Person,
    /// A list.
    ApiList,
    /// Opening one by hand.
    ApiOpen,
    /// One handoff.
    ApiHandoff(HandoffId),
    /// Its messages, filled in.
    ApiMessages(HandoffId),
    /// Why not somebody.
    ApiWhy(HandoffId),
    /// A command.
    ApiAct(HandoffId, Verb),
    /// Somebody's absence.
    ApiAbsence(PersonId),
    /// Giving everything of somebody to others.
    ApiReassign,
    /// The queue.
    ApiQueue,
    /// Where somebody begins to sign in.
    SignIn,
    /// Where the issuer sends them back to.
    SignInDone,
    /// The end of a session.
    SignOut,
    /// The feedback sessions, and examples for the next one.
    ApiSessions,
    /// One that was held.
    ApiSession,
    /// The month.
    ApiMetrics,
    /// How the system is.
    ApiHealth,
    /// What waits and what did not arrive elsewhere.
    Outbox,
    /// The same as JSON.
    ApiOutbox,
    /// Sending it again.
    Redrive,
    /// The same as JSON.
    ApiRedrive,
}

/// The words addresses are made of, besides verbs.
const WORDS: [&str; 27] = [
    "",
    "desk.css",
    "desk.js",
    "handoffs",
    "hold.ics",
    "new",
    "survey",
    "sign-in",
    "done",
    "sign-out",
    "people",
    "reassign",
    "absence",
    "dashboard",
    "digest",
    "sessions",
    "outbox",
    "redrive",
    "person",
    "api",
    "messages",
    "why",
    "queue",
    "metrics",
    "health",
    "reps",
    "hooks",
];

/// How long an id is, in bytes.
const ID_BYTES: usize = 26;

/// Finds what a request is for.
pub(crate) fn find(method: &Method, path: &str) -> Result<Route, Fault> {
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    if segments.iter().any(|segment| segment.len() > SEGMENT_BYTES_MAX) {
        return Err(nothing());
    }
    let reading = matches!(*method, Method::GET | Method::HEAD);
    match (reads(&segments), posts(&segments)) {
        (Some(route), _) if reading => Ok(route),
        (_, Some(route)) if *method == Method::POST => route,
        (_, Some(Err(unknown))) => Err(unknown),
        (Some(_), _) => Err(Fault::Method("GET, HEAD")),
        (None, Some(Ok(_))) => Err(Fault::Method("POST")),
        (None, None) => Err(nothing()),
    }
}

/// Reads what of an address may stand in a log: its own words and ids, never what somebody typed
/// there, nor the token of a survey, which is as good as a key.
pub(crate) fn logged(path: &str) -> String {
    let is_word = |part: &str| WORDS.contains(&part) || Verb::of(part).is_some();
    let is_id = |part: &str| {
        let known = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        part.len() == ID_BYTES && part.bytes().all(known)
    };
    let parts = path.trim_matches('/').split('/');
    let parts = parts.map(|part| if is_word(part) || is_id(part) { part } else { "…" });
    format!("/{}", parts.collect::<Vec<_>>().join("/"))
}

fn nothing() -> Fault {
    Fault::NotFound("There is nothing at this address.".to_owned())
}

fn reads(segments: &[&str]) -> Option<Route> {
    Some(match *segments {
        ["desk.css"] => Route::Style,
        ["desk.js"] => Route::Script,
        [""] => Route::Queue,
        ["handoffs", id] => Route::Handoff(id.into()),
        ["handoffs", id, "hold.ics"] => Route::Hold(id.into()),
        ["new"] => Route::New,
        ["survey", token] => Route::Survey(token.to_owned()),
        ["sign-in"] => Route::SignIn,
        ["sign-in", "done"] => Route::SignInDone,
        ["people"] => Route::People,
        ["people", "reassign"] => Route::Reassign,
        ["dashboard"] => Route::Dashboard,
        ["digest"] => Route::Digest,
        ["sessions"] => Route::Sessions,
        ["outbox"] => Route::Outbox,
        ["api", "outbox"] => Route::ApiOutbox,
        ["api", "sessions"] => Route::ApiSessions,
        ["api", "handoffs"] => Route::ApiList,
        ["api", "handoffs", id] => Route::ApiHandoff(id.into()),
        ["api", "handoffs", id, "messages"] => Route::ApiMessages(id.into()),
        ["api", "handoffs", id, "why"] => Route::ApiWhy(id.into()),
        ["api", "queue"] => Route::ApiQueue,
        ["api", "metrics"] => Route::ApiMetrics,
        ["api", "health"] => Route::ApiHealth,
        _ => return None,
    })
}

fn posts(segments: &[&str]) -> Option<Result<Route, Fault>> {
    let verb = |word: &str| {
        let unknown = || format!("There is no verb `{word}`: there are {}.", Verb::list());
        Verb::of(word).ok_or_else(|| Fault::NotFound(unknown()))
    };
    Some(match *segments {
        ["person"] => Ok(Route::Person),
        ["new"] => Ok(Route::Open),
        ["survey", token] => Ok(Route::Survey(token.to_owned())),
        ["sign-out"] => Ok(Route::SignOut),
        ["people", "absence"] => Ok(Route::Absence),
        ["people", "reassign"] => Ok(Route::Reassign),
        ["handoffs", id, word] => verb(word).map(|verb| Route::Form(id.into(), verb)),
        ["sessions"] => Ok(Route::Session),
        ["outbox", "redrive"] => Ok(Route::Redrive),
        ["api", "outbox", "redrive"] => Ok(Route::ApiRedrive),
        ["api", "sessions"] => Ok(Route::ApiSession),
        ["api", "handoffs"] => Ok(Route::ApiOpen),
        ["api", "handoffs", id, word] => verb(word).map(|verb| Route::ApiAct(id.into(), verb)),
        ["api", "reassign"] => Ok(Route::ApiReassign),
        ["api", "reps", id, "absence"] => Ok(Route::ApiAbsence(id.into())),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: Method, path: &str, expected: Route) {
        assert_eq!(find(&method, path).unwrap(), expected, "{method} {path}");
    }

    fn refused(method: Method, path: &str) -> (u16, String) {
        let fault = find(&method, path).unwrap_err();
        (fault.status().as_u16(), fault.to_string())
    }

    #[test]
    fn every_address_is_one_thing() {
        check(Method::GET, "/", Route::Queue);
        check(Method::HEAD, "/", Route::Queue);
        check(Method::GET, "/handoffs/h1", Route::Handoff("h1".into()));
        check(Method::GET, "/handoffs/h1/hold.ics", Route::Hold("h1".into()));
        check(Method::GET, "/dashboard", Route::Dashboard);
        check(Method::GET, "/digest", Route::Digest);
        check(Method::GET, "/api/handoffs", Route::ApiList);
        check(Method::GET, "/api/handoffs/", Route::ApiList);
        check(Method::POST, "/api/handoffs", Route::ApiOpen);
        check(Method::GET, "/api/handoffs/h1", Route::ApiHandoff("h1".into()));
        check(Method::POST, "/api/handoffs/h1/accept", Route::ApiAct("h1".into(), Verb::Accept));
        check(Method::POST, "/handoffs/h1/rate", Route::Form("h1".into(), Verb::Rate));
        check(Method::POST, "/api/reps/amara/absence", Route::ApiAbsence("amara".into()));
        check(Method::POST, "/person", Route::Person);
        check(Method::GET, "/new", Route::New);
        check(Method::POST, "/new", Route::Open);
        check(Method::GET, "/people", Route::People);
        check(Method::POST, "/people/absence", Route::Absence);
        check(Method::GET, "/people/reassign", Route::Reassign);
        check(Method::POST, "/people/reassign", Route::Reassign);
        check(Method::GET, "/api/handoffs/h1/messages", Route::ApiMessages("h1".into()));
        check(Method::GET, "/api/handoffs/h1/why", Route::ApiWhy("h1".into()));
        check(Method::POST, "/api/reassign", Route::ApiReassign);
    }

    #[test]
    fn reading_never_acts() {
        for method in [Method::GET, Method::HEAD] {
            let (status, detail) = refused(method, "/api/handoffs/h1/accept");
            assert_eq!((status, detail.as_str()), (405, "This address takes POST only."));
        }
        for path in ["/people/absence", "/api/reassign", "/api/reps/amara/absence"] {
            assert_eq!(refused(Method::GET, path).0, 405, "{path}");
        }
        assert_eq!(refused(Method::POST, "/api/handoffs/h1").0, 405);
        assert_eq!(refused(Method::DELETE, "/").0, 405);
    }

    #[test]
    fn an_unknown_verb_is_answered_with_those_there_are() {
        let (status, detail) = refused(Method::POST, "/api/handoffs/h1/halt");
        assert_eq!(status, 404);
        assert!(detail.starts_with("There is no verb `halt`: there are accept, "), "{detail}");
    }

    #[test]
    fn a_log_says_the_address_and_nothing_that_was_typed_there() {
        let id = "01KE6QVWE07JJRBSXV1W92F1BN";
        let known = format!("/api/handoffs/{id}/accept");
        assert_eq!(logged(&known), known);
        assert_eq!(logged("/"), "/");
        assert_eq!(logged("/survey/abc123"), "/survey/…");
        assert_eq!(logged("/handoffs/dana@acme.example"), "/handoffs/…");
        assert_eq!(logged("/api/reps/dana/absence"), "/api/reps/…/absence");
        // Every word of an address is known here.
        let own = include_str!("route.rs");
        let patterns = own.lines().filter_map(|line| line.trim().strip_prefix("[\""));
        let patterns = patterns.filter_map(|line| line.split_once("] =>")).map(|(words, _)| words);
        let words =
            patterns.flat_map(|words| words.split(", ").enumerate()).filter_map(|(n, word)| {
                // The first has lost its quotation mark already.
                if n == 0 {
                    Some(word.trim_end_matches('"'))
                } else {
                    word.strip_prefix('"')?.strip_suffix('"')
                }
            });
        for word in words {
            assert_eq!(logged(word), format!("/{word}"), "{word}");
        }
    }

    #[test]
    fn there_is_nothing_elsewhere() {
        for path in ["/nowhere", "/api", "/handoffs", "/api/handoffs/h1/accept/x", "/a//b"] {
            assert_eq!(refused(Method::GET, path).0, 404, "{path}");
        }
        let endless = format!("/handoffs/{}", "x".repeat(3_000));
        assert_eq!(refused(Method::GET, &endless).0, 404);
    }
}
