//! People sign in to the desk at an issuer, and nobody else does: whatever is forged, late, taken
//! from another browser, or answered by an issuer that is not well.

use crate::rivals::push;
use bytes::Bytes;
use chrono::Duration;
use desk::Access;
use http::{Method, Request, Response, header};
use local::sample::{ORGANISATION, PUBLIC_URL};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tests::{
    Setting, World,
    vendors::{CLIENT, Manner, Vendors},
};

const AMARA: &str = "amara@northwind.example";

/// A browser: it keeps cookies, and follows nothing by itself.
#[derive(Clone, Default)]
struct Browser {
    cookies: BTreeMap<String, String>,
}

/// A page as a browser got it.
struct Page {
    status: u16,
    location: String,
    text: String,
}

impl Browser {
    async fn get(&mut self, world: &mut World, path: &str) -> Page {
        self.ask(world, Request::get(path).body(Bytes::new()).unwrap()).await
    }

    async fn send(&mut self, world: &mut World, path: &str, form: &str) -> Page {
        let request = Request::post(path).header("sec-fetch-site", "same-origin");
        self.ask(world, request.body(form.to_owned().into()).unwrap()).await
    }

    async fn ask(&mut self, world: &mut World, mut request: Request<Bytes>) -> Page {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request.headers_mut().insert(header::COOKIE, cookies.join("; ").parse().unwrap());
        }
        let answer = world.post(request).await;
        self.keep(&answer);
        let text = |name| answer.headers().get(name).map(|at| at.to_str().unwrap().to_owned());
        let sent_on = text(header::REFRESH).map(|on| on.replace("0; url=", ""));
        let location = text(header::LOCATION).or(sent_on);
        let (status, body) = (answer.status().as_u16(), answer.into_body());
        let text = String::from_utf8_lossy(&body).into_owned();
        Page { status, location: location.unwrap_or_default(), text }
    }

    fn keep(&mut self, answer: &Response<Bytes>) {
        for cookie in answer.headers().get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            match value.is_empty() {
                true => drop(self.cookies.remove(name)),
                false => drop(self.cookies.insert(name.to_owned(), value.to_owned())),
            }
        }
    }

    fn is_signed_in(&self) -> bool {
        self.cookies.contains_key("handoff_session")
    }

    /// Begins to sign in: tells where at the issuer it is sent.
    async fn begin(&mut self, world: &mut World, back: &str) -> String {
        let page = self.get(world, &format!("/sign-in?back={back}")).await;
        assert_eq!(page.status, 303, "{}", page.text);
        page.location
    }

    /// Signs in, and tells what the desk answers in the end.
    async fn sign_in(&mut self, world: &mut World, vendors: &Vendors, email: &str) -> Page {
        let door = self.begin(world, "/").await;
        let back = here(&vendors.signs_in(&door, email));
        self.get(world, &back).await
    }
}

/// Reads the path of an address of this desk.
fn here(address: &str) -> String {
    address.strip_prefix(PUBLIC_URL).expect("it is the desk's").to_owned()
}

fn organisation(vendors: &Vendors, more: &str) -> String {
    let issuer = format!("{}/issuer", vendors.url());
    format!(
        "{ORGANISATION}\n[sign_in]\nissuer = \"{issuer}\"\nclient_id = \"{CLIENT}\"\n\
         secret = \"handoff/sign-in\"\n{more}\n"
    )
}

async fn world(more: &str) -> (World, Vendors) {
    let vendors = Vendors::start().await;
    let organisation = organisation(&vendors, more);
    let access = Some(Access::tokens(BTreeMap::new()));
    let world = World::of(Setting { organisation, access, ..Setting::default() }).await;
    let clock = world.clock.clone();
    vendors.clock(move || clock.now());
    (world, vendors)
}

#[tokio::test]
async fn a_rep_signs_in_acts_and_signs_out() {
    let (mut world, vendors) = world("").await;
    let id = world.demo_request("1").await;
    let owner = world.handoff(&id).await.owner.unwrap();
    let mut browser = Browser::default();
    // Whoever follows a link from a mail ends where it leads.
    let page = browser.get(&mut world, &format!("/handoffs/{id}?from=mail")).await;
    let begins = format!("/sign-in?back=%2Fhandoffs%2F{id}%3Ffrom%3Dmail");
    assert_eq!((page.status, page.location), (401, begins.clone()));
    let door = browser.get(&mut world, &begins).await.location;
    let back = vendors.signs_in(&door, &format!("{owner}@northwind.example").to_uppercase());
    let done = browser.get(&mut world, &here(&back)).await;
    assert_eq!((done.status, done.location), (303, format!("/handoffs/{id}?from=mail")));
    let page = browser.get(&mut world, &format!("/handoffs/{id}")).await;
    assert_eq!(page.status, 200);
    let name = world.config.name_of(&owner).to_owned();
    assert!(page.text.contains(&format!("You are {name}")) && page.text.contains("Sign out"));

    let accepted = browser.send(&mut world, &format!("/handoffs/{id}/accept"), "").await;
    assert_eq!(accepted.status, 303, "{}", accepted.text);
    let history = world.store.history(&id).await.unwrap();
    assert_eq!(history.last().unwrap().actor.to_string(), owner.to_string());

    world.settle().await;
    let out = browser.send(&mut world, "/sign-out", "").await;
    assert!(out.status == 200 && out.text.contains("You are signed out."), "{}", out.text);
    assert!(!browser.is_signed_in());
    assert_eq!(browser.get(&mut world, "/").await.location, "/sign-in?back=%2F");
    assert_eq!(vendors.violations(), [""; 0]);
    world.read_mail();
}

