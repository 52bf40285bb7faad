//! Mail that is not sent at once: bundled, once a day, after quiet hours, or not at all.

use super::with;
use chrono::Duration;
use local::sample::ORGANISATION;
use serde_json::{Value, json};
use tests::{Vendors, World};

/// The sample organisation without chat, with choices of mail.
pub(crate) async fn mailing(choices: &str) -> (World, Vendors) {
    let without = ORGANISATION.split("[sources.slack]").next().unwrap();
    with(format!("{}\n{choices}\n", without.replace("ids = {", "# ids = {"))).await
}

fn to<'a>(mail: &'a [(String, Value)], person: &str) -> Vec<&'a str> {
    let theirs = mail.iter().filter(|(_, to)| *to == json!([person]));
    theirs.map(|(subject, _)| subject.as_str()).collect()
}

#[tokio::test]
async fn a_burst_of_forty_leads_is_one_message_to_each() {
    let (mut world, _vendors) = mailing("").await;
    for n in 0..40 {
        let data = json!({
            "subject": { "crm": "hubspot", "object": "contact", "id": n.to_string(),
                         "email": format!("{n}@acme.example"), "country": "GB" },
            "fields": { "intent_signal": "Requested a demo" },
        });
        world.event("demo.requested", data).await.opened();
    }
    world.settle().await;
    world.pass(Duration::seconds(90)).await;
    let mail = world.mailed().await;
    assert_eq!(to(&mail, "amara"), ["20 handoffs: 20 yours"], "{mail:?}");
    assert_eq!(to(&mail, "ben"), ["20 handoffs: 20 yours"], "{mail:?}");
}

#[tokio::test]
async fn what_somebody_chose_for_once_a_day_comes_once_a_day() {
    let choices = "[mail.people.amara.kinds]\nreminded = \"digest\"\nassigned = \"off\"\n\
                   gone = \"off\"\n\
                   [mail.teams.sdr.kinds]\nbreached = \"digest\"";
    let (mut world, _vendors) = mailing(choices).await;
    for n in 1..=2 {
        super::request(&mut world, n).await;
        world.pass(Duration::minutes(4)).await;
    }
    world.pass(Duration::minutes(4)).await;
    let mail = world.mailed().await;
    assert_eq!(to(&mail, "amara"), Vec::<&str>::new(), "{mail:?}");
    assert_eq!(to(&mail, "priya"), Vec::<&str>::new(), "she answers for the team: {mail:?}");
    world.until("2026-01-06T07:40:00Z".parse().unwrap()).await;
    let mail = world.mailed().await;
    // What is not so any more is not said a day late.
    assert!(to(&mail, "amara").iter().all(|one| !one.contains("Reminder")), "{mail:?}");
    assert!(to(&mail, "priya").iter().any(|one| one.contains("2 missed")), "{mail:?}");
}

#[tokio::test]
async fn quiet_hours_hold_back_what_can_wait_and_nothing_else() {
    let (mut world, _vendors) = mailing("[mail]\nquiet = \"09:00-12:00\"").await;
    super::request(&mut world, 1).await;
    world.pass(Duration::minutes(6)).await;
    let mail = world.mailed().await;
    let subjects: Vec<&str> = mail.iter().map(|(subject, _)| subject.as_str()).collect();
    assert!(matches!(subjects[..], [one] if one.starts_with("Missed")), "{subjects:?}");
    world.until("2026-01-05T12:01:00Z".parse().unwrap()).await;
    let later = world.mailed().await;
    // Of whoever lost it meanwhile nothing is said but that; who has it hears so.
    assert!(!later.is_empty(), "what can wait came after");
}
