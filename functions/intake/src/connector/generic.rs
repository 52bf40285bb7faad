//! The generic hook: this system's own JSON, for every source without a connector of its own.
//!
//! `generic.schema.json` beside the crate describes the body. Here the sender wrote for us, so a
//! value of the wrong type is told back by its path rather than worked around; what we do not know
//! is kept in `fields`.

use super::{
    Item,
    fault::Fault,
    json,
    key::digest,
    mapping::{instant, score},
    node::{Map, Node},
    signature::{WEBHOOK_ID, only},
};
use chrono::{DateTime, Utc};
use domain::{
    SourceEvent,
    config::Source,
    money::Money,
    subject::{ObjectKind, Reference, Subject},
};
use http::HeaderMap;

/// The members of `data` that have a meaning of their own.
const DATA: [&str; 10] = [
    "subject",
    "score",
    "previous_score",
    "amount",
    "meeting_at",
    "owner_email",
    "channel",
    "outcome",
    "test",
    "fields",
];

/// The members of `data.subject`.
const SUBJECT: [&str; 8] =
    ["crm", "object", "id", "name", "email", "company", "country", "references"];

/// Reads the one event of a request; an empty list is none.
pub(super) fn read(source: &Source, headers: &HeaderMap, text: &str) -> Result<Vec<Item>, Fault> {
    let document = json::parse(text, 0)?;
    let body = match &document {
        Node::Map(members) => Object { members, path: String::new() },
        Node::List(items) if items.is_empty() => return Ok(Vec::new()),
        _ => return Err(Fault::Shape),
    };
    let mut event = event(source, &body)?;
    event.fingerprint = digest(&[Some(&document.canonical())]);
    event.key = delivery_id(headers).unwrap_or_else(|| digest(&[Some("body"), Some(text)]));
    Ok(vec![Item::event(event)])
}

/// Reads the id that stays the same over retries; a sender with a token need not have one.
fn delivery_id(headers: &HeaderMap) -> Option<String> {
    let id = only(headers, WEBHOOK_ID).ok().flatten()?;
    std::str::from_utf8(id).ok().filter(|id| !id.is_empty()).map(str::to_owned)
}

fn event(source: &Source, body: &Object<'_>) -> Result<SourceEvent, Fault> {
    let data = body.object("data")?.ok_or_else(|| body.fault("data"))?;
    let about = data.object("subject")?.ok_or_else(|| data.fault("subject"))?;
    let mut event = SourceEvent {
        name: body.required_text("type")?,
        occurred_at: body.instant("timestamp")?,
        subject: subject(&about)?,
        score: data.score("score")?,
        previous_score: data.score("previous_score")?,
        amount: amount(source, &data)?,
        meeting_at: data.instant("meeting_at")?,
        owner_email: data.text("owner_email")?,
        channel: data.text("channel")?,
        outcome: data.text("outcome")?,
        test: data.tick("test")?,
        ..SourceEvent::default()
    };
    let fields = data.object("fields")?;
    let unknown = |object: &Object<'_>, known: &[&str]| -> Vec<(String, Node)> {
        let members = object.members.iter().filter(|(key, _)| !known.contains(&key.as_str()));
        members.map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    let fields = fields.map(|fields| unknown(&fields, &[])).unwrap_or_default();
    for (key, value) in
        fields.into_iter().chain(unknown(&data, &DATA)).chain(unknown(&about, &SUBJECT))
    {
        if value != Node::Null {
            event.fields.entry(key).or_insert_with(|| value.to_value());
        }
    }
    Ok(event)
}

