//! Pipedrive: the owners and custom fields of deals, persons and organisations, and activities.
//!
//! As the reference of its version 2 has it: ids are whole numbers, a custom field is named by its
//! forty characters, an activity's person stands among its participants, and a list comes oldest
//! first and no longer than asked.

use super::call::{Call, Faults, Reply, fields, is_lines, is_number};
use chrono::{NaiveDate, NaiveTime};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What Pipedrive knows.
#[derive(Clone, Default)]
pub(super) struct Pipedrive {
    /// What was written of records, by kind and id.
    pub(super) records: BTreeMap<(String, String), Map<String, Value>>,
    /// Activities by id, whole.
    pub(super) activities: BTreeMap<u64, Map<String, Value>>,
    /// Ids of records that are not there any more.
    pub(super) gone: BTreeSet<String>,
}

impl Pipedrive {
    /// Answers a request.
    pub(super) fn answer(&mut self, call: &Call<'_>, faults: &mut Faults) -> Reply {
        let token = call.header("x-api-token");
        if !faults.must(call.is_good(token), || "the token is another".to_owned()) {
            return refused(401, "unauthorized access");
        }
        let verb = call.asked.method.as_str();
        if verb != "GET" {
            let is = call.object().is_some_and(|body| !body.is_empty());
            if !faults.must(is, || "the body is no JSON object by its media type".to_owned()) {
                return refused(400, "Bad request");
            }
        }
        match (verb, call.parts().as_slice()) {
            ("POST", ["api", "v2", "activities"]) => self.make(call, faults),
            ("GET", ["api", "v2", "activities"]) => self.list(call, faults),
            ("PATCH", ["api", "v2", "activities", id]) => self.change(id, call, faults),
            ("PATCH", ["api", "v2", kind @ ("deals" | "persons" | "organizations"), id]) => {
                self.write((kind, id), call, faults)
            }
            _ => {
                faults.must(false, || format!("there is no {verb} {}", call.place()));
                refused(404, "Not found")
            }
        }
    }

    fn write(&mut self, (kind, id): (&str, &str), call: &Call<'_>, faults: &mut Faults) -> Reply {
        faults.must(is_number(id), || format!("`{id}` is no record's id"));
        for (name, value) in fields(&call.asked.body) {
            match name {
                "owner_id" => whole(name, value, faults),
                "custom_fields" => {
                    faults.must(value.is_object(), || "custom_fields is no object".to_owned());
                    for (key, _) in fields(value) {
                        let is_key = key.len() == 40 && key.bytes().all(|b| b.is_ascii_hexdigit());
                        faults.must(is_key, || format!("`{key}` is no custom field's key"));
                    }
                }
                other => {
                    faults.must(false, || format!("`{other}` of {kind} is nothing written here"));
                }
            }
        }
        if !faults.is_clean() {
            return refused(400, "Parameter validation failed");
        }
        if self.gone.contains(id) {
            return refused(404, "Not found");
        }
        let record = self.records.entry((kind.to_owned(), id.to_owned())).or_default();
        for (name, value) in fields(&call.asked.body) {
            match (record.get_mut(name).and_then(Value::as_object_mut), value.as_object()) {
                (Some(known), Some(more)) => known.extend(more.clone()),
                _ => {
                    record.insert(name.to_owned(), value.clone());
                }
            }
        }
        let mut data = record.clone();
        data.insert("id".to_owned(), id.parse::<u64>().unwrap_or_default().into());
        answered(200, &Value::Object(data))
    }

    fn make(&mut self, call: &Call<'_>, faults: &mut Faults) -> Reply {
        let body = &call.asked.body;
        let named = body["subject"].as_str().is_some_and(|subject| !subject.is_empty());
        faults.must(named, || "an activity has no subject".to_owned());
        activity(body, faults);
        if !faults.is_clean() {
            return refused(400, "Parameter validation failed");
        }
        let id = self.activities.keys().next_back().map_or(501, |last| last + 1);
        let mut made = body.as_object().cloned().unwrap_or_default();
        made.insert("id".to_owned(), id.into());
        let person = body["participants"].as_array().into_iter().flatten();
        let person = person.into_iter().find(|one| one["primary"] == true);
        made.insert(
            "person_id".to_owned(),
            person.map_or(Value::Null, |it| it["person_id"].clone()),
        );
        let answer = answered(201, &Value::Object(made.clone()));
        self.activities.insert(id, made);
        answer
    }

    fn change(&mut self, id: &str, call: &Call<'_>, faults: &mut Faults) -> Reply {
        faults.must(is_number(id), || format!("`{id}` is no activity's id"));
        activity(&call.asked.body, faults);
        if !faults.is_clean() {
            return refused(400, "Parameter validation failed");
        }
        let known = id.parse().ok().and_then(|id: u64| self.activities.get_mut(&id));
        let Some(known) = known else { return refused(404, "Activity not found") };
        known.extend(call.asked.body.as_object().cloned().unwrap_or_default());
        answered(200, &Value::Object(known.clone()))
    }

