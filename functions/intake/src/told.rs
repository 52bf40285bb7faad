//! What whoever pressed a button is told: every sentence of it, and the one request that says it.
//!
//! What was done is said in the message itself, which loses its buttons, unless the courier keeps
//! that message up to date; what was not, to whoever pressed it alone. It is said once, after the
//! commit, by a way back that is good for minutes: if it is not heard, nothing else changes by that.
//! What must stay true: nobody but Slack is ever called, whatever a request names, and the way back
//! stands in no log.

use crate::{
    Intake,
    connector::{Back, Button},
};
use chrono::{DateTime, Utc};
use domain::{Config, Handoff, PersonId, Refusal, Stage, local::length};
use http::{Method, Uri};
use runtime::outside::Ask;
use serde_json::{Value, json};
use settle::plan::Refused;
use std::time::Duration;

/// How long saying it may take.
const SAID_WITHIN: Duration = Duration::from_millis(1_500);

/// When a request must be answered, after it came: Slack says three seconds.
const ANSWERED_WITHIN: Duration = Duration::from_millis(2_800);

/// The only host that is called.
const SLACK: &str = "hooks.slack.com";

/// How many blocks a message may have.
const BLOCKS_MAX: usize = 50;

/// What somebody is told of what they pressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    sentence: String,
    /// Whether the message itself says that it was done.
    done: bool,
}

impl Told {
    /// Says that it was done.
    pub(crate) fn done(button: &Button, name: &str) -> Self {
        let sentence = match button {
            Button::Accept => format!("Accepted by {name}"),
            Button::Touch => format!("Contacted, logged by {name}"),
            Button::Reject(reason) => format!("Given back: {}", reason.replace('_', " ")),
        };
        Self { sentence, done: true }
    }

    /// Says it to whoever pressed the button, and to nobody else.
    pub(crate) fn quietly(self) -> Self {
        Self { sentence: format!("{}.", self.sentence), done: false }
    }

    /// Says that it was not done.
    pub(crate) fn not(sentence: String) -> Self {
        Self { sentence, done: false }
    }

    /// Says that it is done in a moment.
    pub(crate) fn later() -> Self {
        Self::not("This could not be written just now. It is done by itself, shortly.".to_owned())
    }

    /// Says that there is nothing left to do it to.
    pub(crate) fn gone() -> Self {
        Self::not("This handoff is not here any more.".to_owned())
    }

    /// Says that it never will be done as it is.
    pub(crate) fn not_taken() -> Self {
        Self::not("This could not be done. It was put aside for whoever runs this.".to_owned())
    }

    /// Says that nobody knows them.
    pub(crate) fn stranger(destination: &str, user: &str) -> Self {
        Self::not(format!(
            "Handoff does not know you: ask your admin to write \
             `ids = {{ {destination} = \"{user}\" }}` at your name."
        ))
    }

    /// Says why not: where somebody was faster, who, and when.
    pub(crate) fn refused(
        why: &Refused,
        handoff: &Handoff,
        (person, config): (&PersonId, &Config),
        now: DateTime<Utc>,
    ) -> Self {
        let overtaken =
            matches!(why, Refused::Decision(Refusal::NotYours { .. } | Refusal::Stage { .. }));
        let sentence = overtaken.then(|| stands(handoff, person, config, now)).flatten();
        Self::not(sentence.unwrap_or_else(|| why.to_string()))
    }

    /// Writes what the way back is told.
    fn message(&self, blocks: &[Value]) -> Value {
        let text = escaped(&self.sentence);
        // Without the message as it was, there is nothing to put in its place.
        if !self.done || blocks.is_empty() {
            return json!({ "response_type": "ephemeral", "replace_original": false, "text": text });
        }
        let context = json!({
            "type": "context", "elements": [{ "type": "mrkdwn", "text": text }],
        });
        let kept = blocks.iter().filter(|block| block["type"] != "actions").take(BLOCKS_MAX - 1);
        let blocks: Vec<Value> = kept.cloned().chain([context]).collect();
        json!({ "replace_original": true, "text": text, "blocks": blocks })
    }
}

