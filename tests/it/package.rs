//! The package: what each type asks for, how a person supplies it, and what becomes of a handoff
//! that opens with less than it should.

mod six;

use bytes::Bytes;
use chrono::Duration;
use domain::{HandoffId, Stage, handoff::Flag};
use http::{HeaderValue, Method, Request, Response};
use local::sample::ORGANISATION;
use serde_json::json;
use tests::{Setting, World};

/// Sends a form as somebody's browser does.
async fn posts(world: &mut World, person: &str, path: &str, form: &str) -> (u16, String, String) {
    let mut request = Request::new(Bytes::from(form.to_owned()));
    *request.method_mut() = Method::POST;
    answered(world, person, path, request).await
}

async fn sees(world: &mut World, person: &str, path: &str) -> String {
    let (status, page, _) = answered(world, person, path, Request::new(Bytes::new())).await;
    assert_eq!(status, 200, "{page}");
    page
}

async fn answered(
    world: &mut World,
    person: &str,
    path: &str,
    mut request: Request<Bytes>,
) -> (u16, String, String) {
    *request.uri_mut() = path.parse().unwrap();
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert("content-type", form);
    request.headers_mut().insert("x-handoff-person", HeaderValue::from_str(person).unwrap());
    let answer: Response<Bytes> = world.post(request).await;
    let place = answer.headers().get("location").map(|place| place.to_str().unwrap().to_owned());
    let page = String::from_utf8(answer.body().to_vec()).unwrap();
    (answer.status().as_u16(), page, place.unwrap_or_default())
}

fn id_of(place: &str) -> HandoffId {
    place.strip_prefix("/handoffs/").unwrap_or_else(|| panic!("{place}")).into()
}

const DANA: &str = "subject.email=dana%40acme.example&subject.name=Dana+Hall&subject.country=GB";

#[tokio::test]
async fn a_form_opens_a_handoff_once_and_the_template_is_read_as_it_asks() {
    let mut world = World::start().await;
    let page = sees(&mut world, "amara", "/new").await;
    for name in ["MQL", "Hot lead", "Meeting set", "Opportunity", "Closed-won", "Expansion"] {
        assert!(page.contains(&format!("\">{name}</a>")), "{name}: {page}");
    }
    let page = sees(&mut world, "amara", "/new?type=meeting_set").await;
    for shown in ["<legend>Qualification (BANT)</legend>", "type=\"datetime-local\"", "one a line"]
    {
        assert!(page.to_lowercase().contains(&shown.to_lowercase()), "{shown}: {page}");
    }
    let form = format!(
        "type=meeting_set&nonce=n1&{DANA}&package.pain_points=cost%0D%0Aspeed\
         &package.meeting_at=2026-01-12T15:00&package.amount=40000+GBP\
         &package.company_verified=yes&package.meeting_type=demo&package.budget="
    );
    let (status, page, place) = posts(&mut world, "amara", "/new", &form).await;
    assert_eq!(status, 303, "{page}");
    let id = id_of(&place);
    world.settle().await;
    let handoff = world.handoff(&id).await;
    assert_eq!((handoff.sender, handoff.kind.as_str()), (Some("amara".into()), "meeting_set"));
    assert_eq!(handoff.amount.map(|money| money.to_string()).as_deref(), Some("40 000.00 GBP"));
    let package = world.store.package(&id).await.unwrap();
    let value = |name: &str| package.values[name].value.clone();
    assert_eq!(value("pain_points"), json!(["cost", "speed"]));
    assert_eq!((value("company_verified"), value("meeting_type")), (json!(true), json!("demo")));
    assert!(!package.values.contains_key("budget"), "an empty field says nothing");
    let again = posts(&mut world, "amara", "/new", &form).await;
    assert_eq!((again.0, id_of(&again.2)), (303, id), "sent twice, opened once");
    world.settle().await;
    world.outbox();
}

