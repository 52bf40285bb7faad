//! `handoff route --lead FILE`: who would get a lead now, and why.
//!
//! Asked of the configuration alone, with everybody's load and place in the rotation at zero. The
//! rules and the choice are the router's own, so that the trace reads like a stored one.

use crate::{Failure, lead::Lead, organisation::Organisation, output, times};
use chrono::{DateTime, Utc};
use clap::Args;
use domain::{
    Config, PersonId, PoolId, TypeKey,
    routing::{Asking, Clause, Rules, Trace, Way, afresh, lacking, route},
};
use runtime::Clock;
use serde_json::{Value, json};
use std::{path::PathBuf, process::ExitCode};

/// The options of `route`.
#[derive(Debug, Args)]
pub struct Options {
    /// The lead: the JSON body of a generic hook
    #[arg(long, value_name = "FILE")]
    pub lead: PathBuf,
    /// When [default: now]
    #[arg(long, value_name = "TIME", value_parser = times::parse)]
    pub at: Option<DateTime<Utc>>,
    /// The handoff type [default: the one the lead triggers]
    #[arg(long = "type", value_name = "KEY")]
    pub kind: Option<TypeKey>,
    /// Say what would have to differ for this rep to get it
    #[arg(long = "for", value_name = "REP")]
    pub rep: Option<PersonId>,
    /// The configuration [default: the sample organisation]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Prints who would get it: exit code 1 when that is nobody.
///
/// # Errors
/// When a file cannot be used, or the lead opens nothing.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    let organisation = Organisation::read(options.config.as_deref())?;
    let lead = Lead::read(&options.lead, &organisation.config)?;
    let at = options.at.unwrap_or_else(|| Clock::system().now());
    let wanted = (options.kind.as_ref(), options.rep.as_ref());
    let way = Told::of(&organisation, &lead, wanted, at)?;
    match options.json {
        true => output::document(&way.document())?,
        false => output::say(&way.text())?,
    }
    Ok(ExitCode::from(u8::from(way.owner.is_none())))
}

/// The way a lead would go, as it is told.
struct Told<'a> {
    config: &'a Config,
    version: Option<u64>,
    kind: TypeKey,
    pool: Option<PoolId>,
    owner: Option<PersonId>,
    rules: Vec<Asked>,
    trace: Trace,
    lacks: Option<(PersonId, Vec<String>)>,
}

/// A rule that was asked, with the clauses that were looked at.
struct Asked {
    rule: String,
    held: bool,
    clauses: Vec<Clause>,
}

impl<'a> Told<'a> {
    fn of(
        organisation: &'a Organisation,
        lead: &Lead,
        (wanted, rep): (Option<&TypeKey>, Option<&PersonId>),
        at: DateTime<Utc>,
    ) -> Result<Self, Failure> {
        let config = &organisation.config;
        let says = || Failure::TriggersNothing { event: lead.says().to_owned() };
        let kind = wanted.cloned().or_else(|| lead.triggers(config, at)).ok_or_else(says)?;
        let (handoff, package) = lead.opening(config, (&kind, organisation.kind(&kind)?), at);
        let rules = Rules::compile(config);
        let asking =
            Asking { handoff: &handoff, package: &package, config, rules: &rules, now: at };
        let Way { owner, trace, .. } = afresh(|places| route(asking, places));
        let lacks = rep.map(|rep| (rep.clone(), afresh(|places| lacking(asking, places, rep))));
        let pool = owner.as_ref().map(|(_, pool)| pool.clone()).or_else(|| trace.pool.clone());
        let (owner, rules) = (owner.map(|(owner, _)| owner), asked(config, &trace));
        let version = organisation.version();
        Ok(Self { config, version, kind, pool, owner, rules, trace, lacks })
    }

    fn won(&self) -> Option<&Asked> {
        self.rules.iter().find(|asked| asked.held)
    }

