//! Going live: what is only observed, what is silenced, and what an admin sees and sends again.

use super::{deliveries, delivery, request, with, world};
use chrono::Duration;
use http::Method;
use local::sample::ORGANISATION;
use serde_json::json;
use store::Mute;

#[tokio::test]
async fn what_is_only_observed_is_sent_to_nobody_and_shown_to_those_who_ask() {
    let observed = ORGANISATION.replacen(
        "[types.hot_lead]\nname = \"Hot lead\"",
        "[types.hot_lead]\nmode = \"observe\"\nname = \"Hot lead\"",
        1,
    );
    let (mut world, vendors) = with(observed).await;
    let id = request(&mut world, 1).await;
    world.pass(Duration::minutes(6)).await;
    assert!(world.read_mail().is_empty());
    assert_eq!(vendors.asked(), []);
    let all = deliveries(&mut world, &id).await;
    assert!(all.iter().all(|one| one["state"] == "observed"), "{all:#?}");
    for (destination, what) in [
        ("chat", "card"),
        ("hubspot", "record"),
        ("events", "handoff.assigned"),
        ("mail", "breached"),
    ] {
        delivery(&all, destination, what);
    }
    let outbox = world.get("/api/outbox").await.body;
    let chat = &outbox["destinations"][0];
    assert_eq!(
        (&chat["destination"], &chat["undelivered"][0]["state"]),
        (&json!("chat"), &json!("observed"))
    );
}

#[tokio::test]
async fn silence_is_at_once_and_what_was_silenced_can_be_sent_after_it() {
    let (mut world, vendors) = world().await;
    let mute = Mute { since: world.now(), until: Some(world.now() + Duration::hours(2)) };
    world.store.put_mute(Some(&mute)).await.unwrap();
    let id = request(&mut world, 1).await;
    world.pass(Duration::minutes(6)).await;
    assert!(world.read_mail().is_empty(), "nobody is mailed");
    assert_eq!(vendors.asked(), []);
    assert!(world.handoff(&id).await.clocks[0].breached_at.is_some(), "clocks go on");
    let all = deliveries(&mut world, &id).await;
    assert_eq!(delivery(&all, "events", "handoff.assigned")["state"], "muted");
    let mail = delivery(&all, "mail", "breached");
    assert_eq!(mail["state"], "muted", "what nobody was mailed is listed");
    // After it, the next thing that happens brings what is kept up to date.
    world.pass(Duration::hours(2)).await;
    let owner = world.handoff(&id).await.owner.unwrap();
    world.act(owner.as_str(), &id, "accept", json!({})).await;
    world.read_mail();
    let own = vendors.slack_messages(&format!("D024{}", owner.as_str().to_uppercase()));
    assert!(own[0].words().contains("Accepted by"), "{own:?}");
    assert_eq!(vendors.webhooks().len(), 0, "what was silenced is not said by itself");

    let body = json!({ "destination": "events" });
    let refused = redrive(&mut world, "amara", &body).await;
    assert_eq!(refused.status, 403, "{refused:?}");
    let sent = redrive(&mut world, "priya", &body).await;
    assert!(sent.body["redriven"].as_u64() >= Some(2), "{sent:?}");
    world.pass(Duration::minutes(2)).await;
    assert!(vendors.webhooks().len() >= 2);
    let all = deliveries(&mut world, &id).await;
    assert_eq!(delivery(&all, "events", "handoff.assigned")["state"], "sent");
    world.read_mail();
}

async fn redrive(
    world: &mut tests::World,
    person: &'static str,
    body: &serde_json::Value,
) -> tests::Answer {
    let headers = [("x-handoff-person", person)];
    world.call(Method::POST, "/api/outbox/redrive", &headers, body.clone()).await
}

