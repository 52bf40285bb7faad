//! The messages of a handoff's type, filled in with what is known: to read, put right, copy, and
//! record once they are sent.

use crate::{Desk, access::Visitor, fault::Fault, sheet::Sheet};
use chrono_tz::Tz;
use domain::{
    Config, HandoffId,
    config::{MessageRule, Side},
    message::{Known, fill},
};
use http::{Response, StatusCode};
use runtime::web;
use serde_json::{Value, json};

/// A message as it would be sent now.
pub(crate) struct Message {
    /// Its key in the configuration.
    pub(crate) id: String,
    /// The name people know.
    pub(crate) name: String,
    /// Who sends it, as far as that is known.
    pub(crate) by: String,
    /// How.
    pub(crate) channel: String,
    /// Its subject line.
    pub(crate) subject: String,
    /// Its text.
    pub(crate) text: String,
    /// What it names and nobody has said.
    pub(crate) missing: Vec<String>,
    /// Why it could not be filled in.
    pub(crate) wrong: Option<String>,
}

/// Fills in the messages of a handoff's type; times are in a zone, and a survey has its link.
pub(crate) fn messages(
    sheet: &Sheet,
    config: &Config,
    zone: Tz,
    link: Option<&str>,
) -> Vec<Message> {
    let theirs =
        config.messages.iter().filter(|(_, rule)| rule.types.contains(&sheet.handoff.kind));
    theirs.map(|(id, rule)| message((id, rule), sheet, config, zone, link)).collect()
}

fn message(
    (id, rule): (&str, &MessageRule),
    sheet: &Sheet,
    config: &Config,
    zone: Tz,
    survey_link: Option<&str>,
) -> Message {
    let (handoff, template) = (&sheet.handoff, sheet.template());
    let known = Known { handoff, package: &sheet.package, template, config, zone, survey_link };
    let (filled, wrong) = match fill(rule, known) {
        Ok(filled) => (Some(filled), None),
        Err(why) => (None, Some(format!("It cannot be filled in: {why}."))),
    };
    let (word, who) = match rule.by {
        Side::Owner => ("its owner", handoff.owner.as_ref()),
        Side::Sender => ("its sender", handoff.sender.as_ref()),
    };
    let by = who.map_or(word, |who| config.name_of(who)).to_owned();
    let (subject, text, missing) =
        filled.map(|filled| (filled.subject, filled.text, filled.missing)).unwrap_or_default();
    let (name, channel) = (rule.name.clone(), rule.channel.clone());
    Message { id: id.to_owned(), name, by, channel, subject, text, missing, wrong }
}

impl Desk {
    /// Answers a handoff's messages, filled in.
    pub(crate) async fn api_messages(
        &self,
        id: &HandoffId,
        visitor: &Visitor,
    ) -> Result<Response<bytes::Bytes>, Fault> {
        let sheet = self.sheet(id, visitor).await?;
        let config = &sheet.active.config;
        let link = self.survey_link(&sheet.handoff, config).await.ok().flatten();
        let all = messages(&sheet, config, config.organisation.timezone, link.as_deref());
        let shown = |one: Message| {
            json!({
                "id": one.id, "name": one.name, "by": one.by, "channel": one.channel,
                "subject": one.subject, "text": one.text, "missing": one.missing,
                "wrong": one.wrong,
            })
        };
        let all: Vec<Value> = all.into_iter().map(shown).collect();
        Ok(web::json(StatusCode::OK, &json!({ "messages": all })))
    }
}
