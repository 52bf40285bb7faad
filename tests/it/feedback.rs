//! What is said of a handoff afterwards: by whoever was passed on, by its receiver, and by time.

use chrono::Duration;
use domain::HandoffId;
use http::{Method, Request};
use local::sample::ORGANISATION;
use serde_json::{Value, json};
use tests::{Answer, Setting, World};

/// A world in which a contract was signed and a customer success manager has been in touch.
async fn signed(amount: i64) -> (World, HandoffId, String) {
    // A renewal that comes soon and a link that is soon over, so that a test can live to see them.
    let soon = "after = \"2d\", within = \"1d\"";
    let organisation = ORGANISATION
        .replace("after = \"365d\"", soon)
        .replace("open_for = \"30d\"", "open_for = \"1d\"");
    let mut world = World::of(Setting { organisation, ..Setting::default() }).await;
    let data = json!({
        "subject": { "crm": "hubspot", "object": "deal", "id": "77", "name": "Dana Hall",
                     "email": "dana@acme.example", "company": "Acme", "country": "GB" },
        "amount": { "minor": amount, "currency": "GBP" },
        "owner_email": "elena@northwind.example",
    });
    let id = world.event("contract.signed", data).await.opened();
    world.settle().await;
    let owner = world.handoff(&id).await.owner.unwrap().to_string();
    let touched = world.act(&owner, &id, "touch", json!({ "channel": "email" })).await;
    assert_eq!(touched.status, 200, "{touched:?}");
    world.read_mail();
    (world, id, owner)
}

/// The path of the link a handoff's survey has now.
async fn link(world: &mut World, id: &HandoffId) -> String {
    let shown = world.get(&format!("/api/handoffs/{id}")).await;
    let link = shown.body["survey"]["link"].as_str().expect("a link").to_owned();
    link.strip_prefix("http://127.0.0.1:8787").expect("on the desk").to_owned()
}

/// Sends the survey's form, as whoever holds the link.
async fn answers(world: &mut World, path: &str, form: &str) -> Answer {
    let mut request = Request::new(form.to_owned().into());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = path.parse().unwrap();
    let kind = http::HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert("content-type", kind);
    world.post(request).await.into()
}

#[tokio::test]
async fn whoever_was_passed_on_answers_once_without_signing_in_and_both_managers_hear() {
    let (mut world, id, owner) = signed(500_000).await;
    let path = link(&mut world, &id).await;
    let page = world.get(&path).await;
    assert_eq!(page.status, 200);
    for word in ["poor", "fair", "good", "very good", "excellent", "How well did we pass you on"] {
        assert!(page.text.contains(word), "{word} in {}", page.text);
    }
    for inside in ["Dana", "Acme", "Elena", "Ingrid", "/dashboard", "priya"] {
        assert!(!page.text.contains(inside), "{inside} is nobody's business: {}", page.text);
    }
    let none = answers(&mut world, &path, "comment=%3Cb%3ESmooth%3C%2Fb%3E").await;
    assert_eq!(none.status, 400);
    assert!(none.text.contains("Choose one of the five words"), "{}", none.text);
    let kept = none.text.contains("&#60;b&#62;Smooth") || none.text.contains("&lt;b&gt;Smooth");
    assert!(kept && !none.text.contains("<b>Smooth"), "what was typed is kept: {}", none.text);

    let said = answers(&mut world, &path, "score=4&comment=Smooth").await;
    assert!(said.status == 200 && said.text.contains("Thank you"), "{said:?}");
    let told = world.mailed().await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].0.starts_with("Survey: Closed-won, very good"), "{told:?}");
    assert!(told[0].1.to_string().contains("priya"), "{told:?}");
    let again = answers(&mut world, &path, "score=1").await;
    assert_eq!(again.status, 410);
    assert!(again.text.contains("This was answered already."), "{}", again.text);
    assert!(world.get(&path).await.text.contains("This was answered already."));

    let shown = world.get(&format!("/api/handoffs/{id}")).await;
    assert_eq!(shown.body["survey"]["answer"], "very good");
    let entry = shown.body["timeline"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&entry["note"], &entry["actor"]), (&json!("Smooth"), &json!("source survey")));
    let page = world.get(&format!("/handoffs/{id}")).await;
    assert!(page.text.contains("“very good” (4 of 5)"), "{}", page.text);
    let metrics = world.get("/api/metrics?dimension=type:closed_won").await;
    let numbers = metrics.body.to_string();
    assert!(numbers.contains("\"survey_hundredths\":400"), "{numbers}");
    let renewed = world.act(&owner, &id, "survey", Value::Null).await;
    assert!(renewed.status == 409 && renewed.text.contains("answered already"), "{renewed:?}");
}