#[tokio::test]
async fn a_form_that_cannot_be_read_says_so_field_by_field_and_keeps_what_was_typed() {
    let mut world = World::start().await;
    let long = "x".repeat(33_000);
    let form = format!(
        "type=meeting_set&nonce=n1&{DANA}&package.decision_date=03%2F02%2F2026\
         &package.walkthrough=my+video&package.amount=%E2%82%AC40%2C000&package.need={long}\
         &package.rapport=%D7%A9%D7%9C%D7%95%D7%9D+%F0%9F%91%8B+%3Cb%3E"
    );
    let (status, page, _) = posts(&mut world, "amara", "/new", &form).await;
    assert_eq!(status, 400);
    for said in [
        "4 fields cannot be read",
        "must be a day with the year first",
        "must be a web address",
        "must be an amount and its currency",
        "is longer than 32 KB",
    ] {
        assert!(page.contains(said), "{said}");
    }
    // What was typed stands where it was typed, and does nothing there.
    for typed in ["03/02/2026", "my video", "€40,000", &long, "שלום 👋 &#60;b&#62;", "Dana Hall"]
    {
        assert!(page.contains(typed), "{}", &typed[..typed.len().min(40)]);
    }
    assert!(page.contains("name=\"nonce\" value=\"n1\""), "it is still the same form");
    let whom = posts(&mut world, "amara", "/new", "type=mql&package.fit=high").await;
    assert!(whom.0 == 400 && whom.1.contains("Say whom it is about") && whom.1.contains("high"));
    let opened = world.store.opened_on(world.now().date_naive()).await.unwrap();
    assert_eq!(opened, []);
}

#[tokio::test]
async fn a_draft_is_found_again_by_whoever_saved_it_and_is_gone_when_it_is_sent() {
    let mut world = World::start().await;
    let form = format!("type=mql&nonce=n7&{DANA}&package.fit=03%2F02+looks+%3Cgood%3E&draft=yes");
    let (status, page, place) = posts(&mut world, "amara", "/new", &form).await;
    assert_eq!((status, place.as_str()), (303, "/new?type=mql"), "{page}");
    world.pass(Duration::days(2)).await;
    world.read_mail();
    let page = sees(&mut world, "amara", "/new?type=mql").await;
    assert!(page.contains("This is the draft you saved on"), "{page}");
    assert!(page.contains("03/02 looks &#60;good&#62;") && page.contains("value=\"n7\""), "{page}");
    assert!(sees(&mut world, "amara", "/new").await.contains("saved <time"));
    assert!(!sees(&mut world, "ben", "/new?type=mql").await.contains("looks"), "it is hers");
    for unknown in ["mqll".to_owned(), "x".repeat(1_400)] {
        let path = format!("/new?type={unknown}");
        let (status, page, _) = answered(&mut world, "amara", &path, Request::default()).await;
        assert!(status == 404 && page.contains("There is no such type"), "{status}: {page}");
    }
    let sent = form.replace("&draft=yes", "");
    let (status, page, _) = posts(&mut world, "amara", "/new", &sent).await;
    assert_eq!(status, 303, "{page}");
    assert!(!sees(&mut world, "amara", "/new?type=mql").await.contains("looks"));
    assert!(!sees(&mut world, "amara", "/new").await.contains("saved <time"));
    world.settle().await;
    world.outbox();
}

