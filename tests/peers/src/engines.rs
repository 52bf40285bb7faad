//! Our rules and the Rust peers, each asked in its own way: which rule takes a lead.
//!
//! What an engine can do once for all leads it does when it is made; a lead is given to it in the
//! form its users have it in, and what it makes of that for itself is part of the question.

use std::sync::Arc;

use cel::{Context, Env, Program, Value};
use chrono::{DateTime, Utc};
use domain::{
    Config, Handoff, Package,
    config::load_stored,
    money::Money,
    routing::{Match, Rules, Won},
};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};
use zen_engine::{Decision, model::DecisionContent};

use crate::work::{Lead, Rule, Test};

const NAME: &str = "rule ";

/// One way to find the rule that takes a lead.
pub(crate) trait Engine {
    /// A lead, as it is given to the engine.
    type Given;

    /// Prepares a lead: that is not part of the question.
    fn give(&self, lead: &Lead) -> Self::Given;

    /// Finds the rule's place in the list.
    fn choose(&self, given: &Self::Given) -> Option<usize>;
}

/// Our rules, through the configuration an organisation writes.
pub(crate) struct Ours {
    config: Config,
    rules: Rules,
    now: DateTime<Utc>,
}

/// The sample organisation, whose rules are replaced.
const SAMPLE: &str = include_str!("../../../infra/local/sample/organisation.toml");
const POOL: &str = "sdr_emea";

/// A rule, as a configuration writes it.
#[derive(Serialize)]
struct Written {
    name: String,
    when: Vec<String>,
    pool: &'static str,
}

impl Ours {
    /// Reads a configuration with these rules.
    pub(crate) fn read(rules: &[Rule]) -> Result<Config, String> {
        let written = |(place, rule): (usize, &Rule)| Written {
            name: format!("{NAME}{place}"),
            when: rule.clauses(),
            pool: POOL,
        };
        let rules: Vec<Written> = rules.iter().enumerate().map(written).collect();
        let rules =
            toml::to_string(&json!({ "rules": rules })).map_err(|error| error.to_string())?;
        let before = SAMPLE.split("[[rules]]").next().unwrap_or_default();
        let after = SAMPLE.find("[sources.").map_or("", |start| &SAMPLE[start..]);
        load_stored(&format!("{before}{rules}{after}"))
            .map_err(|problems| format!("the configuration is not accepted: {problems:?}"))
    }

    /// Compiles the rules of a configuration.
    pub(crate) fn new(config: Config) -> Self {
        let rules = Rules::compile(&config);
        Self { config, rules, now: DateTime::UNIX_EPOCH }
    }
}

impl Engine for Ours {
    type Given = (Handoff, Package);

    fn give(&self, lead: &Lead) -> Self::Given {
        let mut package = Package::default();
        package.subject.company = Some(lead.company.clone());
        package.subject.email = Some("dana@acme.example".to_owned());
        let said = json!(lead);
        let said = said.as_object().into_iter().flatten();
        let said = said.filter(|(name, _)| *name != "amount_minor");
        package.put(
            said.map(|(name, value)| (name.clone(), value.clone())).collect(),
            "crm",
            self.now,
        );
        let handoff = Handoff {
            kind: "mql".into(),
            source: "crm".into(),
            from: "marketing".to_owned(),
            to: "sdr".to_owned(),
            score: Some(lead.score),
            amount: Some(Money { minor: lead.amount_minor, currency: "EUR".to_owned() }),
            ..Handoff::default()
        };
        (handoff, package)
    }

    fn choose(&self, (handoff, package): &Self::Given) -> Option<usize> {
        let Match { won, .. } = self.rules.matching(&self.config, handoff, package, self.now);
        place(won)
    }
}

/// Our rules, without saying why those before the winner do not hold.
pub(crate) struct Untraced(pub(crate) Ours);

impl Engine for Untraced {
    type Given = (Handoff, Package);

    fn give(&self, lead: &Lead) -> Self::Given {
        self.0.give(lead)
    }

    fn choose(&self, (handoff, package): &Self::Given) -> Option<usize> {
        let Ours { config, rules, now } = &self.0;
        place(rules.first(config, (handoff, package), *now))
    }
}

