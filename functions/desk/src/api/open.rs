//! Opening by hand over JSON: settled as a source's event is; `Idempotency-Key` makes twice the
//! same as once.

use crate::{
    DESK, Desk,
    access::Visitor,
    api::{act, show},
    by_hand,
    fault::Fault,
};
use domain::{Actor, Config, HandoffId, PersonId, SourceEvent, SourceKey};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use runtime::web;
use serde_json::json;
use settle::may;
use settle::{Effect, Origin, SettleError};
use sha2::{Digest, Sha256};
use store::StoreError;

impl Desk {
    /// Opens a handoff, or joins the one that stands open already, and answers its state.
    pub(crate) async fn api_open(
        &self,
        visitor: &Visitor,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Response<bytes::Bytes>, Fault> {
        let person = visitor.actor()?;
        let active = self.configs.active(self.clock.now()).await?;
        may::is_known(person, &active.config)?;
        let event = by_hand::event(body, person, &active.config)?;
        let settled = self.open(event, person, act::key(headers)?).await?;
        self.opened(settled, visitor, &active.config).await
    }

    /// Settles what a person opens; the same key again is the same handoff.
    pub(crate) async fn open(
        &self,
        mut event: SourceEvent,
        person: &PersonId,
        key: Option<String>,
    ) -> Result<Effect, Fault> {
        let now = self.clock.now();
        event.key = match key {
            Some(key) => format!("open:{key}"),
            None => format!("open:{}", self.ids.ulid(now)),
        };
        event.fingerprint = fingerprint(&event, person.as_str());
        let origin = Origin {
            actor: Actor::Person(person.clone()),
            source: SourceKey::from(DESK),
            said_by: person.to_string(),
            cause: DESK.to_owned(),
            received_at: now,
            by_hand: true,
        };
        self.settler.settle(&origin, &event).await.map_err(fault)
    }

    /// Answers what came of it: 201 with the address of what opened, 200 with what was there.
    async fn opened(
        &self,
        settled: Effect,
        visitor: &Visitor,
        config: &Config,
    ) -> Result<Response<bytes::Bytes>, Fault> {
        let (effect, id) = came_of(settled)?;
        let status = if effect == "opened" { StatusCode::CREATED } else { StatusCode::OK };
        let handoff = self.store.handoff(&id).await?;
        // What is known of a lead anybody may tell; what was known is for those who see it.
        if !visitor.sees(&handoff, config) {
            return Ok(web::json(status, &json!({ "id": id, "effect": effect })));
        }
        let mut document = show::state(&handoff);
        document.insert("effect".to_owned(), effect.into());
        let mut answer = web::json(status, &document.into());
        answer.headers_mut().extend(location(&id).map(|at| (header::LOCATION, at)));
        Ok(show::with_version(answer, &handoff))
    }
}

/// Tells in a word what came of opening, and which handoff it is.
pub(crate) fn came_of(settled: Effect) -> Result<(&'static str, HandoffId), Fault> {
    match settled {
        Effect::Opened(id) => Ok(("opened", id)),
        Effect::Joined(id) => Ok(("joined", id)),
        Effect::Duplicate(Some(id)) => Ok(("duplicate", id)),
        Effect::Updated(_) | Effect::Duplicate(None) | Effect::Ignored => {
            let nothing = "Nothing opened: its type was switched off meanwhile.";
            Err(Fault::Conflict(nothing.to_owned()))
        }
    }
}

fn fingerprint(event: &domain::SourceEvent, person: &str) -> String {
    let said = serde_json::to_string(&(event, person)).unwrap_or_default();
    hex::encode(Sha256::digest(said.as_bytes()))
}

fn location(id: &HandoffId) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("/api/handoffs/{id}")).ok()
}

fn fault(error: SettleError) -> Fault {
    match error {
        SettleError::Store(StoreError::Refused { reason }) => {
            tracing::warn!(reason, "what a person said cannot be kept");
            let long = "This is more than can be kept: say it shorter.";
            Fault::Malformed(long.to_owned())
        }
        SettleError::Store(error) => error.into(),
        SettleError::Config(error) => error.into(),
        SettleError::KeyReused => Fault::KeyReused,
        SettleError::TwoPeople => Fault::Conflict(SettleError::TwoPeople.to_string()),
        SettleError::Busy(_) => {
            Fault::NotNow("Others keep changing what this is about: try again.".to_owned())
        }
    }
}
