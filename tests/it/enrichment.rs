//! What other systems know, asked for before a handoff is routed: by a vendor that answers, and by
//! one that hangs, drips, lies, shouts or sends us elsewhere.

use chrono::Duration;
use domain::HandoffId;
use local::sample::ORGANISATION;
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Instant,
};
use tests::{Setting, World};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// How the vendor behaves.
#[derive(Clone)]
pub(crate) enum Manner {
    Says(String),
    Hangs,
    Drips,
    Shouts,
    Refuses(u16),
    SendsElsewhere,
}

/// A vendor on loopback, and what it was asked.
pub(crate) struct Vendor {
    port: u16,
    manner: Arc<Mutex<Manner>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Vendor {
    pub(crate) async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (manner, asked) = (Arc::new(Mutex::new(manner)), Arc::default());
        let vendor = Self { port, manner: Arc::clone(&manner), asked: Arc::clone(&asked) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&manner), Arc::clone(&asked)));
            }
        });
        vendor
    }

    fn is(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

async fn serve(mut stream: TcpStream, manner: Arc<Mutex<Manner>>, asked: Arc<Mutex<Vec<String>>>) {
    let (mut head, mut part) = (Vec::new(), [0; 1024]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return,
            Ok(read) => head.extend_from_slice(&part[..read]),
        }
    }
    asked.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
    let manner = manner.lock().unwrap().clone();
    let answer = |status: &str, more: &str, body: &str| {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\n{more}content-length: {length}\r\n\r\n{body}").into_bytes()
    };
    let bytes = match manner {
        Manner::Says(body) => answer("200 OK", "", &body),
        Manner::Refuses(status) => answer(&format!("{status} No"), "", "{}"),
        Manner::SendsElsewhere => {
            answer("302 Found", "location: http://127.0.0.1:1/secrets\r\n", "{}")
        }
        Manner::Shouts => answer("200 OK", "", &format!("\"{}\"", "x".repeat(10_000_000))),
        Manner::Hangs => return std::future::pending().await,
        Manner::Drips => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n").await;
            loop {
                let _ = stream.write_all(b" ").await;
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    };
    let _ = stream.write_all(&bytes).await;
}

pub(crate) const KNOWN: &str = r#"{ "company": { "employees": 5200, "industry": "Insurance",
    "signals": ["hires analysts", "opened an office"] }, "research": "Series C in May" }"#;

/// A world whose router asks a vendor: the company's size decides who gets it.
pub(crate) async fn world(vendor: &Vendor, more: &str) -> World {
    let port = vendor.port;
    let asks = format!(
        r#"
[enrichments.company]
name = "Company data"
url = "http://127.0.0.1:{port}/companies?domain={{lead.email_domain}}"
secret = "handoff/enrichment/company"
header = "x-api-key"
prefix = ""
timeout = "1s"
keep = "1d"
[enrichments.company.fields]
"company.employees" = "employees"
"company.industry" = "industry"
"research" = "company_research"
{more}
[[rules]]
name = "Inbound, Americas"
"#
    );
    let first = "[[rules]]\nname = \"Large companies\"\ntypes = [\"mql\", \"hot_lead\"]\n\
                 when = [\"lead.employees >= 1000\"]\npool = \"sdr_americas\"\n";
    let organisation = ORGANISATION
        .replace("\n[[rules]]\nname = \"Inbound, Americas\"\n", &format!("\n{first}{asks}"));
    World::of(Setting { organisation, ..Setting::default() }).await
}

/// Opens a hot lead of somebody of a company, and lets it find an owner.
async fn request(world: &mut World, id: &str, domain: &str) -> HandoffId {
    let data = json!({
        "subject": {
            "crm": "hubspot", "object": "contact", "id": id, "name": format!("Dana {id}"),
            "email": format!("{id}@{domain}"), "country": "GB",
        },
        "fields": { "intent_signal": "Requested a demo" },
    });
    let opened = world.event("demo.requested", data).await.opened();
    world.settle().await;
    opened
}

fn value<'a>(shown: &'a Value, field: &str) -> &'a Value {
    &shown["package"][field]
}