fn place(won: Option<Won>) -> Option<usize> {
    won?.rule.strip_prefix(NAME)?.parse().ok()
}

/// The crate `cel`: every clause compiled once, every rule asked in order.
pub(crate) struct Cel {
    env: Arc<Env>,
    rules: Vec<Vec<Program>>,
}

/// A lead's handoff, as clauses ask for it.
#[derive(Serialize)]
pub(crate) struct Amount {
    amount_minor: i64,
}

impl Cel {
    /// Compiles the clauses of these rules.
    pub(crate) fn new(rules: &[Rule]) -> Result<Self, String> {
        let env = Arc::new(Env::stdlib());
        let compile = |text: &String| env.compile(text).map_err(|error| format!("{text}: {error}"));
        let rules: Result<_, String> =
            rules.iter().map(|rule| rule.clauses().iter().map(compile).collect()).collect();
        Ok(Self { rules: rules?, env })
    }
}

impl Engine for Cel {
    type Given = (Lead, Amount);

    fn give(&self, lead: &Lead) -> Self::Given {
        (lead.clone(), Amount { amount_minor: lead.amount_minor })
    }

    fn choose(&self, (lead, handoff): &Self::Given) -> Option<usize> {
        let mut context = Context::with_env(Arc::clone(&self.env));
        context.add_variable_from_value("lead", cel::to_value(lead).ok()?);
        context.add_variable_from_value("handoff", cel::to_value(handoff).ok()?);
        let holds = |program: &Program| program.execute(&context) == Ok(Value::Bool(true));
        self.rules.iter().position(|clauses| clauses.iter().all(holds))
    }
}

/// The crate `zen-engine`: one decision table, hit policy `first`, compiled with its index.
pub(crate) struct Zen {
    decision: Decision,
}

impl Zen {
    /// Makes a table of these rules: a row each, a column a field.
    pub(crate) fn new(rules: &[Rule]) -> Result<Self, String> {
        let fields: std::collections::BTreeSet<&str> =
            rules.iter().flat_map(|rule| &rule.tests).map(Test::field).collect();
        let column = |field: &str| json!({ "id": field, "name": field, "field": field });
        let inputs: Vec<Json> = fields.into_iter().map(column).collect();
        let row = |(place, rule): (usize, &Rule)| {
            let cells = rule.tests.iter().map(|test| (test.field().to_owned(), cell(test).into()));
            let mut row: Map<String, Json> = cells.collect();
            row.insert("_id".to_owned(), place.to_string().into());
            row.insert("place".to_owned(), format!("'{place}'").into());
            Json::Object(row)
        };
        let rows: Vec<Json> = rules.iter().enumerate().map(row).collect();
        let node = |id: &str, kind: &str, content: Json| {
            let name = id;
            json!({ "id": id, "name": name, "type": kind, "content": content })
        };
        let edge = |from: &str, to: &str| {
            let id = format!("{from}-{to}");
            json!({ "id": id, "type": "edge", "sourceId": from, "targetId": to })
        };
        let graph = json!({
            "nodes": [
                node("in", "inputNode", json!({})),
                node("table", "decisionTableNode", json!({
                    "hitPolicy": "first",
                    "inputs": inputs,
                    "outputs": [column("place")],
                    "rules": rows,
                })),
                node("out", "outputNode", json!({})),
            ],
            "edges": [edge("in", "table"), edge("table", "out")],
        });
        let content: DecisionContent =
            serde_json::from_value(graph).map_err(|error| error.to_string())?;
        let graph = content.as_graph().cloned().ok_or("the table is no graph")?;
        let mut decision = Decision::from(graph);
        decision.compile();
        Ok(Self { decision })
    }
}

/// Writes a test as a cell of its column.
fn cell(test: &Test) -> String {
    match test {
        Test::AtLeast { number, .. } => format!(">= {number}"),
        Test::Among { texts, .. } => format!("'{}'", texts.join("', '")),
    }
}

impl Engine for Zen {
    type Given = Json;

    fn give(&self, lead: &Lead) -> Self::Given {
        json!(lead)
    }

    fn choose(&self, given: &Self::Given) -> Option<usize> {
        let answer = pollster::block_on(self.decision.evaluate(given.into())).ok()?;
        answer.result.dot("place")?.as_str()?.parse().ok()
    }
}