    fn list(&self, call: &Call<'_>, faults: &mut Faults) -> Reply {
        let query = call.query();
        let known = ["limit", "sort_by", "sort_direction", "cursor"];
        let by = ["deal_id", "person_id", "org_id", "owner_id"];
        for (name, value) in &query {
            let name = name.as_str();
            faults.must(known.contains(&name) || by.contains(&name), || {
                format!("activities are not asked for by `{name}`")
            });
            let fits = !by.contains(&name) || is_number(value);
            faults.must(fits, || format!("{name} is no number: {value}"));
        }
        let sorts = ["id", "add_time", "update_time", "due_date"];
        let sort = query.get("sort_by").map_or("id", String::as_str);
        faults.must(sorts.contains(&sort), || format!("nothing is sorted by `{sort}`"));
        let turn = query.get("sort_direction").map_or("asc", String::as_str);
        faults.must(matches!(turn, "asc" | "desc"), || format!("`{turn}` is no direction"));
        let limit = query.get("limit").map_or(Some(100), |limit| limit.parse::<usize>().ok());
        let limit = limit.filter(|limit| (1..=500).contains(limit));
        faults.must(limit.is_some(), || format!("limit is not 1 to 500: {:?}", query.get("limit")));
        if !faults.is_clean() {
            return refused(400, "Parameter validation failed");
        }
        let fits = |one: &&Map<String, Value>| {
            by.iter().all(|name| match (query.get(*name), one.get(*name)) {
                (None, _) => true,
                (Some(asked), is) => is.and_then(Value::as_u64) == asked.parse().ok(),
            })
        };
        let mut all: Vec<&Map<String, Value>> = self.activities.values().filter(fits).collect();
        if turn == "desc" {
            all.reverse();
        }
        let cursor = (all.len() > limit.unwrap_or(100)).then_some("eyJhY3Rpdml0aWVzIjoxfQ");
        all.truncate(limit.unwrap_or(100));
        let body = json!({
            "success": true, "data": all, "additional_data": { "next_cursor": cursor },
        });
        Reply::json(200, &body)
    }
}

/// Looks at what is written of an activity.
fn activity(body: &Value, faults: &mut Faults) {
    for (name, value) in fields(body) {
        match name {
            "owner_id" | "deal_id" | "org_id" => whole(name, value, faults),
            "subject" | "type" => {
                faults.must(value.is_string(), || format!("`{name}` is no text: {value}"));
            }
            "note" => {
                let lines = value.as_str().is_some_and(is_lines);
                faults.must(lines, || format!("the note is no text of lines: {value}"));
            }
            "done" | "busy" => {
                faults.must(value.is_boolean(), || format!("`{name}` is no yes or no: {value}"));
            }
            "due_date" => {
                let is = |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok();
                faults.must(value.as_str().is_some_and(is), || format!("due_date is {value}"));
            }
            "due_time" => {
                let is = |text: &str| {
                    ["%H:%M", "%H:%M:%S"].iter().any(|f| NaiveTime::parse_from_str(text, f).is_ok())
                };
                faults.must(value.as_str().is_some_and(is), || format!("due_time is {value}"));
            }
            "participants" => {
                let all = value.as_array().cloned().unwrap_or_default();
                faults.must(!all.is_empty(), || format!("participants is {value}"));
                for (name, value) in all.iter().flat_map(fields) {
                    match name {
                        "person_id" => whole(name, value, faults),
                        "primary" => {
                            faults.must(value.is_boolean(), || format!("primary is {value}"));
                        }
                        other => {
                            faults.must(false, || format!("a participant has no `{other}`"));
                        }
                    }
                }
            }
            other => {
                faults.must(false, || format!("`{other}` of an activity is nothing written here"));
            }
        }
    }
}

fn whole(name: &str, value: &Value, faults: &mut Faults) {
    faults.must(value.as_u64().is_some(), || format!("`{name}` is no whole number: {value}"));
}

fn answered(status: u16, data: &Value) -> Reply {
    Reply::json(status, &json!({ "success": true, "data": data }))
}

/// Answers that it will not, as Pipedrive does.
pub(super) fn refused(status: u16, error: &str) -> Reply {
    let body = json!({
        "success": false, "error": error, "error_info": "Check developers.pipedrive.com", "data": null,
        "code": format!("ERR_{status}"),
    });
    Reply::json(status, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: Value, wrong: usize) {
        let mut faults = Faults::default();
        activity(&body, &mut faults);
        assert_eq!(faults.found.len(), wrong, "{body}: {:?}", faults.found);
    }

    #[test]
    fn an_activity_is_as_version_two_wants_it() {
        check(
            json!({
                "subject": "Call", "type": "call", "owner_id": 1, "due_date": "2026-01-05",
                "due_time": "09:30:00", "done": false,
                "participants": [{ "person_id": 7, "primary": true }],
            }),
            0,
        );
        check(json!({ "owner_id": "1" }), 1);
        check(json!({ "due_date": "5.1.2026", "due_time": "25:00" }), 2);
        check(json!({ "participants": [{ "person_id": "7" }] }), 1);
        check(json!({ "participants": [{ "person_id": 7, "primary_flag": true }] }), 1);
        check(json!({ "person_id": 7 }), 1);
        check(json!({ "done": 1 }), 1);
    }
}
