//! Slack: a bot's methods, what it said where, and a channel's incoming webhook.
//!
//! As the methods' reference has it: a refusal is 200 with `ok: false` and a code; a person's own id
//! is good for posting and for nothing else; `conversations.replies` reads no JSON body. A message's
//! time is its name, and rises.

use super::{
    blocks,
    call::{Call, Faults, Reply, form},
};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// When the first message is said where nobody tells the time, in millionths of a second.
const FIRST: u64 = 1_700_000_000_000_000;

/// How long a message's text may be before it is cut or refused, in characters.
const TEXT_MAX: usize = 40_000;

/// A message, as it stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SlackMessage {
    /// Where it is: `C…`, or `D…` of a person `U…`.
    pub channel: String,
    /// Its name there.
    pub ts: String,
    /// The text beside the blocks.
    pub text: String,
    /// The blocks.
    pub blocks: Vec<Value>,
    /// The message it stands beneath.
    pub thread_ts: Option<String>,
    /// What the app knows it by; null where nothing.
    pub metadata: Value,
    /// How it stood before each update: text and blocks, the oldest first.
    pub before: Vec<(String, Vec<Value>)>,
}

impl SlackMessage {
    /// Everything that can be read in it, a line each.
    pub fn words(&self) -> String {
        let mut words = vec![self.text.clone()];
        self.blocks.iter().for_each(|block| collect(block, &mut words));
        words.join("\n")
    }

    /// What can be pressed or chosen in it: the ids of the actions.
    pub fn actions(&self) -> Vec<String> {
        self.elements().filter_map(|one| one["action_id"].as_str().map(str::to_owned)).collect()
    }

    /// One of them, whole.
    pub fn action(&self, id: &str) -> Option<Value> {
        self.elements().find(|one| one["action_id"] == id).cloned()
    }

    fn elements(&self) -> impl Iterator<Item = &Value> {
        let actions = self.blocks.iter().filter(|block| block["type"] == "actions");
        actions.flat_map(|block| block["elements"].as_array().into_iter().flatten())
    }

    /// Shows it as a method answers it.
    fn shown(&self, with_metadata: bool) -> Value {
        let mut shown = json!({
            "type": "message", "user": "U0HANDOFF", "bot_id": "B0HANDOFF", "app_id": "A0HANDOFF",
            "ts": self.ts, "text": self.text, "blocks": self.blocks,
        });
        if let Some(thread) = &self.thread_ts {
            shown["thread_ts"] = thread.as_str().into();
        }
        if with_metadata && !self.metadata.is_null() {
            shown["metadata"] = self.metadata.clone();
        }
        shown
    }
}

fn collect(value: &Value, words: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(text) if name == "text" => words.push(text.to_owned()),
                    _ => collect(value, words),
                }
            }
        }
        Value::Array(all) => all.iter().for_each(|one| collect(one, words)),
        _ => {}
    }
}

/// What Slack knows.
#[derive(Clone, Default)]
pub(super) struct Slack {
    /// Everything said by the bot, in order.
    pub(super) messages: Vec<SlackMessage>,
    /// Everything said by the incoming webhook, in order.
    pub(super) by_webhook: Vec<SlackMessage>,
    /// The channels and persons there are; all of them where nothing.
    pub(super) known: Option<BTreeSet<String>>,
    last: u64,
}

impl Slack {
    /// Answers a bot's request.
    pub(super) fn answer(&mut self, call: &Call<'_>, faults: &mut Faults) -> Reply {
        let bearer = call.bearer();
        let named = faults.must(bearer.is_some(), || "there is no bearer token".to_owned());
        if !named {
            return refused("not_authed");
        }
        if !faults.must(call.is_good(bearer), || "the token is another".to_owned()) {
            return refused("invalid_auth");
        }
        let method = call.place().trim_start_matches('/');
        let reads = matches!(method, "conversations.history" | "conversations.replies");
        let verb = call.asked.method.as_str();
        let fits = verb == "POST" || (reads && verb == "GET");
        faults.must(fits, || format!("{method} is asked by {verb}"));
        let Some(args) = arguments(call, method, faults) else {
            return Reply::json(
                200,
                &json!({
                    "ok": false, "error": "invalid_arguments",
                    "response_metadata": { "messages": ["[ERROR] missing required field: channel"] },
                }),
            );
        };
        let said = match method {
            "chat.postMessage" => self.post(call, &args, faults),
            "chat.update" => self.update(&args, faults),
            "conversations.open" => self.open(&args, faults),
            "conversations.history" => self.history(&args, faults),
            "conversations.replies" => self.replies(&args, faults),
            other => {
                faults.must(false, || format!("`{other}` is no method used here"));
                Err("unknown_method")
            }
        };
        match said {
            Ok(said) => Reply::json(200, &said),
            Err(code) => refused(code),
        }
    }

