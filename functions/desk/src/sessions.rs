//! Feedback sessions: two teams look at what went well and what did not, without names, and write
//! down what comes of it.
//!
//! The examples are picked when they are looked at, and kept with the session as they were when it
//! was written down: what was talked about stays known, though nobody can be found by it.

use crate::{Desk, access::Visitor, act, api::act as keyed, ask::Fields, fault::Fault, moment};
use chrono::{Days, NaiveDate};
use domain::{
    Config,
    examples::{Examples, examples},
    local,
};
use http::{HeaderMap, Response, StatusCode};
use runtime::web;
use serde_json::{Value, json};
use settle::may;
use std::collections::BTreeSet;
use store::{Session, StoreError};

/// How far back examples are looked for, in days.
const EXAMPLE_DAYS: u64 = 30;

/// How far back sessions are listed, in days.
const LISTED_DAYS: u64 = 400;

/// How many handoffs are looked at for examples, the newest first.
const LOOKED_AT_MAX: usize = 1_000;

/// How many handoffs are read with one request.
const CHUNK: usize = 50;

/// What a session is written down with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) held_on: NaiveDate,
    pub(crate) teams: Vec<String>,
    pub(crate) notes: String,
}

impl Desk {
    /// Answers the sessions of late, and the examples for the next one.
    pub(crate) async fn api_sessions(&self) -> Result<Response<bytes::Bytes>, Fault> {
        let active = self.configs.active(self.clock.now()).await?;
        let sessions: Vec<Value> =
            self.sessions_of_late(&active.config).await?.iter().map(document).collect();
        let picked = self.examples(&active.config).await?;
        let answer = json!({ "sessions": sessions, "examples": picked });
        Ok(web::json(StatusCode::OK, &answer))
    }

