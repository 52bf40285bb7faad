//! The page of feedback sessions: the examples for the next one, the form that writes it down, and
//! what came of the earlier ones.

use super::{Choice, Frame, Reader, handoff::choice, html, see, shown::Moment};
use crate::{Desk, access::Visitor, ask::Fields, fault::Fault, form, sessions::teams};
use askama::Template;
use bytes::Bytes;
use domain::examples::{Example, Examples};
use http::{Request, Response, StatusCode};
use serde_json::{Map, Value};
use store::Session;

#[derive(Template)]
#[template(path = "sessions.html")]
struct SessionsPage {
    frame: Frame,
    message: Option<String>,
    nonce: String,
    writes: bool,
    of: usize,
    kinds: [(&'static str, &'static str, Vec<Example>); 2],
    teams: Vec<Choice>,
    held_on: String,
    notes: String,
    sessions: Vec<Line>,
}

struct Line {
    held_on: String,
    teams: String,
    notes: String,
    by: String,
    at: Moment,
    examples: usize,
}

impl Desk {
    /// Answers the page of feedback sessions.
    pub(crate) async fn page_sessions(
        &self,
        request: &Request<Bytes>,
        visitor: &Visitor,
    ) -> Result<Response<Bytes>, Fault> {
        self.sessions_page(request, visitor, (StatusCode::OK, None)).await
    }

    /// Writes a session down; one that is refused shows the page again, with what was typed.
    pub(crate) async fn page_session(
        &self,
        request: &Request<Bytes>,
        visitor: &Visitor,
    ) -> Result<Response<Bytes>, Fault> {
        let pairs = form::read(&String::from_utf8_lossy(request.body()));
        let active = self.configs.active(self.clock.now()).await?;
        let zone = Reader::new(&active.config, visitor, self.clock.now()).zone;
        let key = pairs.get("nonce").filter(|nonce| (1..=200).contains(&nonce.len())).cloned();
        let fields = Fields::new(said(&pairs), zone);
        match self.write_down(visitor, fields, key, &active.config).await {
            Ok(_) => Ok(see("/sessions")),
            Err(fault) if fault.status().is_client_error() || matches!(fault, Fault::NotNow(_)) => {
                let refused = (fault.status(), Some(fault.to_string()));
                self.sessions_page(request, visitor, refused).await
            }
            Err(fault) => Err(fault),
        }
    }

    async fn sessions_page(
        &self,
        request: &Request<Bytes>,
        visitor: &Visitor,
        (status, message): (StatusCode, Option<String>),
    ) -> Result<Response<Bytes>, Fault> {
        let active = self.configs.active(self.clock.now()).await?;
        let reader = Reader::new(&active.config, visitor, self.clock.now());
        let typed = form::read(&String::from_utf8_lossy(request.body()));
        let today = active.config.day_of(reader.now).to_string();
        let chosen = |team: &str| typed.contains_key(&format!("team.{team}"));
        let teams = teams(&active.config);
        let Examples { best, worst, of } = self.examples(&active.config).await?;
        let page = SessionsPage {
            frame: reader.frame("Feedback sessions", request),
            message,
            nonce: self.ids.token(),
            writes: reader.person.is_some() || !typed.is_empty(),
            of,
            kinds: [("best", "What went well", best), ("worst", "What did not", worst)],
            teams: teams
                .into_iter()
                .map(|team| Choice { chosen: chosen(team), ..choice(team, team) })
                .collect(),
            held_on: typed.get("held_on").cloned().unwrap_or(today),
            notes: typed.get("notes").cloned().unwrap_or_default(),
            sessions: self
                .sessions_of_late(&active.config)
                .await?
                .into_iter()
                .map(|session| line(session, &reader))
                .collect(),
        };
        html(status, &page)
    }
}

/// Reads the form as the JSON it stands for: each team is a box of its own.
fn said(pairs: &form::Pairs) -> Map<String, Value> {
    let teams: Vec<Value> = pairs
        .keys()
        .filter_map(|name| name.strip_prefix("team."))
        .map(|team| team.to_owned().into())
        .collect();
    let texts = ["held_on", "notes"].into_iter().filter_map(|name| {
        let text = pairs.get(name)?;
        Some((name.to_owned(), text.as_str().into()))
    });
    texts.chain([("teams".to_owned(), teams.into())]).collect()
}

fn line(session: Session, reader: &Reader<'_>) -> Line {
    let Examples { best, worst, .. } = session.examples;
    Line {
        held_on: session.held_on.format("%-d %b %Y").to_string(),
        teams: session.teams.join(", "),
        notes: session.notes,
        by: reader.config.name_of(&session.by).to_owned(),
        at: Moment::of(session.at, reader.zone),
        examples: best.len() + worst.len(),
    }
}
