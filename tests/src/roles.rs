//! What each function asks of AWS, listed as its role would name it, and the roles of the template.
//!
//! Every world listens: what a function asks for that its role does not allow would be refused on
//! AWS, and so fails the test that made it ask.

use crate::faults::operation_of;
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
        SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    runtime_components::RuntimeComponents,
};
use chrono::Duration;
use futures::FutureExt;
use local::{Functions, Handler, HttpHandler};
use runtime::Clock;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

tokio::task_local! {
    /// The function that is at work.
    static AT_WORK: &'static str;
}

/// What a function may ask for, or asked for: an action and what it is on, such as
/// `dynamodb:Query index/due`.
pub type Accesses = BTreeMap<String, BTreeSet<String>>;

static ROLES: LazyLock<Accesses> =
    LazyLock::new(|| roles(include_str!("../../infra/aws/template.yaml")));

/// What functions asked for, and how often they were at work; clones are the same list.
#[derive(Clone, Default)]
pub struct Listed {
    asked: Arc<Mutex<Accesses>>,
    worked: Arc<Mutex<BTreeMap<String, Worked>>>,
}

/// How often a function was at work, and for how long it waited, by the world's clock.
#[derive(Clone, Copy, Debug)]
pub struct Worked {
    /// How often.
    pub times: u64,
    /// How long, in all.
    pub waited: Duration,
}