    fn post(
        &mut self,
        call: &Call<'_>,
        args: &Map<String, Value>,
        faults: &mut Faults,
    ) -> Result<Value, &'static str> {
        let channel = required(args, "channel", faults)?;
        let metadata = args.get("metadata").cloned().unwrap_or_default();
        let good_metadata = metadata.is_null() || is_metadata(&metadata);
        faults.must(good_metadata, || format!("the metadata is not as it must be: {metadata}"));
        let thread = args.get("thread_ts").map(|ts| ts.as_str().unwrap_or_default().to_owned());
        let good_thread = thread.as_deref().is_none_or(|ts| micros(ts).is_some());
        faults.must(good_thread, || format!("thread_ts {thread:?} is no message's time"));
        let (text, blocks) = body(args, faults)?;
        let channel = self.place(&channel).ok_or("channel_not_found")?;
        if !good_metadata {
            return Err("invalid_metadata_format");
        }
        if !good_thread {
            return Err("invalid_thread_ts");
        }
        let ts = self.next(call);
        let before = Vec::new();
        let message =
            SlackMessage { channel, ts, text, blocks, thread_ts: thread, metadata, before };
        let answer = json!({
            "ok": true, "channel": message.channel, "ts": message.ts,
            "message": message.shown(true),
        });
        self.messages.push(message);
        Ok(answer)
    }

    fn update(
        &mut self,
        args: &Map<String, Value>,
        faults: &mut Faults,
    ) -> Result<Value, &'static str> {
        let channel = required(args, "channel", faults)?;
        let ts = required(args, "ts", faults)?;
        let (text, blocks) = body(args, faults)?;
        self.conversation(&channel, faults)?;
        let same = |one: &&mut SlackMessage| one.channel == channel && one.ts == ts;
        let message = self.messages.iter_mut().find(same).ok_or("message_not_found")?;
        let text = std::mem::replace(&mut message.text, text);
        let blocks = std::mem::replace(&mut message.blocks, blocks);
        message.before.push((text, blocks));
        if let Some(metadata) = args.get("metadata") {
            message.metadata = metadata.clone();
        }
        Ok(json!({
            "ok": true, "channel": channel, "ts": ts, "text": message.text,
            "message": message.shown(true),
        }))
    }

    fn open(&self, args: &Map<String, Value>, faults: &mut Faults) -> Result<Value, &'static str> {
        let users = required(args, "users", faults)?;
        let channel = self.place(&users).filter(|channel| channel.starts_with('D'));
        let channel = channel.ok_or("user_not_found")?;
        Ok(json!({ "ok": true, "channel": { "id": channel } }))
    }

    fn history(
        &self,
        args: &Map<String, Value>,
        faults: &mut Faults,
    ) -> Result<Value, &'static str> {
        let channel = required(args, "channel", faults)?;
        self.conversation(&channel, faults)?;
        let window = Window::of(args, (100, 999), faults)?;
        let first = |one: &&SlackMessage| one.thread_ts.as_ref().is_none_or(|ts| *ts == one.ts);
        let here = self.messages.iter().rev().filter(|one| one.channel == channel);
        let all: Vec<&SlackMessage> = here.filter(first).filter(|one| window.has(one)).collect();
        Ok(window.page(&all))
    }

    fn replies(
        &self,
        args: &Map<String, Value>,
        faults: &mut Faults,
    ) -> Result<Value, &'static str> {
        let channel = required(args, "channel", faults)?;
        let ts = required(args, "ts", faults)?;
        self.conversation(&channel, faults)?;
        let window = Window::of(args, (1_000, 1_000), faults)?;
        let here = || self.messages.iter().filter(|one| one.channel == channel);
        let parent = here().find(|one| one.ts == ts).ok_or("thread_not_found")?;
        let beneath = here().filter(|one| one.thread_ts.as_ref() == Some(&ts) && one.ts != ts);
        let mut all = vec![parent];
        all.extend(beneath.filter(|one| window.has(one)));
        Ok(window.page(&all))
    }

    /// Answers the incoming webhook.
    pub(super) fn webhook(&mut self, call: &Call<'_>, faults: &mut Faults) -> Reply {
        faults.must(call.asked.method == "POST", || "an incoming webhook is POSTed".to_owned());
        let Some(args) = call.object() else {
            faults.must(false, || "the body is no JSON object by its media type".to_owned());
            return Reply::text(400, "invalid_payload");
        };
        let (text, blocks) = match body(args, faults) {
            Ok(body) => body,
            Err(code) => return Reply::text(400, code),
        };
        let (ts, channel) = (self.next(call), "webhook".to_owned());
        self.by_webhook.push(SlackMessage { channel, ts, text, blocks, ..SlackMessage::default() });
        Reply::text(200, "ok")
    }

    /// Finds where something said to an id is: with a person it opens a conversation.
    fn place(&self, id: &str) -> Option<String> {
        let (kind, rest) = id.split_at_checked(1)?;
        let is_id = !rest.is_empty()
            && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        let knows = |id: &str| self.known.as_ref().is_none_or(|known| known.contains(id));
        match kind {
            "C" | "G" if is_id && knows(id) => Some(id.to_owned()),
            "U" | "W" if is_id && knows(id) => Some(format!("D{rest}")),
            "D" if is_id => {
                let of = [format!("U{rest}"), format!("W{rest}"), id.to_owned()];
                of.iter().any(|id| knows(id)).then(|| id.to_owned())
            }
            _ => None,
        }
    }

    /// Looks for a conversation that is named by its own id, as all but posting asks for it.
    fn conversation(&self, channel: &str, faults: &mut Faults) -> Result<(), &'static str> {
        let is_person = channel.starts_with(['U', 'W']);
        faults.must(!is_person, || format!("{channel} is a person, and no conversation"));
        let known = !is_person && self.place(channel).is_some();
        known.then_some(()).ok_or("channel_not_found")
    }

    fn next(&mut self, call: &Call<'_>) -> String {
        let now = call.now.and_then(|now| u64::try_from(now.timestamp()).ok());
        let now = now.map_or(FIRST, |seconds| seconds * 1_000_000);
        self.last = (self.last + 100).max(now + 100);
        format!("{}.{:06}", self.last / 1_000_000, self.last % 1_000_000)
    }
}