#[tokio::test]
async fn what_another_system_knows_is_there_before_somebody_is_chosen() {
    let vendor = Vendor::start(Manner::Says(KNOWN.to_owned())).await;
    let mut world = world(&vendor, "").await;
    let id = request(&mut world, "1", "acme.example").await;
    let asked = vendor.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].starts_with("GET /companies?domain=acme%2Eexample HTTP/1.1"), "{asked:?}");
    assert!(asked[0].contains("x-api-key: local-company-secret"), "{asked:?}");
    let shown = world.get(&format!("/api/handoffs/{id}")).await.body;
    assert_eq!(shown["rule"], "Large companies", "it was routed by what was learned");
    assert_eq!(shown["pool"], "sdr_americas");
    let employees = value(&shown, "employees");
    assert_eq!((&employees["value"], &employees["by"]), (&json!(5200), &json!("Company data")));
    let what: Vec<&str> = shown["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|entry| entry["actor"].as_str())
        .collect();
    assert_eq!(what, ["source generic", "source enrichment", "router"]);

    // Of the same company nobody is asked twice.
    let second = request(&mut world, "2", "acme.example").await;
    assert_eq!(vendor.asked(), Vec::<String>::new());
    let shown = world.get(&format!("/api/handoffs/{second}")).await.body;
    assert_eq!(value(&shown, "industry")["value"], "Insurance");
    // What is kept is kept for a day.
    world.pass(Duration::hours(25)).await;
    world.read_mail();
    request(&mut world, "3", "acme.example").await;
    assert_eq!(vendor.asked().len(), 1);
    world.settle().await;
    world.read_mail();
}

#[tokio::test]
async fn what_somebody_said_stands() {
    let vendor = Vendor::start(Manner::Says(KNOWN.to_owned())).await;
    let mut world = world(&vendor, "").await;
    let data = json!({
        "subject": { "crm": "hubspot", "object": "contact", "id": "1", "country": "GB",
                     "email": "d@acme.example" },
        "fields": { "intent_signal": "Requested a demo", "industry": "Retail" },
    });
    let id = world.event("demo.requested", data).await.opened();
    world.settle().await;
    let shown = world.get(&format!("/api/handoffs/{id}")).await.body;
    assert_eq!(value(&shown, "industry")["value"], "Retail");
    assert_eq!(value(&shown, "employees")["value"], 5200);
}

#[tokio::test]
async fn a_vendor_that_fails_in_any_way_delays_nobody_and_is_left_alone() {
    let vendor = Vendor::start(Manner::Hangs).await;
    let mut world = world(&vendor, "").await;
    let manners = [
        Manner::Hangs,
        Manner::Drips,
        Manner::Shouts,
        Manner::Refuses(500),
        Manner::Refuses(429),
        Manner::Refuses(404),
        Manner::SendsElsewhere,
        Manner::Says("<html>Sign in</html>".to_owned()),
        Manner::Says(String::new()),
        Manner::Says("[1, 2, 3]".to_owned()),
        Manner::Says(
            r#"{ "company": { "employees": { "min": 1 }, "industry": null } }"#.to_owned(),
        ),
    ];
    for (number, manner) in manners.into_iter().enumerate() {
        // What it does not know it may be asked again; what it cannot answer at all it may not.
        let silent = matches!(manner, Manner::Hangs | Manner::Drips | Manner::Refuses(500 | 429));
        vendor.is(manner);
        let (first, second) = (format!("{number}a"), format!("{number}b"));
        let began = Instant::now();
        let id = request(&mut world, &first, &format!("{first}.example")).await;
        let took = began.elapsed();
        assert!(took.as_millis() < 4_000, "{number}: it hung for {took:?}");
        let shown = world.get(&format!("/api/handoffs/{id}")).await.body;
        assert!(shown["owner"].is_string(), "{number}: {shown}");
        assert!(value(&shown, "employees").is_null(), "{number}: {shown}");
        assert_eq!(vendor.asked().len(), 1, "{number}");
        request(&mut world, &second, &format!("{second}.example")).await;
        let again = usize::from(!silent);
        assert_eq!(vendor.asked().len(), again, "{number}: one that is silent is left alone");
        world.pass(Duration::seconds(31)).await;
        world.read_mail();
    }
    // And asked again once it may be well.
    vendor.is(Manner::Says(KNOWN.to_owned()));
    let id = request(&mut world, "well", "well.example").await;
    let shown = world.get(&format!("/api/handoffs/{id}")).await.body;
    assert_eq!(value(&shown, "employees")["value"], 5200);
    world.read_mail();
}

#[tokio::test]
async fn an_answer_is_told_to_the_handoff_it_was_asked_about_and_nothing_is_asked_in_observe() {
    let vendor = Vendor::start(Manner::Says(KNOWN.to_owned())).await;
    let mut world = world(&vendor, "").await;
    let subject = json!({
        "crm": "hubspot", "object": "contact", "id": "1", "name": "Dana", "country": "GB",
        "email": "dana@acme.example",
    });
    let meeting = json!({ "subject": subject, "meeting_at": "2026-01-12T15:00:00Z" });
    let meeting = world.event("meeting.booked", meeting).await.opened();
    let request = json!({ "subject": subject, "fields": { "intent_signal": "Pricing" } });
    let lead = world.event("demo.requested", request).await.opened();
    world.settle().await;
    for id in [&meeting, &lead] {
        let shown = world.get(&format!("/api/handoffs/{id}")).await.body;
        assert_eq!(value(&shown, "employees")["value"], 5200, "{id}");
    }
    world.read_mail();

    let quiet = ORGANISATION.replacen(
        "lane = \"inbound\"\nheat = 2",
        "lane = \"inbound\"\nheat = 2\nmode = \"observe\"",
        1,
    );
    assert_ne!(quiet, ORGANISATION);
    let port = vendor.port;
    let asks = format!(
        "[enrichments.company]\nname = \"Data\"\nurl = \"http://127.0.0.1:{port}/{{lead.email_domain}}\"\n\
         fields = {{ \"research\" = \"company_research\" }}\n\n[messages.first_outreach]\n"
    );
    let organisation = quiet.replacen("[messages.first_outreach]\n", &asks, 1);
    vendor.asked();
    let mut world = World::of(Setting { organisation, ..Setting::default() }).await;
    let id = self::request(&mut world, "1", "acme.example").await;
    assert!(world.handoff(&id).await.owner.is_some());
    assert_eq!(vendor.asked(), Vec::<String>::new(), "nothing is sent outside");
}

