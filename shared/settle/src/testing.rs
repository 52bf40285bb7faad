//! What the tests of this crate start from: the sample organisation, and a handoff Amara has.

use chrono::{DateTime, Utc};
use domain::{
    Config, Handoff, Package, Stage, config,
    decide::{Targets, start_clocks},
    subject::{ObjectKind, Subject},
};

/// Reads an instant.
pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Loads the sample organisation.
pub(crate) fn config() -> Config {
    let text = include_str!("../../../infra/local/sample/organisation.toml");
    Config { version: 3, ..config::load(text).unwrap() }
}

/// Makes an MQL that Amara got on a Monday at nine.
pub(crate) fn handoff() -> Handoff {
    let config = config();
    let (key, kind) = config.types.get_key_value("mql").unwrap();
    let opened_at = at("2026-01-05T09:00:00Z");
    Handoff {
        id: "01KE6Q1V00000000000000000A".into(),
        version: 2,
        kind: key.clone(),
        lane: kind.lane.clone(),
        claim: "journey:j".to_owned(),
        journey: "j".into(),
        stage: Stage::Assigned,
        mode: kind.mode,
        config: config.version,
        source: "generic".into(),
        from: kind.from.clone(),
        to: kind.to.clone(),
        heat: kind.heat,
        owner: Some("amara".into()),
        pool: Some("sdr_emea".into()),
        rule: Some("Europe".to_owned()),
        score: Some(72),
        completeness: 45,
        triggered_at: opened_at,
        opened_at,
        assigned_at: Some(opened_at),
        clocks: start_clocks(
            kind,
            &config,
            Some(&"sdr_emea".into()),
            (opened_at, None),
            &Targets::new(),
        ),
        ..Handoff::default()
    }
}

/// Makes a package about somebody of this name and company.
pub(crate) fn package(name: &str, company: &str) -> Package {
    let subject = Subject {
        crm: Some("hubspot".to_owned()),
        object: Some(ObjectKind::Contact),
        id: Some("7".to_owned()),
        name: Some(name.to_owned()),
        email: Some("dana@acme.example".to_owned()),
        company: Some(company.to_owned()),
        ..Subject::default()
    };
    let mut package = Package { subject, ..Package::default() };
    let said = [("source".to_owned(), "webinar".into())].into();
    package.put(said, "generic", at("2026-01-05T09:00:00Z"));
    package
}
