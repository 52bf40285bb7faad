//! The page on which everything of somebody goes to others: who would get what first, then the
//! button. Sent twice it asks for nothing twice.

use super::{
    Frame, Reader, html, see,
    shown::{self, State, plain},
    why::why_of,
};
use crate::{
    Desk,
    access::Visitor,
    ask::Fields,
    fault::Fault,
    form,
    reassign::{Foreseen, Foresight, Reassignment},
};
use askama::Template;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::Value;

#[derive(Template)]
#[template(path = "reassign.html")]
struct ReassignPage {
    frame: Frame,
    from: String,
    name: String,
    caption: String,
    rows: Vec<Line>,
    waiting: usize,
    left: usize,
}

/// One handoff as the page shows it.
struct Line {
    id: String,
    title: String,
    kind: String,
    stage: State,
    goes_already: bool,
    to: String,
    why: String,
}

impl Desk {
    /// Answers who would get what, or asks for it.
    pub(crate) async fn page_reassign(
        &self,
        request: &Request<Bytes>,
        pairs: &form::Pairs,
        visitor: &Visitor,
    ) -> Result<Response<Bytes>, Fault> {
        let now = self.clock.now();
        let active = self.configs.active(now).await?;
        let reader = Reader::new(&active.config, visitor, now);
        let posted = request.method() == Method::POST;
        let body = String::from_utf8_lossy(request.body());
        let said = if posted { form::read(&body) } else { pairs.clone() };
        let said = said.into_iter().map(|(name, value)| (name, Value::from(value))).collect();
        let reassignment = Reassignment::read(Fields::new(said, reader.zone));
        let reassignment = reassignment.map_err(Fault::Malformed)?;
        let person = visitor.actor()?;
        if posted {
            self.reassign(&reassignment, person, None).await?;
            let from = form::encode(reassignment.from.as_str());
            return Ok(see(&format!("/people/reassign?from={from}")));
        }
        let foresight = self.foresee(&reassignment, person).await?;
        html(StatusCode::OK, &page(&reassignment, &foresight, &reader, request))
    }
}

fn page(
    reassignment: &Reassignment,
    foresight: &Foresight,
    reader: &Reader<'_>,
    request: &Request<Bytes>,
) -> ReassignPage {
    let name = reader.config.name_of(&reassignment.from).to_owned();
    let rows: Vec<Line> = foresight.handoffs.iter().map(|one| line(one, reader)).collect();
    let nobody = foresight.handoffs.iter().filter(|one| one.way.owner.is_none()).count();
    ReassignPage {
        frame: reader.frame(&format!("Give everything of {name} to others"), request),
        from: reassignment.from.to_string(),
        caption: caption(rows.len(), nobody),
        waiting: rows.iter().filter(|row| !row.goes_already).count(),
        left: foresight.left,
        name,
        rows,
    }
}

fn caption(count: usize, nobody: usize) -> String {
    let count = match count {
        1 => "1 handoff".to_owned(),
        count => format!("{count} handoffs, most urgent first"),
    };
    match nobody {
        0 => count,
        nobody => format!("{count}; {nobody} that nobody can take now"),
    }
}

fn line(one: &Foreseen, reader: &Reader<'_>) -> Line {
    let (handoff, config) = (&one.handoff, reader.config);
    let kind = config.types.get(&handoff.kind).map(|kind| kind.name.clone());
    let owner = one.way.owner.as_ref().map(|(owner, _)| config.name_of(owner).to_owned());
    Line {
        id: handoff.id.to_string(),
        title: plain(&one.package.title()),
        kind: kind.unwrap_or_else(|| handoff.kind.to_string()),
        stage: shown::stage(handoff.stage),
        goes_already: one.goes_already,
        to: owner.unwrap_or_else(|| "nobody now; it is tried again".to_owned()),
        why: why_of(&one.way, config),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, config, handoff, package};
    use domain::routing::{Trace, Way};

    fn shown(name: &str, goes_already: bool) -> String {
        let config = config();
        let visitor = Visitor { person: Some("priya".into()), picks: true };
        let reader = Reader::new(&config, &visitor, at("2026-01-05T09:00:00Z"));
        let uri = "/people/reassign?from=amara";
        let request = Request::builder().uri(uri).body(Bytes::new()).unwrap();
        let way = |owner: Option<&str>| Way {
            owner: owner.map(|owner| (owner.into(), "sdr_emea".into())),
            rule: None,
            taken: None,
            at_most: None,
            reason: "nobody in SDR Europe can take it: 1 away".to_owned(),
            back_at: None,
            trace: Trace { pool: Some("sdr_emea".into()), ..Trace::default() },
        };
        let one = |owner, goes_already| Foreseen {
            handoff: handoff(),
            package: package(name, "Acme"),
            goes_already,
            way: way(owner),
        };
        let handoffs = vec![one(Some("ben"), goes_already), one(None, true)];
        let said = [("from".to_owned(), Value::from("amara"))].into_iter().collect();
        let reassignment = Reassignment::read(Fields::new(said, reader.zone)).unwrap();
        let foresight = Foresight { handoffs, left: 0 };
        page(&reassignment, &foresight, &reader, &request).render().unwrap()
    }

    #[test]
    fn it_says_who_gets_what_or_why_nobody() {
        let page = shown("Dana", false);
        for part in [
            "<caption>2 handoffs, most urgent first; 1 that nobody can take now</caption>",
            "<td data-label=\"Goes to\">Ben Whitlock</td>",
            "Nobody: nobody in SDR Europe can take it: 1 away.",
            "<button>Give 1 of Amara Okafor to others</button>",
        ] {
            assert!(page.contains(part), "no {part} in {page}");
        }
    }

    #[test]
    fn what_was_asked_for_is_not_asked_for_again() {
        let page = shown("Dana", true);
        assert!(!page.contains("<button>Give"), "{page}");
        assert!(page.contains("All of them look for another owner already."), "{page}");
    }

    #[test]
    fn hostile_names_are_text() {
        let name = "<script>alert(1)</script>";
        assert!(!shown(name, false).contains(name));
    }
}
