//! The form by which a person opens a handoff: its type's template, block by block.
//!
//! What was typed is never lost: a form that cannot be opened comes back with every problem beside
//! its field, and one that is not finished can be saved and found again. The form's own key goes
//! with it, into the draft too, so that it opens one handoff however often it is sent.

use super::{
    Choice, Frame, Reader, fields,
    fields::{Block, Filled},
    html, see,
    shown::Moment,
};
use crate::{
    Desk,
    access::Visitor,
    api::open::came_of,
    by_hand,
    fault::Fault,
    form::{self, Pairs},
};
use askama::Template;
use bytes::Bytes;
use domain::{
    Package, Stage, TypeKey,
    config::{Config, FieldRule, HandoffType, Mode},
};
use http::{Request, Response, StatusCode};
use settle::may;
use std::collections::BTreeMap;
use store::Draft;

/// The objects of a CRM that a handoff can be about.
const OBJECTS: [&str; 4] = ["contact", "lead", "deal", "account"];

#[derive(Template)]
#[template(path = "new.html")]
struct NewPage {
    frame: Frame,
    message: Option<String>,
    kinds: Vec<Kind>,
    form: Option<Form>,
}

/// A type that can be opened.
struct Kind {
    id: String,
    name: String,
    from: String,
    to: String,
    /// When a draft of it was saved.
    draft: Option<Moment>,
}

struct Form {
    kind: String,
    name: String,
    to: String,
    nonce: String,
    subject: Vec<Part>,
    objects: Vec<Choice>,
    blocks: Vec<Block>,
    saved: Option<Moment>,
    wrong: usize,
    test: bool,
}

/// A part of the subject.
struct Part {
    name: &'static str,
    label: &'static str,
    kind: &'static str,
    value: String,
}

/// What stands in a form.
#[derive(Default)]
struct Typed {
    pairs: Pairs,
    wrong: BTreeMap<String, String>,
    message: Option<String>,
    saved: Option<chrono::DateTime<chrono::Utc>>,
}

impl Desk {
    /// Answers the types one can open, or the form of one.
    pub(crate) async fn page_new(
        &self,
        request: &Request<Bytes>,
        pairs: &Pairs,
        visitor: &Visitor,
    ) -> Result<Response<Bytes>, Fault> {
        let Some(kind) = pairs.get("type").filter(|kind| !kind.is_empty()) else {
            return self.new_page(request, visitor, None, StatusCode::OK).await;
        };
        // Only a type that there is becomes part of a key.
        let active = self.configs.active(self.clock.now()).await?;
        open_type(&active.config, kind)?;
        let draft = match &visitor.person {
            Some(person) => self.store.draft(person, kind).await?,
            None => None,
        };
        let typed = draft.map(|draft| Typed {
            pairs: form::read(&draft.text),
            saved: Some(draft.at),
            ..Typed::default()
        });
        let form = (kind.clone(), typed.unwrap_or_default());
        self.new_page(request, visitor, Some(form), StatusCode::OK).await
    }

    /// Opens what the form says, or saves it; a refusal shows the form again as it was typed.
    pub(crate) async fn page_open(
        &self,
        request: &Request<Bytes>,
        visitor: &Visitor,
    ) -> Result<Response<Bytes>, Fault> {
        let pairs = form::read(&String::from_utf8_lossy(request.body()));
        let kind = pairs.get("type").cloned().unwrap_or_default();
        let done = match pairs.contains_key("draft") {
            true => self.save(&pairs, &kind, visitor).await,
            false => self.open_typed(&pairs, &kind, visitor).await,
        };
        let fault = match done {
            Ok(place) => return Ok(see(&place)),
            Err(fault) if fault.status().is_client_error() => fault,
            Err(fault) => return Err(fault),
        };
        let (status, message) = (fault.status(), Some(fault.to_string()));
        let (wrong, message) = match fault {
            Fault::Fields(wrong) => (wrong.0, None),
            _ => (BTreeMap::new(), message),
        };
        let typed = Typed { pairs, wrong, message, saved: None };
        self.new_page(request, visitor, Some((kind, typed)), status).await
    }

    async fn open_typed(
        &self,
        pairs: &Pairs,
        kind: &str,
        visitor: &Visitor,
    ) -> Result<String, Fault> {
        let person = visitor.actor()?;
        let now = self.clock.now();
        let active = self.configs.active(now).await?;
        may::is_known(person, &active.config)?;
        let zone = Reader::new(&active.config, visitor, now).zone;
        let event = by_hand::from_form(pairs, person, &active.config, zone)?;
        let key = pairs.get("nonce").filter(|nonce| (1..=200).contains(&nonce.len())).cloned();
        let (_, id) = came_of(self.open(event, person, key).await?)?;
        self.store.forget_draft(person, kind, now).await?;
        Ok(format!("/handoffs/{id}"))
    }

