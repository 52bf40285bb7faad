//! Examples for a feedback session: which handoffs went best and which worst, by a rule everybody
//! can read, and told so that nobody is known by them.
//!
//! Points are given for what was measured and said; a handoff of which nothing is known yet is no
//! example. An example names no person, company, pool, time or amount, and quotes nobody, and a type
//! of which little is known gives none: two teams talk about what was done, not about who did it.

use crate::{
    clock::ClockState,
    config::{Config, FieldRule},
    handoff::Handoff,
    package::Package,
    stage::Stage,
    survey::word,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many examples there are of each kind, at most.
const SHOWN_MAX: usize = 3;

/// From how many points on a handoff can be shown as a good one; below their opposite it can be
/// shown as a poor one.
const TELLING: i64 = 10;

/// How many handoffs of a type something must be known of before one can be an example: of fewer
/// everybody knows who had them.
const KNOWN_MIN: usize = 3;

/// The completeness that is wanted, and the one below which it counts against a handoff.
const COMPLETE_PERCENT: u8 = 85;
const POOR_PERCENT: u8 = 60;

/// How many missing fields are named.
const NAMED_MAX: usize = 5;

/// A handoff as two teams may talk about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// The name of its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The transferring team.
    pub from: String,
    /// The receiving team.
    pub to: String,
    /// Its points.
    pub points: i64,
    /// What they were given for, as sentences.
    pub reasons: Vec<String>,
}

/// The best and the worst.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Examples {
    /// Those that went well, the best first.
    pub best: Vec<Example>,
    /// Those that did not, the worst first.
    pub worst: Vec<Example>,
    /// How many were considered.
    pub of: usize,
}

/// Picks examples among handoffs.
pub fn examples(handoffs: &[(&Handoff, &Package)], config: &Config) -> Examples {
    let mut all: Vec<(i64, &Handoff, Example)> = handoffs
        .iter()
        .filter_map(|(handoff, package)| {
            let example = example(handoff, package, config)?;
            Some((example.points, *handoff, example))
        })
        .collect();
    let known = all.iter().fold(BTreeMap::<_, usize>::new(), |mut known, (_, handoff, _)| {
        *known.entry(&handoff.kind).or_default() += 1;
        known
    });
    all.retain(|(_, handoff, _)| known.get(&handoff.kind).is_some_and(|it| *it >= KNOWN_MIN));
    // Of equals the newer, which people remember.
    all.sort_by(|one, other| (other.0, &other.1.id).cmp(&(one.0, &one.1.id)));
    let take = |list: &mut dyn Iterator<Item = &(i64, &Handoff, Example)>| {
        list.take(SHOWN_MAX).map(|(_, _, example)| example.clone()).collect()
    };
    let best = take(&mut all.iter().filter(|(points, ..)| *points >= TELLING));
    let worst = take(&mut all.iter().rev().filter(|(points, ..)| *points <= -TELLING));
    Examples { best, worst, of: all.len() }
}

/// Gives a handoff its points; none where nothing is known of it yet, or it is a test.
fn example(handoff: &Handoff, package: &Package, config: &Config) -> Option<Example> {
    if handoff.test {
        return None;
    }
    let kind = config.types.get(&handoff.kind)?;
    let mut said: Vec<(i64, String)> = Vec::new();
    if let Some(rating) = handoff.rating {
        let score = rating.score;
        said.push(((i64::from(score) - 3) * 10, format!("Its receiver rated it {score} of 5.")));
        if !rating.complete {
            said.push((-10, "Its receiver reported missing information.".to_owned()));
        }
    }
    if let Some(score) = handoff.survey.as_ref().and_then(|survey| survey.score) {
        let said_word = format!("Whoever was passed on said “{}”.", word(score));
        said.push(((i64::from(score) - 3) * 10, said_word));
    }
    for clock in &handoff.clocks {
        match clock.state {
            ClockState::Met => said.push((5, format!("The clock {} was met.", clock.name))),
            ClockState::Breached => {
                said.push((-15, format!("The clock {} was missed.", clock.name)));
            }
            ClockState::Running | ClockState::Closed => {}
        }
    }
    if handoff.stage == Stage::Returned {
        said.push((-20, "It was given back to its sender.".to_owned()));
    }
    let succeeded = handoff.outcome.as_ref().is_some_and(|it| kind.success.contains(it));
    if succeeded {
        said.push((10, "It led to what was wanted.".to_owned()));
    }
    if said.is_empty() {
        return None;
    }
    said.push(completeness(handoff, package, &kind.fields));
    Some(Example {
        kind: kind.name.clone(),
        from: handoff.from.clone(),
        to: handoff.to.clone(),
        points: said.iter().map(|(points, _)| points).sum(),
        reasons: said.into_iter().map(|(_, reason)| reason).collect(),
    })
}

