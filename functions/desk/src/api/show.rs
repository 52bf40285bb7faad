//! One handoff as JSON: what is known, what is missing, its clocks, what happened, and why its
//! owner has it.

use crate::{
    Desk,
    access::Visitor,
    fault::Fault,
    moment,
    outbox::shown,
    row::clock_json,
    sheet::Sheet,
    words::{Words, name_of},
};
use domain::{
    Commit, Handoff, HandoffId, Package,
    beside::{Overlap, Task},
    milestone::Milestone,
    pause::Pause,
    question::Question,
    routing::Trace,
    survey::{Survey, word},
};
use http::{HeaderValue, Response, StatusCode, header};
use runtime::web;
use serde_json::{Map, Value, json};

impl Desk {
    /// Answers one handoff.
    pub(crate) async fn api_show(
        &self,
        id: &HandoffId,
        visitor: &Visitor,
    ) -> Result<Response<bytes::Bytes>, Fault> {
        let sheet = self.sheet(id, visitor).await?;
        let link = self.survey_link(&sheet.handoff, &sheet.active.config).await;
        let mut shown = document(&sheet);
        if let (Some(survey), Ok(Some(link))) = (shown["survey"].as_object_mut(), link) {
            survey.insert("link".to_owned(), link.into());
        }
        Ok(with_version(web::json(StatusCode::OK, &shown), &sheet.handoff))
    }
}

/// Adds the version as an `ETag`, which `If-Match` takes.
pub(crate) fn with_version(
    mut answer: Response<bytes::Bytes>,
    handoff: &Handoff,
) -> Response<bytes::Bytes> {
    let tag = HeaderValue::from_str(&format!("\"{}\"", handoff.version));
    answer.headers_mut().extend(tag.ok().map(|tag| (header::ETAG, tag)));
    answer
}

fn document(sheet: &Sheet) -> Value {
    let completeness = sheet.completeness();
    let zone = sheet.active.config.organisation.timezone;
    let words = Words { config: &sheet.active.config, zone };
    let timeline: Vec<Value> = sheet.history.iter().map(|commit| entry(commit, words)).collect();
    let mut document = state(&sheet.handoff);
    document.extend([
        ("subject".to_owned(), json!(sheet.package.subject)),
        ("title".to_owned(), sheet.package.title().into()),
        ("erased_at".to_owned(), json!(sheet.package.erased_at.map(moment::iso))),
        ("package".to_owned(), package(&sheet.package)),
        ("completeness".to_owned(), completeness.percent.into()),
        ("completeness_at_handoff".to_owned(), json!(sheet.completeness_then())),
        ("missing".to_owned(), completeness.missing.into()),
        ("timeline".to_owned(), timeline.into()),
        ("deliveries".to_owned(), sheet.deliveries.iter().map(shown).collect::<Vec<_>>().into()),
        ("trace".to_owned(), sheet.trace().map(Trace::document).unwrap_or_default()),
    ]);
    document.into()
}

