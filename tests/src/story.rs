//! Stories: scenarios told in the system's own verbs, played in a world, and written down as a
//! transcript that is reviewed like code.
//!
//! A line is a verb and what it concerns. `wait 4h` lets time pass; `demo.requested dana
//! country=GB` is a source's event about somebody; `accept dana by amara` is a person's act. The
//! transcript repeats each line and says what came of it: what was answered, what went on the bus,
//! what was mailed, at which time.

use crate::{Answer, Setting, World, world::time};
use chrono::{DateTime, Duration, Utc};
use domain::{HandoffId, span::Span};
use local::Sent;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, fmt::Write};

/// A story being played.
struct Stage {
    world: World,
    handoffs: BTreeMap<String, HandoffId>,
    transcript: String,
}

/// Plays a story and returns its transcript.
pub async fn play(text: &str) -> String {
    play_in(Setting::default(), text).await
}

/// Plays a story in a setting; the story's own time goes first.
pub async fn play_in(mut setting: Setting, text: &str) -> String {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    if let Some(at) = first.strip_prefix("at ") {
        setting.at = time(at);
    }
    let world = World::of(setting).await;
    let mut stage = Stage { world, handoffs: BTreeMap::new(), transcript: format!("{first}\n") };
    for line in lines {
        if line.starts_with('#') {
            let _ = writeln!(stage.transcript, "\n{line}");
            continue;
        }
        let _ = writeln!(stage.transcript, "> {line}");
        stage.act(line).await;
        stage.listen();
    }
    stage.transcript
}