#[tokio::test]
async fn a_link_that_is_forged_replaced_taken_back_over_or_of_what_ended_says_so() {
    let (mut world, id, owner) = signed(500_000).await;
    let first = link(&mut world, &id).await;
    let forged = format!("{}0", &first[..first.len() - 1]);
    let other = if forged == first { first.replace(".1.", ".2.") } else { forged };
    let refused = answers(&mut world, &other, "score=5").await;
    assert_eq!(refused.status, 404);
    assert!(refused.text.contains("This link is not one of ours"), "{}", refused.text);
    let nonsense = world.get("/survey/nonsense").await;
    assert!(nonsense.status == 404 && nonsense.text.contains("not one of ours"), "{nonsense:?}");

    assert_eq!(world.act(&owner, &id, "survey", Value::Null).await.status, 200);
    let second = link(&mut world, &id).await;
    let old = answers(&mut world, &first, "score=5").await;
    assert!(old.status == 410 && old.text.contains("A newer link took the place"), "{old:?}");
    assert_eq!(world.act(&owner, &id, "withdraw_survey", Value::Null).await.status, 200);
    let back = answers(&mut world, &second, "score=5").await;
    assert!(back.status == 410 && back.text.contains("We took this question back"), "{back:?}");

    assert_eq!(world.act(&owner, &id, "survey", Value::Null).await.status, 200);
    let third = link(&mut world, &id).await;
    let page = world.get(&format!("/handoffs/{id}")).await;
    assert!(page.text.contains(&third), "the page shows it, to be copied");
    world.pass(Duration::hours(25)).await;
    world.read_mail();
    let late = answers(&mut world, &third, "score=5").await;
    assert!(late.status == 410 && late.text.contains("This link was good until"), "{late:?}");
    assert_eq!(world.act(&owner, &id, "survey", Value::Null).await.status, 200);
    let fourth = link(&mut world, &id).await;
    let over = world.act(&owner, &id, "cancel", json!({ "reason": "void" })).await;
    assert_eq!(over.status, 200, "{over:?}");
    let ended = answers(&mut world, &fourth, "score=5").await;
    assert!(ended.status == 410 && ended.text.contains("has ended"), "{ended:?}");
    world.settle().await;
    world.read_mail();
}

#[tokio::test]
async fn a_receiver_who_is_not_content_is_heard_by_the_sender_and_both_managers() {
    let (mut world, id, owner) = signed(500_000).await;
    let body = json!({ "score": 4, "complete": true, "comment": "Fine" });
    assert_eq!(world.act(&owner, &id, "rate", body).await.status, 200);
    assert_eq!(world.mailed().await, [], "what went well stands in the digests");
    let body = json!({ "score": 3, "complete": false, "comment": "No success criteria" });
    assert_eq!(world.act(&owner, &id, "rate", body).await.status, 200);
    let told = world.mailed().await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].0.starts_with("Rated 3 of 5: Closed-won"), "{told:?}");
    let to = told[0].1.to_string();
    assert!(to.contains("elena") && to.contains("priya"), "{to}");
    let shown = world.get(&format!("/api/handoffs/{id}")).await;
    assert_eq!(shown.body["rating"], json!({ "score": 3, "complete": false }));
}