    fn document(&self) -> Value {
        let clause = |clause: &Clause| match &clause.error {
            None => json!({ "expr": clause.expr, "held": clause.held }),
            Some(error) => json!({ "expr": clause.expr, "held": clause.held, "error": error }),
        };
        let rule = |asked: &Asked| {
            json!({
                "rule": asked.rule, "held": asked.held,
                "clauses": asked.clauses.iter().map(clause).collect::<Vec<_>>(),
            })
        };
        let mut trace = self.trace.document();
        trace["rules"] = self.rules.iter().map(rule).collect();
        trace["config_version"] = json!(self.version);
        let mut document = json!({
            "type": self.kind,
            "pool": self.pool,
            "owner": self.owner,
            "rule": self.won().map(|asked| &asked.rule),
            "trace": trace,
        });
        if let Some((rep, lacks)) = &self.lacks {
            document["for"] = json!({ "rep": rep, "would_have_to_differ": lacks });
        }
        document
    }

    fn text(&self) -> String {
        let kind = self.config.types.get(&self.kind);
        let kind = kind.map_or(self.kind.as_str(), |kind| kind.name.as_str());
        let pool = self.pool.as_ref().and_then(|pool| self.config.pools.get(pool));
        let pool = pool.map_or("no pool", |pool| pool.name.as_str());
        let owner = self.owner.as_ref().map_or("nobody", |owner| self.config.name_of(owner));
        let mut text = format!("{kind}: {owner}, {pool}\n\nRules, the first that holds:\n");
        if self.trace.more_failed > 0 {
            text += &format!("  {} rules before these do not hold\n", self.trace.more_failed);
        }
        for asked in &self.rules {
            let word = if asked.held { "holds" } else { "does not hold" };
            text += &format!("  {}: {word}\n", asked.rule);
            for clause in &asked.clauses {
                let word = if clause.held { "true " } else { "false" };
                text += &format!("    {word}  {}", clause.expr);
                let error = clause.error.as_ref().map(|error| format!(" ({error})"));
                text += &error.unwrap_or_default();
                text += "\n";
            }
        }
        if self.won().is_none() {
            text += "  none holds: it waits without an owner, and the manager is told\n";
        }
        if let Some(owner) = &self.trace.account_owner {
            let why = owner.passed_over.map_or("gets it".to_owned(), |why| why.to_string());
            let name = self.config.name_of(&owner.rep);
            text += &format!("\nThe account is {name}'s ({}): {why}.\n", owner.because);
        }
        if !self.trace.skills.is_empty() {
            let skills: Vec<&str> = self.trace.skills.iter().map(String::as_str).collect();
            text += &format!("\nSkills asked for: {}.\n", skills.join(", "));
        }
        for tried in &self.trace.tried {
            text += &format!("\nAsked before: {}.\n", tried.why);
        }
        if !self.trace.candidates.is_empty() {
            text += "\nReps, as if nobody had anything open or had had a turn:\n";
        }
        for one in &self.trace.candidates {
            let why = one.passed_over.map_or("gets it".to_owned(), |why| why.to_string());
            let (name, capacity) = (self.config.name_of(&one.rep), one.capacity);
            text += &format!("  {name:<18} {why:<20} may have {capacity} open\n");
        }
        if let Some((rep, lacks)) = &self.lacks {
            text += &format!("\nFor {} to get it:\n", self.config.name_of(rep));
            text += if lacks.is_empty() { "  nothing: they do\n" } else { "" };
            lacks.iter().for_each(|sentence| text += &format!("  {sentence}\n"));
        }
        text
    }
}

