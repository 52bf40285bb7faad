//! The functions on the local cloud: the one place here that knows them.
//!
//! It does what the deployment template does: gives each function its parts and no others, and says
//! which events, queues and schedules reach it.

use crate::{
    Every, Functions, On, Parts, Rule, Schedule, ScheduledFunction, handler, http_handler,
};
use audit::Audit;
use chrono::NaiveTime;
use courier::Courier;
use desk::{Access, Desk};
use digest::{Digest, Wanted};
use domain::{AttemptId, Config, config, digest::stretch::Period};
use intake::Intake;
use metrics::Metrics;
use relay::Relay;
use router::{Enricher, Router};
use runtime::{Clock, Configs, Environment, Ids, Secrets};
use serde_json::json;
use store::{Meter, Store, StoreError, StoredConfig, create_table};
use sweep::Sweep;

/// The table's name on this machine.
pub const TABLE: &str = "handoff";

/// The topic's name on this machine.
const TOPIC: &str = "arn:aws:sns:local:000000000000:handoff";

/// What the functions are given besides their clients.
#[derive(Clone)]
pub struct Wiring {
    /// What time it is.
    pub clock: Clock,
    /// Where ids come from.
    pub ids: Ids,
    /// How many things one invocation works on at once: one, where the order must be the same every
    /// time.
    pub abreast: usize,
}

/// Points the SDK at a local cloud's endpoints.
pub fn environment(parts: &Parts) -> Environment {
    let endpoints = (parts.dynamodb_endpoint(), parts.wire_endpoint());
    Environment::local(&endpoints.0, &endpoints.1, TOPIC).with_account(parts.account())
}

/// Lists the bus's rules: which events feed which queue.
pub fn rules() -> Vec<Rule> {
    let rule = |name: &str, kinds: &[&str], queue: &str| Rule {
        name: name.to_owned(),
        detail_types: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        leads_only: false,
        queue: queue.to_owned(),
    };
    let routed =
        ["handoff.opened", "handoff.resubmitted", "handoff.routing_requested", "handoff.waiting"];
    vec![
        rule("to-be-routed", &routed, "router"),
        rule("places-freed", &router::FREES_A_PLACE, "router"),
        rule("to-be-settled", &["receipt.pending"], "intake"),
        Rule { leads_only: true, ..rule("to-be-told", &["handoff.*"], "courier") },
        rule("due-again", &[courier::DELIVERY_DUE], "courier"),
    ]
}

/// When the audit runs: after the day's last numbers, before anybody reads them.
const NIGHT: NaiveTime = match NaiveTime::from_hms_opt(3, 30, 0) {
    Some(time) => time,
    None => NaiveTime::MIN,
};

/// Lists the schedules of an organisation.
pub fn schedules(config: &Config) -> Vec<Schedule> {
    let at = NaiveTime::parse_from_str(&config.organisation.digest_at, "%H:%M");
    let (at, zone) = (at.unwrap_or_default(), config.organisation.timezone);
    let digest = |period: Period, on: On| Schedule {
        name: format!("digest-{period}"),
        function: ScheduledFunction::Digest,
        every: Every::Days { on, at, zone },
        input: json!({ "period": period }),
    };
    vec![
        Schedule {
            name: "sweep".to_owned(),
            function: ScheduledFunction::Sweep,
            every: Every::Minutely,
            input: json!({}),
        },
        digest(Period::Daily, On::EveryDay),
        digest(Period::Weekly, On::Mondays),
        digest(Period::Monthly, On::Firsts),
        Schedule {
            name: "audit-nightly".to_owned(),
            function: ScheduledFunction::Audit,
            every: Every::Days { on: On::EveryDay, at: NIGHT, zone },
            input: json!({}),
        },
    ]
}

/// What the functions' requests to the table are counted by.
#[derive(Clone)]
pub struct Meters {
    /// Intake, router, relay, desk and digest: what the life of a handoff costs.
    pub life: Meter,
    /// The sweep: what keeping deadlines costs.
    pub sweep: Meter,
    /// Metrics: what counting costs.
    pub metrics: Meter,
    /// The courier: what telling others costs.
    pub courier: Meter,
}

/// Makes the functions, each of its own parts.
pub fn functions(environment: &Environment, wiring: &Wiring) -> Functions {
    metered(environment, wiring).0
}

/// Makes the functions, and what their requests are counted by.
pub fn metered(environment: &Environment, wiring: &Wiring) -> (Functions, Meters) {
    entered(environment, wiring, Access::picker())
}

