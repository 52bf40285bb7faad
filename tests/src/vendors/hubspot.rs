//! HubSpot: records' properties, and tasks with what they are about.
//!
//! As its CRM reference has it: every property is a text; a property a kind of record does not have
//! is refused; an association's number goes one way only. What a list is asked for comes oldest
//! first and no more than asked.

use super::call::{Call, Faults, Reply, fields, is_lines, is_number};
use chrono::DateTime;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The kinds of record that are written, and the number of a task's association with one. The
/// reference lists none from a task to a lead (646 is the other way): it is asked for.
const KINDS: [(&str, u64); 4] =
    [("contacts", 204), ("companies", 192), ("deals", 216), ("leads", TASK_TO_LEAD)];

/// What HubSpot answers where it is asked for a task's association with a lead. A number of this
/// stand-in: nobody can know it without asking.
const TASK_TO_LEAD: u64 = 90_647;

/// A task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HubspotTask {
    /// Its id.
    pub id: String,
    /// Its properties.
    pub properties: BTreeMap<String, String>,
    /// What it is about: kinds, as a path says them, and ids.
    pub about: Vec<(String, String)>,
}

/// What HubSpot knows.
#[derive(Clone, Default)]
pub(super) struct Hubspot {
    /// Properties that were written, by kind and id.
    pub(super) records: BTreeMap<(String, String), BTreeMap<String, String>>,
    /// Tasks by id.
    pub(super) tasks: BTreeMap<u64, HubspotTask>,
    /// Ids of records that are not there any more.
    pub(super) gone: BTreeSet<String>,
}

impl Hubspot {
    /// Answers a request.
    pub(super) fn answer(&mut self, call: &Call<'_>, faults: &mut Faults) -> Reply {
        if !faults.must(call.is_good(call.bearer()), || "the token is another".to_owned()) {
            return refused(401, "INVALID_AUTHENTICATION");
        }
        let verb = call.asked.method.as_str();
        if verb != "GET" {
            let is = call.object().is_some();
            if !faults.must(is, || "the body is no JSON object by its media type".to_owned()) {
                return refused(415, "VALIDATION_ERROR");
            }
        }
        match (verb, call.parts().as_slice()) {
            ("PATCH", ["crm", "v3", "objects", "tasks", id]) => self.change(id, call, faults),
            ("POST", ["crm", "v3", "objects", "tasks"]) => self.make(call, faults),
            ("POST", ["crm", "v3", "objects", "tasks", "batch", "read"]) => self.read(call, faults),
            ("PATCH", ["crm", "v3", "objects", kind, id]) => self.write((kind, id), call, faults),
            ("GET", ["crm", "v4", "objects", kind, id, "associations", "tasks"]) => {
                self.associated((kind, id), call, faults)
            }
            ("GET", ["crm", "v4", "associations", "tasks", kind, "labels"]) => {
                let found = KINDS.iter().find(|(known, _)| known == kind);
                faults.must(found.is_some(), || format!("`{kind}` is no kind of record"));
                let types = found.map(|(_, number)| {
                    json!({ "category": "HUBSPOT_DEFINED", "typeId": number, "label": null })
                });
                Reply::json(200, &json!({ "results": types.into_iter().collect::<Vec<_>>() }))
            }
            _ => {
                faults.must(false, || format!("there is no {verb} {}", call.place()));
                refused(404, "OBJECT_NOT_FOUND")
            }
        }
    }

    fn write(&mut self, (kind, id): (&str, &str), call: &Call<'_>, faults: &mut Faults) -> Reply {
        is_record(kind, id, faults);
        let Some(properties) = properties(&call.asked.body["properties"], faults) else {
            return refused(400, "VALIDATION_ERROR");
        };
        if properties.contains_key("hs_lead_status") {
            let has = matches!(kind, "contacts" | "companies");
            faults.must(has, || format!("{kind} have no property `hs_lead_status`"));
        }
        if !faults.is_clean() {
            return refused(400, "VALIDATION_ERROR");
        }
        if self.gone.contains(id) {
            return refused(404, "OBJECT_NOT_FOUND");
        }
        let record = self.records.entry((kind.to_owned(), id.to_owned())).or_default();
        record.extend(properties);
        Reply::json(200, &shown(id, record))
    }

