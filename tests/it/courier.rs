//! What is said and written elsewhere, by vendors that are strict and vendors that misbehave.

mod going_live;
pub(crate) mod mail;
mod trouble;

use chrono::Duration;
use domain::HandoffId;
use local::sample::ORGANISATION;
use serde_json::{Value, json};
use tests::{Setting, Vendors, World};

/// A world whose vendors stand in for the sample organisation's destinations.
pub(crate) async fn world() -> (World, Vendors) {
    with(ORGANISATION.to_owned()).await
}

/// The same with another organisation.
pub(crate) async fn with(organisation: String) -> (World, Vendors) {
    let vendors = Vendors::start().await;
    vendors.named("slack", "chat");
    vendors.named("hubspot", "hubspot");
    let url = vendors.url();
    let setting = Setting { organisation, ..Setting::default() };
    let world = World::with(setting, |environment| environment.with_vendors(&url)).await;
    let clock = world.clock.clone();
    vendors.clock(move || clock.now());
    (world, vendors)
}

/// Opens a hot lead of a contact of HubSpot, and lets it find an owner and be told.
pub(crate) async fn request(world: &mut World, id: u64) -> HandoffId {
    let data = json!({
        "subject": {
            "crm": "hubspot", "object": "contact", "id": id.to_string(), "name": "Dana Reyes",
            "email": format!("dana{id}@acme.example"), "company": "Acme", "country": "GB",
        },
        "score": 71,
        "fields": { "intent_signal": "Requested a demo" },
    });
    let opened = world.event("demo.requested", data).await.opened();
    world.settle().await;
    opened
}

/// Reads what was said and written of a handoff, as the API shows it.
pub(crate) async fn deliveries(world: &mut World, id: &HandoffId) -> Vec<Value> {
    let shown = world.get(&format!("/api/handoffs/{id}")).await.body;
    shown["deliveries"].as_array().cloned().unwrap_or_default()
}

/// Finds one of them by what it is and where it went.
pub(crate) fn delivery<'a>(all: &'a [Value], destination: &str, what: &str) -> &'a Value {
    let is = |one: &&Value| one["destination"] == destination && one["what"] == what;
    all.iter().find(is).unwrap_or_else(|| panic!("no {what} at {destination}: {all:#?}"))
}

#[tokio::test]
async fn a_lead_is_in_its_reps_chat_and_crm_as_soon_as_they_have_it_and_follows_what_they_do() {
    let (mut world, vendors) = world().await;
    let id = request(&mut world, 4711).await;
    let own = vendors.slack_messages("D024AMARA");
    assert_eq!(own.len(), 1, "{own:?}");
    let words = own[0].words();
    for part in ["Hot lead: Dana Reyes, Acme", "dana4711@acme.example", "71", "<!date^", "Yours"] {
        assert!(words.contains(part), "{part} in {words}");
    }
    let actions = own[0].actions();
    assert_eq!(
        actions,
        ["handoff_accept", "handoff_touch", "handoff_reject", "handoff_open"],
        "{words}"
    );
    let accept = own[0].action("handoff_accept").unwrap();
    assert_eq!(accept["value"], format!("{id}:v2"));
    // The team sees it too, without the buttons that are its owner's.
    let team = vendors.slack_messages("C0SDREMEA");
    assert_eq!((team.len(), team[0].actions()), (1, vec!["handoff_open".to_owned()]));
    assert!(team[0].words().contains("Amara Okafor"), "{}", team[0].words());

    let record = vendors.hubspot_record("contacts", "4711");
    assert_eq!(record["hubspot_owner_id"], "41488294");
    assert_eq!(record["hs_lead_status"], "OPEN");
    let tasks = vendors.hubspot_tasks();
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    let of = |name: &str| tasks[0].properties[name].clone();
    assert!(of("hs_task_subject").ends_with(&format!("[{id}]")), "{tasks:?}");
    assert_eq!((of("hs_task_type"), of("hs_task_priority")), ("CALL".into(), "HIGH".into()));
    assert_eq!(of("hs_task_status"), "NOT_STARTED");

    let told: Vec<String> = vendors.webhooks().iter().map(|one| one.event.clone()).collect();
    assert_eq!(told, ["handoff.assigned"]);

    world.act("amara", &id, "accept", json!({})).await;
    let own = vendors.slack_messages("D024AMARA");
    assert_eq!(own.len(), 1, "the same message, brought up to date");
    assert!(own[0].words().contains("Accepted by Amara Okafor"), "{}", own[0].words());
    assert!(!own[0].actions().contains(&"handoff_accept".to_owned()));

    world.act("amara", &id, "touch", json!({ "channel": "phone" })).await;
    let task = &vendors.hubspot_tasks()[0];
    assert_eq!(task.properties["hs_task_status"], "COMPLETED");
    assert_eq!(vendors.hubspot_record("contacts", "4711")["hs_lead_status"], "IN_PROGRESS");
    world.act("amara", &id, "complete", json!({ "outcome": "meeting_booked" })).await;
    assert!(vendors.slack_messages("D024AMARA")[0].words().contains("Done: meeting booked"));
    assert_eq!(vendors.hubspot_tasks().len(), 1);

    let all = deliveries(&mut world, &id).await;
    assert!(all.iter().all(|one| one["state"] == "sent"), "{all:#?}");
    let event = delivery(&all, "events", "handoff.assigned");
    assert_eq!((&event["tries"], &event["answer"]), (&json!(1), &json!("It took it (204).")));
    assert_eq!(delivery(&all, "chat", "card")["answer"], "The card is up to date.");
}