#[tokio::test]
async fn a_renewal_is_asked_for_when_its_time_comes_told_by_a_webhook_and_counted() {
    let (mut world, id, owner) = signed(500_000).await;
    let won = json!({ "outcome": "activated" });
    assert_eq!(world.act(&owner, &id, "complete", won).await.status, 200);
    world.settle().await;
    world.read_mail();
    let opened_at = world.handoff(&id).await.triggered_at;
    world.until(opened_at + Duration::days(2)).await;
    let asked = world.mailed().await;
    let asked: Vec<_> = asked.iter().filter(|(subject, _)| subject.contains("Renewal")).collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].0.starts_with("How did it turn out: Closed-won, Renewal"), "{asked:?}");
    assert!(asked[0].1.to_string().contains(&owner), "{asked:?}");
    let page = world
        .call(Method::GET, &format!("/handoffs/{id}"), &[("x-handoff-person", &owner)], Value::Null)
        .await;
    assert!(page.text.contains("value=\"renewed\"") && !page.text.contains("value=\"activated\""));
    // Of another deal it is nothing to this one.
    let other = json!({
        "subject": { "crm": "hubspot", "object": "deal", "id": "78", "email": "dana@acme.example" },
        "outcome": "not_renewed"
    });
    assert_eq!(world.event("outcome", other).await.body["ignored"], 1);
    let data = json!({
        "subject": { "crm": "hubspot", "object": "deal", "id": "77" },
        "outcome": "renewed", "amount": { "minor": 550_000, "currency": "GBP" },
    });
    let told = world.event("outcome", data.clone()).await;
    assert_eq!(told.updated(), id);
    world.settle().await;
    let shown = world.get(&format!("/api/handoffs/{id}")).await;
    assert_eq!(shown.body["milestones"][0]["outcome"], "renewed");
    assert_eq!(shown.body["outcome"], "activated", "how it ended stays");
    assert!(shown.text.contains("worth 5 500.00 GBP"), "{}", shown.text);
    let month = opened_at.format("%Y-%m");
    let metrics = world.get(&format!("/api/metrics?month={month}")).await;
    let kinds = metrics.body["types"].as_array().unwrap();
    let won = kinds.iter().find(|kind| kind["type"] == "closed_won").unwrap();
    let renewal = won["conversions"].as_array().unwrap();
    let renewal = renewal.iter().find(|one| one["label"] == "Renewal").unwrap();
    assert_eq!((&renewal["count"], &renewal["of"]), (&json!(1), &json!(1)));
    world.read_mail();
}

#[tokio::test]
async fn a_renewal_nobody_speaks_of_is_missed_and_the_manager_hears() {
    let (mut world, id, owner) = signed(500_000).await;
    let won = json!({ "outcome": "activated" });
    assert_eq!(world.act(&owner, &id, "complete", won).await.status, 200);
    let opened_at = world.handoff(&id).await.triggered_at;
    world.until(opened_at + Duration::days(3)).await;
    let told = world.mailed().await;
    let told: Vec<_> = told.iter().filter(|(subject, _)| subject.contains("Renewal")).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    let missed = told.iter().find(|(subject, _)| subject.starts_with("Nobody said: Closed-won"));
    assert!(missed.expect("told").1.to_string().contains("priya"), "{told:?}");
}

/// How many handoffs Hana's queue shows that she has a part in without being their owner.
async fn beside(world: &mut World) -> usize {
    let hana = [("x-handoff-person", "hana")];
    let queue = world.call(Method::GET, "/?owner=hana", &hana, Value::Null).await;
    queue.text.matches("Lee Park").count()
}

#[tokio::test]
async fn whoever_is_involved_hears_sees_and_touches_and_a_sponsor_hears_of_trouble() {
    // Large enough that the director is its sponsor by rule.
    let mut world = World::start().await;
    let data = json!({
        "subject": { "crm": "hubspot", "object": "deal", "id": "78", "name": "Lee Park",
                     "email": "lee@globex.example", "company": "Globex", "country": "GB" },
        "amount": { "minor": 20_000_000, "currency": "GBP" },
    });
    let id = world.event("contract.signed", data).await.opened();
    world.settle().await;
    let handoff = world.handoff(&id).await;
    assert_eq!(handoff.involved[0].who.as_str(), "grace");
    let owner = handoff.owner.unwrap().to_string();
    world.read_mail();
    let involved = world.act("priya", &id, "involve", json!({ "person": "hana" })).await;
    assert_eq!(involved.status, 200, "{involved:?}");
    let told = world.mailed().await;
    assert!(told[0].0.starts_with("Involved: Closed-won"), "{told:?}");
    assert!(told[0].1.to_string().contains("hana"), "{told:?}");
    let leads = world.act("priya", &id, "involve", json!({ "person": owner })).await;
    assert!(leads.status == 409 && leads.text.contains("leads it"), "{leads:?}");
    let wrong = world.act("priya", &id, "involve", json!({ "person": "hana", "as": "boss" })).await;
    assert!(wrong.status == 400 && wrong.text.contains("`receiver` or `sponsor`"), "{wrong:?}");
    assert_eq!(beside(&mut world).await, 1, "it stands among theirs");
    // Its clock runs out: the sponsor hears with the manager, the receiver what the owner hears.
    world.pass(Duration::days(6)).await;
    let told = world.mailed().await;
    let to = |word: &str| {
        let said = told.iter().find(|(subject, _)| subject.starts_with(word));
        said.unwrap_or_else(|| panic!("{word} in {told:?}")).1.to_string()
    };
    let (reminded, missed) = (to("Reminder: Closed-won, respond"), to("Missed: Closed-won"));
    assert!(reminded.contains("hana") && !reminded.contains("grace"), "{reminded}");
    assert!(missed.contains("grace") && !missed.contains("hana"), "{missed}");
    let touched = world.act("hana", &id, "touch", json!({ "channel": "phone" })).await;
    assert_eq!(touched.body["stage"], "engaged", "{touched:?}");
    assert_eq!(world.act("priya", &id, "release", json!({ "person": "hana" })).await.status, 200);
    assert_eq!(beside(&mut world).await, 0);
    world.settle().await;
    world.read_mail();
}