/// Which messages of a conversation are asked for.
struct Window {
    oldest: u64,
    latest: u64,
    inclusive: bool,
    limit: usize,
    metadata: bool,
}

impl Window {
    fn of(
        args: &Map<String, Value>,
        (usual, max): (usize, usize),
        faults: &mut Faults,
    ) -> Result<Self, &'static str> {
        let time = |name: &str, none: u64| match args.get(name) {
            None => Some(none),
            Some(time) => time.as_str().and_then(micros),
        };
        let is = |name: &str| {
            let said = args.get(name).cloned().unwrap_or_default();
            matches!(said.to_string().trim_matches('"'), "true" | "1")
        };
        let oldest = time("oldest", 0);
        faults.must(oldest.is_some(), || format!("oldest is no time: {:?}", args.get("oldest")));
        let latest = time("latest", u64::MAX);
        faults.must(latest.is_some(), || format!("latest is no time: {:?}", args.get("latest")));
        let limit = args
            .get("limit")
            .map_or(Some(usual), |limit| limit.to_string().trim_matches('"').parse().ok());
        let limit = limit.filter(|limit| (1..=max).contains(limit));
        faults.must(limit.is_some(), || format!("limit is not 1 to {max}"));
        Ok(Self {
            oldest: oldest.ok_or("invalid_ts_oldest")?,
            latest: latest.ok_or("invalid_ts_latest")?,
            inclusive: is("inclusive"),
            limit: limit.ok_or("invalid_limit")?,
            metadata: is("include_all_metadata"),
        })
    }

    fn has(&self, message: &SlackMessage) -> bool {
        let at = micros(&message.ts).unwrap_or_default();
        let edge = self.inclusive && (at == self.oldest || at == self.latest);
        edge || (self.oldest < at && at < self.latest)
    }

    fn page(&self, all: &[&SlackMessage]) -> Value {
        let shown = all.iter().take(self.limit).map(|one| one.shown(self.metadata));
        json!({
            "ok": true, "messages": shown.collect::<Vec<_>>(),
            "has_more": all.len() > self.limit,
        })
    }
}

/// Reads what a method is asked with; nothing where it reads no body of that kind.
fn arguments(call: &Call<'_>, method: &str, faults: &mut Faults) -> Option<Map<String, Value>> {
    let read = |fields: std::collections::BTreeMap<String, String>| {
        let read = fields.into_iter().map(|(name, value)| match name.as_str() {
            "blocks" | "metadata" => {
                let value = serde_json::from_str(&value).unwrap_or(Value::String(value));
                (name, value)
            }
            _ => (name, Value::String(value)),
        });
        read.collect::<Map<String, Value>>()
    };
    let mut args = read(call.query());
    match call.media().as_str() {
        "application/json" => {
            let reads = method != "conversations.replies";
            let wrong = || format!("{method} reads no JSON: a form or a query only");
            if !faults.must(reads, wrong) {
                return None;
            }
            let object = call.asked.body.as_object().cloned();
            faults.must(object.is_some(), || "the body is no JSON object".to_owned());
            args.extend(object?);
        }
        "application/x-www-form-urlencoded" => {
            args.extend(read(form(&String::from_utf8_lossy(call.raw))));
        }
        "" if call.raw.is_empty() => {}
        other => {
            faults.must(false, || format!("Slack reads no `{other}`"));
            return None;
        }
    }
    Some(args)
}