#[tokio::test]
async fn who_had_it_sees_where_it_went_and_the_task_goes_with_it() {
    let (mut world, vendors) = world().await;
    let id = request(&mut world, 1).await;
    world.act("priya", &id, "reassign", json!({ "owner": "ben", "reason": "on leave" })).await;
    let (hers, his) = (vendors.slack_messages("D024AMARA"), vendors.slack_messages("D024BEN"));
    assert!(hers[0].words().contains("It went to Ben Whitlock"), "{}", hers[0].words());
    assert_eq!(hers[0].actions(), ["handoff_open"]);
    assert!(his[0].actions().contains(&"handoff_accept".to_owned()));
    let tasks = vendors.hubspot_tasks();
    assert_eq!((tasks.len(), tasks[0].properties["hubspot_owner_id"].as_str()), (1, "41488295"));
    assert_eq!(vendors.hubspot_record("contacts", "1")["hubspot_owner_id"], "41488295");
}

#[tokio::test]
async fn a_miss_is_said_to_whom_it_concerns_and_beneath_the_card() {
    let (mut world, vendors) = world().await;
    let id = request(&mut world, 1).await;
    world.pass(Duration::minutes(6)).await;
    let mail: Vec<String> = world.mailed().await.into_iter().map(|(subject, _)| subject).collect();
    assert_eq!(mail.len(), 2, "{mail:?}");
    let card = &vendors.slack_messages("D024AMARA")[0];
    let reminders: Vec<_> = vendors.slack_messages("D024AMARA");
    assert_eq!(reminders.len(), 2, "a card and a reminder");
    assert_eq!(reminders[1].thread_ts.as_deref(), Some(card.ts.as_str()), "in its thread");
    assert!(card.words().contains("was missed"), "{}", card.words());
    let manager = vendors.slack_messages("D024PRIYA");
    assert_eq!(manager.len(), 1);
    assert!(manager[0].words().contains("Missed: Hot lead"), "{}", manager[0].words());
    let team = vendors.slack_messages("C0SDREMEA");
    assert_eq!((team.len(), team[1].thread_ts.as_deref()), (2, Some(team[0].ts.as_str())));
    let told: Vec<String> = vendors.webhooks().iter().map(|one| one.event.clone()).collect();
    assert_eq!(told, ["handoff.assigned", "handoff.breached"]);
    let breached = &vendors.webhooks()[1];
    assert_eq!(breached.body["data"]["handoff"], json!(id));
    assert!(!breached.body.to_string().contains("Dana"), "no personal data: {}", breached.body);
}