    /// Writes a session down.
    pub(crate) async fn api_session(
        &self,
        visitor: &Visitor,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Response<bytes::Bytes>, Fault> {
        let said = crate::ask::object(body).map_err(Fault::Malformed)?;
        let active = self.configs.active(self.clock.now()).await?;
        let zone = active.config.organisation.timezone;
        let fields = Fields::new(said, zone);
        let session =
            self.write_down(visitor, fields, keyed::key(headers)?, &active.config).await?;
        Ok(web::json(StatusCode::CREATED, &document(&session)))
    }

    /// Writes a session down; the same key again is the same session.
    pub(crate) async fn write_down(
        &self,
        visitor: &Visitor,
        fields: Fields,
        key: Option<String>,
        config: &Config,
    ) -> Result<Session, Fault> {
        let person = visitor.actor()?;
        may::is_known(person, config)?;
        let now = self.clock.now();
        let said = read(fields, config, config.day_of(now)).map_err(Fault::Malformed)?;
        let id = key.unwrap_or_else(|| self.ids.ulid(now));
        let id = act::fingerprint_of(&[person.as_str(), &id])[..26].to_owned();
        if let Some(known) = self.store.session(said.held_on, &id).await? {
            let same = known.teams == said.teams && known.notes == said.notes;
            return if same { Ok(known) } else { Err(Fault::KeyReused) };
        }
        let session = Session {
            id,
            held_on: said.held_on,
            teams: said.teams,
            notes: said.notes,
            examples: self.examples(config).await?,
            by: person.clone(),
            at: now,
        };
        self.store.put_session(&session).await?;
        Ok(session)
    }

    /// Lists the sessions of the last year, newest first.
    pub(crate) async fn sessions_of_late(
        &self,
        config: &Config,
    ) -> Result<Vec<Session>, StoreError> {
        let today = config.day_of(self.clock.now());
        let mut sessions = self.store.sessions(today - Days::new(LISTED_DAYS), today).await?;
        sessions.reverse();
        Ok(sessions)
    }

    /// Picks examples among what opened of late.
    pub(crate) async fn examples(&self, config: &Config) -> Result<Examples, StoreError> {
        let today = self.clock.now().date_naive();
        let mut read = Vec::new();
        for back in 0..EXAMPLE_DAYS {
            let mut opened = self.store.opened_on(today - Days::new(back)).await?;
            opened.truncate(LOOKED_AT_MAX.saturating_sub(read.len()));
            for ids in opened.chunks(CHUNK) {
                read.extend(self.store.handoffs(ids).await?);
            }
            if read.len() >= LOOKED_AT_MAX {
                break;
            }
        }
        let pairs: Vec<_> =
            read.iter().map(|(handoff, package)| (&handoff.record, &package.record)).collect();
        Ok(examples(&pairs, config))
    }
}

/// Lists the teams that hand over or receive, or that a pool belongs to.
pub(crate) fn teams(config: &Config) -> BTreeSet<&str> {
    let pools = config.pools.values().map(|pool| pool.team.as_str());
    let kinds = config.types.values().flat_map(|kind| [kind.from.as_str(), kind.to.as_str()]);
    pools.chain(kinds).collect()
}

fn read(mut fields: Fields, config: &Config, today: NaiveDate) -> Result<Said, String> {
    let held_on = match fields.text("held_on")? {
        None => today,
        Some(text) => local::day(&text)
            .ok_or_else(|| "`held_on` is no day: write it like 2026-01-20.".to_owned())?,
    };
    // Somewhere it may be tomorrow already.
    if held_on > today + Days::new(1) {
        return Err("`held_on` is a day to come: write a session down once it was held.".to_owned());
    }
    if held_on < today - Days::new(LISTED_DAYS) {
        return Err(format!(
            "`held_on` is more than {LISTED_DAYS} days ago: it would be listed nowhere."
        ));
    }
    let known = teams(config);
    let mut named: Vec<String> = fields.words("teams")?;
    named.sort();
    named.dedup();
    if let Some(unknown) = named.iter().find(|team| !known.contains(team.as_str())) {
        let unknown: String = unknown.chars().take(40).collect();
        let all: Vec<&str> = known.into_iter().collect();
        return Err(format!("There is no team `{unknown}`: choose among {}.", all.join(", ")));
    }
    if named.is_empty() {
        return Err("Say which teams took part, in `teams`.".to_owned());
    }
    let notes = fields.long("notes")?;
    let notes = notes.ok_or_else(|| "Say what came of it, in `notes`.".to_owned())?;
    fields.nothing_else("A session")?;
    Ok(Said { held_on, teams: named, notes })
}

fn document(session: &Session) -> Value {
    json!({
        "id": session.id,
        "held_on": session.held_on,
        "teams": session.teams,
        "notes": session.notes,
        "examples": session.examples,
        "by": session.by,
        "at": moment::iso(session.at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::config;
    use chrono_tz::Tz;

    fn said(body: Value) -> Result<Said, String> {
        let Value::Object(body) = body else { panic!("an object") };
        let today = "2026-01-20".parse().unwrap();
        read(Fields::new(body, Tz::UTC), &config(), today)
    }

    #[test]
    fn a_session_has_a_day_teams_and_notes() {
        let read = said(json!({ "teams": ["sdr", "ae", "sdr"], "notes": " Agree on BANT " }));
        let expected = Said {
            held_on: "2026-01-20".parse().unwrap(),
            teams: vec!["ae".to_owned(), "sdr".to_owned()],
            notes: "Agree on BANT".to_owned(),
        };
        assert_eq!(read, Ok(expected));
        for (body, part) in [
            (json!({ "teams": ["sdr"] }), "Say what came of it"),
            (json!({ "notes": "x" }), "Say which teams took part"),
            (json!({ "teams": ["sdr", "hr"], "notes": "x" }), "There is no team `hr`: choose"),
            (json!({ "teams": ["sdr"], "notes": "x", "held_on": "soon" }), "is no day"),
            (json!({ "teams": ["sdr"], "notes": "x", "held_on": "2026-01-22" }), "a day to come"),
            (json!({ "teams": ["sdr"], "notes": "x", "held_on": "2019-01-21" }), "days ago"),
            (json!({ "teams": ["sdr"], "notes": "x", "minutes": 5 }), "`minutes`"),
        ] {
            let refused = said(body.clone()).unwrap_err();
            assert!(refused.contains(part), "{body}: {refused}");
        }
    }
}
