//! The card of a handoff: what a rep must know, and the buttons that are left to press.
//!
//! It is made anew from how things stand, so whoever looks at it late sees how it is now. Buttons
//! carry the version they were shown with: one that was pressed too late says who was faster.

use super::text::{
    BUTTON_MAX, FIELD_MAX, HEADER_MAX, SECTION_MAX, escaped, fallback, marked, moment, plain,
};
use crate::context::Context;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use domain::{PersonId, Stage, delivery::Conversation, notice::Notice};
use serde_json::{Value, json};

/// How many reasons a menu may have.
const OPTIONS_MAX: usize = 100;

/// How many fields a section may have.
const FIELDS_MAX: usize = 10;

/// How many lines of what is attached one section holds.
const ATTACHED_BLOCKS_MAX: usize = 20;

/// A message: the text beside it, and its blocks.
pub(super) struct Message {
    pub(super) text: String,
    pub(super) blocks: Vec<Value>,
}

/// Makes the card of a handoff for a conversation; nothing where whoever is there has nothing to do
/// with it.
pub(super) fn card(context: &Context, conversation: &Conversation) -> Message {
    let handoff = &context.handoff;
    let reader = match conversation {
        Conversation::Person(person) => Some(person),
        Conversation::Channel(_) => None,
    };
    let kind =
        if handoff.test { format!("Test, {}", kind(context)) } else { kind(context).to_owned() };
    let title = context.package.title();
    let status = status(context, reader);
    let mut blocks = vec![json!({
        "type": "header",
        "text": plain(&format!("{kind}: {title}"), HEADER_MAX),
    })];
    let rows = rows(context, zone(context, reader));
    for some in rows.chunks(FIELDS_MAX / 2) {
        let fields: Vec<Value> =
            some.iter().flat_map(|(label, value)| [label.clone(), value.clone()]).collect();
        blocks.push(json!({ "type": "section", "fields": fields }));
    }
    blocks.push(json!({ "type": "context", "elements": [marked(&status, SECTION_MAX)] }));
    blocks.push(json!({
        "type": "actions",
        // Another one each time: Slack keeps what was chosen in a block of the same name.
        "block_id": format!("handoff:{}:v{}", handoff.id, handoff.version),
        "elements": buttons(context, reader),
    }));
    Message { text: fallback(&format!("{kind}: {title}."), &without_markup(&status)), blocks }
}

/// Makes a message of a notice.
pub(super) fn notice(notice: &Notice) -> Message {
    let mut blocks = vec![
        json!({ "type": "header", "text": plain(&notice.subject, HEADER_MAX) }),
        json!({ "type": "section", "text": plain(&notice.sentence, SECTION_MAX) }),
    ];
    let fields: Vec<Value> = notice
        .facts
        .iter()
        .take(FIELDS_MAX / 2)
        .flat_map(|(label, value)| {
            [marked(&format!("*{label}*"), FIELD_MAX), plain(value, FIELD_MAX)]
        })
        .collect();
    if !fields.is_empty() {
        blocks.push(json!({ "type": "section", "fields": fields }));
    }
    for part in parts(&notice.attached).into_iter().take(ATTACHED_BLOCKS_MAX) {
        blocks.push(json!({ "type": "section", "text": plain(&part, SECTION_MAX) }));
    }
    blocks.push(json!({ "type": "actions", "elements": [open(&notice.link)] }));
    Message { text: fallback(&notice.sentence, ""), blocks }
}

/// Puts lines together to texts that are not too long.
fn parts(lines: &[String]) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for line in lines {
        match parts.last_mut() {
            Some(part) if part.chars().count() + 1 + line.chars().count() <= SECTION_MAX => {
                part.push('\n');
                part.push_str(line);
            }
            _ => parts.push(line.clone()),
        }
    }
    parts
}