#[tokio::test]
async fn the_package_is_there_before_the_meeting_a_question_and_a_return_find_who_must_know() {
    let (mut world, vendors) = world().await;
    let data = json!({
        "subject": { "crm": "hubspot", "object": "contact", "id": "8", "name": "Dana Reyes",
                     "email": "dana@acme.example", "company": "Acme", "country": "GB" },
        "owner_email": "amara@northwind.example",
        "meeting_at": "2026-01-08T10:00:00Z",
        "fields": { "pain_points": "reporting takes a week" },
    });
    let id = world.event("meeting.booked", data).await.opened();
    world.settle().await;
    world.until("2026-01-07T10:01:00Z".parse().unwrap()).await;
    let owner = world.handoff(&id).await.owner.unwrap();
    let own = vendors.slack_messages(&format!("D024{}", owner.as_str().to_uppercase()));
    let brief = own.iter().find(|one| one.words().contains("This is what is known"));
    let brief = brief.expect("the package was said").words();
    assert!(brief.contains("reporting takes a week"), "{brief}");

    world.act(owner.as_str(), &id, "ask", json!({ "text": "Who signs?" })).await;
    let sender = vendors.slack_messages("D024AMARA");
    let asked = sender.iter().any(|one| one.words().contains("asks you something"));
    assert!(asked, "{sender:?}");
    world.act(owner.as_str(), &id, "reject", json!({ "reason": "not_qualified" })).await;
    let sender = vendors.slack_messages("D024AMARA");
    let returned = sender.iter().find(|one| one.words().contains("gave it back: not qualified"));
    assert!(returned.is_some(), "{sender:?}");
    let task = vendors.hubspot_tasks();
    assert_eq!(task[0].properties["hs_task_status"], "DEFERRED");
    world.read_mail();
}

#[tokio::test]
async fn what_a_source_wrote_is_inert_in_chat_and_in_tasks() {
    let (mut world, vendors) = world().await;
    let name = "<!channel> *Dana* <http://evil.example|Accept> & \u{202e}Co\r\nBcc: x@evil.example";
    let data = json!({
        "subject": { "crm": "hubspot", "object": "contact", "id": "5", "name": name,
                     "email": "d@acme.example", "company": "\"><img src=x>`_~", "country": "GB" },
        "fields": { "intent_signal": "<@U024BEN> </script>" },
    });
    let id = world.event("demo.requested", data).await.opened();
    world.settle().await;
    world.pass(Duration::minutes(6)).await;
    world.read_mail();
    let all = deliveries(&mut world, &id).await;
    assert!(all.iter().all(|one| one["state"] == "sent"), "{all:#?}");
    // The vendors refuse what breaks out; here is what arrived.
    for message in vendors.slack_said() {
        assert!(!message.words().contains('\u{202e}'), "{message:?}");
        assert!(!message.text.contains('<'), "{}", message.text);
    }
    let subject = &vendors.hubspot_tasks()[0].properties["hs_task_subject"];
    assert!(subject.ends_with(&format!("[{id}]")), "{subject}");
}

/// The sample organisation with Salesforce and Pipedrive, whose ids its reps have instead of
/// HubSpot's.
pub(crate) fn with_other_crms() -> String {
    let mut organisation = ORGANISATION.to_owned();
    for (name, kind) in [("salesforce", "salesforce"), ("pipedrive", "pipedrive")] {
        organisation += &format!(
            "\n[destinations.{name}]\nkind = \"{kind}\"\nsecret = \"sample\"\nurl = \"local\"\n"
        );
    }
    organisation
        .replace(
            "hubspot = \"41488294\"",
            "salesforce = \"005xx000001Sv6AAAS\", pipedrive = \"77\"",
        )
        .replace(
            "hubspot = \"41488295\"",
            "salesforce = \"005xx000001Sv7AAAS\", pipedrive = \"78\"",
        )
}

