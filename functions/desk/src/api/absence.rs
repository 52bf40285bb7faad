//! Absence: from when to when a rep gets nothing new. What they have stays theirs.

use crate::{Desk, access::Visitor, ask, fault::Fault, moment};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use domain::PersonId;
use http::{Response, StatusCode};
use runtime::web;
use serde_json::{Map, Value, json};
use settle::may::may_set_absence;

/// From when to when somebody is away; nothing when they are here.
pub(crate) type Away = Option<(DateTime<Utc>, DateTime<Utc>)>;

impl Desk {
    /// Records that a rep is away, or that they are back.
    pub(crate) async fn api_absence(
        &self,
        rep: &PersonId,
        visitor: &Visitor,
        body: &[u8],
    ) -> Result<Response<bytes::Bytes>, Fault> {
        let said = ask::object(body).map_err(Fault::Malformed)?;
        let away = self.set_absence(rep, visitor, &said).await?;
        let document = json!({
            "rep": rep,
            "absent_from": away.map(|(from, _)| moment::iso(from)),
            "absent_to": away.map(|(_, to)| moment::iso(to)),
        });
        Ok(web::json(StatusCode::OK, &document))
    }

    /// Records from when to when a rep is away, or that they are back; days are days where they are.
    pub(crate) async fn set_absence(
        &self,
        rep: &PersonId,
        visitor: &Visitor,
        said: &Map<String, Value>,
    ) -> Result<Away, Fault> {
        let now = self.clock.now();
        let active = self.configs.active(now).await?;
        let config = &active.config;
        let actor = visitor.actor()?;
        let nobody = || Fault::NotFound(format!("There is nobody called `{rep}`."));
        let person = config.people.get(rep).ok_or_else(nobody)?;
        may_set_absence(actor, rep, config)?;
        let zone = person.timezone.unwrap_or(config.organisation.timezone);
        let away = read(said, zone).map_err(Fault::Malformed)?;
        self.store.set_absence(rep, away, now).await?;
        Ok(away)
    }
}

/// Reads an absence; an empty object ends it.
fn read(said: &Map<String, Value>, zone: Tz) -> Result<Away, String> {
    if let Some(unknown) = said.keys().find(|name| !matches!(name.as_str(), "from" | "to")) {
        let unknown: String = unknown.chars().take(40).collect();
        return Err(format!("An absence has no field `{unknown}`: only `from` and `to`."));
    }
    if said.is_empty() {
        return Ok(None);
    }
    let time = |name: &str, read: fn(&str, Tz) -> Option<DateTime<Utc>>| {
        let text = said.get(name).and_then(Value::as_str);
        let wrong = || format!("Say `{name}`: a day, or a time such as 2026-01-05T09:00:00Z.");
        text.and_then(|text| read(text.trim(), zone)).ok_or_else(wrong)
    };
    let (from, to) = (time("from", moment::instant)?, time("to", moment::end)?);
    match from < to {
        true => Ok(Some((from, to))),
        false => Err("An absence ends after it begins.".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    fn away(body: &str) -> Result<Away, String> {
        read(&ask::object(body.as_bytes()).unwrap(), Tz::Europe__Berlin)
    }

    #[test]
    fn days_are_whole_days_where_the_rep_is() {
        let expected = (at("2026-07-05T22:00:00Z"), at("2026-07-07T22:00:00Z"));
        assert_eq!(away(r#"{"from":"2026-07-06","to":"2026-07-07"}"#), Ok(Some(expected)));
    }

    #[test]
    fn nothing_said_ends_it() {
        assert_eq!(away("{}"), Ok(None));
        assert_eq!(away(""), Ok(None));
    }

    #[test]
    fn half_an_absence_is_none() {
        for wrong in [
            r#"{"from":"2026-07-06"}"#,
            r#"{"to":"2026-07-06"}"#,
            r#"{"from":"2026-07-07","to":"2026-07-06"}"#,
            r#"{"from":5,"to":6}"#,
            r#"{"form":"2026-07-06"}"#,
        ] {
            assert!(away(wrong).is_err(), "{wrong}");
        }
    }
}
