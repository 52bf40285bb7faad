//! The page of the queue: what waits, most urgent first; with any other filter, the list of what
//! fits.

use super::{
    Choice, Frame, Reader, html,
    shown::{self, Due, State, plain},
};
use crate::{Desk, access::Visitor, fault::Fault, filter::Filter, form, row::Row};
use askama::Template;
use bytes::Bytes;
use domain::{Config, Stage, config::SourceKind};
use http::{Request, Response, StatusCode};

/// Filters the page has no field for; a form keeps them.
const KEPT: [&str; 4] = ["pool", "due_before", "opened_since", "opened_until"];

/// Whom the test event is about.
const TEST_DATA: &str = concat!(
    r#"{"subject":{"crm":"hubspot","object":"contact","id":"test-1","name":"Dana Ek","#,
    r#""email":"dana@acme.example","company":"Acme"}}"#
);

/// How many handoffs are shown that somebody only stands beside.
const BESIDE_MAX: usize = 50;

#[derive(Template)]
#[template(path = "queue.html")]
struct QueuePage {
    frame: Frame,
    owners: Vec<Choice>,
    types: Vec<Choice>,
    stages: Vec<Choice>,
    sought: String,
    kept: Vec<(String, String)>,
    filtered: bool,
    by_urgency: bool,
    caption: String,
    rows: Vec<Line>,
    beside: Vec<Line>,
    silent: Option<String>,
    next: Option<String>,
    csv: String,
    source: String,
    is_sample: bool,
    curl: String,
}

/// One row as the page shows it.
struct Line {
    id: String,
    due: Option<Due>,
    kind: String,
    title: String,
    owner: String,
    stage: State,
    score: String,
    completeness: u8,
    questions: usize,
    test: bool,
}

impl Desk {
    /// Answers the page of the queue, or of a list.
    pub(crate) async fn page_queue(
        &self,
        request: &Request<Bytes>,
        pairs: &form::Pairs,
        visitor: &Visitor,
    ) -> Result<Response<Bytes>, Fault> {
        let now = self.clock.now();
        let active = self.configs.active(now).await?;
        let reader = Reader::new(&active.config, visitor, now);
        let filter = Filter::read(pairs, reader.zone).map_err(Fault::Malformed)?;
        let by_urgency = is_queue(&filter);
        let (rows, next) = match by_urgency {
            true => {
                let rows = self.queue(filter.owner.as_ref(), visitor, &active.config).await?;
                (rows.into_iter().filter(|row| is_of_kind(row, &filter)).collect(), None)
            }
            false => {
                let page = self.list(&filter, (visitor, &active.config), now).await?;
                (page.rows, page.next.map(|next| address("/", pairs, &[("cursor", &next)])))
            }
        };
        let (source, is_sample) = test_source(&active.config);
        let title = if by_urgency { "Queue" } else { "Handoffs" };
        let csv = if by_urgency { "/api/queue" } else { "/api/handoffs" };
        let page = QueuePage {
            frame: reader.frame(title, request),
            owners: owners(&active.config, &filter),
            types: types(&active.config, &filter),
            stages: stages(&filter),
            sought: filter.sought.clone().unwrap_or_default(),
            kept: kept(pairs),
            filtered: pairs.values().any(|value| !value.is_empty()),
            by_urgency,
            caption: caption(&rows, by_urgency),
            rows: rows.iter().map(|row| line(row, &reader)).collect(),
            beside: self.beside(&filter, visitor, &reader).await?,
            silent: self.silence().await?,
            next,
            csv: address(csv, pairs, &[("format", "csv")]),
            curl: curl(&active.config, &source, is_sample, self.present(now)),
            source,
            is_sample,
        };
        html(StatusCode::OK, &page)
    }

    /// Lists what the person of the queue has a part in, or the reader where it is everybody's.
    async fn beside(
        &self,
        filter: &Filter,
        visitor: &Visitor,
        reader: &Reader<'_>,
    ) -> Result<Vec<Line>, Fault> {
        let Some(person) = filter.owner.as_ref().or(reader.person).filter(|_| is_queue(filter))
        else {
            return Ok(Vec::new());
        };
        let ids = self.store.beside(person, BESIDE_MAX).await?;
        let rows = self.store.handoffs(&ids).await?.into_iter().map(Row::from);
        let stands = |row: &Row| row.handoff.beside().any(|who| who == person);
        let seen = |row: &Row| visitor.sees(&row.handoff, reader.config);
        Ok(rows.filter(stands).filter(seen).map(|row| line(&row, reader)).collect())
    }