/// Lists the rules that were asked, in order; of one that does not hold, up to the clause that
/// failed.
fn asked(config: &Config, trace: &Trace) -> Vec<Asked> {
    let before = |rule: &str, failed: &Clause| -> Vec<Clause> {
        let rule = config.rules.iter().find(|known| known.name == rule);
        let clauses = rule.into_iter().flat_map(|rule| &rule.when);
        let held = |expr: &String| Clause { expr: expr.clone(), held: true, error: None };
        clauses.take_while(|expr| **expr != failed.expr).map(held).collect()
    };
    let failed = trace.failed.iter().map(|failed| Asked {
        rule: failed.rule.clone(),
        held: false,
        clauses: before(&failed.rule, &failed.clause)
            .into_iter()
            .chain([failed.clause.clone()])
            .collect(),
    });
    let won = trace.rule.iter().map(|rule| Asked {
        rule: rule.clone(),
        held: true,
        clauses: trace.clauses.clone(),
    });
    failed.chain(won).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use local::sample::{ORGANISATION, PUBLIC_URL};

    fn lead(country: &str) -> String {
        let subject = format!(r#"{{"email":"a@b.example","country":"{country}"}}"#);
        format!(r#"{{"type":"demo.requested","data":{{"subject":{subject}}}}}"#)
    }

    fn check(organisation: &Organisation, country: &str, kind: Option<&str>) -> (Value, String) {
        let lead = Lead::parse(&lead(country), &organisation.config).unwrap();
        let kind = kind.map(TypeKey::from);
        let at = DateTime::UNIX_EPOCH;
        let way = Told::of(organisation, &lead, (kind.as_ref(), None), at).unwrap();
        (way.document(), way.text())
    }

    #[test]
    fn the_trace_says_which_rules_failed_by_which_clause_and_who_else_there_was() {
        let organisation = Organisation::sample(PUBLIC_URL).unwrap();
        let (document, text) = check(&organisation, "GB", None);
        let expr = "lead.country in ['US', 'CA', 'MX', 'BR']";
        let candidate = |rep: &str, passed_over: Value, position_after: u64| {
            json!({
                "rep": rep, "eligible": true, "passed_over": passed_over, "position_before": 0,
                "position_after": position_after, "open": 0, "capacity": 40, "daily": null,
                "floor": 0, "owed": 0,
            })
        };
        let expected = json!({
            "type": "hot_lead", "pool": "sdr_emea", "owner": "amara",
            "rule": "Inbound, everywhere else",
            "trace": {
                "rules": [
                    {
                        "rule": "Inbound, Americas", "held": false,
                        "clauses": [{ "expr": expr, "held": false }],
                    },
                    { "rule": "Inbound, everywhere else", "held": true, "clauses": [] },
                ],
                "candidates": [
                    candidate("amara", Value::Null, 720_720),
                    candidate("ben", "not_their_turn".into(), 0),
                ],
                "config_version": null, "pool": "sdr_emea", "rule": "Inbound, everywhere else",
                "account_owner": null, "by_hand": null, "otherwise": null, "more_failed": 0, "skills": [],
                "tried": [],
            },
        });
        assert_eq!(document, expected);
        assert!(text.starts_with("Hot lead: Amara Okafor, SDR Europe\n"), "{text}");
    }

    #[test]
    fn clauses_that_held_before_the_one_that_failed_are_shown() {
        let when = "when = [\"lead.country in ['US', 'CA', 'MX', 'BR']\"]\npool = \"sdr_americas\"";
        let more =
            "when = [\"handoff.heat > 1\", \"lead.country == 'US'\"]\npool = \"sdr_americas\"";
        let text = ORGANISATION.replace(when, more);
        assert_ne!(text, ORGANISATION);
        let config = domain::config::load(&text).unwrap();
        let (document, _) = check(&Organisation { text, config }, "GB", None);
        let clauses = &document["trace"]["rules"][0]["clauses"];
        assert_eq!(clauses[0], json!({ "expr": "handoff.heat > 1", "held": true }));
        assert_eq!(clauses[1], json!({ "expr": "lead.country == 'US'", "held": false }));
    }

    #[test]
    fn a_type_that_is_named_wins_over_the_one_triggered() {
        let organisation = Organisation::sample(PUBLIC_URL).unwrap();
        let (document, _) = check(&organisation, "US", Some("expansion"));
        assert_eq!(
            (&document["owner"], &document["pool"]),
            (&"farid".into(), &"ae_americas".into())
        );
    }
}