/// Says how complete the package is, and what it lacks: names of fields, never what is in them.
fn completeness(handoff: &Handoff, package: &Package, fields: &[FieldRule]) -> (i64, String) {
    let scored = package.completeness(fields, handoff.stage);
    let labels = fields.iter().filter(|field| scored.missing.contains(&field.name));
    let labels: Vec<&str> = labels.map(|field| field.label.as_str()).take(NAMED_MAX).collect();
    let lacks = match labels.is_empty() {
        true => String::new(),
        false => format!("; it lacks {}", labels.join(", ")),
    };
    let sentence = format!("Its package is {} % complete{lacks}.", scored.percent);
    match scored.percent {
        COMPLETE_PERCENT.. => (10, sentence),
        POOR_PERCENT.. => (0, sentence),
        _ => (-10, sentence),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config,
        decide::{Targets, start_clocks},
        handoff::Rating,
        survey::Survey,
    };
    use chrono::DateTime;

    const SAMPLE: &str = include_str!("../../../infra/local/sample/organisation.toml");

    fn handoff(id: &str, config: &Config) -> Handoff {
        let kind = &config.types["mql"];
        let times = (DateTime::UNIX_EPOCH, None);
        Handoff {
            id: id.into(),
            kind: "mql".into(),
            from: "marketing".to_owned(),
            to: "sdr".to_owned(),
            owner: Some("amara".into()),
            clocks: start_clocks(kind, config, None, times, &Targets::new()),
            ..Handoff::default()
        }
    }

    fn rated(id: &str, score: u8, complete: bool, config: &Config) -> Handoff {
        Handoff { rating: Some(Rating { score, complete }), ..handoff(id, config) }
    }

    #[test]
    fn the_best_and_the_worst_are_picked_by_points_and_what_is_unknown_is_left_out() {
        let config = config::load(SAMPLE).unwrap();
        let mut missed = rated("h1", 1, false, &config);
        missed.clocks[0].state = ClockState::Breached;
        let fine = rated("h2", 3, true, &config);
        let mut best = rated("h3", 5, true, &config);
        best.clocks[0].state = ClockState::Met;
        best.outcome = Some("meeting_booked".to_owned());
        let survey = Survey { n: 1, until: DateTime::UNIX_EPOCH, score: Some(5), withdrawn: false };
        best.survey = Some(survey);
        let (unknown, package) = (handoff("h4", &config), Package::default());
        let all = [&missed, &fine, &best, &unknown].map(|handoff| (handoff, &package));
        let picked = examples(&all, &config);
        assert_eq!((picked.best.len(), picked.worst.len(), picked.of), (1, 2, 3));
        let points = |list: &[Example]| list.iter().map(|one| one.points).collect::<Vec<_>>();
        assert_eq!((points(&picked.best), points(&picked.worst)), (vec![45], vec![-55, -10]));
        assert_eq!(
            picked.worst[0].reasons[..3],
            [
                "Its receiver rated it 1 of 5.",
                "Its receiver reported missing information.",
                "The clock respond was missed.",
            ]
        );
        assert!(picked.worst[0].reasons[3].contains("it lacks Lead source, Lead score"));
        let told = serde_json::to_string(&picked).unwrap();
        for private in ["amara", "h1", "h3", "sdr_emea"] {
            assert!(!told.contains(private), "{private} in {told}");
        }
    }

    #[test]
    fn there_are_three_of_each_at_most_and_none_where_all_are_alike() {
        let config = config::load(SAMPLE).unwrap();
        let package = Package::default();
        let many: Vec<Handoff> = (0..9)
            .map(|n| rated(&format!("h{n}"), if n < 5 { 5 } else { 1 }, true, &config))
            .collect();
        let all: Vec<_> = many.iter().map(|handoff| (handoff, &package)).collect();
        let picked = examples(&all, &config);
        assert_eq!((picked.best.len(), picked.worst.len(), picked.of), (3, 3, 9));
        let alike: Vec<Handoff> =
            (0..4).map(|n| rated(&format!("h{n}"), 4, true, &config)).collect();
        let all: Vec<_> = alike.iter().map(|handoff| (handoff, &package)).collect();
        let picked = examples(&all, &config);
        assert_eq!((picked.best.len(), picked.worst.len()), (0, 0));
        assert_eq!(examples(&[], &config), Examples::default());
        let two: Vec<_> = many.iter().take(2).map(|handoff| (handoff, &package)).collect();
        assert_eq!(examples(&two, &config), Examples::default(), "everybody knows whose they are");
    }
}
