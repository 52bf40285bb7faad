//! Vendors in trouble: whatever they do, nothing is lost, nothing is made twice, and a person hears
//! where a person must act.

use super::{deliveries, delivery, request, with, with_other_crms, world};
use chrono::Duration;
use local::sample::ORGANISATION;
use serde_json::json;
use store::{Delivery, DeliveryState};
use tests::{Manner, Vendors, World};

/// Lets vendors be well again, and everything that waits come through.
async fn recovers(world: &mut World, vendors: &Vendors) {
    vendors.recover();
    world.pass(Duration::minutes(40)).await;
    world.read_mail();
}

fn statuses() -> Vec<Manner> {
    let limit = |value: &str| Manner::Status(429, vec![("retry-after", value.to_owned())]);
    vec![
        Manner::Status(500, vec![]),
        Manner::Status(503, vec![("retry-after", "7".to_owned())]),
        limit("30"),
        limit("2"),
        Manner::Html,
        Manner::Shouts,
        Manner::LosesReply,
        Manner::ResetsBefore,
    ]
}

#[tokio::test]
async fn whatever_a_vendor_does_once_there_is_one_card_one_task_one_event() {
    for vendor in ["slack", "hubspot", "webhook"] {
        // Whatever a receiver says besides, to whoever only looks at its status it took it.
        let taken =
            |one: &Manner| vendor == "webhook" && matches!(one, Manner::Html | Manner::Shouts);
        for manner in statuses().into_iter().filter(|one| !taken(one)) {
            let (mut world, vendors) = world().await;
            vendors.once(vendor, manner.clone());
            let id = request(&mut world, 1).await;
            world.act("amara", &id, "accept", json!({})).await;
            recovers(&mut world, &vendors).await;
            let case = format!("{vendor} {manner:?}");
            // The lead went to the next one meanwhile, perhaps: each has one card.
            for channel in ["D024AMARA", "D024BEN", "C0SDREMEA"] {
                let cards = vendors.slack_messages(channel);
                let cards = cards.iter().filter(|one| one.words().contains("Dana Reyes")).count();
                assert!(cards <= 1, "{case}: {cards} cards in {channel}");
            }
            assert_eq!(vendors.slack_messages("D024AMARA").len().min(1), 1, "{case}");
            assert_eq!(vendors.hubspot_tasks().len(), 1, "{case}");
            let assigned = vendors.webhooks();
            let assigned = assigned.iter().filter(|one| one.event == "handoff.assigned");
            let mut ids: Vec<String> = assigned.map(|one| one.id.clone()).collect();
            ids.sort();
            ids.dedup();
            assert!(!ids.is_empty(), "{case}");
            let all = deliveries(&mut world, &id).await;
            let over = |state: &str| matches!(state, "sent" | "outdated");
            let under_way: Vec<_> =
                all.iter().filter(|one| !over(one["state"].as_str().unwrap())).collect();
            assert!(under_way.is_empty(), "{case}: {under_way:#?}");
        }
    }
}

#[tokio::test]
async fn a_vendor_that_never_answers_is_left_alone_and_the_others_hear_at_once() {
    let (mut world, vendors) = world().await;
    vendors.set("hubspot", Manner::Hangs);
    for n in 1..=6 {
        request(&mut world, n).await;
    }
    assert!(vendors.count("hubspot") <= 4, "{}", vendors.count("hubspot"));
    let cards = vendors.slack_messages("D024AMARA").len() + vendors.slack_messages("D024BEN").len();
    assert_eq!(cards, 6, "chat is not kept waiting");
    recovers(&mut world, &vendors).await;
    assert_eq!(vendors.hubspot_tasks().len(), 6);
}