/// Makes the functions with a desk that is entered another way: how tests sign in.
pub fn entered(environment: &Environment, wiring: &Wiring, access: Access) -> (Functions, Meters) {
    let Wiring { clock, ids, abreast } = wiring.clone();
    let store = environment.store();
    let (sweeping, counting) = (environment.store(), environment.store());
    let telling = environment.store();
    let meters = Meters {
        life: store.meter().clone(),
        sweep: sweeping.meter().clone(),
        metrics: counting.meter().clone(),
        courier: telling.meter().clone(),
    };
    let configs = || Configs::new(store.clone());
    let timed = || (clock.clone(), ids.clone());

    let told = (Secrets::sample(), environment.outside());
    let intake = Intake::new(store.clone(), configs(), told, timed(), abreast);
    let known = (configs(), Secrets::sample());
    let enricher = Enricher::new(store.clone(), known, environment.outside(), timed());
    let router = Router::new(store.clone(), configs(), enricher, timed());
    let outward = (environment.bus(), environment.topic());
    let relay = Relay::new(store.clone(), configs(), outward, clock.clone());
    let known = (Configs::new(telling.clone()), Secrets::sample());
    let outward = (environment.outside(), environment.topic());
    let courier = Courier::new(telling, known, outward, timed());
    let metrics = Metrics::new(counting, clock.clone(), ids.clone());
    let bus = environment.bus();
    let plans = Configs::new(sweeping.clone());
    let sweep = Sweep::new(sweeping, plans, clock.clone(), ids.clone(), bus, abreast);
    let topic = environment.topic();
    let digest = Digest::new(store.clone(), configs(), topic, clock.clone(), ids.clone());
    let audit = Audit::new(environment.store(), configs(), clock.clone());
    let mails = environment.topic();
    let entry = (access, environment.outside());
    let desk = Desk::new(store.clone(), (configs(), Secrets::sample()), timed(), entry);

    let hooks = intake.clone();
    let functions = Functions {
        intake: http_handler(move |request| {
            let intake = hooks.clone();
            async move { intake.handle(request).await }
        }),
        desk: http_handler(move |request| {
            let desk = desk.clone();
            async move { desk.handle(request).await }
        }),
        intake_queue: handler(move |batch| {
            let intake = intake.clone();
            async move { Ok::<_, String>(intake.drain(batch).await) }
        }),
        router: handler(move |batch| {
            let router = router.clone();
            async move { Ok::<_, String>(router.handle(batch).await) }
        }),
        courier: handler(move |batch| {
            let courier = courier.clone();
            async move { Ok::<_, String>(courier.handle(batch).await) }
        }),
        relay: handler(move |batch| {
            let relay = relay.clone();
            async move { Ok::<_, String>(relay.handle(batch).await) }
        }),
        metrics: handler(move |batch| {
            let metrics = metrics.clone();
            async move { Ok::<_, String>(metrics.handle(batch).await) }
        }),
        sweep: handler(move |event: aws_lambda_events::event::eventbridge::EventBridgeEvent| {
            let (sweep, clock) = (sweep.clone(), clock.clone());
            async move {
                let scheduled = event.time.unwrap_or_else(|| clock.now());
                sweep.handle(scheduled).await.map(|_| ())
            }
        }),
        digest: handler(move |event: aws_lambda_events::event::eventbridge::EventBridgeEvent| {
            let digest = digest.clone();
            async move {
                let wanted: Wanted =
                    serde_json::from_value(event.detail).map_err(|error| error.to_string())?;
                let scheduled = event.time.unwrap_or_default();
                digest.handle(wanted, scheduled).await.map(|_| ()).map_err(|why| why.to_string())
            }
        }),
        audit: handler(move |event: aws_lambda_events::event::eventbridge::EventBridgeEvent| {
            let (audit, topic) = (audit.clone(), mails.clone());
            async move {
                let scheduled = event.time.unwrap_or_default();
                audit.nightly(scheduled, &topic).await.map(|_| ())
            }
        }),
    };
    (functions, meters)
}

/// Why an organisation could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The table could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The configuration is wrong.
    #[error("the configuration has {} problems, the first: {}", .0.len(), .0[0])]
    Config(Vec<config::Problem>),
}

/// Makes the table if there is none, and pushes the configuration if it is not the active one.
///
/// # Errors
/// When the configuration is wrong or the table cannot be used.
pub async fn establish(store: &Store, text: &str, wiring: &Wiring) -> Result<Config, SetupError> {
    let config = config::load(text).map_err(SetupError::Config)?;
    let active = stored(store).await?;
    if let Some(StoredConfig { version, .. }) = active.as_ref().filter(|it| it.text == text) {
        return Ok(Config { version: *version, ..config });
    }
    let now = wiring.clock.now();
    let attempt = AttemptId(wiring.ids.ulid(now));
    let after = active.map(|active| active.version);
    let version = store.push_config(text, after, &attempt, now).await?;
    Ok(Config { version, ..config })
}

/// Makes the table if there is none, and reads the active configuration; none before the first
/// push.
///
/// # Errors
/// When the table cannot be used.
pub async fn stored(store: &Store) -> Result<Option<StoredConfig>, SetupError> {
    create_table(store).await?;
    Ok(store.active_config().await?)
}