    fn make(&mut self, call: &Call<'_>, faults: &mut Faults) -> Reply {
        let Some(properties) = properties(&call.asked.body["properties"], faults) else {
            return refused(400, "VALIDATION_ERROR");
        };
        let due = properties.contains_key("hs_timestamp");
        faults.must(due, || "a task has no `hs_timestamp`".to_owned());
        task(&properties, faults);
        let mut about = Vec::new();
        for one in call.asked.body["associations"].as_array().into_iter().flatten() {
            if let Some(record) = association(one, faults) {
                let twice = about.contains(&record);
                faults.must(!twice, || format!("the task is associated twice with {record:?}"));
                about.push(record);
            }
        }
        if !faults.is_clean() || about.iter().any(|(_, id)| self.gone.contains(id)) {
            return refused(400, "VALIDATION_ERROR");
        }
        let id = self.tasks.keys().next_back().map_or(9_000_000_001, |last| last + 1);
        let task = HubspotTask { id: id.to_string(), properties, about };
        let answer = shown(&task.id, &task.properties);
        self.tasks.insert(id, task);
        Reply::json(201, &answer)
    }

    fn change(&mut self, id: &str, call: &Call<'_>, faults: &mut Faults) -> Reply {
        faults.must(is_number(id), || format!("`{id}` is no task's id"));
        let Some(properties) = properties(&call.asked.body["properties"], faults) else {
            return refused(400, "VALIDATION_ERROR");
        };
        task(&properties, faults);
        if !faults.is_clean() {
            return refused(400, "VALIDATION_ERROR");
        }
        let task = id.parse().ok().and_then(|id: u64| self.tasks.get_mut(&id));
        let Some(task) = task else { return refused(404, "OBJECT_NOT_FOUND") };
        task.properties.extend(properties);
        Reply::json(200, &shown(id, &task.properties))
    }

    fn read(&self, call: &Call<'_>, faults: &mut Faults) -> Reply {
        let inputs = call.asked.body["inputs"].as_array().cloned().unwrap_or_default();
        faults.must((1..=100).contains(&inputs.len()), || {
            format!("there are {} inputs: 1 to 100 may be", inputs.len())
        });
        let wanted = call.asked.body["properties"].as_array().cloned();
        faults.must(wanted.is_some(), || "`properties` is no list".to_owned());
        let wanted = wanted.unwrap_or_default();
        let mut seen = BTreeSet::new();
        let mut results = Vec::new();
        for input in &inputs {
            let id = id(&input["id"]).unwrap_or_default();
            faults.must(is_number(&id), || format!("an input's id is {}", input["id"]));
            let task = id.parse().ok().and_then(|id: u64| self.tasks.get(&id));
            let asked = |name: &&String| wanted.iter().any(|one| one == name.as_str());
            results.extend(task.map(|task| {
                let chosen = task.properties.iter().filter(|(name, _)| asked(name));
                shown(&id, &chosen.map(|(name, value)| (name.clone(), value.clone())).collect())
            }));
            faults.must(seen.insert(id), || "an id is among the inputs twice".to_owned());
        }
        if !faults.is_clean() {
            return refused(400, "VALIDATION_ERROR");
        }
        let status = if results.len() < inputs.len() { 207 } else { 200 };
        let body = json!({
            "status": "COMPLETE", "results": results,
            "startedAt": "2026-01-05T10:00:00.000Z", "completedAt": "2026-01-05T10:00:00.100Z",
        });
        Reply::json(status, &body)
    }