impl Listed {
    /// Reads the list so far, by function.
    pub fn list(&self) -> Accesses {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lists what was asked for that a role of the template does not allow.
    pub(crate) fn refused(&self) -> Vec<String> {
        let nothing = BTreeSet::new();
        let asked = self.list();
        let refused = asked.iter().flat_map(|(function, asked)| {
            let may = ROLES.get(function).unwrap_or(&nothing);
            asked.difference(may).map(move |access| format!("{function} may not {access}"))
        });
        refused.collect()
    }

    /// Takes how often functions were at work since it was last taken. Intake is `hooks` where it was
    /// asked over HTTP.
    pub fn take_worked(&self) -> BTreeMap<String, Worked> {
        std::mem::take(&mut *self.worked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn worked(&self, name: &str, waited: Duration) {
        let mut all = self.worked.lock().unwrap_or_else(PoisonError::into_inner);
        let none = Worked { times: 0, waited: Duration::zero() };
        let one = all.entry(name.to_owned()).or_insert(none);
        *one = Worked { times: one.times + 1, waited: one.waited + waited };
    }

    fn add(&self, request: &HttpRequest) {
        let Ok(function) = AT_WORK.try_with(|function| *function) else { return };
        let mut all = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(function.to_owned()).or_default().extend(accesses(request));
    }
}

/// Reads what the template lets each function ask for, by the function's name in small letters.
pub fn template() -> Accesses {
    ROLES.clone()
}

/// Names what a request asks for.
fn accesses(request: &HttpRequest) -> Vec<String> {
    let operation = operation_of(request);
    let body = request.body().bytes().unwrap_or_default();
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    match operation.as_str() {
        "Publish" => vec!["sns:Publish topic".to_owned()],
        "PutEvents" => vec!["events:PutEvents bus".to_owned()],
        // Each part of a transaction is allowed by itself.
        "TransactWriteItems" => {
            let parts = body["TransactItems"].as_array().into_iter().flatten();
            let parts =
                parts.flat_map(|part| part.as_object().into_iter().flat_map(|it| it.keys()));
            let item = |part: &String| match part.as_str() {
                "ConditionCheck" => "dynamodb:ConditionCheckItem table".to_owned(),
                part => format!("dynamodb:{part}Item table"),
            };
            parts.map(item).collect()
        }
        "TransactGetItems" => vec!["dynamodb:GetItem table".to_owned()],
        operation => {
            let on = body["IndexName"].as_str().map(|index| format!("index/{index}"));
            vec![format!("dynamodb:{operation} {}", on.unwrap_or_else(|| "table".to_owned()))]
        }
    }
}

/// Reads the roles of the template: what they allow on the table, the bus and the topic. Logs,
/// queues, streams, keys and secrets are asked for by the platform, or not here.
fn roles(template: &str) -> Accesses {
    let mut roles = Accesses::new();
    let mut role: Option<String> = None;
    let mut statement = String::new();
    for line in template.lines().chain(["  End:"]) {
        let depth = line.len() - line.trim_start().len();
        let begins = line.trim_start().starts_with("- {Effect: Allow")
            || line.trim_start().starts_with("- Effect:");
        if begins || depth == 2 {
            if let Some(role) = &role {
                roles.entry(role.clone()).or_default().extend(allowed(&statement));
            }
            statement.clear();
        }
        if depth == 2 && !line.trim_start().starts_with('#') {
            let name = line.trim().trim_end_matches(':');
            role = name.strip_suffix("Role").map(str::to_lowercase);
        }
        statement.push_str(line);
        statement.push('\n');
    }
    roles.retain(|_, may| !may.is_empty());
    roles
}

/// Reads what one statement allows.
fn allowed(statement: &str) -> Vec<String> {
    if !statement.contains("Effect: Allow") {
        return Vec::new();
    }
    let words = |text: &str, prefix: &str| -> Vec<String> {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || ":/${}._".contains(c)));
        words.filter(|word| word.starts_with(prefix)).map(str::to_owned).collect()
    };
    let actions: Vec<String> = ["dynamodb:", "events:PutEvents", "sns:Publish"]
        .iter()
        .flat_map(|prefix| words(statement, prefix))
        .filter(|action| !action.contains("LeadingKeys"))
        .collect();
    let mut on: Vec<String> = Vec::new();
    for index in statement.split("${Table.Arn}/index/").skip(1) {
        let name: String =
            index.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        on.push(format!("index/{name}"));
    }
    on.extend(statement.contains("!GetAtt Table.Arn").then(|| "table".to_owned()));
    on.extend(statement.contains("!GetAtt Bus.Arn").then(|| "bus".to_owned()));
    on.extend(statement.contains("!Ref Topic}").then(|| "topic".to_owned()));
    let pairs = actions.iter().flat_map(|action| on.iter().map(move |on| format!("{action} {on}")));
    pairs.collect()
}

/// Makes functions that are known by their names while they are at work.
pub(crate) fn named(functions: Functions, listed: &Listed, clock: &Clock) -> Functions {
    let at = |name: &'static str, known: &'static str| Work {
        name,
        known,
        listed: listed.clone(),
        clock: clock.clone(),
    };
    Functions {
        intake: door(at("intake", "hooks"), functions.intake),
        desk: door(at("desk", "desk"), functions.desk),
        intake_queue: function(at("intake", "intake"), functions.intake_queue),
        router: function(at("router", "router"), functions.router),
        courier: function(at("courier", "courier"), functions.courier),
        relay: function(at("relay", "relay"), functions.relay),
        metrics: function(at("metrics", "metrics"), functions.metrics),
        sweep: function(at("sweep", "sweep"), functions.sweep),
        digest: function(at("digest", "digest"), functions.digest),
        audit: function(at("audit", "audit"), functions.audit),
    }
}

/// Who is at work: whose role it has, and what it is counted as.
#[derive(Clone)]
struct Work {
    name: &'static str,
    known: &'static str,
    listed: Listed,
    clock: Clock,
}

impl Work {
    async fn done<Out>(self, work: impl Future<Output = Out>) -> Out {
        let begun = self.clock.now();
        let done = AT_WORK.scope(self.name, work).await;
        self.listed.worked(self.known, self.clock.now() - begun);
        done
    }
}

fn function<In: Send + 'static, Out: Send + 'static>(
    at: Work,
    function: Handler<In, Out>,
) -> Handler<In, Out> {
    Arc::new(move |event| at.clone().done(function(event)).boxed())
}

fn door(at: Work, function: HttpHandler) -> HttpHandler {
    Arc::new(move |request| at.clone().done(function(request)).boxed())
}

/// Wraps an HTTP client so that what functions ask of it is listed.
pub(crate) fn listening(inner: SharedHttpClient) -> (SharedHttpClient, Listed) {
    let listed = Listed::default();
    (SharedHttpClient::new(Listening { inner, listed: listed.clone() }), listed)
}

struct Listening<Inner> {
    inner: Inner,
    listed: Listed,
}

impl<Inner> fmt::Debug for Listening<Inner> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listening")
    }
}

impl HttpClient for Listening<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Listening { inner, listed: self.listed.clone() })
    }
}

impl HttpConnector for Listening<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.listed.add(&request);
        self.inner.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_read_as_the_template_writes_it() {
        let roles = template();
        assert_eq!(roles.len(), 9, "{:?}", roles.keys());
        let has = |function: &str, access: &str| roles[function].contains(access);
        assert!(has("sweep", "dynamodb:Query index/due") && has("sweep", "events:PutEvents bus"));
        assert!(!has("sweep", "dynamodb:Query table") && !has("sweep", "sns:Publish topic"));
        assert!(has("relay", "sns:Publish topic") && !has("relay", "dynamodb:UpdateItem table"));
        assert!(
            has("audit", "dynamodb:PutItem table") && !has("audit", "dynamodb:PutItem index/due")
        );
        assert!(has("desk", "dynamodb:Query index/by_day"));
    }
}
