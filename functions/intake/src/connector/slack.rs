//! Slack: the buttons of a card, pressed by somebody.
//!
//! They come as a form with one JSON document in it. A button's value is the handoff and the
//! version of it that was shown, and for a reason to give it back that too. The version decides
//! nothing: a card may be older than what it is of, and what is stored decides. What else Slack
//! posts (a button that opens a page is posted too) is nothing to us. The address to answer whoever
//! pressed it is read apart from what they ordered, so that it cannot be kept with it.

use super::{
    Back, Button, Click, Item, Reading, Wants,
    fault::Fault,
    form, json,
    key::digest,
    node::{Map, Node},
};
use domain::{HandoffId, config::Source};

/// How long the id of a handoff in a value may be.
const ID_BYTES_MAX: usize = 64;

/// Reads what a request says: buttons that were pressed, or a question whether somebody is there.
pub(super) fn read(source: &Source, text: &str) -> Result<Reading, Fault> {
    if text.trim_start().starts_with('{') {
        return proof(text);
    }
    if !text.contains('=') {
        return Err(Fault::Shape);
    }
    let mut payloads =
        form::pairs(text)?.into_iter().filter(|(name, _)| name == "payload").map(|(_, it)| it);
    match (payloads.next(), payloads.next()) {
        (Some(payload), None) => interaction(source, &payload),
        (Some(_), Some(_)) => Err(Fault::DuplicateKey),
        // A check of our certificate, a command of another kind.
        (None, _) => Ok(ignored()),
    }
}

/// Reads the question whether this address is ours, which is answered with its own word.
fn proof(text: &str) -> Result<Reading, Fault> {
    let body = json::parse(text, 0)?;
    let body = body.as_map().ok_or(Fault::Shape)?;
    let mut reading = ignored();
    if text_of(body, "type") == Some("url_verification") {
        let word = text_of(body, "challenge").ok_or_else(|| Fault::field("challenge"))?;
        reading.wants = Some(Wants::Challenge(word.to_owned()));
    }
    Ok(reading)
}

fn interaction(source: &Source, payload: &str) -> Result<Reading, Fault> {
    let payload = json::parse(payload, 0)?;
    let payload = payload.as_map().ok_or(Fault::Shape)?;
    let kind = text_of(payload, "type").ok_or_else(|| Fault::field("type"))?;
    if kind != "block_actions" || !may_speak(source, payload) {
        return Ok(ignored());
    }
    let Some(Node::List(actions)) = payload.get("actions") else {
        return Err(Fault::field("actions"));
    };
    let items = actions.iter().map(|action| match click(payload, action) {
        Ok(Some(click)) => Item::Click(Box::new(click)),
        Ok(None) => Item::Ignored,
        Err(fault) => Item::unreadable(&fault, &[]),
    });
    Ok(Reading { items: items.collect(), wants: back(payload).map(Wants::Word) })
}

/// Reads one button; `None` when it is not one of ours, or orders nothing.
fn click(payload: &Map, action: &Node) -> Result<Option<Click>, Fault> {
    let action = action.as_map().ok_or_else(|| Fault::field("actions"))?;
    let name = text_of(action, "action_id").ok_or_else(|| Fault::field("actions.action_id"))?;
    let (value, place) = match name {
        "handoff_accept" | "handoff_touch" => (text_of(action, "value"), "actions.value"),
        "handoff_reject" => {
            let chosen = action.get("selected_option").and_then(Node::as_map);
            let chosen = chosen.and_then(|chosen| text_of(chosen, "value"));
            (chosen, "actions.selected_option.value")
        }
        _ => return Ok(None),
    };
    let value = value.ok_or_else(|| Fault::field(place))?;
    let (handoff, reason) = meant(value).ok_or_else(|| Fault::field(place))?;
    let button = match (name, reason) {
        ("handoff_accept", None) => Button::Accept,
        ("handoff_touch", None) => Button::Touch,
        ("handoff_reject", Some(reason)) => Button::Reject(reason.to_owned()),
        _ => return Err(Fault::field(place)),
    };
    let user = payload.get("user").and_then(Node::as_map).and_then(|user| text_of(user, "id"));
    let user = user.ok_or_else(|| Fault::field("user.id"))?;
    let (trigger, at) = (text_of(payload, "trigger_id"), text_of(action, "action_ts"));
    if trigger.is_none() && at.is_none() {
        return Err(Fault::field("actions.action_ts"));
    }
    let key = digest(&[trigger, at, Some(user), Some(name), Some(value)]);
    Ok(Some(Click { key, user: user.to_owned(), handoff, button }))
}

/// Reads a value: `<handoff>:v<version>`, and perhaps `:<reason>`.
fn meant(value: &str) -> Option<(HandoffId, Option<&str>)> {
    let mut parts = value.splitn(3, ':');
    let (id, version, reason) = (parts.next()?, parts.next()?, parts.next());
    let is_id = (1..=ID_BYTES_MAX).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    let is_version = version.strip_prefix('v').is_some_and(|number| number.parse::<u64>().is_ok());
    (is_id && is_version && reason != Some("")).then(|| (id.into(), reason))
}

/// Tells whether the workspace it comes from may speak here.
fn may_speak(source: &Source, payload: &Map) -> bool {
    let part = |name: &str, id: &str| text_of(payload.get(name)?.as_map()?, id);
    let teams = [part("team", "id"), part("user", "team_id"), part("enterprise", "id")];
    let mut teams = teams.into_iter().flatten();
    source.senders.is_empty() || teams.any(|team| source.senders.iter().any(|one| one == team))
}

/// Reads the way back to whoever pressed it.
fn back(payload: &Map) -> Option<Back> {
    let address = text_of(payload, "response_url")?.to_owned();
    let message = payload.get("message").and_then(Node::as_map);
    let blocks = match message.and_then(|message| message.get("blocks")) {
        Some(Node::List(blocks)) => blocks.iter().map(Node::to_value).collect(),
        _ => Vec::new(),
    };
    Some(Back { address, blocks })
}

fn text_of<'a>(map: &'a Map, member: &str) -> Option<&'a str> {
    map.get(member).and_then(Node::as_text).filter(|text| !text.is_empty())
}

fn ignored() -> Reading {
    Reading { items: vec![Item::Ignored], wants: None }
}