impl Stage {
    async fn act(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["wait", span] => self.world.pass(span_of(span)).await,
            ["until", at] => self.world.until(time(at)).await,
            ["show", who] => self.show(who).await,
            ["absent", person, span] => self.absent(person, span).await,
            [verb, who, "by", person, rest @ ..] => self.person(verb, who, person, rest).await,
            [event, who, rest @ ..] => self.event(event, who, rest).await,
            _ => panic!("a story does not know: {line}"),
        }
    }

    /// Sends a source's event about somebody.
    async fn event(&mut self, event: &str, who: &str, rest: &[&str]) {
        let now = self.world.now();
        let mut subject = json!({
            "crm": "hubspot", "object": "contact", "id": who, "name": who,
            "email": format!("{who}@acme.example"), "company": "Acme",
        });
        let (mut data, mut fields) = (Map::new(), Map::new());
        let mut occurred = now;
        for (name, value) in rest.iter().filter_map(|word| word.split_once('=')) {
            match name {
                "ago" => occurred = now - span_of(value),
                "meeting_in" => {
                    let at = (now + span_of(value)).to_rfc3339();
                    data.insert("meeting_at".into(), at.into());
                }
                "amount" => {
                    let minor = value.parse::<i64>().unwrap_or_default();
                    data.insert(name.into(), json!({ "minor": minor, "currency": "EUR" }));
                }
                "country" => subject["country"] = value.into(),
                "deal" | "contact" => {
                    let other = json!([{ "system": "hubspot", "object": name, "id": value }]);
                    subject["references"] = other;
                }
                "score" | "previous_score" => {
                    data.insert(name.into(), value.parse::<i64>().unwrap_or_default().into());
                }
                "channel" | "outcome" | "owner_email" => {
                    data.insert(name.into(), value.into());
                }
                _ => {
                    fields.insert(name.into(), value.replace('_', " ").into());
                }
            }
        }
        data.insert("subject".into(), subject);
        data.insert("fields".into(), fields.into());
        let answer = self.world.event_at(event, occurred, Value::Object(data)).await;
        self.note_answer(who, &answer);
        self.world.settle().await;
    }

    fn note_answer(&mut self, who: &str, answer: &Answer) {
        let mut said = vec![answer.status.to_string()];
        for effect in ["opened", "joined", "updated"] {
            for id in answer.body[effect].as_array().into_iter().flatten() {
                let id = HandoffId::from(id.as_str().unwrap_or_default());
                if effect == "opened" {
                    let count = self.handoffs.keys().filter(|name| name.starts_with(who)).count();
                    let name = match count {
                        0 => who.to_owned(),
                        more => format!("{who}{}", more + 1),
                    };
                    self.handoffs.insert(name, id.clone());
                }
                said.push(format!("{effect} {}", self.name_of(id.as_str())));
            }
        }
        for count in ["duplicates", "ignored", "quarantined", "pending"] {
            if let Some(number) = answer.body[count].as_u64().filter(|number| *number > 0) {
                said.push(format!("{number} {count}"));
            }
        }
        let _ = writeln!(self.transcript, "  {}", said.join(", "));
    }

    /// Does something as a person, through the desk.
    async fn person(&mut self, verb: &str, who: &str, person: &str, rest: &[&str]) {
        let Some(id) = self.handoffs.get(who).cloned() else {
            panic!("no handoff of {who} was opened: {}", self.transcript)
        };
        let mut body = Map::new();
        for (name, value) in rest.iter().filter_map(|word| word.split_once('=')) {
            let number = value.parse::<i64>().map(Value::from);
            body.insert(name.into(), number.unwrap_or_else(|_| value.into()));
        }
        let answer = self.world.act(person, &id, verb, Value::Object(body)).await;
        let said = match answer.status {
            200 => format!("200, {}", answer.body["stage"].as_str().unwrap_or_default()),
            status => format!("{status}, {}", answer.body["detail"].as_str().unwrap_or_default()),
        };
        let _ = writeln!(self.transcript, "  {said}");
    }

    async fn absent(&mut self, person: &str, span: &str) {
        let from = self.world.now();
        let to = from + span_of(span);
        let body = json!({ "from": from.to_rfc3339(), "to": to.to_rfc3339() });
        let path = format!("/api/reps/{person}/absence");
        let headers = [("x-handoff-person", "priya")];
        let answer = self.world.call(http::Method::POST, &path, &headers, body).await;
        let _ = writeln!(self.transcript, "  {}", answer.status);
    }

    async fn show(&mut self, who: &str) {
        let Some(id) = self.handoffs.get(who) else {
            panic!("no handoff of {who} was opened: {}", self.transcript)
        };
        let handoff = self.world.handoff(id).await;
        let owner = handoff.owner.as_ref().map_or("nobody", |owner| owner.as_str());
        let _ = writeln!(
            self.transcript,
            "  {} {}, owner {owner}, {} % complete, version {}",
            handoff.kind, handoff.stage, handoff.completeness, handoff.version
        );
        if let Some(pause) = handoff.paused() {
            let until = pause.until.format("%a %d %b %H:%M:%S");
            let _ = writeln!(self.transcript, "  paused until {until}: {}", pause.reason);
        }
        for task in &handoff.tasks {
            let by = task.due_at.format("%a %d %b %H:%M:%S");
            let _ = writeln!(self.transcript, "  task {}: {}, due {by}", task.name, task.state);
        }
        if let Some(overlap) = &handoff.overlap {
            let until = overlap.until.map(|at| at.format("%a %d %b %H:%M:%S").to_string());
            let until = until.unwrap_or_else(|| "the meeting".to_owned());
            let _ = writeln!(self.transcript, "  beside: {} until {until}", overlap.who);
        }
        for clock in &handoff.clocks {
            let _ = writeln!(
                self.transcript,
                "  clock {}: {}, due {}",
                clock.name,
                clock.state,
                clock.due_at.format("%a %d %b %H:%M:%S")
            );
        }
    }

    /// Writes down what went on the bus and to the topic meanwhile.
    fn listen(&mut self) {
        for entry in self.world.outbox() {
            let at = stamp(entry.at);
            let line = match &entry.sent {
                Sent::Topic { subject, .. } => {
                    format!("mail: {}", subject.as_deref().unwrap_or_default())
                }
                // What others are told has stories of its own.
                Sent::Outside { .. } => continue,
                Sent::Bus { detail_type, detail, .. } => {
                    let name = self.name_of(detail["handoff"].as_str().unwrap_or_default());
                    let owner = detail["data"]["about"]["owner"].as_str();
                    let owner = owner.map(|owner| format!(" ({owner})")).unwrap_or_default();
                    format!("{detail_type} {name}{owner}")
                }
            };
            let _ = writeln!(self.transcript, "  {at} {line}");
        }
    }

    fn name_of(&self, id: &str) -> String {
        let named = self.handoffs.iter().find(|(_, known)| known.as_str() == id);
        named.map_or("?".to_owned(), |(name, _)| name.clone())
    }
}

fn span_of(text: &str) -> Duration {
    text.parse::<Span>().expect("a length of time").elapsed()
}

fn stamp(at: DateTime<Utc>) -> String {
    at.format("%a %H:%M:%S").to_string()
}