#[tokio::test]
async fn only_a_proved_address_of_somebody_who_takes_part_is_let_in() {
    let (mut world, vendors) = world("").await;
    let refused = async |world: &mut World, email: &str, says: &str| {
        let mut browser = Browser::default();
        let page = browser.sign_in(world, &vendors, email).await;
        assert_eq!(page.status, 403, "{}", page.text);
        assert!(page.text.contains(says), "{}", page.text);
        assert!(!browser.is_signed_in() && !page.text.contains(email));
    };
    refused(&mut world, "mallory@northwind.example", "Nobody of this organisation").await;
    vendors.issuer_lies("email_verified", json!(false));
    refused(&mut world, AMARA, "does not say that your address is yours").await;
    vendors.issuer_lies("email_verified", Value::Null);
    // Whoever asks as a program is told how, and nobody is sent anywhere.
    let asked = world.get("/api/queue").await;
    assert_eq!(asked.status, 401);
    assert!(asked.text.contains("Authorization: Bearer"), "{}", asked.text);
    assert_eq!(vendors.violations(), [""; 0]);
}

#[tokio::test]
async fn a_sign_in_ends_in_the_browser_it_began_in_and_once() {
    let (mut world, vendors) = world("").await;
    let stale = |page: &Page| page.status == 400 && page.text.contains("begin again");
    let (mut mallory, mut amara) = (Browser::default(), Browser::default());
    let door = mallory.begin(&mut world, "/").await;
    let back = here(&vendors.signs_in(&door, "ben@northwind.example"));
    // Mallory cannot have Amara sign in as Ben: neither without a sign-in of her own, nor in one.
    assert!(stale(&amara.get(&mut world, &back).await) && !amara.is_signed_in());
    let own = amara.begin(&mut world, "/").await;
    assert!(stale(&amara.get(&mut world, &back).await) && !amara.is_signed_in());
    // Nor by giving her his code with her own state.
    let hers = here(&vendors.signs_in(&own, AMARA));
    let (state, code) = (part(&hers, "state"), part(&back, "code"));
    let mixed = amara.get(&mut world, &format!("/sign-in/done?code={code}&state={state}")).await;
    assert!(stale(&mixed) && !amara.is_signed_in(), "{}", mixed.text);
    assert_eq!(vendors.violations(), ["issuer: POST /token: the verifier is another's"]);
    // Hers is good still, once.
    let page = amara.get(&mut world, &hers).await;
    assert_eq!((page.status, amara.is_signed_in()), (303, true), "{}", page.text);
    let again = amara.get(&mut world, &hers).await;
    assert_eq!((again.status, again.location.as_str()), (303, "/"), "she is signed in already");

    let mut late = Browser::default();
    let door = late.begin(&mut world, "/").await;
    let back = here(&vendors.signs_in(&door, AMARA));
    world.pass(Duration::minutes(10)).await;
    assert!(stale(&late.get(&mut world, &back).await) && !late.is_signed_in());

    let mut refusing = Browser::default();
    let door = refusing.begin(&mut world, "/").await;
    let state = part(&door, "state");
    let back = format!("/sign-in/done?error=access_denied&error_description=Dana&state={state}");
    let page = refusing.get(&mut world, &back).await;
    assert!(page.status == 403 && page.text.contains("access_denied"), "{}", page.text);
    assert!(!page.text.contains("Dana"), "what else it says is not repeated");
    assert_eq!(vendors.violations(), [""; 0]);
}

#[tokio::test]
async fn it_leads_back_to_this_desk_only() {
    let (mut world, vendors) = world("").await;
    for elsewhere in ["https://evil.example", "//evil.example", "%2F%2Fevil.example", "/%5Cevil"] {
        let mut browser = Browser::default();
        let door = browser.begin(&mut world, elsewhere).await;
        let back = here(&vendors.signs_in(&door, AMARA));
        assert_eq!(browser.get(&mut world, &back).await.location, "/", "{elsewhere}");
    }
}