/// Says how a handoff stands that somebody wanted to take or to give back; nothing where it is
/// theirs still.
fn stands(
    handoff: &Handoff,
    person: &PersonId,
    config: &Config,
    now: DateTime<Utc>,
) -> Option<String> {
    let ago = |at: Option<DateTime<Utc>>| {
        at.map_or_else(String::new, |at| format!(" {} ago", length((now - at).num_seconds())))
    };
    match (handoff.stage, &handoff.owner) {
        (Stage::Completed | Stage::Recycled | Stage::Cancelled, _) => {
            Some(format!("This was {}{}.", handoff.stage, ago(handoff.closed_at)))
        }
        (Stage::Returned, _) => Some("This was given back: its sender has it now.".to_owned()),
        (_, None) => Some("Nobody has this now: an owner is looked for.".to_owned()),
        (_, Some(owner)) if owner == person => None,
        (_, Some(owner)) => {
            let name = config.name_of(owner);
            Some(match handoff.accepted_at {
                Some(_) => format!("{name} accepted this{}.", ago(handoff.accepted_at)),
                None => {
                    format!("{name} has this now: it went to them{}.", ago(handoff.assigned_at))
                }
            })
        }
    }
}

/// Makes names and reasons fit to stand in Slack's markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

impl Intake {
    /// Tells whoever pressed a button what came of it, in what is left of the time to answer.
    pub(crate) async fn tell_back(
        &self,
        back: &Back,
        told: Option<&Told>,
        received_at: DateTime<Utc>,
    ) {
        let Some(told) = told else { return };
        if !is_slacks(&back.address, self.outside.is_local()) {
            tracing::warn!("a click names an address that is not Slack's: nobody is told");
            return;
        }
        let passed = (self.clock.now() - received_at).to_std().unwrap_or_default();
        let within = ANSWERED_WITHIN.saturating_sub(passed).min(SAID_WITHIN);
        let said = told.message(&back.blocks).to_string();
        let ask = Ask {
            method: Method::POST,
            address: back.address.clone(),
            headers: Vec::new(),
            body: Some(("application/json; charset=utf-8", said.into())),
        };
        // No clock knows of this work.
        let work = self.clock.working_too();
        let sent = self.outside.send(ask, within).await;
        drop(work);
        match sent {
            Ok(answer) if answer.status.is_success() => {}
            Ok(answer) => tracing::warn!(status = %answer.status, "a click was not answered"),
            Err(error) => tracing::warn!(%error, "a click was not answered"),
        }
    }
}

