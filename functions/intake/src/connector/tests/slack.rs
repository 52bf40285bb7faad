//! Slack's buttons: what they order, what is not ours, and what cannot be read.

use super::fixtures::{PRESSED, reading, slack};
use crate::connector::{Back, Button, Click, Item, Reading, Wants};
use domain::config::Source;
use serde_json::{Value, json};

const HANDOFF: &str = "01JD9Z7Q6N6R9X6W5R9S5G3H2K";

/// Writes a document as Slack posts it.
fn form(payload: &str) -> String {
    let escaped: String = payload
        .bytes()
        .map(|byte| match byte {
            b' ' => "+".to_owned(),
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02x}"),
        })
        .collect();
    format!("payload={escaped}")
}

/// Reads the fixture, changed.
fn pressed(change: impl FnOnce(&mut Value)) -> Reading {
    let mut payload: Value = serde_json::from_str(PRESSED).unwrap();
    change(&mut payload);
    reading(&slack(), form(&payload.to_string()))
}

fn click(change: impl FnOnce(&mut Value)) -> Click {
    match pressed(change).items.pop() {
        Some(Item::Click(click)) => *click,
        other => panic!("expected a click, not {other:?}"),
    }
}

/// Turns the button into the menu of reasons.
fn choose(payload: &mut Value, value: &str) {
    payload["actions"][0] = json!({
        "type": "static_select", "action_id": "handoff_reject", "action_ts": "1795329672.123456",
        "selected_option": { "text": { "type": "plain_text", "text": "x" }, "value": value },
    });
}

fn reason(body: &str) -> String {
    match reading(&slack(), body).items.as_slice() {
        [Item::Unreadable(unreadable)] => {
            assert_eq!(unreadable.part, b"", "no way back is kept beside it");
            unreadable.reason.clone()
        }
        other => panic!("expected one unreadable item, not {other:?}"),
    }
}

fn is_ignored(body: &str) {
    let nothing = Reading { items: vec![Item::Ignored], wants: None };
    assert_eq!(reading(&slack(), body), nothing, "{body}");
}

#[test]
fn a_button_is_an_order_of_whoever_pressed_it() {
    let accept = click(|_| ());
    assert_eq!((accept.handoff.as_str(), accept.user.as_str()), (HANDOFF, "U024BE7LH"));
    assert_eq!((accept.button, accept.key.len()), (Button::Accept, 64));
    let touch = click(|payload| payload["actions"][0]["action_id"] = json!("handoff_touch"));
    assert_eq!(touch.button, Button::Touch);
    let reject = click(|payload| choose(payload, &format!("{HANDOFF}:v3:not_a_fit")));
    assert_eq!(reject.button, Button::Reject("not_a_fit".to_owned()));
    let reject = click(|payload| choose(payload, &format!("{HANDOFF}:v3:in a: b")));
    assert_eq!(reject.button, Button::Reject("in a: b".to_owned()));
}

#[test]
fn one_click_has_one_key_however_often_it_comes_and_another_has_another() {
    let key = |change: fn(&mut Value)| click(change).key;
    let first = key(|_| ());
    assert_eq!(first, key(|payload| payload["response_url"] = json!("https://elsewhere.example")));
    for other in [
        key(|payload| payload["trigger_id"] = json!("2")),
        key(|payload| payload["actions"][0]["action_ts"] = json!("1795329673.000000")),
        key(|payload| payload["actions"][0]["action_id"] = json!("handoff_touch")),
        key(|payload| payload["actions"][0]["value"] = json!(format!("{HANDOFF}:v4"))),
        key(|payload| payload["user"]["id"] = json!("U2")),
    ] {
        assert_ne!(other, first);
    }
    assert_ne!(first, key(|payload| drop(payload.as_object_mut().unwrap().remove("trigger_id"))));
}

#[test]
fn the_way_back_is_read_apart_and_shown_by_nothing() {
    let blocks =
        json!([{ "type": "section", "text": { "type": "mrkdwn", "text": "a + b & c %" } }]);
    let read = pressed(|payload| payload["message"] = json!({ "blocks": blocks }));
    let Some(Wants::Word(back)) = &read.wants else { panic!("{read:?}") };
    assert!(back.address.starts_with("https://hooks.slack.com/actions/"));
    assert_eq!(json!(back.blocks), blocks, "as they came");
    assert!(!format!("{read:?}").contains("hooks.slack.com"), "{read:?}");
    let nobody = pressed(|payload| drop(payload.as_object_mut().unwrap().remove("response_url")));
    assert_eq!((nobody.items.len(), nobody.wants), (1, None));
    let Some(Wants::Word(Back { blocks, .. })) = pressed(|_| ()).wants else { panic!() };
    assert_eq!(blocks, Vec::<Value>::new());
}

