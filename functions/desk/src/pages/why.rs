//! Why an owner has a handoff, as the page tells it: the rules in order, their clauses, everybody
//! who was considered.

use super::shown::{State, plain};
use domain::{
    Config,
    routing::{Candidate, Clause, PassedOver, Trace},
};

/// Why an owner was chosen, ready to be read.
pub(crate) struct Why {
    pub(crate) summary: String,
    pub(crate) rules: Vec<RuleLine>,
    pub(crate) candidates: Vec<CandidateLine>,
    pub(crate) config_version: u64,
}

/// One rule.
pub(crate) struct RuleLine {
    pub(crate) name: String,
    pub(crate) state: State,
    pub(crate) clauses: Vec<ClauseLine>,
}

/// One clause of a rule.
pub(crate) struct ClauseLine {
    pub(crate) text: String,
    pub(crate) state: State,
    pub(crate) error: Option<String>,
}

/// One rep who was considered.
pub(crate) struct CandidateLine {
    pub(crate) name: String,
    pub(crate) verdict: String,
    pub(crate) open: String,
    pub(crate) place: String,
}

impl Why {
    /// Shows a stored trace.
    pub(crate) fn of(trace: &Trace, config: &Config) -> Self {
        let pool = trace.pool.as_ref().map_or("no pool".to_owned(), |pool| {
            config.pools.get(pool).map_or_else(|| pool.to_string(), |pool| pool.name.clone())
        });
        let summary = match (&trace.by_hand, &trace.rule) {
            (Some(person), _) => format!("{} gave it by hand, in {pool}.", config.name_of(person)),
            (None, Some(rule)) => format!("Rule {rule} chose {pool}; the rotation chose the rep."),
            (None, None) if trace.pool.is_some() => format!("It was asked for {pool}."),
            (None, None) => "No rule matched.".to_owned(),
        };
        let failed = trace.failed.iter().map(|failed| RuleLine {
            name: failed.rule.clone(),
            state: held(false),
            clauses: vec![clause(&failed.clause)],
        });
        let won = trace.rule.iter().map(|rule| RuleLine {
            name: rule.clone(),
            state: held(true),
            clauses: trace.clauses.iter().map(clause).collect(),
        });
        Self {
            summary,
            rules: failed.chain(won).collect(),
            candidates: trace.candidates.iter().map(|one| candidate(one, config)).collect(),
            config_version: trace.config_version,
        }
    }
}

fn held(held: bool) -> State {
    match held {
        true => State { word: "held", icon: "✓", class: "good" },
        false => State { word: "did not hold", icon: "✕", class: "over" },
    }
}

fn clause(clause: &Clause) -> ClauseLine {
    ClauseLine {
        text: clause.expr.clone(),
        state: held(clause.held),
        error: clause.error.as_deref().map(plain),
    }
}

fn candidate(candidate: &Candidate, config: &Config) -> CandidateLine {
    let chosen = "got it".to_owned();
    CandidateLine {
        name: config.name_of(&candidate.rep).to_owned(),
        verdict: candidate.passed_over.as_ref().map_or(chosen, PassedOver::to_string),
        open: format!("{} of {}", candidate.open, candidate.capacity),
        place: match candidate.position_after == candidate.position_before {
            true => candidate.position_before.to_string(),
            false => format!("{} → {}", candidate.position_before, candidate.position_after),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::config;
    use domain::routing::RuleFailed;

    fn clause(expr: &str, held: bool) -> Clause {
        Clause { expr: expr.to_owned(), held, error: None }
    }

    fn considered(rep: &str, passed_over: Option<PassedOver>) -> Candidate {
        let after = if passed_over.is_none() { 720_720 } else { 0 };
        Candidate {
            rep: rep.into(),
            passed_over,
            position_before: 0,
            position_after: after,
            open: 3,
            capacity: 40,
            daily: None,
        }
    }

    #[test]
    fn a_rule_is_told_with_those_that_failed_before_it_and_everybody_considered() {
        let why = Why::of(
            &Trace {
                pool: Some("sdr_emea".into()),
                rule: Some("Europe".to_owned()),
                clauses: vec![clause("a", true), clause("b", true)],
                failed: vec![RuleFailed { rule: "Big".to_owned(), clause: clause("c", false) }],
                candidates: vec![
                    considered("amara", None),
                    considered("ben", Some(PassedOver::AtCapacity)),
                ],
                ..Trace::default()
            },
            &config(),
        );
        assert_eq!(why.summary, "Rule Europe chose SDR Europe; the rotation chose the rep.");
        let rules: Vec<_> =
            why.rules.iter().map(|rule| (rule.name.as_str(), rule.state.word)).collect();
        assert_eq!(rules, [("Big", "did not hold"), ("Europe", "held")]);
        let verdicts: Vec<_> = why
            .candidates
            .iter()
            .map(|one| (one.name.as_str(), one.verdict.as_str(), one.place.as_str()))
            .collect();
        let expected =
            [("Amara Okafor", "got it", "0 → 720720"), ("Ben Whitlock", "is at capacity", "0")];
        assert_eq!(verdicts, expected);
    }

    #[test]
    fn every_way_to_an_owner_has_a_summary() {
        let summary = |trace: Trace| Why::of(&trace, &config()).summary;
        let by_hand =
            Trace { by_hand: Some("priya".into()), pool: Some("cs".into()), ..Trace::default() };
        assert_eq!(summary(by_hand), "Priya Nair gave it by hand, in Customer success.");
        let asked = Trace { pool: Some("cs".into()), ..Trace::default() };
        assert_eq!(summary(asked), "It was asked for Customer success.");
        assert_eq!(summary(Trace::default()), "No rule matched.");
    }
}