#[tokio::test]
async fn after_a_day_without_a_vendor_nothing_is_lost_and_nothing_stale_is_said() {
    let day = ORGANISATION.replace("{ at = \"+10m\", do = \"reassign\" },", "");
    let (mut world, vendors) = with(day).await;
    vendors.set("slack", Manner::Status(503, vec![]));
    vendors.set("hubspot", Manner::Status(503, vec![]));
    let mut opened = Vec::new();
    for n in 1..=12 {
        opened.push(request(&mut world, n).await);
        world.pass(Duration::hours(1)).await;
    }
    // Some are done with before anybody could be told.
    for id in &opened[..4] {
        let owner = world.handoff(id).await.owner.unwrap();
        world.act(owner.as_str(), id, "touch", json!({ "channel": "phone" })).await;
        world.act(owner.as_str(), id, "complete", json!({ "outcome": "no_response" })).await;
    }
    world.pass(Duration::hours(8)).await;
    world.read_mail();
    let (tried, _) = (vendors.count("slack"), vendors.asked());
    let outbox = world.get("/api/outbox").await.body;
    let chat = &outbox["destinations"][0];
    assert!(chat["left_alone_until"].is_string(), "{chat:#}");
    assert!(chat["reason"].as_str().unwrap().contains("503"), "{chat:#}");

    vendors.recover();
    world.pass(Duration::minutes(10)).await;
    world.read_mail();
    assert_eq!(vendors.hubspot_tasks().len(), 8, "what is done needs no task");
    let mut cards = 0;
    for channel in ["D024AMARA", "D024BEN"] {
        for message in vendors.slack_messages(channel) {
            cards += usize::from(message.words().contains("Dana Reyes"));
            // However late, it shows how things stand.
            assert_eq!(message.before.len(), 0, "{message:?}");
        }
    }
    assert_eq!(cards, 12, "every owner has every card");
    for id in &opened[..4] {
        // What would not be true any more is not said.
        let all = deliveries(&mut world, id).await;
        let missed: Vec<_> = all.iter().filter(|one| one["what"] == "breached").collect();
        assert!(missed.iter().any(|one| one["destination"] == "chat"), "{all:#?}");
        for one in missed.iter().filter(|one| one["destination"] == "chat") {
            assert_eq!(one["state"], "outdated", "{one:#}");
        }
    }
    for id in &opened {
        let all = deliveries(&mut world, id).await;
        let waits: Vec<_> = all.iter().filter(|one| one["state"] == "waiting").collect();
        assert!(waits.is_empty(), "{waits:#?}");
    }
    assert!(tried < 1_500, "{tried} requests to a vendor that is away");
}

#[tokio::test]
async fn a_token_that_was_taken_back_is_told_once_a_day_and_everything_waits_for_a_new_one() {
    let (mut world, vendors) = world().await;
    vendors.set("slack", Manner::NotOk("token_revoked"));
    let id = request(&mut world, 1).await;
    request(&mut world, 2).await;
    world.pass(Duration::minutes(3)).await;
    let mail = world.mailed().await;
    let alerts: Vec<_> =
        mail.iter().filter(|(subject, _)| subject.starts_with("Not delivered")).collect();
    assert_eq!(alerts.len(), 1, "{mail:?}");
    assert_eq!(alerts[0].1, json!(["priya"]));
    let all = deliveries(&mut world, &id).await;
    let card = delivery(&all, "chat", "card");
    assert_eq!(card["state"], "waiting");
    assert!(card["answer"].as_str().unwrap().contains("install the app again"), "{card}");
    recovers(&mut world, &vendors).await;
    let all = deliveries(&mut world, &id).await;
    assert!(all.iter().all(|one| one["state"] != "waiting"), "{all:#?}");
}

#[tokio::test]
async fn what_cannot_be_said_is_a_sentence_and_what_a_person_must_mend_is_told_them() {
    for (vendor, manner, part) in [
        ("slack", Manner::NotOk("channel_not_found"), "invite the app"),
        ("slack", Manner::NotOk("missing_scope"), "give it the scopes"),
        ("slack", Manner::NotOk("invalid_blocks"), "Slack refused the message (invalid_blocks)"),
        ("slack", Manner::Redirects, "sends us elsewhere (302"),
        ("hubspot", Manner::Status(401, vec![]), "refused the secret"),
        ("hubspot", Manner::Status(404, vec![]), "deleted or merged"),
        (
            "hubspot",
            Manner::Status(400, vec![]),
            "HubSpot refused what was written (400, VALIDATION_ERROR)",
        ),
        ("webhook", Manner::Status(410, vec![]), "wants no more of them"),
        ("webhook", Manner::Status(404, vec![]), "did not take it (404"),
    ] {
        let (mut world, vendors) = world().await;
        vendors.set(vendor, manner.clone());
        let id = request(&mut world, 1).await;
        let all = deliveries(&mut world, &id).await;
        let answers: Vec<&str> = all.iter().filter_map(|one| one["answer"].as_str()).collect();
        assert!(answers.iter().any(|one| one.contains(part)), "{manner:?}: {answers:?}");
        world.read_mail();
        vendors.violations();
    }
}