#[tokio::test]
async fn what_is_missing_is_supplied_on_the_page_and_only_what_changed_is_new() {
    let mut world = World::start().await;
    let about = json!({ "crm": "hubspot", "object": "contact", "id": "7", "country": "GB" });
    let fields = json!({ "engagement": "The guide", "decision": "n/a" });
    let data = json!({ "subject": about, "score": 80, "fields": fields });
    let id = world.event("lead.scored", data).await.opened();
    world.settle().await;
    let path = format!("/handoffs/{id}");
    let page = sees(&mut world, "priya", &path).await;
    assert!(page.contains("<a href=\"#package.fit\">Fit assessment</a>"), "{page}");
    let before = world.handoff(&id).await;
    let form = "package.engagement=The+guide&package.score=80&package.fit=Enterprise%2C+Europe";
    let (status, page, _) = posts(&mut world, "priya", &format!("{path}/supply"), form).await;
    assert_eq!(status, 303, "{page}");
    let package = world.store.package(&id).await.unwrap();
    assert_eq!(
        (package.values["fit"].by.as_str(), package.values["engagement"].by.as_str()),
        ("priya", "generic")
    );
    let after = world.handoff(&id).await;
    assert_eq!((after.version, before.completeness), (before.version + 1, 50));
    assert_eq!(after.completeness, 66);
    // The same again changes nothing; what cannot be read is kept in the form.
    posts(&mut world, "priya", &format!("{path}/supply"), form).await;
    assert_eq!(world.handoff(&id).await.version, after.version);
    let wrong = "package.contact=%3Cnobody&package.fit=Someone+else";
    let (status, page, _) = posts(&mut world, "priya", &format!("{path}/supply"), wrong).await;
    assert!(status == 400 && page.contains("must be somebody"), "{page}");
    assert!(page.contains("&#60;nobody") && page.contains("Someone else"), "{page}");
    // A program reads which field it was.
    let body = json!({ "package": { "contact": "<nobody", "fit": "Someone else" } });
    let refused = world.act("priya", &id, "supply", body).await;
    let errors = refused.body["errors"].as_object().unwrap();
    let named: Vec<&str> = errors.keys().map(String::as_str).collect();
    assert_eq!((refused.status, named), (400, vec!["contact"]));
    assert!(errors["contact"].as_str().unwrap().contains("must be somebody"), "{refused:?}");
    // So is a note that is too long.
    let long = "n".repeat(33_000);
    let (status, page, _) =
        posts(&mut world, "priya", &format!("{path}/note"), &format!("text={long}")).await;
    assert!(status == 400 && page.contains("longer than 32 KB") && page.contains(&long));
    world.settle().await;
    world.outbox();
}

/// A world in which MQLs have a threshold.
async fn with_threshold(act: &str) -> World {
    let threshold = format!(
        "threshold = {{ percent = 60, do = \"{act}\", for = \"20m\" }}\n\n[[types.mql.clocks]]"
    );
    let organisation = ORGANISATION.replacen("[[types.mql.clocks]]", &threshold, 1);
    World::of(Setting { organisation, ..Setting::default() }).await
}

fn scored(id: &str) -> serde_json::Value {
    let about = json!({ "crm": "hubspot", "object": "contact", "id": id, "country": "GB" });
    json!({ "subject": about, "score": 80, "owner_email": "carla@northwind.example" })
}

#[tokio::test]
async fn one_that_is_held_goes_to_a_receiver_when_enough_is_there() {
    let mut world = with_threshold("hold").await;
    let id = world.event("lead.scored", scored("7")).await.opened();
    world.pass(Duration::minutes(10)).await;
    let handoff = world.handoff(&id).await;
    assert_eq!((handoff.owner, handoff.completeness), (None, 33));
    assert!(handoff.flags.contains(&Flag::Incomplete) && handoff.clocks[0].is_ticking());
    let mail = world.read_mail();
    assert_eq!(mail.len(), 1, "{mail:?}");
    assert!(mail[0].0.starts_with("Incomplete: MQL, 33 %"), "{mail:?}");
    let told = mail[0].1.replace('\n', " ");
    assert!(told.contains("before what is missing is there"), "{told}");
    let some = json!({ "package": { "fit": "Enterprise" } });
    assert_eq!(world.act("carla", &id, "supply", some).await.status, 200);
    world.settle().await;
    assert_eq!(world.handoff(&id).await.owner, None, "50 % is not 60 %");
    let more = json!({ "package": { "engagement": ["Guide", "Webinar"] } });
    assert_eq!(world.act("carla", &id, "supply", more).await.status, 200);
    world.settle().await;
    let handoff = world.handoff(&id).await;
    assert!(handoff.owner.is_some() && handoff.completeness >= 60, "{handoff:?}");
    world.outbox();
}