#[tokio::test]
async fn salesforce_and_pipedrive_get_the_same_by_the_same_port() {
    let (mut world, vendors) = with(with_other_crms()).await;
    for (crm, object, id) in
        [("salesforce", "lead", "00Qxx0000001gPLEAY"), ("pipedrive", "contact", "42")]
    {
        let data = json!({
            "subject": { "crm": crm, "object": object, "id": id, "name": "Dana Reyes",
                         "email": format!("{crm}@acme.example"), "country": "GB" },
            "fields": { "intent_signal": "Requested a demo" },
        });
        let handoff = world.event("demo.requested", data).await.opened();
        world.settle().await;
        let owner = world.handoff(&handoff).await.owner.unwrap();
        world.act(owner.as_str(), &handoff, "touch", json!({ "channel": "phone" })).await;
        let all = deliveries(&mut world, &handoff).await;
        let record = delivery(&all, crm, "record");
        assert_eq!((&record["state"], &record["tries"]), (&json!("sent"), &json!(1)), "{all:#?}");
    }
    let (tasks, activities) = (vendors.salesforce_tasks(), vendors.pipedrive_activities());
    assert_eq!((tasks.len(), activities.len()), (1, 1));
    let said = format!("{tasks:?} {activities:?}");
    assert!(said.contains("Completed") && said.contains("\"done\": Bool(true)"), "{said}");
    let lead = vendors.salesforce_record("Lead", "00Qxx0000001gPLEAY");
    assert!(format!("{lead:?}").contains("005xx000001Sv"), "{lead:?}");
    assert!(
        format!("{:?}", vendors.pipedrive_record("persons", "42")).contains("77")
            || format!("{:?}", vendors.pipedrive_record("persons", "42")).contains("78")
    );
}

#[tokio::test]
async fn an_incoming_webhook_is_all_it_takes_to_hear_of_a_lead() {
    let first = ORGANISATION.split("[destinations.chat]").next().unwrap();
    let organisation = format!(
        "{}\n[destinations.chat]\nkind = \"slack_webhook\"\nsecret = \"sample\"\n",
        first.replace(", hubspot = ", ", x = ").replace("ids = {", "# ids = {")
    );
    let (mut world, vendors) = with(organisation).await;
    let id = request(&mut world, 1).await;
    world.pass(Duration::minutes(6)).await;
    let said = vendors.slack_webhook_messages();
    assert!(said[0].actions().contains(&"handoff_accept".to_owned()), "{said:?}");
    assert!(said.iter().any(|one| one.words().contains("Missed: Hot lead")), "{said:?}");
    let all = deliveries(&mut world, &id).await;
    assert!(all.iter().any(|one| one["destination"] == "mail" && one["what"] == "assigned"));
    let mail: Vec<String> = world.mailed().await.into_iter().map(|(subject, _)| subject).collect();
    assert!(mail.iter().any(|subject| subject == "Yours: Hot lead"), "{mail:?}");
}

/// What telling others of a hot lead's life may cost at most.
const WRITE_UNITS_MAX: f64 = 30.0;

#[tokio::test]
async fn telling_others_of_a_life_costs_so_many_requests_and_units() {
    let (mut world, vendors) = world().await;
    request(&mut world, 1).await;
    world.meters.courier.take();
    let counts =
        |vendors: &Vendors| ["slack", "hubspot", "webhook"].map(|vendor| vendors.count(vendor));
    let asked = counts(&vendors);
    let id = request(&mut world, 2).await;
    let owner = world.handoff(&id).await.owner.unwrap();
    for (verb, body) in [
        ("accept", json!({})),
        ("touch", json!({ "channel": "phone" })),
        ("complete", json!({ "outcome": "meeting_booked" })),
    ] {
        world.act(owner.as_str(), &id, verb, body).await;
    }
    let now = counts(&vendors);
    let each: Vec<u64> = now.iter().zip(asked).map(|(now, before)| now - before).collect();
    // Two cards, posted once and updated three times; owner and status, task, status, task's end;
    // the events that were asked for.
    assert_eq!(each, [8, 4, 2], "requests to Slack, HubSpot, the webhook");
    let used = world.meters.courier.take();
    println!("{used:?}");
    assert!(used.write_units <= WRITE_UNITS_MAX, "{used:?}");
}
