//! Slack: cards that are kept up to date, notices, and a channel's incoming webhook.
//!
//! Slack answers 200 to what it refuses, with `ok: false` and a code, so the code decides. A message
//! carries what it is as metadata, so that one whose answer was lost is found again instead of being
//! said twice.

mod card;
mod text;

use crate::{
    Courier,
    context::Context,
    send::{Line, encoded},
    verdict::{Later, Verdict, left_alone},
};
use card::Message;
use chrono::{DateTime, Utc};
use domain::{delivery::Conversation, notice::Notice};
use http::Method;
use runtime::{Answer, outside::OutsideError};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use store::Delivery;

/// What our messages' metadata is called.
const EVENT_TYPE: &str = "handoff_message";

/// How many of a conversation's last messages are looked through for one of ours.
const LOOKED_THROUGH: usize = 100;

/// How much clocks may differ by, in seconds.
const CLOCKS_DIFFER_SECONDS: i64 = 600;

/// What came of a call: the answer, or what follows from there being none.
type Called = Result<Value, Verdict>;

impl Courier {
    /// Brings the card of a handoff in a conversation up to date.
    pub(crate) async fn slack_card(
        &self,
        context: &Context,
        line: &Line<'_>,
        conversation: &Conversation,
        claimed: &Delivery,
    ) -> Verdict {
        let is_shown = claimed.known.contains_key("ts");
        let owner = context.handoff.owner.as_ref();
        let is_theirs = match conversation {
            Conversation::Person(person) => owner == Some(person),
            Conversation::Channel(_) => true,
        };
        if !is_theirs && !is_shown && !claimed.unsure {
            // It was never theirs to see.
            return Verdict::Nothing;
        }
        let to = match channel(context, line, conversation) {
            Ok(to) => to,
            Err(verdict) => return verdict,
        };
        let message = card::card(context, conversation);
        let identity = format!("{}:{}", context.handoff.id, claimed.part);
        let mut place = claimed.known.clone();
        if !is_shown && claimed.unsure {
            match self.find(line, (&to, None), &identity, context.handoff.opened_at).await {
                Ok(found) => place.extend(found.unwrap_or_default()),
                // Nobody may look.
                Err(Verdict::Later(Later { must_act: true, .. })) => {}
                Err(verdict) => return verdict,
            }
        }
        if let Some((channel, ts)) = place.get("channel").zip(place.get("ts")) {
            let mut body = written(&message);
            body["channel"] = channel.as_str().into();
            body["ts"] = ts.as_str().into();
            match self.call(line, "chat.update", &body).await {
                Ok(_) => {
                    let answer = "The card is up to date.".to_owned();
                    return Verdict::Arrived { answer, known: place };
                }
                Err(Verdict::Never { why, .. }) if is_gone(&why) => {}
                Err(verdict) => return verdict.knowing(place),
            }
        }
        match is_theirs {
            true => self.post(line, (&to, None), &message, (&identity, None)).await,
            // Whoever had it is not shown it anew.
            false => Verdict::Nothing,
        }
    }

    /// Says a notice, beneath the handoff's card where there is one.
    pub(crate) async fn slack_notice(
        &self,
        context: &Context,
        line: &Line<'_>,
        (conversation, notice): (&Conversation, &Notice),
        claimed: &Delivery,
    ) -> Verdict {
        let to = match channel(context, line, conversation) {
            Ok(to) => to,
            Err(verdict) => return verdict,
        };
        let card = context.card(line.name, &format!("card:{conversation}"));
        let place = card.and_then(|card| card.known.get("channel").zip(card.known.get("ts")));
        let (to, thread) = match place {
            Some((channel, ts)) => (channel.clone(), Some(ts.clone())),
            None => (to, None),
        };
        let said_at = context.commit.as_ref().map_or(claimed.since, |commit| commit.at);
        let about = (notice.id.as_str(), claimed.unsure.then_some(said_at));
        self.post(line, (&to, thread), &card::notice(notice), about).await
    }