#[tokio::test]
async fn one_that_is_held_is_not_held_for_ever() {
    let mut world = with_threshold("hold").await;
    let id = world.event("lead.scored", scored("7")).await.opened();
    world.pass(Duration::minutes(19)).await;
    assert_eq!(world.handoff(&id).await.owner, None);
    world.pass(Duration::minutes(2)).await;
    assert!(world.handoff(&id).await.owner.is_some());
    let other = world.event("lead.scored", scored("8")).await.opened();
    world.settle().await;
    let asked = world.act("priya", &other, "reassign", json!({ "pool": null })).await;
    assert_eq!(asked.status, 200, "a person says so: {asked:?}");
    world.settle().await;
    assert!(world.handoff(&other).await.owner.is_some());
    let hot = json!({ "subject": scored("9")["subject"] });
    let third = world.event("lead.scored", scored("9")).await.opened();
    world.settle().await;
    assert_eq!(world.event("demo.requested", hot).await.joined(), third);
    world.settle().await;
    assert!(world.handoff(&third).await.owner.is_some(), "a hot lead asks for no threshold");
    world.outbox();
}

#[tokio::test]
async fn one_that_goes_back_stands_with_its_sender_until_they_send_it_again() {
    let mut world = with_threshold("return").await;
    let id = world.event("lead.scored", scored("7")).await.opened();
    world.settle().await;
    let handoff = world.handoff(&id).await;
    assert_eq!((handoff.stage, handoff.owner), (Stage::Returned, None));
    let told = world.read_mail()[0].1.replace('\n', " ");
    assert!(told.contains("It stands in your queue"), "{told}");
    let queue = world.get("/api/queue").await;
    assert!(queue.text.contains(id.as_str()), "{}", queue.text);
    let again = json!({ "package": { "fit": "High", "engagement": "Guide" } });
    assert_eq!(world.act("carla", &id, "resubmit", again).await.status, 200);
    world.settle().await;
    assert!(world.handoff(&id).await.owner.is_some());
    // Nobody sent this one, so it has nowhere to go back to.
    let mut nobodys = scored("8");
    nobodys["owner_email"] = json!(null);
    let other = world.event("lead.scored", nobodys).await.opened();
    world.settle().await;
    let handoff = world.handoff(&other).await;
    assert!(handoff.owner.is_some() && handoff.flags.contains(&Flag::Incomplete));
    world.outbox();
}

#[tokio::test]
async fn a_message_is_filled_in_from_the_package_and_recorded_as_it_was_sent() {
    let mut world = World::start().await;
    let form = format!(
        "type=meeting_set&nonce=n1&{DANA}&package.pain_points=cost%0D%0Aspeed\
         &package.meeting_at=2026-01-12T15:00&package.sdr_attends=yes"
    );
    let (_, _, place) = posts(&mut world, "amara", "/new", &form).await;
    let id = id_of(&place);
    world.settle().await;
    let shown = world.get(&format!("/api/handoffs/{id}/messages")).await;
    let message = &shown.body["messages"][0];
    let text = message["text"].as_str().unwrap();
    assert_eq!(
        (&message["id"], &message["by"]),
        (&json!("warm_introduction"), &json!("Amara Okafor"))
    );
    assert!(
        text.starts_with("Hello Dana,\n\non Monday 12 January 2026, 15:00 GMT you meet "),
        "{text}"
    );
    assert!(
        text.contains("cost, speed. \nI shall be there too")
            || text.contains("cost, speed.\nI shall be there too"),
        "{text}"
    );
    assert_eq!(message["missing"], json!([]));
    let page = sees(&mut world, "amara", &place).await;
    assert!(page.contains("Warm introduction, from Amara Okafor") && page.contains("Hello Dana,"));
    let sent = "channel=email&message=warm_introduction&note=Hello+Dana%2C+as+promised&nonce=m";
    let (status, page, _) = posts(&mut world, "amara", &format!("{place}/touch"), sent).await;
    assert_eq!(status, 303, "{page}");
    let page = sees(&mut world, "elena", &place).await;
    assert!(
        page.contains("It was “Warm introduction”.") && page.contains("Hello Dana, as promised"),
        "{page}"
    );
    let history = world.store.history(&id).await.unwrap();
    assert_eq!(history.last().unwrap().personal["note"], "Hello Dana, as promised");
    world.settle().await;
    world.outbox();
}
