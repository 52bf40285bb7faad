//! The conversation around a handoff: questions that stand open until they are answered, and notes
//! that name people.

use domain::HandoffId;
use serde_json::{Value, json};
use tests::World;

/// A world in which Amara handed a meeting to an executive, and who that is.
async fn handed() -> (World, HandoffId, String) {
    let mut world = World::start().await;
    let body = json!({
        "type": "meeting_set",
        "subject": { "email": "dana@acme.example", "name": "Dana Hall", "country": "GB" },
        "package": { "pain_points": ["cost"], "meeting_at": "2026-01-12T15:00:00Z" },
    });
    let amara = [("x-handoff-person", "amara")];
    let opened = world.call(http::Method::POST, "/api/handoffs", &amara, body).await;
    let id: HandoffId = opened.body["id"].as_str().unwrap().into();
    world.settle().await;
    world.read_mail();
    let owner = world.handoff(&id).await.owner.unwrap().to_string();
    (world, id, owner)
}

#[tokio::test]
async fn a_question_stands_open_for_both_sides_until_it_is_answered() {
    let (mut world, id, owner) = handed().await;
    let text = "Who signs? @priya knows.";
    let asked = world.act(&owner, &id, "ask", json!({ "text": text })).await;
    assert_eq!(
        (asked.status, &asked.body["questions"][0]["to"]),
        (200, &json!("amara")),
        "{asked:?}"
    );
    let told = world.mailed().await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].0.starts_with("Question: Meeting set"), "{told:?}");
    assert!(told[0].1.to_string().contains("amara"), "{told:?}");
    for person in ["amara", owner.as_str()] {
        let headers = [("x-handoff-person", person)];
        let page =
            world.call(http::Method::GET, &format!("/handoffs/{id}"), &headers, Value::Null).await;
        assert!(
            page.text.contains("Open questions") && page.text.contains("Who signs?"),
            "{person}"
        );
        let queue = world.call(http::Method::GET, "/", &headers, Value::Null).await;
        assert!(queue.text.contains("1 open question"), "{person}");
    }
    let none = world.act("amara", &id, "answer", json!({ "question": 2, "text": "The CFO" })).await;
    assert_eq!(none.status, 409);
    assert!(none.text.contains("No question 2 stands open here"), "{}", none.text);
    let empty = world.act("amara", &id, "answer", json!({ "question": 1, "text": " " })).await;
    assert!(empty.status == 400 && empty.text.contains("Say what to answer, in `text`."));
    let answered =
        world.act("amara", &id, "answer", json!({ "question": 1, "text": "The CFO" })).await;
    assert_eq!((answered.status, &answered.body["questions"]), (200, &json!([])), "{answered:?}");
    let told = world.mailed().await;
    assert!(told[0].0.starts_with("Answer: Meeting set"), "{told:?}");
    assert!(told[0].1.to_string().contains(&owner), "{told:?}");
    let shown = world.get(&format!("/api/handoffs/{id}")).await;
    let notes: Vec<&Value> =
        shown.body["timeline"].as_array().unwrap().iter().map(|one| &one["note"]).collect();
    assert!(notes.contains(&&json!(text)) && notes.contains(&&json!("The CFO")), "{notes:?}");
}

#[tokio::test]
async fn who_is_named_in_a_note_hears_of_it_and_nobody_else_does() {
    let (mut world, id, owner) = handed().await;
    let note = "@priya please look; b@ben.example wrote. @nobody @amara";
    assert_eq!(world.act("amara", &id, "note", json!({ "text": note })).await.status, 200);
    let told = world.mailed().await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].0.starts_with("Note: Meeting set"), "{told:?}");
    assert!(told[0].1.to_string().contains("priya") && !told[0].1.to_string().contains("amara"));
    // After the end people still ask.
    let over = json!({ "outcome": "opportunity_created" });
    assert_eq!(world.act(&owner, &id, "complete", over).await.status, 200);
    world.mailed().await;
    let asked = world.act(&owner, &id, "ask", json!({ "text": "What was promised?" })).await;
    assert_eq!(asked.status, 200, "{asked:?}");
    assert_eq!(world.mailed().await.len(), 1);
}