#[tokio::test]
async fn a_rep_without_an_id_is_mailed_instead_and_somebody_hears_what_is_missing() {
    let without =
        ORGANISATION.replace("ids = { chat = \"U024AMARA\", hubspot = \"41488294\" }\n", "");
    let (mut world, vendors) = with(without).await;
    let id = request(&mut world, 1).await;
    world.pass(Duration::seconds(90)).await;
    let all = deliveries(&mut world, &id).await;
    let card = all.iter().find(|one| one["what"] == "card" && one["to"] == "amara").unwrap();
    assert_eq!(card["state"], "failed");
    let expected =
        "Amara Okafor has no id at `chat`: write `ids = { chat = \"U…\" }` at `[people.amara]`.";
    assert_eq!(card["answer"], expected);
    let mail = world.mailed().await;
    let subjects: Vec<&str> = mail.iter().map(|(subject, _)| subject.as_str()).collect();
    assert!(subjects.contains(&"Yours: Hot lead"), "{subjects:?}");
    let alerts = subjects.iter().filter(|one| one.starts_with("Not delivered")).count();
    assert_eq!(alerts, 2, "chat and hubspot: {subjects:?}");
    assert_eq!(vendors.slack_messages("C0SDREMEA").len(), 1, "the team sees it all the same");
}

#[tokio::test]
async fn a_storm_of_too_many_requests_is_waited_out_not_answered_with_more() {
    let (mut world, vendors) = world().await;
    vendors.set("slack", Manner::Status(429, vec![("retry-after", "120".to_owned())]));
    for n in 1..=10 {
        request(&mut world, n).await;
    }
    let asked = vendors.count("slack");
    assert!(asked <= 3, "{asked} requests after being asked for fewer");
    world.pass(Duration::seconds(100)).await;
    assert_eq!(vendors.count("slack"), asked, "it was asked to wait two minutes");
    recovers(&mut world, &vendors).await;
    let cards = vendors.slack_messages("D024AMARA").len() + vendors.slack_messages("D024BEN").len();
    assert!(cards >= 10, "{cards}");
}

#[tokio::test]
async fn what_nobody_takes_for_a_day_is_given_up_told_and_sent_again_by_hand() {
    let (mut world, vendors) = world().await;
    vendors.set("webhook", Manner::Status(500, vec![]));
    let id = request(&mut world, 1).await;
    world.act("amara", &id, "touch", json!({ "channel": "phone" })).await;
    world.pass(Duration::hours(26)).await;
    let mail = world.mailed().await;
    let given_up = mail.iter().filter(|(subject, _)| subject.contains("given up")).count();
    assert_eq!(given_up, 1, "{mail:?}");
    let all = deliveries(&mut world, &id).await;
    let event = delivery(&all, "events", "handoff.assigned");
    assert_eq!(event["state"], "failed");
    assert!(event["answer"].as_str().unwrap().starts_with("Given up after a day"), "{event}");
    vendors.recover();
    let body = json!({ "destination": "events", "delivery": event["name"] });
    let headers = [("x-handoff-person", "priya")];
    let answer = world.call(http::Method::POST, "/api/outbox/redrive", &headers, body).await;
    assert_eq!((answer.status, &answer.body["redriven"]), (200, &json!(1)), "{answer:?}");
    world.pass(Duration::minutes(10)).await;
    assert_eq!(vendors.webhooks().len(), 1);
    world.read_mail();
}