#[test]
fn what_is_not_ours_is_nothing() {
    let other = |change: fn(&mut Value)| assert_eq!(pressed(change).items, [Item::Ignored]);
    other(|payload| payload["type"] = json!("view_submission"));
    other(|payload| payload["actions"][0]["action_id"] = json!("handoff_open"));
    other(|payload| payload["actions"][0] = json!({ "action_id": "x", "type": "button" }));
    assert_eq!(pressed(|payload| payload["actions"] = json!([])).items, []);
    is_ignored("ssl_check=1&token=REDACTED");
    is_ignored("command=%2Fhandoff&text=&user_id=U1");
    is_ignored(r#"{"type":"event_callback"}"#);
}

#[test]
fn the_question_whether_somebody_is_there_gets_its_own_word() {
    let asked = r#"{"type":"url_verification","token":"REDACTED","challenge":"3eZbrw1a"}"#;
    let read = reading(&slack(), asked);
    assert_eq!(read.wants, Some(Wants::Challenge("3eZbrw1a".to_owned())));
    assert_eq!(reason(r#"{"type":"url_verification"}"#), "field:challenge");
}

#[test]
fn only_the_workspaces_that_are_named_may_speak() {
    let check = |workspace: &str, expected: bool| {
        let source = Source { senders: vec![workspace.to_owned()], ..slack() };
        let read = reading(&source, form(PRESSED));
        assert_eq!(matches!(read.items[..], [Item::Click(_)]), expected, "{workspace}");
        assert_eq!(read.wants.is_some(), expected, "{workspace}");
    };
    check("T1DC2JH3J", true);
    check("T2", false);
}

#[test]
fn what_cannot_be_read_is_put_aside_for_a_reason() {
    for (body, expected) in [
        ("payload", "shape"),
        ("hello", "shape"),
        ("payload=%7", "form"),
        ("payload=%zz", "form"),
        ("payload=%ff", "utf8"),
        ("payload=", "json"),
        ("payload=%7B%22type%22", "json"),
        ("payload=%7B%7D&payload=%7B%7D", "dup-key"),
        ("payload=%7B%22a%22%3A1%2C%22a%22%3A1%7D", "dup-key"),
        ("payload=%5B%5D", "shape"),
        ("payload=%7B%7D", "field:type"),
        ("{", "json"),
    ] {
        assert_eq!(reason(body), expected, "{body}");
    }
    let wrong = |change: fn(&mut Value)| {
        let mut payload: Value = serde_json::from_str(PRESSED).unwrap();
        change(&mut payload);
        reason(&form(&payload.to_string()))
    };
    assert_eq!(wrong(|payload| payload["actions"] = json!({})), "field:actions");
    assert_eq!(wrong(|payload| payload["actions"] = json!([1])), "field:actions");
    assert_eq!(wrong(|payload| payload["user"] = json!(null)), "field:user.id");
    let undated = |payload: &mut Value| {
        payload["trigger_id"] = json!("");
        payload["actions"][0]["action_ts"] = json!(null);
    };
    assert_eq!(wrong(undated), "field:actions.action_ts");
    assert_eq!(wrong(|payload| choose(payload, "h:v3")), "field:actions.selected_option.value");
}

#[test]
fn a_value_is_a_handoff_a_version_and_for_a_rejection_a_reason() {
    for wrong in ["", "h", "h:3", "h:v", "h:v-1", ":v3", "h#1:v3", "h/..:v3", "h:v3:", "h:v3:why"] {
        let read = pressed(|payload| payload["actions"][0]["value"] = json!(wrong));
        let [Item::Unreadable(unreadable)] = &read.items[..] else { panic!("{wrong}: {read:?}") };
        assert_eq!(unreadable.reason, "field:actions.value", "{wrong}");
    }
    let long = format!("{}:v3", "h".repeat(65));
    assert!(matches!(
        pressed(|payload| payload["actions"][0]["value"] = json!(long)).items[..],
        [Item::Unreadable(_)]
    ));
}