    /// Says what time it is in a way a shell understands: its own clock, unless this desk runs on
    /// another.
    fn present(&self, now: chrono::DateTime<chrono::Utc>) -> (String, String) {
        match self.clock.is_system() {
            true => ("$(date +%s)".to_owned(), "$(date -u +%Y-%m-%dT%H:%M:%SZ)".to_owned()),
            false => (now.timestamp().to_string(), crate::moment::iso(now)),
        }
    }
}

/// Tells whether a query asks for what is open, by urgency, rather than for a list.
fn is_queue(filter: &Filter) -> bool {
    let Filter { pool, stage, due_before, since, until, sought, cursor, .. } = filter;
    pool.is_none()
        && stage.is_none()
        && due_before.is_none()
        && since.is_none()
        && until.is_none()
        && sought.is_none()
        && cursor.is_none()
}

fn is_of_kind(row: &Row, filter: &Filter) -> bool {
    filter.kind.as_ref().is_none_or(|kind| *kind == row.handoff.kind)
}

fn line(row: &Row, reader: &Reader<'_>) -> Line {
    let (handoff, config) = (&row.handoff, reader.config);
    let kind = config.types.get(&handoff.kind).map(|kind| kind.name.clone());
    let owner = handoff.owner.as_ref().map(|owner| config.name_of(owner).to_owned());
    Line {
        id: handoff.id.to_string(),
        due: Due::of_row(row, reader.now, reader.zone),
        kind: kind.unwrap_or_else(|| handoff.kind.to_string()),
        title: plain(&row.package.title()),
        owner: owner.unwrap_or_else(|| "nobody yet".to_owned()),
        stage: shown::stage(handoff.stage),
        score: handoff.score.map_or_else(|| "–".to_owned(), |score| score.to_string()),
        completeness: handoff.completeness,
        questions: handoff.questions.len(),
        test: handoff.test,
    }
}

fn caption(rows: &[Row], by_urgency: bool) -> String {
    let order = if by_urgency { "most urgent first" } else { "newest first" };
    match rows.len() {
        1 => "1 handoff".to_owned(),
        count => format!("{count} handoffs, {order}"),
    }
}

fn owners(config: &Config, filter: &Filter) -> Vec<Choice> {
    let people = config.people.iter().filter(|(_, person)| person.capacity.is_some());
    people
        .map(|(id, person)| Choice {
            id: id.to_string(),
            name: person.name.clone(),
            chosen: filter.owner.as_ref() == Some(id),
        })
        .collect()
}

fn types(config: &Config, filter: &Filter) -> Vec<Choice> {
    let choice = |(key, kind): (&domain::TypeKey, &domain::config::HandoffType)| Choice {
        id: key.to_string(),
        name: kind.name.clone(),
        chosen: filter.kind.as_ref() == Some(key),
    };
    config.types.iter().map(choice).collect()
}

fn stages(filter: &Filter) -> Vec<Choice> {
    let choice = |stage: Stage| Choice {
        id: stage.to_string(),
        name: stage.to_string(),
        chosen: filter.stage == Some(stage),
    };
    Stage::ALL.into_iter().map(choice).collect()
}