    fn associated(&self, (kind, id): (&str, &str), call: &Call<'_>, faults: &mut Faults) -> Reply {
        is_record(kind, id, faults);
        let query = call.query();
        let number = |name: &str, none: u64| {
            query.get(name).map_or(Some(none), |text| text.parse::<u64>().ok())
        };
        let limit = number("limit", 500).filter(|limit| (1..=500).contains(limit));
        faults.must(limit.is_some(), || format!("limit is not 1 to 500: {:?}", query.get("limit")));
        let after = number("after", 0);
        faults.must(after.is_some(), || "`after` is none of ours".to_owned());
        if !faults.is_clean() {
            return refused(400, "VALIDATION_ERROR");
        }
        let limit = usize::try_from(limit.unwrap_or(500)).unwrap_or(500);
        let record = (kind.to_owned(), id.to_owned());
        let later = self.tasks.range(after.unwrap_or(0) + 1..);
        let mut all: Vec<&HubspotTask> =
            later.map(|(_, task)| task).filter(|task| task.about.contains(&record)).collect();
        let more = all.len() > limit;
        all.truncate(limit);
        let back = KINDS.iter().find(|(known, _)| *known == kind).map_or(0, |(_, one)| one - 1);
        let results = all.iter().map(|task| {
            let number = task.id.parse::<u64>().unwrap_or_default();
            let one = json!({ "category": "HUBSPOT_DEFINED", "typeId": back, "label": null });
            json!({ "toObjectId": number, "associationTypes": [one] })
        });
        let mut body = json!({ "results": results.collect::<Vec<_>>() });
        if let (true, Some(last)) = (more, all.last()) {
            body["paging"] = json!({ "next": { "after": last.id } });
        }
        Reply::json(200, &body)
    }
}

fn is_record(kind: &str, id: &str, faults: &mut Faults) {
    let known = KINDS.iter().any(|(known, _)| *known == kind);
    faults.must(known, || format!("`{kind}` is no kind of record used here"));
    faults.must(is_number(id), || format!("`{id}` is no record's id"));
}

/// Reads properties: names as HubSpot gives them, and texts.
fn properties(value: &Value, faults: &mut Faults) -> Option<BTreeMap<String, String>> {
    let is = value.as_object().is_some_and(|properties| !properties.is_empty());
    if !faults.must(is, || "`properties` is no object with something in it".to_owned()) {
        return None;
    }
    let mut read = BTreeMap::new();
    for (name, value) in fields(value) {
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        faults.must(name.bytes().all(letters), || format!("`{name}` is no name of a property"));
        faults.must(value.is_string(), || format!("`{name}` is no text: {value}"));
        let value = value.as_str().unwrap_or_default();
        if name == "hubspot_owner_id" {
            let fits = value.is_empty() || is_number(value);
            faults.must(fits, || format!("`{value}` is no owner's id"));
        }
        read.insert(name.to_owned(), value.to_owned());
    }
    Some(read)
}

/// Looks at a task's own properties.
fn task(properties: &BTreeMap<String, String>, faults: &mut Faults) {
    let choices: [(&str, &[&str]); 3] = [
        ("hs_task_status", &["NOT_STARTED", "IN_PROGRESS", "WAITING", "DEFERRED", "COMPLETED"]),
        ("hs_task_priority", &["NONE", "LOW", "MEDIUM", "HIGH"]),
        ("hs_task_type", &["CALL", "EMAIL", "TODO"]),
    ];
    for (name, known) in choices {
        let value = properties.get(name);
        let fits = value.is_none_or(|value| known.contains(&value.as_str()));
        faults.must(fits, || format!("{name} is none of {known:?}: {value:?}"));
    }
    let is_time = |text: &String| is_number(text) || DateTime::parse_from_rfc3339(text).is_ok();
    let due = properties.get("hs_timestamp");
    faults.must(due.is_none_or(is_time), || format!("hs_timestamp is no time: {due:?}"));
    let body = properties.get("hs_task_body").map_or(0, |body| body.chars().count());
    faults.must(body <= 65_536, || format!("hs_task_body has {body} characters: 65536 may be"));
    let lines = properties.get("hs_task_body").is_none_or(|body| is_lines(body));
    faults.must(lines, || "hs_task_body is HTML, and a `<` in it is not escaped".to_owned());
    let known = [
        "hs_timestamp",
        "hs_task_subject",
        "hs_task_body",
        "hubspot_owner_id",
        "hs_task_status",
        "hs_task_priority",
        "hs_task_type",
        "hs_task_reminders",
    ];
    for name in properties.keys() {
        faults.must(known.contains(&name.as_str()), || format!("a task has no `{name}`"));
    }
}