#[tokio::test]
async fn what_an_issuer_gets_wrong_lets_nobody_in() {
    let (mut world, vendors) = world("").await;
    let now = world.now().timestamp();
    for (claim, lie) in [
        ("iss", json!("https://evil.example")),
        ("aud", json!("another-client")),
        ("nonce", json!("another")),
        ("exp", json!(now - 3600)),
        ("email", json!(7)),
    ] {
        vendors.issuer_lies(claim, lie);
        let mut browser = Browser::default();
        let page = browser.sign_in(&mut world, &vendors, AMARA).await;
        assert!(page.status == 403 && page.text.contains("cannot be believed"), "{claim}");
        assert!(!browser.is_signed_in(), "{claim}");
        vendors.issuer_lies(claim, Value::Null);
    }
    // A key with another name is asked for, but not more than once a minute.
    vendors.issuer_turns_its_key();
    let mut browser = Browser::default();
    assert_eq!(browser.sign_in(&mut world, &vendors, AMARA).await.status, 403);
    world.pass(Duration::minutes(1)).await;
    assert_eq!(browser.sign_in(&mut world, &vendors, AMARA).await.status, 303);
    assert!(browser.is_signed_in());
}

#[tokio::test]
async fn an_issuer_that_is_not_well_is_a_sentence() {
    let (mut world, vendors) = world("").await;
    let manners = [
        Manner::Status(500, vec![]),
        Manner::Status(429, vec![]),
        Manner::Html,
        Manner::Shouts,
        Manner::Redirects,
        Manner::ResetsBefore,
        Manner::LosesReply,
    ];
    for manner in &manners {
        // Before anybody is sent there.
        vendors.set("issuer", manner.clone());
        let page = Browser::default().get(&mut world, "/sign-in").await;
        assert!(page.status == 503 && page.text.contains("try again"), "{manner:?}");
        vendors.recover();
    }
    for manner in manners {
        // And when they come back.
        let mut browser = Browser::default();
        let door = browser.begin(&mut world, "/").await;
        let back = here(&vendors.signs_in(&door, AMARA));
        vendors.set("issuer", manner.clone());
        let page = browser.get(&mut world, &back).await;
        assert!(matches!(page.status, 400 | 503), "{manner:?}: {} {}", page.status, page.text);
        assert!(!browser.is_signed_in(), "{manner:?}");
        vendors.recover();
    }
    vendors.accepts("issuer", &["another"]);
    let page = Browser::default().sign_in(&mut world, &vendors, AMARA).await;
    assert_eq!(page.status, 503, "the desk's own secret is wrong: {}", page.text);
}

#[tokio::test]
async fn a_session_ends_and_nothing_that_was_typed_is_done_or_lost() {
    let (mut world, vendors) = world("lasts = \"1h\"").await;
    let id = world.demo_request("1").await;
    let owner = world.handoff(&id).await.owner.unwrap();
    let mut browser = Browser::default();
    browser.sign_in(&mut world, &vendors, &format!("{owner}@northwind.example")).await;
    world.pass(Duration::minutes(59)).await;
    assert_eq!(browser.get(&mut world, "/").await.status, 200);
    world.pass(Duration::minutes(1)).await;
    assert_eq!(browser.get(&mut world, "/").await.status, 401);
    let version = world.handoff(&id).await.version;
    let noted = browser.send(&mut world, &format!("/handoffs/{id}/note"), "text=hello").await;
    assert_eq!(noted.status, 401);
    assert!(noted.text.contains("nothing was changed: sign in in another window"));
    assert_eq!(world.handoff(&id).await.version, version);
    world.read_mail();
}

#[tokio::test]
async fn a_session_is_the_desks_own_and_of_somebody_who_takes_part() {
    let (mut world, vendors) = world("").await;
    let mut browser = Browser::default();
    browser.sign_in(&mut world, &vendors, AMARA).await;
    let session = browser.cookies["handoff_session"].clone();
    // Another site cannot use it.
    let mut request = Request::post("/people/absence").body(Bytes::from("rep=amara")).unwrap();
    request.headers_mut().insert("sec-fetch-site", "cross-site".parse().unwrap());
    assert_eq!(browser.ask(&mut world, request).await.status, 403);
    // Nobody makes one, and nobody picks who they are here.
    let mut parts: Vec<&str> = session.split('.').collect();
    let nobody = "eyJzdWIiOiJwcml5YSIsImV4cCI6OTk5OTk5OTk5OX0";
    parts[1] = nobody;
    for forged in [parts.join("."), session[..session.len() - 1].to_owned(), String::new()] {
        let mut forger = Browser::default();
        forger.cookies.insert("handoff_session".to_owned(), forged.clone());
        assert_eq!(forger.get(&mut world, "/").await.status, 401, "{forged}");
    }
    let picked = [("x-handoff-person", "priya"), ("cookie", "handoff_person=priya")];
    for (name, value) in picked {
        let answer = world.call(Method::GET, "/api/queue", &[(name, value)], Value::Null).await;
        assert_eq!(answer.status, 401, "{name}");
    }
    // Whoever is taken out of the configuration is out at once.
    let gone =
        organisation(&vendors, "").replace("[people.amara]", "[people.amara]\nactive = false");
    push(&mut world, &gone).await;
    world.pass(Duration::minutes(1)).await;
    let page = browser.get(&mut world, "/").await;
    assert!(page.status == 403 && page.text.contains("does not take part any more"));
}

/// Reads a part of an address's query.
fn part(address: &str, name: &str) -> String {
    let query = address.split_once('?').unwrap().1;
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(known, _)| *known == name).unwrap().1.to_owned()
}