fn subject(about: &Object<'_>) -> Result<Subject, Fault> {
    let id = about.id("id")?;
    let object = about.kind("object")?;
    if id.is_some() && object.is_none() {
        return Err(about.fault("object"));
    }
    let references = match about.members.get("references") {
        None | Some(Node::Null) => Vec::new(),
        Some(Node::List(items)) => items
            .iter()
            .enumerate()
            .map(|(index, item)| reference(item, about.path_of(&format!("references.{index}"))))
            .collect::<Result<_, _>>()?,
        Some(_) => return Err(about.fault("references")),
    };
    Ok(Subject {
        crm: about.text("crm")?,
        object,
        id,
        references,
        name: about.text("name")?,
        email: about.text("email")?,
        company: about.text("company")?,
        country: about.text("country")?,
    })
}

fn reference(item: &Node, path: String) -> Result<Reference, Fault> {
    let members = item.as_map().ok_or_else(|| Fault::field(&path))?;
    let item = Object { members, path };
    Ok(Reference {
        system: item.required_text("system")?,
        object: item.kind("object")?.ok_or_else(|| item.fault("object"))?,
        id: item.id("id")?.ok_or_else(|| item.fault("id"))?,
    })
}

fn amount(source: &Source, data: &Object<'_>) -> Result<Option<Money>, Fault> {
    let Some(amount) = data.object("amount")? else {
        return Ok(None);
    };
    let minor = amount.members.get("minor").and_then(Node::as_id).and_then(|id| id.parse().ok());
    Ok(Some(Money {
        minor: minor.ok_or_else(|| amount.fault("minor"))?,
        currency: amount.text("currency")?.unwrap_or_else(|| source.currency.clone()),
    }))
}

/// An object and the path by which a fault names its members.
struct Object<'a> {
    members: &'a Map,
    path: String,
}

impl<'a> Object<'a> {
    fn path_of(&self, member: &str) -> String {
        if self.path.is_empty() { member.to_owned() } else { format!("{}.{member}", self.path) }
    }

    fn fault(&self, member: &str) -> Fault {
        Fault::Field(self.path_of(member))
    }

    /// Reads an optional member: absent and null say nothing, what cannot be read is a fault.
    fn member<T>(
        &self,
        member: &str,
        read: impl FnOnce(&'a Node) -> Option<T>,
    ) -> Result<Option<T>, Fault> {
        match self.members.get(member) {
            None | Some(Node::Null) => Ok(None),
            Some(node) => read(node).map(Some).ok_or_else(|| self.fault(member)),
        }
    }

    fn object(&self, member: &str) -> Result<Option<Object<'a>>, Fault> {
        let members = self.member(member, Node::as_map)?;
        Ok(members.map(|members| Object { members, path: self.path_of(member) }))
    }

    /// Reads a text; an empty one says nothing.
    fn text(&self, member: &str) -> Result<Option<String>, Fault> {
        let text = self.member(member, Node::as_text)?;
        Ok(text.filter(|text| !text.is_empty()).map(str::to_owned))
    }

    fn required_text(&self, member: &str) -> Result<String, Fault> {
        self.text(member)?.ok_or_else(|| self.fault(member))
    }

    /// Reads an id, a number or a text, as its exact text; an empty one says nothing.
    fn id(&self, member: &str) -> Result<Option<String>, Fault> {
        let is_empty = |node: &Node| node.as_text().is_some_and(str::is_empty);
        if self.members.get(member).is_some_and(is_empty) {
            return Ok(None);
        }
        Ok(self.member(member, Node::as_id)?.map(str::to_owned))
    }

    fn tick(&self, member: &str) -> Result<bool, Fault> {
        let tick = self.member(member, |node| match node {
            Node::Bool(tick) => Some(*tick),
            _ => None,
        })?;
        Ok(tick.unwrap_or_default())
    }

    fn kind(&self, member: &str) -> Result<Option<ObjectKind>, Fault> {
        self.member(member, |node| ObjectKind::from_word(node.as_text()?))
    }

    fn score(&self, member: &str) -> Result<Option<i64>, Fault> {
        self.member(member, |node| score(node.as_id()?))
    }

    fn instant(&self, member: &str) -> Result<Option<DateTime<Utc>>, Fault> {
        self.member(member, |node| instant(node.as_id()?))
    }
}
