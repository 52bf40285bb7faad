//! A lead file: the JSON body of a generic hook, read by the connector that would read it.

use crate::{Failure, organisation::read_file};
use chrono::{DateTime, Utc};
use domain::{
    Config, Handoff, HandoffId, JourneyId, Package, PoolId, SourceEvent, SourceKey, TypeKey,
    config::{HandoffType, Source, SourceKind},
    decide::{Targets, targets},
    event::Occurrence,
    opening::Opening,
    routing::{Asking, Rules, afresh, route},
    target,
};
use http::HeaderMap;
use intake::connector::{self, Item};
use std::{collections::BTreeMap, path::Path};

/// What a lead file says.
#[derive(Debug)]
pub(crate) struct Lead {
    event: SourceEvent,
    source: SourceKey,
}

impl Lead {
    /// Reads a lead file.
    pub(crate) fn read(path: &Path, config: &Config) -> Result<Self, Failure> {
        let text = read_file(path)?;
        Self::parse(&text, config).map_err(|reason| Failure::Lead { path: path.to_owned(), reason })
    }

    /// Reads the body of a generic hook.
    pub(crate) fn parse(text: &str, config: &Config) -> Result<Self, String> {
        let configured = config.sources.iter().find(|(_, one)| one.kind == SourceKind::Generic);
        let (key, source) = configured
            .map_or_else(|| ("generic".into(), plain_source()), |(k, s)| (k.clone(), s.clone()));
        let reading = connector::read(&key, &source, &HeaderMap::new(), text.as_bytes());
        match reading.items.into_iter().next() {
            Some(Item::Event(event)) => Ok(Self { event: *event, source: key }),
            Some(Item::Unreadable(unreadable)) => Err(spelled(&unreadable.reason)),
            Some(Item::Ignored | Item::Click(_)) | None => Err("it says nothing".to_owned()),
        }
    }

    /// Names the event it says.
    pub(crate) fn says(&self) -> &str {
        &self.event.name
    }

    /// Reads when the meeting is.
    pub(crate) fn meeting_at(&self) -> Option<DateTime<Utc>> {
        self.event.meeting_at
    }

    /// Finds the type it would open if nothing were known of it before.
    pub(crate) fn triggers(&self, config: &Config, at: DateTime<Utc>) -> Option<TypeKey> {
        target::triggered(config, &self.event, at, None).map(|(key, _)| key.clone())
    }

    /// Finds the pool it would go to.
    pub(crate) fn pool(
        &self,
        config: &Config,
        kind: (&TypeKey, &HandoffType),
        at: DateTime<Utc>,
    ) -> Option<PoolId> {
        let (handoff, package) = self.opening(config, kind, at);
        let rules = Rules::compile(config);
        let asking =
            Asking { handoff: &handoff, package: &package, config, rules: &rules, now: at };
        afresh(|places| route(asking, places)).trace.pool
    }

    /// Chooses the targets that conditions decide on for it.
    pub(crate) fn targets(
        &self,
        config: &Config,
        kind: (&TypeKey, &HandoffType),
        at: DateTime<Utc>,
    ) -> Targets {
        let (handoff, package) = self.opening(config, kind, at);
        targets(kind.1, config, (&handoff, &package), at)
    }

    /// Makes the handoff it would open, before anybody has it.
    pub(crate) fn opening(
        &self,
        config: &Config,
        kind: (&TypeKey, &HandoffType),
        at: DateTime<Utc>,
    ) -> (Handoff, Package) {
        let opening = Opening {
            event: &self.event,
            source: &self.source,
            said_by: self.source.as_str(),
            occurred: Occurrence { at, suspect: false },
            config,
            kind,
            previous: None,
            now: at,
        };
        opening.handoff(HandoffId::default(), JourneyId::default(), String::new())
    }
}

/// A generic source for configurations that have none.
fn plain_source() -> Source {
    Source {
        kind: SourceKind::Generic,
        secret: String::new(),
        senders: Vec::new(),
        events: Vec::new(),
        fields: BTreeMap::new(),
        currency: "USD".to_owned(),
        destination: None,
    }
}

/// Says in words what a connector says in codes.
fn spelled(reason: &str) -> String {
    match reason.strip_prefix("field:") {
        Some(field) => format!("`{field}` is missing or cannot be read"),
        None => match reason {
            "empty" => "it is empty".to_owned(),
            "json" => "it is not JSON".to_owned(),
            "shape" => "it is not one JSON object".to_owned(),
            other => format!("it cannot be read ({other})"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::organisation::Organisation;
    use local::sample::PUBLIC_URL;

    fn check(body: &str, expected: Result<Option<&str>, &str>) {
        let config = Organisation::sample(PUBLIC_URL).unwrap().config;
        let triggered =
            Lead::parse(body, &config).map(|lead| lead.triggers(&config, DateTime::UNIX_EPOCH));
        let expected = expected.map(|key| key.map(TypeKey::from)).map_err(str::to_owned);
        assert_eq!(triggered, expected, "{body}");
    }

    #[test]
    fn a_lead_triggers_what_it_would_open() {
        let body = |what: &str, more: &str| {
            format!(r#"{{"type":"{what}","data":{{"subject":{{"email":"a@b.example"}}{more}}}}}"#)
        };
        check(&body("demo.requested", ""), Ok(Some("hot_lead")));
        check(&body("lead.scored", r#","score":65"#), Ok(Some("mql")));
        check(&body("lead.scored", r#","score":64"#), Ok(None));
        check(&body("touch", ""), Ok(None));
    }

    #[test]
    fn what_is_wrong_with_a_lead_is_said_in_words() {
        check("", Err("it is empty"));
        check("{", Err("it is not JSON"));
        check(r#"{"type":"touch"}"#, Err("`data` is missing or cannot be read"));
    }
}