/// Tells whether an address is Slack's; on a laptop, also whether it is there.
fn is_slacks(address: &str, local: bool) -> bool {
    let Ok(address) = address.parse::<Uri>() else { return false };
    let Some(authority) = address.authority() else { return false };
    let here = ["127.0.0.1", "[::1]", "localhost"];
    match address.scheme_str() {
        Some("https") => authority.as_str().eq_ignore_ascii_case(SLACK),
        Some("http") => {
            local && here.contains(&authority.host()) && !authority.as_str().contains('@')
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::config;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// What Amara is told of a handoff she wanted to take, at ten.
    fn told(why: &Refused, handoff: Handoff) -> String {
        let text = include_str!("../../../infra/local/sample/organisation.toml");
        let config = config::load(text).unwrap();
        let told =
            Told::refused(why, &handoff, (&"amara".into(), &config), at("2026-01-05T10:00:00Z"));
        assert!(!told.done);
        told.sentence
    }

    #[test]
    fn who_was_faster_is_named_with_when() {
        let theirs = Refused::Decision(Refusal::NotYours { owner: "Ben Whitlock".to_owned() });
        let ben = Handoff {
            stage: Stage::Accepted,
            owner: Some("ben".into()),
            assigned_at: Some(at("2026-01-05T09:58:00Z")),
            accepted_at: Some(at("2026-01-05T09:59:48Z")),
            ..Handoff::default()
        };
        assert_eq!(told(&theirs, ben.clone()), "Ben Whitlock accepted this 12 s ago.");
        let assigned = Handoff { stage: Stage::Assigned, accepted_at: None, ..ben.clone() };
        let expected = "Ben Whitlock has this now: it went to them 2 min ago.";
        assert_eq!(told(&theirs, assigned.clone()), expected);
        let moved = |stage| {
            let refusal = Refusal::Stage { stage, verb: domain::stage::Verb::Accept };
            let owner = None;
            told(&Refused::Decision(refusal), Handoff { stage, owner, ..assigned.clone() })
        };
        assert_eq!(moved(Stage::Opened), "Nobody has this now: an owner is looked for.");
        assert_eq!(moved(Stage::Returned), "This was given back: its sender has it now.");
        assert_eq!(moved(Stage::Completed), "This was completed.");
    }

    #[test]
    fn what_nobody_else_took_is_refused_in_the_decisions_own_words() {
        let unlisted = Refused::Decision(Refusal::NotListed {
            said: "boring".to_owned(),
            what: "reasons to reject",
            choices: "duplicate".to_owned(),
        });
        let said = told(&unlisted, Handoff { owner: Some("ben".into()), ..Handoff::default() });
        assert_eq!(said, unlisted.to_string());
        let verb = domain::stage::Verb::Accept;
        let engaged = Refused::Decision(Refusal::Stage { stage: Stage::Engaged, verb });
        let hers =
            Handoff { stage: Stage::Engaged, owner: Some("amara".into()), ..Handoff::default() };
        assert_eq!(told(&engaged, hers), engaged.to_string());
    }

    #[test]
    fn what_was_done_takes_the_buttons_place_and_everything_else_is_said_to_one() {
        let card = [
            json!({ "type": "header", "text": { "type": "plain_text", "text": "Dana" } }),
            json!({ "type": "actions", "elements": [] }),
            json!({ "type": "section" }),
        ];
        let done = Told::done(&Button::Accept, "Tom & <Jerry>");
        let said = "Accepted by Tom &amp; &lt;Jerry&gt;";
        let context =
            json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": said }] });
        let expected = json!({
            "replace_original": true, "text": said, "blocks": [card[0], card[2], context],
        });
        assert_eq!(done.message(&card), expected);
        let alone = json!({
            "response_type": "ephemeral", "replace_original": false, "text": said,
        });
        assert_eq!(done.message(&[]), alone, "nothing is wiped out");
        let many = vec![json!({ "type": "divider" }); 60];
        assert_eq!(done.message(&many)["blocks"].as_array().unwrap().len(), BLOCKS_MAX);
        assert_eq!(Told::not("No.".to_owned()).message(&card)["response_type"], "ephemeral");
        let reason = Button::Reject("not_a_fit".to_owned());
        assert_eq!(Told::done(&reason, "Amara").sentence, "Given back: not a fit");
        assert_eq!(Told::done(&Button::Touch, "Amara").sentence, "Contacted, logged by Amara");
        let stranger = Told::stranger("chat", "U9").sentence;
        assert!(stranger.ends_with("write `ids = { chat = \"U9\" }` at your name."), "{stranger}");
    }

    #[test]
    fn nobody_but_slack_is_ever_called() {
        for (address, cloud, local) in [
            ("https://hooks.slack.com/actions/T1/2/x", true, true),
            ("https://HOOKS.slack.com/actions/T1/2/x?a=b", true, true),
            ("http://127.0.0.1:8080/x", false, true),
            ("http://localhost/x", false, true),
            ("http://[::1]:80/x", false, true),
            ("http://hooks.slack.com/x", false, false),
            ("https://hooks.slack.com:8443/x", false, false),
            ("https://hooks.slack.com.evil.example/x", false, false),
            ("https://hooks.slack.com@evil.example/x", false, false),
            ("https://a:b@hooks.slack.com/x", false, false),
            ("https://evil.example/hooks.slack.com", false, false),
            ("https://127.0.0.1/x", false, false),
            ("http://169.254.169.254/latest/meta-data", false, false),
            ("http://127.0.0.1.evil.example/x", false, false),
            ("http://a@127.0.0.1/x", false, false),
            ("file:///etc/passwd", false, false),
            ("//hooks.slack.com/x", false, false),
            ("/x", false, false),
            ("", false, false),
        ] {
            assert_eq!(is_slacks(address, false), cloud, "{address} in the cloud");
            assert_eq!(is_slacks(address, true), local, "{address} on a laptop");
        }
    }
}
