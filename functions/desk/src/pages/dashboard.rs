//! The page of the month: the numbers there are, what is wanted, and what to do about the
//! difference.

use super::{
    Frame, Reader,
    bars::{self, Bar},
    html,
    shown::{Moment, State, plain},
};
use crate::{
    Desk,
    access::Visitor,
    api::metrics::{before, next},
    fault::Fault,
    form, moment,
    waiting::Waiting,
};
use askama::Template;
use bytes::Bytes;
use chrono::{Days, NaiveDate};
use domain::dashboard::{
    Conversion, Dashboard, Figures, RepFigures, Targets, TypeFigures, Week, action_items,
    spell_seconds,
};
use http::{Request, Response, StatusCode};
use store::QueueRow;

#[derive(Template)]
#[template(path = "dashboard.html")]
struct DashboardPage {
    frame: Frame,
    month: String,
    before: String,
    next: String,
    empty: bool,
    items: Vec<String>,
    waiting: Option<Waits>,
    totals: Vec<Total>,
    types: Vec<TypeLine>,
    sla_chart: String,
    weeks: Vec<WeekLine>,
    week_chart: String,
    reps: Vec<RepLine>,
    per_rep: Option<String>,
}

/// What nobody has now.
struct Waits {
    caption: String,
    lines: Vec<WaitingLine>,
}

struct WaitingLine {
    href: String,
    kind: String,
    since: Moment,
    age: String,
    reason: String,
}

struct Total {
    name: &'static str,
    value: String,
    href: Option<String>,
    target: String,
    state: Option<State>,
    before: String,
}

struct TypeLine {
    name: String,
    href: String,
    opened: i64,
    within: String,
    response: String,
    wanted: String,
    complete: String,
    rejected: String,
    rating: String,
    conversions: Vec<String>,
}

struct WeekLine {
    from: String,
    opened: i64,
    change: String,
    within: String,
}

struct RepLine {
    name: String,
    href: String,
    received: i64,
    within: String,
    response: String,
    missed: i64,
    rejected: i64,
    completed: i64,
}

impl Desk {
    /// Answers the page of a month.
    pub(crate) async fn page_dashboard(
        &self,
        request: &Request<Bytes>,
        pairs: &form::Pairs,
        visitor: &Visitor,
    ) -> Result<Response<Bytes>, Fault> {
        let active = self.configs.active(self.clock.now()).await?;
        let month = self.month(pairs, &active.config)?;
        let dashboard = self.dashboard(month, &active.config).await?;
        let reader = Reader::new(&active.config, visitor, self.clock.now());
        let frame = reader.frame(&month.format("%B %Y").to_string(), request);
        let items = action_items(&dashboard, &active.config);
        let is_now = dashboard.month == self.month(&form::Pairs::new(), &active.config)?;
        let waiting = match is_now {
            true => Some(waits(&self.waiting().await?, &reader)),
            false => None,
        };
        html(StatusCode::OK, &page(&dashboard, frame, items, waiting)?)
    }
}

fn page(
    dashboard: &Dashboard,
    frame: Frame,
    items: Vec<String>,
    waiting: Option<Waits>,
) -> Result<DashboardPage, Fault> {
    let month = dashboard.month;
    let short = |month: NaiveDate| month.format("%Y-%m").to_string();
    let tenths = dashboard.handoffs_per_rep_tenths;
    Ok(DashboardPage {
        month: short(month),
        before: short(before(month)),
        next: short(next(month)),
        empty: dashboard.total.opened == 0,
        items,
        waiting,
        totals: totals(dashboard),
        types: dashboard.types.iter().map(|kind| type_line(kind, month)).collect(),
        sla_chart: sla_chart(dashboard)?,
        weeks: dashboard.weeks.iter().map(week_line).collect(),
        week_chart: week_chart(&dashboard.weeks)?,
        reps: dashboard.reps.iter().map(|rep| rep_line(rep, month)).collect(),
        per_rep: tenths.map(|tenths| format!("{}.{}", tenths / 10, tenths % 10)),
        frame,
    })
}