    /// Says a notice in the one channel of an incoming webhook.
    pub(crate) async fn slack_post(
        &self,
        context: &Context,
        line: &Line<'_>,
        notice: &Notice,
    ) -> Verdict {
        let message = match notice.kind {
            // What is given to somebody is shown whole, with its buttons.
            "assigned" => {
                let owner = context.handoff.owner.clone().map(Conversation::Person);
                let here = Conversation::Channel(line.name.to_owned());
                card::card(context, owner.as_ref().unwrap_or(&here))
            }
            _ => card::notice(notice),
        };
        let body = written(&message);
        let sent = self.exchange(Method::POST, line.base.clone(), Vec::new(), Some(&body)).await;
        let answer = match sent {
            Ok(answer) => answer,
            Err(error) => return Verdict::of_silence(&error),
        };
        let after = left_alone(&answer.headers, self.clock.now());
        let said = String::from_utf8_lossy(&answer.body);
        match (answer.status.as_u16(), said.trim()) {
            (200, "ok") => Verdict::arrived("Said in the channel."),
            // It says why in a word: the address may have been taken back.
            (403 | 404 | 410, _) => Verdict::must_act(
                "The incoming webhook is no more: make a new one, and keep its address where \
                 `secret` says.",
            ),
            (400, word) => Verdict::never(format!("Slack refused the message ({}).", code(word))),
            (200, _) => Verdict::Later(Later {
                why: "It answered, and not as Slack does.".to_owned(),
                of_all: true,
                ..Later::default()
            }),
            _ => Verdict::of_status(answer.status, after),
        }
    }

    /// Posts a message, unless one whose answer was lost is there already.
    async fn post(
        &self,
        line: &Line<'_>,
        (to, thread): (&str, Option<String>),
        message: &Message,
        (identity, unsure_since): (&str, Option<DateTime<Utc>>),
    ) -> Verdict {
        if let Some(since) = unsure_since {
            // There may have been no card to stand beneath when it was said.
            let mut found = self.find(line, (to, None), identity, since).await;
            if let (Ok(None), Some(thread)) = (&found, &thread) {
                found = self.find(line, (to, Some(thread)), identity, since).await;
            }
            match found {
                Ok(Some(known)) => {
                    let answer = "It had arrived, and its answer was lost.".to_owned();
                    return Verdict::Arrived { answer, known };
                }
                Ok(None) => {}
                // Nobody may look: twice is better than never.
                Err(Verdict::Later(Later { must_act: true, .. })) => {}
                Err(verdict) => return verdict,
            }
        }
        let mut body = written(message);
        body["channel"] = to.into();
        body["unfurl_links"] = false.into();
        body["metadata"] = json!({ "event_type": EVENT_TYPE, "event_payload": { "id": identity } });
        if let Some(thread) = thread {
            body["thread_ts"] = thread.into();
        }
        match self.call(line, "chat.postMessage", &body).await {
            Ok(answer) => match place(&answer) {
                Some(known) => Verdict::Arrived { answer: "Said in Slack.".to_owned(), known },
                None => Verdict::Later(Later {
                    why: "Slack did not say where the message is.".to_owned(),
                    unsure: true,
                    ..Later::default()
                }),
            },
            Err(verdict) => verdict,
        }
    }

    /// Looks for a message of ours among the last of a conversation: it is no older than what it is
    /// of, however often and late it was tried.
    async fn find(
        &self,
        line: &Line<'_>,
        (to, thread): (&str, Option<&str>),
        identity: &str,
        since: DateTime<Utc>,
    ) -> Result<Option<BTreeMap<String, String>>, Verdict> {
        let mut channel = to.to_owned();
        if to.starts_with(['U', 'W']) {
            let opened = self.call(line, "conversations.open", &json!({ "users": to })).await?;
            channel = opened["channel"]["id"].as_str().unwrap_or(to).to_owned();
        }
        let oldest = (since.timestamp() - CLOCKS_DIFFER_SECONDS).to_string();
        let mut body = json!({
            "channel": channel, "oldest": oldest, "limit": LOOKED_THROUGH,
            "include_all_metadata": true,
        });
        let method = match thread {
            Some(thread) => {
                body["ts"] = thread.into();
                "conversations.replies"
            }
            None => "conversations.history",
        };
        let answer = match self.ask_slack(line, method, &body).await {
            Ok(answer) => answer,
            // Its thread is gone, and it with it.
            Err(Verdict::Never { why, .. }) if is_gone(&why) => return Ok(None),
            Err(verdict) => return Err(verdict),
        };
        let messages = answer["messages"].as_array().cloned().unwrap_or_default();
        let ours = messages.iter().find(|message| {
            message["metadata"]["event_type"] == EVENT_TYPE
                && message["metadata"]["event_payload"]["id"] == identity
        });
        let ts = ours.and_then(|message| message["ts"].as_str());
        Ok(ts.map(|ts| names(&channel, ts)))
    }

    /// Calls a method of Slack's API that changes something.
    async fn call(&self, line: &Line<'_>, method: &str, body: &Value) -> Called {
        let address = format!("{}/{method}", line.base);
        let answer = self.exchange(Method::POST, address, token(line), Some(body)).await;
        self.read(answer)
    }

    /// Calls one that only reads: those take their arguments in the address.
    async fn ask_slack(&self, line: &Line<'_>, method: &str, arguments: &Value) -> Called {
        let arguments = arguments.as_object().into_iter().flatten();
        let query: Vec<String> = arguments
            .map(|(name, value)| {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                format!("{name}={}", encoded(&text))
            })
            .collect();
        let address = format!("{}/{method}?{}", line.base, query.join("&"));
        let answer = self.exchange(Method::GET, address, token(line), None).await;
        self.read(answer)
    }