#[tokio::test]
async fn an_answer_makes_nobody_anybody_elses() {
    let vendor = Vendor::start(Manner::Says(KNOWN.to_owned())).await;
    let mut world = world(&vendor, "").await;
    let person = |id: &str| {
        json!({
            "crm": "hubspot", "object": "contact", "id": id, "email": format!("{id}@acme.example"),
            "country": "GB",
            "references": [{ "system": "hubspot", "object": "deal", "id": "77" }],
        })
    };
    // Two people of one deal, each known by themselves.
    let first = json!({ "subject": person("ann") });
    let won = world.event("contract.signed", first).await.opened();
    let second = json!({ "subject": person("bob"), "fields": { "contract": "Signed by both" } });
    assert_eq!(world.event("contract.signed", second).await.joined(), won);
    world.settle().await;
    // A later handoff of the first starts from what was learned of both, and is asked about.
    let third = json!({
        "subject": { "crm": "hubspot", "object": "contact", "id": "ann" },
        "fields": { "intent_signal": "More seats" },
    });
    let again = world.event("demo.requested", third).await.opened();
    world.settle().await;
    assert!(!vendor.asked().is_empty());
    let fourth = json!({
        "subject": { "crm": "hubspot", "object": "contact", "id": "bob" },
        "fields": { "intent_signal": "A trial" },
    });
    let his = world.event("demo.requested", fourth).await;
    assert_ne!(his.opened(), again, "he is not her: {his:?}");
    world.settle().await;
    let (hers, his) = (world.handoff(&again).await, world.handoff(&his.opened()).await);
    assert_ne!(hers.journey, his.journey);
    world.read_mail();
}

#[tokio::test]
async fn one_that_came_thin_is_read_back_and_known_by_what_was_learned() {
    let contact = r#"{ "id": "9", "properties": { "firstname": "Dana", "lastname": "Hall",
        "email": "dana@acme.example", "company": "Acme", "country": "US", "fit": "High" } }"#;
    let vendor = Vendor::start(Manner::Says(contact.to_owned())).await;
    let port = vendor.port;
    let more = format!(
        r#"
[enrichments.hubspot]
name = "HubSpot"
url = "http://127.0.0.1:{port}/crm/v3/objects/contacts/{{lead.id}}?properties=email,firstname,lastname"
reads_back = "hubspot"
object = "contact"
[enrichments.hubspot.fields]
"properties.firstname + properties.lastname" = "subject.name"
"properties.email" = "subject.email"
"properties.company" = "subject.company"
"properties.country" = "subject.country"
"properties.fit" = "fit"
"#
    );
    let mut world = world(&vendor, &more).await;
    let at = world.now();
    let body = json!([{
        "eventId": 1, "subscriptionId": 2, "portalId": 62515, "appId": 3, "attemptNumber": 0,
        "occurredAt": at.timestamp_millis(), "objectId": 9, "changeSource": "CRM",
        "subscriptionType": "contact.propertyChange", "propertyName": "hubspotscore",
        "propertyValue": "71",
    }]);
    let sent = world.sender.hubspot_app(at, body.to_string().into());
    let answer: tests::Answer = world.post(sent).await.into();
    let id = answer.opened();
    world.settle().await;
    let shown = world.get(&format!("/api/handoffs/{id}")).await.body;
    assert_eq!(shown["title"], "Dana Hall, Acme");
    assert_eq!(shown["flags"], json!([]), "nothing is left to be read back");
    assert_eq!(value(&shown, "fit")["value"], "High");
    assert_eq!(shown["pool"], "sdr_americas", "the country decided");
    // Whoever writes with that address is the same person.
    let data = json!({
        "subject": { "email": "dana@acme.example" }, "fields": { "intent_signal": "Pricing" },
    });
    let again = world.event("demo.requested", data).await;
    assert_eq!(again.joined(), id, "{again:?}");
    world.settle().await;
    world.read_mail();
}