fn waits(waiting: &Waiting, reader: &Reader<'_>) -> Waits {
    let line = |row: &QueueRow| {
        let routing = row.routing.as_ref()?;
        let waited = (reader.now - routing.since).num_seconds();
        Some(WaitingLine {
            href: format!("/handoffs/{}", row.id),
            kind: reader
                .config
                .types
                .get(&row.kind)
                .map_or_else(|| row.kind.to_string(), |kind| kind.name.clone()),
            since: Moment::of(routing.since, reader.zone),
            age: moment::length(waited),
            reason: plain(&routing.reason),
        })
    };
    let lines: Vec<WaitingLine> = waiting.oldest.iter().filter_map(line).collect();
    let more = if waiting.is_more { " or more" } else { "" };
    let caption = match (waiting.count, lines.first()) {
        (0, _) | (_, None) => "Every open handoff has an owner.".to_owned(),
        (1, Some(one)) => format!("One handoff has no owner, for {}.", one.age),
        (count, Some(first)) => {
            format!("{count}{more} handoffs have no owner, the oldest for {}.", first.age)
        }
    };
    Waits { caption, lines }
}

/// Compares a figure with what is wanted; no figure is no verdict.
fn verdict(met: Option<bool>) -> Option<State> {
    met.map(|met| match met {
        true => State { word: "met", icon: "✓", class: "good" },
        false => State { word: "missed", icon: "⚠", class: "late" },
    })
}