#[tokio::test]
async fn while_a_secret_replaces_another_both_are_believed() {
    let (mut world, vendors) = world().await;
    vendors.accepts(
        "webhook",
        &["whsec_b3RoZXIta2V5LW90aGVyLWtleS1vdGhlcg==", "whsec_bG9jYWwtZXZlbnRzLXNlY3JldA=="],
    );
    request(&mut world, 1).await;
    assert_eq!(vendors.webhooks().len(), 1);
}

#[tokio::test]
async fn neither_a_row_nobody_can_read_nor_a_hundred_that_wait_stand_in_the_way() {
    let (mut world, vendors) = world().await;
    vendors.once("webhook", Manner::Status(500, vec![]));
    let now = world.now();
    let planted = |n: usize, until: chrono::DateTime<chrono::Utc>| Delivery {
        handoff: format!("nobody{n}").as_str().into(),
        destination: "events".to_owned(),
        part: "handoff.assigned".to_owned(),
        what: "handoff.assigned".to_owned(),
        version: 1,
        state: DeliveryState::Waiting,
        since: now,
        at: now,
        until: Some(until),
        queued: true,
        // Before everything that is real.
        pressing: format!("0{n:04}"),
        ..Delivery::default()
    };
    let unread = planted(0, now);
    world.store.put_delivery(&unread, None).await.unwrap();
    for n in 1..=120 {
        let later = planted(n, now + Duration::hours(20));
        world.store.put_delivery(&later, None).await.unwrap();
    }
    let id = request(&mut world, 1).await;
    world.act("amara", &id, "touch", json!({ "channel": "phone" })).await;
    world.pass(Duration::minutes(5)).await;
    let told = vendors.webhooks();
    assert_eq!(told.iter().filter(|one| one.event == "handoff.assigned").count(), 1, "{told:?}");
    let unread = world.store.deliveries(&unread.handoff).await.unwrap().remove(0);
    assert_eq!(unread.state, DeliveryState::Waiting, "it is tried again, for its day");
    let answer = unread.answer.unwrap_or_default();
    assert!(unread.tries > 0 && answer.starts_with("It cannot be read: there is no"), "{answer}");
    world.expects_errors();
}

/// How many tasks a CRM has.
fn tasks(vendors: &Vendors, crm: &str) -> usize {
    match crm {
        "hubspot" => vendors.hubspot_tasks().len(),
        "salesforce" => vendors.salesforce_tasks().len(),
        _ => vendors.pipedrive_activities().len(),
    }
}

#[tokio::test]
async fn a_task_that_somebody_deleted_holds_nothing_up() {
    for (crm, object, id) in [
        ("hubspot", "contact", "42"),
        ("salesforce", "lead", "00Qxx0000001gPLEAY"),
        ("pipedrive", "contact", "42"),
    ] {
        let organisation =
            if crm == "hubspot" { ORGANISATION.to_owned() } else { with_other_crms() };
        let (mut world, vendors) = with(organisation).await;
        let data = json!({
            "subject": { "crm": crm, "object": object, "id": id, "name": "Dana Reyes",
                         "email": "dana@acme.example", "country": "GB" },
        });
        let handoff = world.event("demo.requested", data).await.opened();
        world.settle().await;
        assert_eq!(tasks(&vendors, crm), 1, "{crm}");
        // Whoever gets it next has a task of their own.
        vendors.deletes_tasks(crm);
        let owner = world.handoff(&handoff).await.owner.unwrap();
        let other = if owner.as_str() == "amara" { "ben" } else { "amara" };
        let body = json!({ "owner": other, "reason": "on leave" });
        world.act("priya", &handoff, "reassign", body).await;
        world.pass(Duration::minutes(3)).await;
        assert_eq!(tasks(&vendors, crm), 1, "{crm}");
        // One that is over is not made again.
        vendors.deletes_tasks(crm);
        world.act(other, &handoff, "touch", json!({ "channel": "phone" })).await;
        world.pass(Duration::minutes(3)).await;
        assert_eq!(tasks(&vendors, crm), 0, "{crm}");
        let all = deliveries(&mut world, &handoff).await;
        assert_eq!(delivery(&all, crm, "record")["state"], "sent", "{crm}: {all:#?}");
        world.read_mail();
    }
}