    async fn save(&self, pairs: &Pairs, kind: &str, visitor: &Visitor) -> Result<String, Fault> {
        let person = visitor.actor()?;
        let now = self.clock.now();
        let active = self.configs.active(now).await?;
        may::is_known(person, &active.config)?;
        let kind = open_type(&active.config, kind)?.0;
        let typed = pairs.iter().filter(|(name, _)| *name != "draft");
        let text = form::write(typed.map(|(name, value)| (name.as_str(), value.as_str())));
        let draft = Draft { kind: kind.clone(), text, at: now };
        self.store.put_draft(person, &draft).await?;
        Ok(format!("/new?type={}", form::encode(kind.as_str())))
    }

    async fn new_page(
        &self,
        request: &Request<Bytes>,
        visitor: &Visitor,
        form: Option<(String, Typed)>,
        status: StatusCode,
    ) -> Result<Response<Bytes>, Fault> {
        let now = self.clock.now();
        let active = self.configs.active(now).await?;
        let reader = Reader::new(&active.config, visitor, now);
        let drafts = match (&visitor.person, &form) {
            (Some(person), None) => self.store.drafts(person).await?,
            _ => Vec::new(),
        };
        let message = form.as_ref().and_then(|(_, typed)| typed.message.clone());
        let form = form.map(|(kind, typed)| self.form(&reader, &kind, &typed)).transpose()?;
        let kinds = if form.is_some() { Vec::new() } else { kinds(&reader, &drafts) };
        let frame = reader.frame("New handoff", request);
        html(status, &NewPage { frame, message, kinds, form })
    }

    fn form(&self, reader: &Reader<'_>, kind: &str, typed: &Typed) -> Result<Form, Fault> {
        let (key, kind) = open_type(reader.config, kind)?;
        let (package, pairs) = (Package::default(), &typed.pairs);
        let filled = Filled {
            package: &package,
            typed: pairs,
            wrong: &typed.wrong,
            stage: Stage::Opened,
            zone: reader.zone,
        };
        let value = |name: &str| pairs.get(name).cloned().unwrap_or_default();
        let part = |(name, label, kind)| Part { name, label, kind, value: value(name) };
        let object = value("subject.object");
        let objects = OBJECTS.map(|id| Choice {
            id: id.to_owned(),
            name: id.to_owned(),
            chosen: id == object,
        });
        let asked: Vec<FieldRule> =
            kind.fields.iter().filter(|field| !by_subject(field)).cloned().collect();
        let parts = [
            ("subject.name", "Name", "text"),
            ("subject.email", "Email", "email"),
            ("subject.company", "Company", "text"),
            ("subject.country", "Country, as two letters", "text"),
            ("subject.crm", "CRM", "text"),
            ("subject.id", "Its id there", "text"),
        ];
        Ok(Form {
            kind: key.to_string(),
            name: kind.name.clone(),
            to: kind.to.clone(),
            nonce: Some(value("nonce"))
                .filter(|known| !known.is_empty())
                .unwrap_or_else(|| self.ids.token()),
            subject: parts.into_iter().map(part).collect(),
            objects: objects.into(),
            blocks: fields::blocks(&asked, &filled),
            saved: typed.saved.map(|at| Moment::of(at, reader.zone)),
            wrong: typed.wrong.len(),
            test: pairs.contains_key("test"),
        })
    }
}

/// Tells whether a field says what the subject says: nobody is asked twice.
fn by_subject(field: &FieldRule) -> bool {
    ["company", "contact", "country"].contains(&field.name.as_str())
}

fn open_type<'a>(config: &'a Config, kind: &str) -> Result<(&'a TypeKey, &'a HandoffType), Fault> {
    let known = config.types.get_key_value(kind).filter(|(_, kind)| kind.mode != Mode::Off);
    known
        .ok_or_else(|| Fault::NotFound("There is no such type: choose one of the list.".to_owned()))
}

fn kinds(reader: &Reader<'_>, drafts: &[Draft]) -> Vec<Kind> {
    let on = reader.config.types.iter().filter(|(_, kind)| kind.mode != Mode::Off);
    let kind = |(key, kind): (&TypeKey, &HandoffType)| Kind {
        id: key.to_string(),
        name: kind.name.clone(),
        from: kind.from.clone(),
        to: kind.to.clone(),
        draft: drafts
            .iter()
            .find(|draft| draft.kind == *key)
            .map(|draft| Moment::of(draft.at, reader.zone)),
    };
    on.map(kind).collect()
}