/// Lists what a rep must know: labels and values.
fn rows(context: &Context, zone: Tz) -> Vec<(Value, Value)> {
    let (handoff, subject) = (&context.handoff, &context.package.subject);
    let label = |text: &str| marked(&format!("*{text}*"), FIELD_MAX);
    let mut rows = Vec::new();
    let contact: Vec<&str> =
        [subject.name.as_deref(), subject.email.as_deref()].into_iter().flatten().collect();
    rows.push((label("Contact"), plain(&contact.join(", "), FIELD_MAX)));
    if let Some(phone) = context.package.values.get("phone").and_then(|it| it.value.as_str()) {
        rows.push((label("Phone"), plain(phone, FIELD_MAX)));
    }
    if let Some(score) = handoff.score {
        rows.push((label("Score"), plain(&score.to_string(), FIELD_MAX)));
    }
    if let Some(clock) = handoff.pressing_clock() {
        let due = moment(clock.due_at, zone);
        rows.push((label("Respond by"), marked(&due, FIELD_MAX)));
    }
    if let Some(at) = handoff.meeting_at.filter(|_| handoff.stage.is_open()) {
        rows.push((label("Meeting"), marked(&moment(at, zone), FIELD_MAX)));
    }
    let why = match (&handoff.rule, &handoff.pool) {
        (Some(rule), Some(pool)) => format!("Rule “{rule}”, {}", pool_name(context, pool)),
        (None, Some(pool)) => format!("Given by hand, {}", pool_name(context, pool)),
        _ => "Nobody could take it yet".to_owned(),
    };
    rows.push((label("Why"), plain(&why, FIELD_MAX)));
    let missing = match context.missing.is_empty() {
        true => format!("Nothing: {} % complete", handoff.completeness),
        false => format!("{} ({} % complete)", context.missing.join(", "), handoff.completeness),
    };
    rows.push((label("Missing"), plain(&missing, FIELD_MAX)));
    rows
}

/// Says how it stands, as whoever reads it must know it.
fn status(context: &Context, reader: Option<&PersonId>) -> String {
    let (handoff, config) = (&context.handoff, context.config());
    let owner = handoff.owner.as_ref();
    let name = owner.map_or("nobody".to_owned(), |owner| escaped(config.name_of(owner)));
    let is_theirs = reader.is_some() && reader == owner;
    let went = reader.is_some() && !is_theirs && owner.is_some() && handoff.stage.is_open();
    if went {
        return format!(":leftwards_arrow_with_hook: It went to {name}. Nothing to do for you.");
    }
    let at = |at: Option<DateTime<Utc>>| {
        at.map_or(String::new(), |at| format!(" {}", moment(at, zone(context, reader))))
    };
    let missed = handoff.clocks.iter().find(|clock| clock.breached_at.is_some());
    let missed = missed.filter(|clock| clock.met_at.is_none() && handoff.stage.is_open());
    let late = missed.map(|clock| format!(" :red_circle: `{}` was missed.", clock.name));
    let late = late.unwrap_or_default();
    let outcome = handoff.outcome.as_deref().unwrap_or_default().replace('_', " ");
    match handoff.stage {
        Stage::Opened => format!(":hourglass_flowing_sand: Nobody has it yet.{late}"),
        Stage::Assigned if is_theirs => format!(":bell: Yours: accept it, or give it back.{late}"),
        Stage::Assigned => format!(":bell: {name} has it, and has not answered yet.{late}"),
        Stage::Accepted => {
            format!(":white_check_mark: Accepted by {name}{}.{late}", at(handoff.accepted_at))
        }
        Stage::Engaged => {
            format!(":speech_balloon: {name} is in touch{}.{late}", at(handoff.first_touch_at))
        }
        Stage::Returned => ":leftwards_arrow_with_hook: Given back to who sent it.".to_owned(),
        Stage::Completed => format!(":checkered_flag: Done: {}.", escaped(&outcome)),
        Stage::Recycled => ":recycle: Recycled.".to_owned(),
        Stage::Cancelled => ":no_entry_sign: Withdrawn.".to_owned(),
    }
}