#[tokio::test]
async fn a_receiver_that_says_more_than_anybody_reads_has_it_all_the_same() {
    let (mut world, vendors) = world().await;
    vendors.once("webhook", Manner::Shouts);
    let id = request(&mut world, 1).await;
    let all = deliveries(&mut world, &id).await;
    let event = delivery(&all, "events", "handoff.assigned");
    assert_eq!((&event["state"], &event["tries"]), (&json!("sent"), &json!(1)), "{event}");
}

#[tokio::test]
async fn a_card_follows_what_becomes_known() {
    let (mut world, vendors) = world().await;
    let id = request(&mut world, 1).await;
    let owner = world.handoff(&id).await.owner.unwrap();
    let card = |vendors: &Vendors| {
        vendors.slack_messages(&format!("D024{}", owner.as_str().to_uppercase()))[0].words()
    };
    let before = card(&vendors);
    let phone = json!({ "package": { "phone": "+44 20 7946 0000" } });
    world.act(owner.as_str(), &id, "supply", phone).await;
    let after = card(&vendors);
    assert!(!before.contains("7946") && after.contains("+44 20 7946 0000"), "{after}");
}

#[tokio::test]
async fn what_is_due_first_is_said_first_whenever_it_came() {
    let (mut world, vendors) = world().await;
    vendors.set("slack", Manner::Status(503, vec![]));
    let data = json!({
        "subject": { "crm": "hubspot", "object": "contact", "id": "1", "name": "Quinn Reyes",
                     "email": "quinn@acme.example", "company": "Acme", "country": "GB" },
        "score": 71, "previous_score": 40,
    });
    let in_hours = world.event("lead.scored", data).await.opened();
    world.settle().await;
    let in_minutes = request(&mut world, 2).await;
    let due = |handoff: &domain::Handoff| handoff.clocks.iter().map(|it| it.due_at).min();
    assert!(due(&world.handoff(&in_minutes).await) < due(&world.handoff(&in_hours).await));
    vendors.asked();
    vendors.recover();
    world.pass(Duration::minutes(2)).await;
    let told = vendors.asked();
    let posted = told.iter().filter(|asked| asked.path.ends_with("chat.postMessage"));
    let said: Vec<String> = posted.map(|asked| asked.body.to_string()).collect();
    let place = |id: &domain::HandoffId| said.iter().position(|one| one.contains(id.as_str()));
    let (first, second) = (place(&in_minutes), place(&in_hours));
    assert!(first.is_some() && second.is_some() && first < second, "{first:?} {second:?}");
}

#[tokio::test]
async fn a_task_whose_answer_was_lost_is_found_and_not_made_again() {
    for (crm, object, id, made_by) in [
        ("hubspot", "contact", "42", "/crm/v3/objects/tasks"),
        ("salesforce", "lead", "00Qxx0000001gPLEAY", "/composite"),
        ("pipedrive", "contact", "42", "/api/v2/activities"),
    ] {
        let organisation =
            if crm == "hubspot" { ORGANISATION.to_owned() } else { with_other_crms() };
        let (mut world, vendors) = with(organisation).await;
        let mut times = 0;
        vendors.by(Box::new(move |asked| {
            let is_it = asked.method == "POST" && asked.path.ends_with(made_by);
            times += usize::from(is_it);
            if is_it && times == 1 { Manner::LosesReply } else { Manner::Well }
        }));
        let data = json!({
            "subject": { "crm": crm, "object": object, "id": id, "name": "Dana Reyes",
                         "email": "dana@acme.example", "country": "GB" },
        });
        let handoff = world.event("demo.requested", data).await.opened();
        world.settle().await;
        let record = |all: &[serde_json::Value]| delivery(all, crm, "record").clone();
        let waits = record(&deliveries(&mut world, &handoff).await);
        assert_eq!(waits["state"], "waiting", "{crm}: its answer was lost: {waits:#}");
        world.pass(Duration::minutes(4)).await;
        let done = record(&deliveries(&mut world, &handoff).await);
        assert_eq!((&done["state"], tasks(&vendors, crm)), (&json!("sent"), 1), "{crm}: {done:#}");
        world.read_mail();
    }
}