/// Reads one association of a task: what it is about.
fn association(one: &Value, faults: &mut Faults) -> Option<(String, String)> {
    let to = id(&one["to"]["id"]).filter(|id| is_number(id));
    faults.must(to.is_some(), || format!("an association is with nobody: {one}"));
    let types = one["types"].as_array().cloned().unwrap_or_default();
    let [kind] = types.as_slice() else {
        faults.must(false, || format!("an association has {} types", types.len()));
        return None;
    };
    let category = &kind["associationCategory"];
    faults.must(category == "HUBSPOT_DEFINED", || format!("associationCategory is {category}"));
    let number = kind["associationTypeId"].as_u64().unwrap_or_default();
    let known = KINDS.iter().find(|(_, known)| *known == number);
    faults.must(known.is_some(), || {
        format!("{number} is no association from a task: 646 is one from a lead to a task")
    });
    Some((known?.0.to_owned(), to?))
}

fn id(value: &Value) -> Option<String> {
    match value {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => id.as_u64().map(|id| id.to_string()),
        _ => None,
    }
}

fn shown(id: &str, properties: &BTreeMap<String, String>) -> Value {
    let mut properties = json!(properties);
    properties["hs_object_id"] = id.into();
    json!({
        "id": id, "properties": properties, "archived": false,
        "createdAt": "2026-01-05T10:00:00.000Z", "updatedAt": "2026-01-05T10:00:00.000Z",
    })
}

/// Answers that it will not, as HubSpot does.
pub(super) fn refused(status: u16, category: &str) -> Reply {
    let message = "What was sent was refused, and this text holds nothing that matters.";
    let body = json!({
        "status": "error", "message": message, "category": category,
        "correlationId": "aeb5f871-7f07-4993-9211-075dc63e7cbf",
    });
    Reply::json(status, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_is_a_text_by_a_good_name() {
        for (wrong, why) in [
            (json!({ "hubspot_owner_id": 7 }), "no text"),
            (json!({ "hubspot_owner_id": "amara" }), "no owner"),
            (json!({ "Lead Status": "x" }), "no name"),
            (json!({}), "something in it"),
        ] {
            let mut faults = Faults::default();
            properties(&wrong, &mut faults);
            assert!(faults.found.iter().any(|fault| fault.contains(why)), "{:?}", faults.found);
        }
    }

    #[test]
    fn an_association_goes_from_the_task_to_the_record() {
        let of = |number: u64| {
            let mut faults = Faults::default();
            let kind =
                json!({ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": number });
            let one = json!({ "to": { "id": "7" }, "types": [kind] });
            (association(&one, &mut faults).map(|(kind, _)| kind), faults.found.len())
        };
        assert_eq!(of(204), (Some("contacts".to_owned()), 0));
        assert_eq!(of(216), (Some("deals".to_owned()), 0));
        assert_eq!(of(203), (None, 1));
        assert_eq!(of(646), (None, 1));
    }

    #[test]
    fn a_task_has_only_states_that_there_are() {
        let mut faults = Faults::default();
        let properties =
            [("hs_task_status", "DONE"), ("hs_timestamp", "soon"), ("hs_task_color", "red")];
        let properties = properties.map(|(name, value)| (name.to_owned(), value.to_owned()));
        task(&properties.into(), &mut faults);
        assert_eq!(faults.found.len(), 3, "{:?}", faults.found);
    }
}
