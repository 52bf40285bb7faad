//! How a CRM's record of a handoff should stand now: owner, status, and a task that is there while
//! somebody has something to do.

use crate::{
    config::{ClaimBy, Config, Destination, Written},
    handoff::Handoff,
    ids::PersonId,
    package::Package,
    stage::Stage,
    subject::{ObjectKind, Reference},
};
use chrono::{DateTime, Duration, Utc};

/// The first clock of what is this pressing is answered by a call, with high priority, in minutes.
const PRESSING_MINUTES: i64 = 60;

/// How a record should stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// Who should own it; nobody means that it stays as it is.
    pub owner: Option<PersonId>,
    /// The property a status is written to, where it is not the vendor's own, and the status.
    pub status: Option<(Option<String>, String)>,
    /// The task; nothing where none is wanted.
    pub task: Option<CrmTask>,
}

/// A task for the owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrmTask {
    /// Its one line; ends with the handoff's id in brackets, by which it is found again.
    pub subject: String,
    /// What is said below.
    pub text: String,
    /// When it is due.
    pub due_at: DateTime<Utc>,
    /// Whether it is a call with high priority.
    pub pressing: bool,
    /// How it stands.
    pub state: TaskState,
}

/// How a task in a CRM stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// It is to be done.
    Open,
    /// It was done.
    Done,
    /// It need not be done any more.
    Dropped,
}

/// Says how a handoff's record should stand in a CRM.
pub fn desired(
    handoff: &Handoff,
    package: &Package,
    destination: &Destination,
    config: &Config,
) -> Desired {
    let writes = destination.writes(&handoff.kind);
    let writes = |what| writes.contains(&what);
    // What came back or ended stays with who had it last: whose it is now is not ours to say.
    let owner = handoff.owner.clone().filter(|_| handoff.stage.is_open());
    let status = destination.statuses.get(&handoff.stage).cloned();
    let status = status.map(|status| (destination.status_property.clone(), status));
    Desired {
        owner: owner.filter(|_| writes(Written::Owner)),
        status: status.filter(|_| writes(Written::Status)),
        task: writes(Written::Task).then(|| task(handoff, package, config)).flatten(),
    }
}

fn task(handoff: &Handoff, package: &Package, config: &Config) -> Option<CrmTask> {
    let name = config.types.get(&handoff.kind).map_or(handoff.kind.as_str(), |kind| &kind.name);
    let clock = handoff.leading_clock();
    let due_at = clock.map_or(handoff.triggered_at + Duration::days(1), |clock| clock.due_at);
    let first = handoff.clocks.iter().map(|clock| clock.due_at).min();
    let pressing =
        first.is_some_and(|due| due - handoff.triggered_at <= Duration::minutes(PRESSING_MINUTES));
    let state = match handoff.stage {
        _ if handoff.first_touch_at.is_some() => TaskState::Done,
        Stage::Completed => TaskState::Done,
        Stage::Returned | Stage::Recycled | Stage::Cancelled => TaskState::Dropped,
        _ => TaskState::Open,
    };
    let test = if handoff.test { "Test: " } else { "" };
    let does = if pressing { "call" } else { "get in touch with" };
    let desk = config.organisation.public_url.trim_end_matches('/');
    let missing = match handoff.completeness {
        100 => String::new(),
        percent => format!(" The package is {percent} % complete: the page says what is missing."),
    };
    Some(CrmTask {
        subject: format!("{test}{name}: {does} {} [{}]", package.title(), handoff.id),
        text: format!("{desk}/handoffs/{}\n\n{name} from {}.{missing}", handoff.id, handoff.from),
        due_at,
        pressing,
        state,
    })
    .filter(|_| handoff.owner.is_some() || state != TaskState::Open)
}

/// Finds the record a handoff is about in a CRM that keeps such records: the deal or account its
/// lane counts by, else the person.
pub fn object(
    handoff: &Handoff,
    package: &Package,
    (system, keeps): (&str, &dyn Fn(ObjectKind) -> bool),
    config: &Config,
) -> Option<Reference> {
    use ObjectKind::{Account, Contact, Deal, Lead};
    let claim = config.lanes.get(&handoff.lane).map_or(ClaimBy::Journey, |lane| lane.claim);
    let order = match claim {
        // A lead that was converted is a contact, and its own record can be written no more.
        ClaimBy::Journey => [Contact, Lead, Deal, Account],
        ClaimBy::Deal => [Deal, Account, Contact, Lead],
        ClaimBy::Account => [Account, Deal, Contact, Lead],
    };
    let known = package.subject.all_references();
    let of = |object| known.iter().find(|one| one.object == object && one.system == system);
    order.into_iter().filter(|object| keeps(*object)).find_map(of).cloned()
}