fn buttons(context: &Context, reader: Option<&PersonId>) -> Vec<Value> {
    let (handoff, config) = (&context.handoff, context.config());
    let value = format!("{}:v{}", handoff.id, handoff.version);
    let mut buttons = Vec::new();
    let is_theirs = reader.is_some() && reader == handoff.owner.as_ref();
    if is_theirs && handoff.stage == Stage::Assigned {
        buttons.push(button("handoff_accept", "Accept", &value, Some("primary")));
    }
    if is_theirs && matches!(handoff.stage, Stage::Assigned | Stage::Accepted | Stage::Engaged) {
        buttons.push(button("handoff_touch", "Contacted", &value, None));
    }
    if is_theirs && matches!(handoff.stage, Stage::Assigned | Stage::Accepted) {
        let reasons = config.types.get(&handoff.kind).map(|kind| kind.reject_reasons.as_slice());
        buttons.extend(reject(handoff.id.as_str(), handoff.version, reasons.unwrap_or_default()));
    }
    let desk = config.organisation.public_url.trim_end_matches('/');
    buttons.push(open(&format!("{desk}/handoffs/{}", handoff.id)));
    buttons
}

/// A menu of reasons to give it back for: one choice is all it takes.
fn reject(id: &str, version: u64, reasons: &[String]) -> Option<Value> {
    let options: Vec<Value> = reasons
        .iter()
        .take(OPTIONS_MAX)
        .map(|reason| {
            let words = reason.replace('_', " ");
            json!({ "text": plain(&words, BUTTON_MAX), "value": format!("{id}:v{version}:{reason}") })
        })
        .filter(|option| option["value"].as_str().is_some_and(|value| value.len() <= BUTTON_MAX))
        .collect();
    (!options.is_empty()).then(|| {
        json!({
            "type": "static_select",
            "action_id": "handoff_reject",
            "placeholder": plain("Give it back…", BUTTON_MAX),
            "options": options,
        })
    })
}

fn button(action: &str, text: &str, value: &str, style: Option<&str>) -> Value {
    let mut button = json!({
        "type": "button",
        "action_id": action,
        "text": plain(text, BUTTON_MAX),
        "value": value,
    });
    if let Some(style) = style {
        button["style"] = style.into();
    }
    button
}

fn open(link: &str) -> Value {
    json!({
        "type": "button",
        "action_id": "handoff_open",
        "text": plain("Open", BUTTON_MAX),
        "url": link,
    })
}

fn kind(context: &Context) -> &str {
    let key = &context.handoff.kind;
    context.config().types.get(key).map_or(key.as_str(), |kind| kind.name.as_str())
}

fn pool_name<'a>(context: &'a Context, pool: &'a domain::PoolId) -> &'a str {
    context.config().pools.get(pool).map_or(pool.as_str(), |pool| pool.name.as_str())
}

fn zone(context: &Context, reader: Option<&PersonId>) -> Tz {
    let config = context.config();
    let own = reader.and_then(|reader| config.people.get(reader)?.timezone);
    own.unwrap_or(config.organisation.timezone)
}

/// Takes markup out of our own words, for the text beside them: a date says what it falls back to.
fn without_markup(status: &str) -> String {
    let mut plain = String::new();
    let mut rest = status;
    while let Some((before, date)) = rest.split_once("<!date^") {
        let (date, after) = date.split_once('>').unwrap_or((date, ""));
        plain.push_str(before);
        plain.push_str(date.rsplit('|').next().unwrap_or_default());
        rest = after;
    }
    plain.push_str(rest);
    let words = plain.split_whitespace().filter(|word| !is_emoji(word));
    words.collect::<Vec<_>>().join(" ").replace(['\u{2060}', '`'], "")
}

fn is_emoji(word: &str) -> bool {
    word.len() > 2 && word.starts_with(':') && word.ends_with(':')
}