fn kept(pairs: &form::Pairs) -> Vec<(String, String)> {
    let kept =
        pairs.iter().filter(|(name, value)| KEPT.contains(&name.as_str()) && !value.is_empty());
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Writes an address with the same query and something more.
fn address(path: &str, pairs: &form::Pairs, more: &[(&str, &str)]) -> String {
    let mut pairs = pairs.clone();
    pairs.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let query = form::write(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    format!("{path}?{query}")
}

/// Finds a source that takes test events, and whether its secret is the sample one.
fn test_source(config: &Config) -> (String, bool) {
    let generic = config.sources.iter().filter(|(_, source)| source.kind == SourceKind::Generic);
    let found = generic.map(|(key, source)| (key.to_string(), source.secret == "sample")).next();
    found.unwrap_or_else(|| ("generic".to_owned(), false))
}

/// Writes the commands that send a test event, signed as Standard Webhooks has it.
fn curl(
    config: &Config,
    source: &str,
    is_sample: bool,
    (seconds, instant): (String, String),
) -> String {
    let url = config.organisation.public_url.trim_end_matches('/');
    let key = match is_sample {
        true => format!("-hmac local-{source}-secret"),
        false => "-mac HMAC -macopt hexkey:$(printf %s \"${SECRET#whsec_}\" | base64 -d | od -An \
                  -vtx1 | tr -d ' \\n')"
            .to_owned(),
    };
    [
        format!("id=test-$(date +%s) at={seconds}"),
        format!("body='{{\"type\":\"demo.requested\",\"timestamp\":\"'{instant}'\",\"data\":{TEST_DATA}}}'"),
        "signature=$(printf %s \"$id.$at.$body\" |".to_owned(),
        format!("  openssl dgst -sha256 {key} -binary | base64)"),
        format!("curl {url}/hooks/{source} -H \"content-type: application/json\" \\"),
        "  -H \"webhook-id: $id\" -H \"webhook-timestamp: $at\" \\".to_owned(),
        "  -H \"webhook-signature: v1,$signature\" -d \"$body\"".to_owned(),
    ]
    .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, config, handoff, package};

    fn page(name: &str) -> String {
        let (config, now) = (config(), at("2026-01-05T09:00:00Z"));
        let visitor = Visitor { person: Some("carla".into()), picks: true };
        let reader = Reader::new(&config, &visitor, now);
        let request = Request::builder().uri("/").body(Bytes::new()).unwrap();
        let filter = Filter::default();
        let row = Row { handoff: handoff(), package: package(name, "Acme") };
        let page = QueuePage {
            frame: reader.frame("Queue", &request),
            owners: owners(&config, &filter),
            types: types(&config, &filter),
            stages: stages(&filter),
            sought: "\"><script>alert(1)</script>".to_owned(),
            kept: vec![],
            filtered: false,
            by_urgency: true,
            caption: "1 handoff".to_owned(),
            rows: vec![line(&row, &reader)],
            beside: Vec::new(),
            silent: None,
            next: None,
            csv: "/api/queue?format=csv".to_owned(),
            source: "generic".to_owned(),
            is_sample: true,
            curl: String::new(),
        };
        page.render().unwrap()
    }

    #[test]
    fn hostile_names_are_text() {
        for name in ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "</table><b>"]
        {
            let page = page(name);
            assert!(!page.contains(name), "{name}");
            assert!(!page.contains("<script>alert"), "{name}");
        }
        assert!(page("Dana\u{202e}exe").contains("<bdi>Danaexe, Acme</bdi>"));
    }

    #[test]
    fn a_row_says_its_deadline_in_words_and_in_the_readers_zone() {
        let page = page("Dana");
        assert!(page.contains("title=\"Mon 5 Jan 2026, 08:00 EST\""), "{page}");
        assert!(page.contains(">in 4 h</time>") && page.contains("Times are in America/New York."));
        assert!(page.contains("on time") && page.contains("<caption>"));
    }

    #[test]
    fn a_test_event_can_be_pasted() {
        let (source, is_sample) = test_source(&config());
        let now = ("1767603600".to_owned(), "2026-01-05T09:00:00Z".to_owned());
        let curl = curl(&config(), &source, is_sample, now);
        assert!(curl.contains("http://127.0.0.1:8787/hooks/generic"), "{curl}");
        assert!(curl.contains("-hmac local-generic-secret "), "{curl}");
        assert!(curl.contains(r#"'{"type":"demo.requested","timestamp":"'2026-01-05T09:00:00Z'""#));
    }

    #[test]
    fn only_owner_and_type_keep_it_a_queue() {
        let filter = |query: &str| Filter::read(&form::read(query), chrono_tz::Tz::UTC).unwrap();
        assert!(is_queue(&filter("owner=amara&type=mql&q=")));
        assert!(!is_queue(&filter("stage=completed")));
        assert!(!is_queue(&filter("opened_since=2026-01-01")));
    }

    #[test]
    fn an_address_keeps_the_filter() {
        let pairs = form::read("type=mql&owner=");
        assert_eq!(
            address("/api/queue", &pairs, &[("format", "csv")]),
            "/api/queue?format=csv&type=mql"
        );
    }
}