    fn read(&self, answer: Result<Answer, OutsideError>) -> Called {
        let answer = answer.map_err(|error| Verdict::of_silence(&error))?;
        let after = left_alone(&answer.headers, self.clock.now());
        if answer.status.as_u16() != 200 {
            return Err(Verdict::of_status(answer.status, after));
        }
        let said = answer.json().map_err(|error| Verdict::of_silence(&error))?;
        match (said["ok"].as_bool(), said["error"].as_str()) {
            (Some(true), _) => Ok(said),
            (Some(false), Some(error)) => Err(refused(error, after)),
            _ => Err(Verdict::Later(Later {
                why: "It answered, and not as Slack does.".to_owned(),
                of_all: true,
                unsure: true,
                ..Later::default()
            })),
        }
    }
}

fn token(line: &Line<'_>) -> Vec<(&'static str, String)> {
    vec![("authorization", format!("Bearer {}", line.secret()))]
}

/// Finds whom Slack is asked to speak to.
fn channel(
    context: &Context,
    line: &Line<'_>,
    conversation: &Conversation,
) -> Result<String, Verdict> {
    match conversation {
        Conversation::Channel(channel) => Ok(channel.clone()),
        Conversation::Person(person) => {
            let known = context.config().people.get(person);
            let id = known.and_then(|known| known.ids.get(line.name));
            id.cloned().ok_or_else(|| Verdict::Never {
                why: format!(
                    "{} has no id at `{}`: write `ids = {{ {} = \"U…\" }}` at `[people.{person}]`.",
                    context.config().name_of(person),
                    line.name,
                    line.name
                ),
                must_act: true,
                known: BTreeMap::new(),
            })
        }
    }
}

fn written(message: &Message) -> Value {
    json!({ "text": message.text, "blocks": message.blocks })
}

/// Reads where a message is.
fn place(answer: &Value) -> Option<BTreeMap<String, String>> {
    Some(names(answer["channel"].as_str()?, answer["ts"].as_str()?))
}

fn names(channel: &str, ts: &str) -> BTreeMap<String, String> {
    [("channel", channel), ("ts", ts)].map(|(name, id)| (name.to_owned(), id.to_owned())).into()
}

/// Reads what follows from one of Slack's codes.
fn refused(error: &str, after: Option<chrono::Duration>) -> Verdict {
    match error {
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => Verdict::Later(Later {
            why: "Slack asks for fewer messages.".to_owned(),
            after: after.or(Some(chrono::Duration::seconds(30))),
            of_all: true,
            ..Later::default()
        }),
        "internal_error"
        | "fatal_error"
        | "service_unavailable"
        | "request_timeout"
        | "team_added_to_org" => Verdict::Later(Later {
            why: format!("Slack failed ({}).", code(error)),
            after,
            of_all: true,
            unsure: true,
            ..Later::default()
        }),
        "invalid_auth"
        | "not_authed"
        | "token_revoked"
        | "token_expired"
        | "account_inactive"
        | "org_login_required"
        | "ekm_access_denied"
        | "two_factor_setup_required"
        | "accesslimited" => Verdict::must_act(format!(
            "Slack does not take the token ({}): install the app again, and keep its bot token \
             where `secret` says.",
            code(error)
        )),
        "missing_scope" | "no_permission" | "not_allowed_token_type" => Verdict::must_act(format!(
            "The app may not do that ({}): give it the scopes the README names, and install it \
             again.",
            code(error)
        )),
        "channel_not_found"
        | "not_in_channel"
        | "is_archived"
        | "restricted_action"
        | "user_not_found"
        | "users_not_found"
        | "user_disabled"
        | "cannot_dm_bot"
        | "messages_tab_disabled"
        | "user_not_visible" => Verdict::Never {
            why: format!(
                "Slack cannot say it there ({}): look at the channel or the person's id in the \
                 configuration, and invite the app to the channel.",
                code(error)
            ),
            must_act: true,
            known: BTreeMap::new(),
        },
        "message_not_found" | "thread_not_found" | "cant_update_message" | "edit_window_closed" => {
            Verdict::never(format!("{GONE} ({}).", code(error)))
        }
        other => Verdict::never(format!("Slack refused the message ({}).", code(other))),
    }
}

const GONE: &str = "The message cannot be changed any more";

fn is_gone(why: &str) -> bool {
    why.starts_with(GONE)
}

/// Keeps of a vendor's word only what a code may hold: it may be anything.
fn code(word: &str) -> String {
    let fits = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    word.chars().take(60).filter(fits).collect()
}