/// Shows a handoff's state: what a command answers, and the frame of the whole document.
pub(crate) fn state(handoff: &Handoff) -> Map<String, Value> {
    let routing = handoff.routing.as_ref().map(|routing| {
        json!({
            "reason": routing.reason,
            "since": moment::iso(routing.since),
            "retry_at": moment::iso(routing.retry_at),
            "pool": routing.pool,
            "held": routing.held,
        })
    });
    let clocks: Vec<Value> = handoff.clocks.iter().map(clock_json).collect();
    let time = |at: Option<chrono::DateTime<chrono::Utc>>| json!(at.map(moment::iso));
    let pairs = [
        ("id", json!(handoff.id)),
        ("version", json!(handoff.version)),
        ("type", json!(handoff.kind)),
        ("stage", json!(handoff.stage)),
        ("owner", json!(handoff.owner)),
        ("sender", json!(handoff.sender)),
        ("pool", json!(handoff.pool)),
        ("rule", json!(handoff.rule)),
        ("from", json!(handoff.from)),
        ("to", json!(handoff.to)),
        ("mode", json!(handoff.mode)),
        ("test", json!(handoff.test)),
        ("journey", json!(handoff.journey)),
        ("previous", json!(handoff.previous)),
        ("config_version", json!(handoff.config)),
        ("score", json!(handoff.score)),
        ("amount", json!(handoff.amount)),
        ("completeness", json!(handoff.completeness)),
        ("clocks", clocks.into()),
        ("routing", json!(routing)),
        ("paused", json!(handoff.paused().map(pause))),
        ("tasks", handoff.tasks.iter().map(task).collect::<Vec<_>>().into()),
        ("overlap", json!(handoff.overlap.as_ref().map(overlap))),
        ("brief_at", time(handoff.brief.filter(|brief| !brief.sent).map(|brief| brief.at))),
        ("questions", handoff.questions.iter().map(question).collect::<Vec<_>>().into()),
        ("involved", json!(handoff.involved)),
        ("rating", json!(handoff.rating)),
        ("survey", handoff.survey.as_ref().map(survey).unwrap_or_default()),
        ("milestones", handoff.milestones.iter().map(milestone).collect::<Vec<_>>().into()),
        ("outcome", json!(handoff.outcome)),
        ("flags", json!(handoff.flags)),
        ("triggered_at", moment::iso(handoff.triggered_at).into()),
        ("opened_at", moment::iso(handoff.opened_at).into()),
        ("assigned_at", time(handoff.assigned_at)),
        ("accepted_at", time(handoff.accepted_at)),
        ("first_touch_at", time(handoff.first_touch_at)),
        ("answered_at", time(handoff.answered_at)),
        ("closed_at", time(handoff.closed_at)),
        ("meeting_at", time(handoff.meeting_at)),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn pause(pause: &Pause) -> Value {
    json!({
        "at": moment::iso(pause.at),
        "by": pause.by,
        "reason": pause.reason,
        "until": moment::iso(pause.until),
    })
}

fn task(task: &Task) -> Value {
    json!({
        "name": task.name,
        "channel": task.channel,
        "at": moment::iso(task.at),
        "due_at": moment::iso(task.due_at),
        "state": task.state,
    })
}

fn question(question: &Question) -> Value {
    json!({
        "n": question.n,
        "by": question.by,
        "to": question.to,
        "at": moment::iso(question.at),
    })
}

fn survey(survey: &Survey) -> Value {
    json!({
        "n": survey.n,
        "until": moment::iso(survey.until),
        "score": survey.score,
        "answer": survey.score.map(word),
        "withdrawn": survey.withdrawn,
    })
}

fn milestone(one: &Milestone) -> Value {
    json!({
        "name": one.name,
        "at": moment::iso(one.at),
        "due_at": moment::iso(one.due_at),
        "missed": one.missed,
        "outcome": one.outcome,
    })
}

fn overlap(overlap: &Overlap) -> Value {
    json!({ "who": overlap.who, "until": overlap.until.map(moment::iso) })
}

fn package(package: &Package) -> Value {
    let values = package.values.iter().map(|(name, known)| {
        let shown = json!({ "value": known.value, "by": known.by, "at": moment::iso(known.at) });
        (name.clone(), shown)
    });
    Value::Object(values.collect())
}

fn entry(commit: &Commit, words: Words<'_>) -> Value {
    let names: Vec<String> = commit.changes.iter().map(name_of).collect();
    let mut entry = json!({
        "at": moment::iso(commit.at),
        "version": commit.version,
        "actor": commit.actor.to_string(),
        "what": words.of(commit),
        "changes": names,
    });
    if let Some(note) = commit.personal.get("note") {
        entry["note"] = note.clone();
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{handoff, package as about};
    use domain::routing::{Candidate, Clause, PassedOver, RuleFailed};

    #[test]
    fn the_state_has_the_names_of_the_contract() {
        let state = state(&handoff());
        for name in ["id", "version", "type", "stage", "owner", "sender", "pool", "clocks"] {
            assert!(state.contains_key(name), "{name}");
        }
        let clock = &state["clocks"][0];
        assert_eq!(clock["due_at"], "2026-01-05T13:00:00Z");
        assert_eq!((&clock["state"], &clock["met_at"]), (&json!("running"), &Value::Null));
    }

    #[test]
    fn values_say_where_they_came_from() {
        let shown = package(&about("<script>", "Acme"));
        let at = "2026-01-05T09:00:00Z";
        let expected = json!({ "source": { "value": "webinar", "by": "generic", "at": at } });
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_trace_names_rules_that_failed_the_one_that_held_and_everybody() {
        let clause = |held| Clause { expr: "lead.country == \"DE\"".to_owned(), held, error: None };
        let candidate = |rep: &str, passed_over| Candidate {
            rep: rep.into(),
            passed_over,
            position_before: 0,
            position_after: 1,
            open: 2,
            capacity: 40,
            daily: None,
            floor: 0,
            owed: 0,
        };
        let shown = Trace::document(&Trace {
            config_version: 3,
            pool: Some("sdr_emea".into()),
            rule: Some("Europe".to_owned()),
            clauses: vec![clause(true)],
            failed: vec![RuleFailed { rule: "Americas".to_owned(), clause: clause(false) }],
            candidates: vec![candidate("amara", None), candidate("ben", Some(PassedOver::Absent))],
            ..Trace::default()
        });
        assert_eq!(shown["rules"][0]["held"], false);
        assert_eq!(shown["rules"][1]["clauses"][0]["held"], true);
        assert_eq!(shown["candidates"][1]["passed_over"], "absent");
        assert_eq!(shown["candidates"][1]["eligible"], false);
        assert_eq!(shown["config_version"], 3);
    }
}