/// One figure of a month: its name, how it reads, what is wanted, whether that is met.
type Reading = (&'static str, String, String, Option<bool>);

fn readings(figures: &Figures, targets: &Targets) -> Vec<Reading> {
    let none = String::new;
    let at_least = |figure: Option<i64>, wanted: i64| figure.map(|figure| figure >= wanted);
    let (sla, complete) = (targets.within_sla_percent, targets.completeness_percent);
    let (rejected, rating) = (targets.rejected_percent_max, targets.rating_hundredths);
    let rejects_few =
        figures.rejected_percent.map(|_| figures.rejected * 100 <= figures.opened * rejected);
    vec![
        ("Handoffs", figures.opened.to_string(), none(), None),
        (
            "Deadlines met in time",
            percent(figures.within_sla_percent),
            format!("at least {sla} %"),
            at_least(figures.within_sla_percent, sla),
        ),
        ("Average response", seconds(figures.average_response_seconds), none(), None),
        ("Half responded within", seconds(figures.p50_response_seconds), none(), None),
        ("Nine in ten responded within", seconds(figures.p90_response_seconds), none(), None),
        ("Responses within five minutes", percent(figures.five_minute_percent), none(), None),
        ("Missed deadlines", figures.violations.to_string(), none(), None),
        ("Escalations", figures.escalations.to_string(), none(), None),
        (
            "Information complete",
            percent(figures.completeness_percent),
            format!("at least {complete} %"),
            at_least(figures.completeness_percent, complete),
        ),
        (
            "Rejected",
            share(figures.rejected, figures.rejected_percent),
            format!("at most {rejected} %"),
            rejects_few,
        ),
        ("Recycled", figures.recycled.to_string(), none(), None),
        ("Completed", figures.completed.to_string(), none(), None),
        ("Of those, successes", figures.success.to_string(), none(), None),
        (
            "Average rating",
            hundredths(figures.rating_hundredths),
            format!("at least {}", hundredths(Some(rating))),
            at_least(figures.rating_hundredths, rating),
        ),
        ("Ratings of four and five", percent(figures.well_rated_percent), none(), None),
        (
            "Rated by those who were passed on",
            hundredths(figures.survey_hundredths),
            format!("at least {}", hundredths(Some(rating))),
            at_least(figures.survey_hundredths, rating),
        ),
        ("Of those, very good or excellent", percent(figures.survey_well_percent), none(), None),
        ("Reports of missing information", figures.incomplete_reports.to_string(), none(), None),
        (
            "Never followed up",
            share(figures.never_followed_up, figures.never_followed_up_percent),
            "none".to_owned(),
            figures.never_followed_up_percent.map(|_| figures.never_followed_up == 0),
        ),
    ]
}

fn totals(dashboard: &Dashboard) -> Vec<Total> {
    let before = readings(&dashboard.before, &dashboard.targets);
    let now = readings(&dashboard.total, &dashboard.targets);
    let wanted = dashboard.targets.sessions;
    let held = |count: i64| {
        let met = Some(count >= wanted);
        ("Feedback sessions", count.to_string(), format!("at least {wanted}"), met)
    };
    let now = now.into_iter().chain([held(dashboard.sessions)]);
    let before = before.into_iter().chain([held(dashboard.sessions_before)]);
    let pairs = now.zip(before);
    let total = |((name, value, target, met), (_, before, _, _)): (Reading, Reading)| Total {
        name,
        value,
        href: (name == "Handoffs").then(|| records(dashboard.month, &[])),
        target: if target.is_empty() { "–".to_owned() } else { target },
        state: verdict(met),
        before,
    };
    pairs.map(total).collect()
}

/// Finds the list behind a number: what opened in the month, and something more.
fn records(month: NaiveDate, more: &[(&str, &str)]) -> String {
    let last = next(month) - Days::new(1);
    let (since, until) = (month.to_string(), last.to_string());
    let range = [("opened_since", since.as_str()), ("opened_until", until.as_str())];
    format!("/?{}", form::write(more.iter().copied().chain(range)))
}

fn type_line(kind: &TypeFigures, month: NaiveDate) -> TypeLine {
    let figures = &kind.figures;
    let working = if kind.target_is_working_time { " of working time" } else { "" };
    TypeLine {
        name: kind.name.clone(),
        href: records(month, &[("type", kind.kind.as_str())]),
        opened: figures.opened,
        within: percent(figures.within_sla_percent),
        response: seconds(figures.average_response_seconds),
        wanted: format!("{}{working}", spell_seconds(kind.response_target_seconds)),
        complete: percent(figures.completeness_percent),
        rejected: share(figures.rejected, figures.rejected_percent),
        rating: hundredths(figures.rating_hundredths),
        conversions: kind.conversions.iter().map(conversion).collect(),
    }
}

fn conversion(conversion: &Conversion) -> String {
    let Conversion { label, count, percent, benchmark_percent, .. } = conversion;
    let elsewhere = benchmark_percent.map(|share| format!(", elsewhere {share} %"));
    format!("{label}: {}{}", share(*count, *percent), elsewhere.unwrap_or_default())
}

fn week_line(week: &Week) -> WeekLine {
    WeekLine {
        from: week.from.format("%-d %b %Y").to_string(),
        opened: week.opened,
        change: week.change_percent.map_or("–".to_owned(), |change| format!("{change:+} %")),
        within: percent(week.within_sla_percent),
    }
}

fn rep_line(rep: &RepFigures, month: NaiveDate) -> RepLine {
    RepLine {
        name: rep.name.clone(),
        href: records(month, &[("owner", rep.rep.as_str())]),
        received: rep.figures.received,
        within: percent(rep.figures.within_sla_percent),
        response: seconds(rep.figures.average_response_seconds),
        missed: rep.figures.breached,
        rejected: rep.figures.rejected,
        completed: rep.figures.completed,
    }
}

fn sla_chart(dashboard: &Dashboard) -> Result<String, Fault> {
    let target = dashboard.targets.within_sla_percent;
    let bar = |kind: &TypeFigures| {
        let within = kind.figures.within_sla_percent;
        Bar {
            name: kind.name.clone(),
            amount: within.unwrap_or(0),
            value: percent(within),
            misses: within.is_some_and(|within| within < target),
        }
    };
    let bars = dashboard.types.iter().map(bar).collect();
    let title = format!("Deadlines met in time, by type; the line is the target of {target} %");
    bars::draw("sla-chart", &title, bars, 100, Some(target))
}

fn week_chart(weeks: &[Week]) -> Result<String, Fault> {
    let most = weeks.iter().map(|week| week.opened).max().unwrap_or(0);
    let bar = |week: &Week| Bar {
        name: format!("from {}", week.from.format("%-d %b")),
        amount: week.opened,
        value: week.opened.to_string(),
        misses: false,
    };
    bars::draw("week-chart", "Handoffs by week", weeks.iter().map(bar).collect(), most, None)
}

fn percent(figure: Option<i64>) -> String {
    figure.map_or("–".to_owned(), |figure| format!("{figure} %"))
}

fn share(count: i64, of: Option<i64>) -> String {
    of.map_or_else(|| count.to_string(), |percent| format!("{count} ({percent} %)"))
}

fn seconds(figure: Option<i64>) -> String {
    figure.map_or("–".to_owned(), spell_seconds)
}

fn hundredths(figure: Option<i64>) -> String {
    figure.map_or("–".to_owned(), |value| format!("{}.{:02}", value / 100, value % 100))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, config};
    use chrono::{DateTime, Utc};
    use domain::{
        Stage,
        dashboard::{Numbers, Rows},
        handoff::Routing,
    };
    use std::collections::BTreeMap;

    fn january(counters: &[(&str, i64)]) -> String {
        of_january(counters, &[])
    }

    fn of_january(counters: &[(&str, i64)], waiting: &[(&str, &str)]) -> String {
        let (config, now) = (config(), at("2026-01-20T09:00:00Z"));
        let visitor = Visitor { person: None, picks: true };
        let reader = Reader::new(&config, &visitor, now);
        let request = Request::builder().uri("/dashboard").body(Bytes::new()).unwrap();
        let day: NaiveDate = "2026-01-05".parse().unwrap();
        let row = counters.iter().map(|(name, amount)| ((*name).to_owned(), *amount)).collect();
        let cohort = BTreeMap::from([(day, Numbers(row))]);
        let rows = Rows { cohort, happened: BTreeMap::new() };
        let rows = ["all", "type:mql"].map(|dimension| (dimension.to_owned(), rows.clone())).into();
        let today = now.date_naive();
        let dashboard = Dashboard::of(day, today, &rows, &config, Targets::default());
        let items = action_items(&dashboard, &config);
        let rows = waiting.iter().map(|(id, since)| waits_since(id, at(since)));
        let waiting = waits(&Waiting::of(rows.collect()), &reader);
        let frame = reader.frame("January 2026", &request);
        page(&dashboard, frame, items, Some(waiting)).unwrap().render().unwrap()
    }

    fn waits_since(id: &str, since: DateTime<Utc>) -> QueueRow {
        let (reason, pool) = ("nobody in SDR Europe can take it: 2 away".to_owned(), None);
        let routing = Some(Routing { reason, since, retry_at: since, pool, held: false });
        QueueRow {
            id: id.into(),
            kind: "mql".into(),
            stage: Stage::Opened,
            owner: None,
            pool: None,
            to: "sdr".to_owned(),
            score: None,
            completeness: 0,
            lead: None,
            routing,
            test: false,
            urgency: String::new(),
        }
    }

    #[test]
    fn what_nobody_has_is_in_plain_sight_the_oldest_first() {
        let page = of_january(&[], &[("b", "2026-01-20T08:00:00Z"), ("a", "2026-01-18T07:00:00Z")]);
        let said = "2 handoffs have no owner, the oldest for 2 d 2 h.";
        assert!(page.contains(said), "{page}");
        let place = |id: &str| page.find(&format!("/handoffs/{id}\"")).unwrap();
        assert!(place("a") < place("b"));
        assert!(page.contains("2 away") && page.contains("2026-01-18T07:00:00Z"), "{page}");
        assert!(january(&[]).contains("Every open handoff has an owner."));
    }

    #[test]
    fn a_figure_stands_beside_its_target_and_its_verdict() {
        let page = january(&[("opened", 4), ("met.respond", 3), ("breached.respond", 1)]);
        assert!(page.contains("<td data-label=\"This month\">75 %</td>"), "{page}");
        assert!(page.contains("at least 90 %") && page.contains("missed"), "{page}");
        assert!(page.contains("MQL met 75 % of its deadlines"), "{page}");
    }

    #[test]
    fn a_number_leads_to_the_records_behind_it() {
        let page = january(&[("opened", 4)]);
        let list = "/?type=mql&#38;opened_since=2026-01-01&#38;opened_until=2026-01-31";
        assert!(page.contains(list), "{page}");
    }

    #[test]
    fn an_empty_month_says_so() {
        let page = january(&[]);
        assert!(page.contains("nothing was handed over in this month yet"), "{page}");
        assert!(page.contains("<title id=\"week-chart\">Handoffs by week</title>"), "{page}");
    }
}