#[tokio::test]
async fn a_feedback_session_has_examples_without_names_and_is_written_down_once() {
    let (mut world, good, owner) = signed(500_000).await;
    let rate = |score: u8, complete: bool| json!({ "score": score, "complete": complete });
    assert_eq!(world.act(&owner, &good, "rate", rate(5, true)).await.status, 200);
    let mut poor = Vec::new();
    for id in ["8", "9", "10"] {
        poor.push(world.demo_request(id).await);
    }
    world.pass(Duration::minutes(6)).await;
    for id in &poor {
        let rep = world.handoff(id).await.owner.unwrap().to_string();
        let body = json!({ "score": 1, "complete": false, "comment": "Dana Hall never asked" });
        assert_eq!(world.act(&rep, id, "rate", body).await.status, 200);
    }
    world.settle().await;
    world.read_mail();
    let shown = world.get("/api/sessions").await;
    let (best, worst) = (&shown.body["examples"]["best"], &shown.body["examples"]["worst"]);
    assert_eq!(best, &json!([]), "of one alone everybody knows whose it is");
    assert_eq!(worst[0]["type"], "Hot lead", "{shown:?}");
    let reasons = worst[0]["reasons"].to_string();
    assert!(
        reasons.contains("rated it 1 of 5") && reasons.contains("respond was missed"),
        "{reasons}"
    );
    let page = world.get("/sessions").await;
    for private in ["Dana", "Acme", "never asked", owner.as_str(), good.as_str(), poor[0].as_str()]
    {
        assert!(!shown.text.contains(private), "{private} in {}", shown.text);
        let main = page.text.split("<main").nth(1).unwrap();
        assert!(!main.contains(private), "{private} on the page");
    }
    let body = json!({ "teams": ["sdr", "cs"], "notes": "Call before the mail." });
    let key = [("x-handoff-person", "priya"), ("idempotency-key", "s1")];
    for _ in 0..2 {
        let written = world.call(Method::POST, "/api/sessions", &key, body.clone()).await;
        assert_eq!(written.status, 201, "{written:?}");
    }
    let other = json!({ "teams": ["sdr"], "notes": "Something else." });
    let reused = world.call(Method::POST, "/api/sessions", &key, other).await;
    assert_eq!(reused.status, 422, "{reused:?}");
    let nobody = world.call(Method::POST, "/api/sessions", &[], body).await;
    assert_eq!(nobody.status, 403, "{nobody:?}");
    for id in &poor {
        let rep = world.handoff(id).await.owner.unwrap().to_string();
        assert_eq!(world.act(&rep, id, "rate", rate(5, true)).await.status, 200);
    }
    world.settle().await;
    let shown = world.get("/api/sessions").await;
    assert_eq!(shown.body["examples"]["worst"], json!([]), "{shown:?}");
    let sessions = shown.body["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 1, "{shown:?}");
    assert_eq!(sessions[0]["teams"], json!(["cs", "sdr"]));
    assert_eq!(sessions[0]["examples"]["worst"][0]["type"], "Hot lead", "kept as it was");
    let metrics = world.get("/api/metrics").await;
    let (held, wanted) = (&metrics.body["sessions"], &metrics.body["targets"]["sessions"]);
    assert_eq!((held, wanted), (&json!(1), &json!(2)));
    assert!(world.get("/dashboard").await.text.contains("Feedback sessions"));
    // A form that is refused keeps what was typed.
    let mut request = Request::new("held_on=2026-01-05&notes=Kept+words".into());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = "/sessions".parse().unwrap();
    request.headers_mut().insert("x-handoff-person", http::HeaderValue::from_static("priya"));
    let refused: Answer = world.post(request).await.into();
    assert_eq!(refused.status, 400);
    assert!(
        refused.text.contains("Say which teams took part") && refused.text.contains("Kept words")
    );
}