#[tokio::test]
async fn a_test_goes_its_whole_way_and_no_number_counts_it() {
    let organisation = format!(
        "{ORGANISATION}\n[test_leads]\nemails = [\"*@test.example\"]\n\
         when = [\"lead.company == 'Testing Inc'\"]\n"
    );
    let (mut world, vendors) = with(organisation).await;
    let lead = |id: &str, email: &str, company: &str, test: bool| {
        json!({
            "subject": { "crm": "hubspot", "object": "contact", "id": id, "name": "Dana Reyes",
                         "email": email, "company": company, "country": "GB" },
            "test": test,
        })
    };
    let mut tests = Vec::new();
    for data in [
        lead("1", "dana@TEST.example", "Acme", false),
        lead("2", "dana@acme.example", "Testing Inc", false),
        lead("3", "dana@other.example", "Acme", true),
    ] {
        tests.push(world.event("demo.requested", data).await.opened());
        world.settle().await;
    }
    let real = lead("4", "dana@real.example", "Acme", false);
    let real = world.event("demo.requested", real).await.opened();
    world.settle().await;
    for id in &tests {
        assert!(world.handoff(id).await.test);
        let all = deliveries(&mut world, id).await;
        assert_eq!(delivery(&all, "chat", "card")["state"], "sent");
    }
    assert!(!world.handoff(&real).await.test);
    let owner = world.handoff(&tests[0]).await.owner.unwrap();
    let own = vendors.slack_messages(&format!("D024{}", owner.as_str().to_uppercase()));
    assert!(own[0].words().contains("Test, Hot lead: Dana"), "{own:?}");
    world.act(owner.as_str(), &tests[0], "touch", json!({ "channel": "phone" })).await;
    world.act(owner.as_str(), &tests[0], "complete", json!({ "outcome": "meeting_booked" })).await;
    let subject = |subject: &str| subject.starts_with("Test: ");
    // Two tests and the real one are missed, and say so.
    world.pass(Duration::minutes(6)).await;
    let mail = world.read_mail();
    let missed: Vec<_> = mail.iter().filter(|(said, _)| said.contains("Missed")).collect();
    assert_eq!(missed.len(), 3, "{mail:?}");
    assert_eq!(missed.iter().filter(|(said, _)| subject(said)).count(), 2, "{missed:?}");
    let day = world.now().date_naive();
    let rows = world.store.rollups("happened", "all", day, day).await.unwrap();
    let counted = |name: &str| rows[&day].get(name).copied().unwrap_or_default();
    assert_eq!(counted("opened"), 1, "{rows:?}");
    assert_eq!((counted("breached.respond"), counted("completed")), (1, 0), "{rows:?}");
    // The digest tells of what waits, and of no test.
    world.until("2026-01-06T07:31:00Z".parse().unwrap()).await;
    let digests: Vec<_> = world.read_mail();
    let priya = digests.iter().find(|(_, body)| body.contains("For Priya")).expect("a digest");
    assert!(priya.1.contains(real.as_str()), "{}", priya.1);
    assert!(tests.iter().all(|id| !priya.1.contains(id.as_str())), "{}", priya.1);
    let queue = world.get("/api/handoffs").await.body;
    let marked = queue["handoffs"].as_array().unwrap().iter().filter(|one| one["test"] == true);
    assert_eq!(marked.count(), 3, "{queue}");
}

#[tokio::test]
async fn while_everything_is_muted_no_digest_is_sent() {
    let (mut world, _vendors) = world().await;
    let mute = Mute { since: world.now(), until: None };
    world.store.put_mute(Some(&mute)).await.unwrap();
    world.until("2026-01-06T07:31:00Z".parse().unwrap()).await;
    assert!(world.read_mail().is_empty());
    world.store.put_mute(None).await.unwrap();
    world.until("2026-01-07T07:31:00Z".parse().unwrap()).await;
    assert!(world.read_mail().iter().any(|(_, body)| body.contains("For Priya")));
}

#[tokio::test]
async fn ones_own_words_are_seen_on_what_really_happened_before_anybody_is_told_in_them() {
    let (mut world, vendors) = world().await;
    let id = request(&mut world, 1).await;
    world.pass(Duration::minutes(6)).await;
    world.read_mail();
    let own = format!(
        "{ORGANISATION}\n[notices.breached]\nsubject = \"{{{{ owner.name }}}} is late\"\n\
         text = \"Call them. {{{{ shipped.text }}}}\"\n"
    );
    let config = domain::config::load(&own).unwrap();
    let now = world.now();
    let newest = cli::words::newest(&world.store, &config, None, now).await.unwrap();
    let (at, breached) = &newest["breached"];
    let owner = world.handoff(&id).await.owner.unwrap();
    assert!(*at < now && newest.contains_key("reminded"));
    assert_eq!(breached.subject, format!("{} is late", config.name_of(&owner)));
    assert!(breached.body.contains("Call them. Hot lead: the deadline of"), "{}", breached.body);
    let only = cli::words::newest(&world.store, &config, Some("asked"), now).await.unwrap();
    assert!(only.is_empty());
    // Pushed, they are what is said.
    world.store.push_config(&own, Some(1), &"own".into(), now).await.unwrap();
    world.pass(Duration::minutes(1)).await;
    request(&mut world, 2).await;
    world.pass(Duration::minutes(6)).await;
    let mail = world.read_mail();
    assert!(mail.iter().any(|(subject, _)| subject.ends_with("is late")), "{mail:?}");
    let manager = vendors.slack_messages("D024PRIYA");
    let last = manager.last().unwrap().words();
    assert!(last.contains("is late") && last.contains("Call them."), "{last}");
}