fn required(
    args: &Map<String, Value>,
    name: &str,
    faults: &mut Faults,
) -> Result<String, &'static str> {
    let value = args.get(name).and_then(Value::as_str).filter(|value| !value.is_empty());
    faults.must(value.is_some(), || format!("`{name}` is missing"));
    value.map(str::to_owned).ok_or("invalid_arguments")
}

/// Reads a message's text and blocks.
fn body(
    args: &Map<String, Value>,
    faults: &mut Faults,
) -> Result<(String, Vec<Value>), &'static str> {
    let text = args.get("text").and_then(Value::as_str).unwrap_or_default();
    let said = faults.must(!text.trim().is_empty(), || "there is no text".to_owned());
    let count = text.chars().count();
    let fits = faults
        .must(count <= TEXT_MAX, || format!("the text has {count} characters: {TEXT_MAX} may be"));
    if let Err(wrong) = blocks::plain(text) {
        faults.must(false, || format!("text: {wrong} in `{text}`"));
    }
    let mut found = Faults::default();
    let all = args.get("blocks").cloned().unwrap_or_else(|| json!([]));
    if args.contains_key("blocks") {
        blocks::check(&all, &mut found);
    }
    let refuses = found.found.iter().any(|fault| !is_silent(fault));
    faults.found.append(&mut found.found);
    match (said, fits, refuses) {
        (false, ..) => Err("no_text"),
        (_, false, _) => Err("msg_too_long"),
        (_, _, true) => Err("invalid_blocks"),
        _ => Ok((text.to_owned(), all.as_array().cloned().unwrap_or_default())),
    }
}

/// Tells whether Slack would have taken it and shown something that was not meant.
fn is_silent(fault: &str) -> bool {
    fault.contains("became markup in") || fault.contains(": a bare `")
}

fn is_metadata(metadata: &Value) -> bool {
    let kind = metadata["event_type"].as_str().unwrap_or_default();
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let named = !kind.is_empty() && kind.bytes().all(is_word);
    named && metadata["event_payload"].is_object() && metadata.to_string().len() <= 8_000
}

/// Reads a message's time in millionths of a second.
fn micros(ts: &str) -> Option<u64> {
    let (seconds, rest) = ts.split_once('.').unwrap_or((ts, "0"));
    let fits = (1..=6).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_digit());
    let rest: u64 = format!("{rest:0<6}").parse().ok().filter(|_| fits)?;
    Some(seconds.parse::<u64>().ok()?.checked_mul(1_000_000)? + rest)
}

/// Answers that it will not, as Slack does.
pub(super) fn refused(code: &str) -> Reply {
    Reply::json(200, &json!({ "ok": false, "error": code }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_persons_conversation_is_not_the_person() {
        let mut slack = Slack::default();
        assert_eq!(slack.place("U024").as_deref(), Some("D024"));
        assert_eq!(slack.place("D024").as_deref(), Some("D024"));
        assert_eq!(slack.place("#sales"), None);
        slack.known = Some(["C1".to_owned()].into());
        assert_eq!(slack.place("U024"), None);
        assert_eq!(slack.place("D024"), None);
        assert_eq!(slack.place("C1").as_deref(), Some("C1"));
        assert!(slack.conversation("U024", &mut Faults::default()).is_err());
    }

    #[test]
    fn a_time_is_read_as_slack_writes_it() {
        assert_eq!(micros("1700000000.000100"), Some(1_700_000_000_000_100));
        assert_eq!(micros("1700000000"), Some(1_700_000_000_000_000));
        for wrong in ["", "now", "1.", "1.0000001", "-1"] {
            assert_eq!(micros(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn metadata_has_a_type_and_a_payload() {
        assert!(is_metadata(&json!({ "event_type": "a_1", "event_payload": { "id": "x" } })));
        for wrong in [
            json!({ "event_type": "a" }),
            json!({ "event_type": "a b", "event_payload": {} }),
            json!({ "event_type": "a", "event_payload": "x" }),
            json!("x"),
        ] {
            assert!(!is_metadata(&wrong), "{wrong}");
        }
    }
}
