//! What is shipped to start from: every sample is good, has the shape its schema says, and does what
//! its comments say.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails, and says where"
)]

use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const SAMPLES: [&str; 3] = ["organisation", "small", "enterprise"];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../local/sample")
}

fn path(name: &str) -> String {
    folder().join(format!("{name}.toml")).to_string_lossy().into_owned()
}

/// Runs the command; what it says, and whether it went well.
fn handoff(arguments: &[&str]) -> (String, bool) {
    let output = Command::new(env!("CARGO_BIN_EXE_handoff")).args(arguments).output();
    let output = output.expect("the binary runs");
    let said = [output.stdout, output.stderr].concat();
    (String::from_utf8_lossy(&said).into_owned(), output.status.success())
}

fn document(name: &str) -> Value {
    let text = fs::read_to_string(path(name)).expect("a sample");
    let table: toml::Table = text.parse().expect("TOML");
    serde_json::to_value(table).expect("JSON")
}

#[test]
fn every_sample_is_good() {
    for name in SAMPLES {
        let (said, good) = handoff(&["check", &path(name)]);
        assert!(good && said.contains(" is good: "), "{said}");
    }
}

#[test]
fn the_schema_that_is_shipped_is_the_one_the_code_has() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (of, file) in [
        ("configuration", "infra/local/sample/handoff.schema.json"),
        ("hook", "functions/intake/generic.schema.json"),
        ("webhook", "functions/courier/webhook.schema.json"),
        ("event", "functions/relay/event.schema.json"),
    ] {
        let shipped = fs::read_to_string(project.join(file)).expect("a file");
        let (made, _) = handoff(&["schema", of]);
        assert!(shipped == made, "write it anew: `handoff schema {of} > {file}`");
    }
}

#[test]
fn the_schema_takes_every_sample_and_not_what_the_check_refuses() {
    let schema: Value = serde_json::from_str(&handoff(&["schema"]).0).expect("a document");
    let takes = |document: &Value| jsonschema::is_valid(&schema, document);
    for name in SAMPLES {
        let document = document(name);
        let wrong: Vec<String> = jsonschema::validator_for(&schema)
            .expect("a schema")
            .iter_errors(&document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{name}: {wrong:?}");
    }
    let good = document("organisation");
    for (pointer, name, value) in [
        ("/organisation", "tinezone", Value::from("Europe/London")),
        ("/types/mql", "heat", "hot".into()),
        ("/types/mql/clocks/0", "target", "soon".into()),
        ("/types/mql/clocks/0", "stop", "success!".into()),
        ("", "enrichment", Value::Object(serde_json::Map::new())),
    ] {
        let mut other = good.clone();
        let place = other.pointer_mut(pointer).and_then(Value::as_object_mut).expect("a place");
        place.insert(name.to_owned(), value);
        assert!(!takes(&other), "{pointer}/{name} is no configuration");
    }
}

/// Where a lead of the enterprise goes.
fn routed(lead: &Value, kind: &str) -> String {
    let file = std::env::temp_dir().join(format!("handoff-lead-{}-{kind}", std::process::id()));
    fs::write(&file, lead.to_string()).expect("a file");
    let lead = file.to_string_lossy().into_owned();
    let enterprise = path("enterprise");
    let at = "2026-03-03T09:00:00Z";
    let call = ["route", "--lead", &lead, "--type", kind, "--config", &enterprise];
    let (said, _) = handoff(&[&call[..], &["--at", at, "--json"]].concat());
    let _ = fs::remove_file(file);
    let said: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"));
    said["pool"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn the_enterprise_sends_leads_where_its_comments_say() {
    let lead = |country: &str, more: Value| {
        let mut fields = serde_json::json!({ "source": "webinar" });
        let more = more.as_object().expect("fields").clone();
        fields.as_object_mut().expect("fields").extend(more);
        serde_json::json!({
            "type": "lead.scored", "timestamp": "2026-03-03T09:00:00Z",
            "data": {
                "subject": { "email": "dana@acme.example", "country": country },
                "fields": fields,
            },
        })
    };
    let large = serde_json::json!({ "employees": 4000 });
    let none = serde_json::json!({});
    let rows = [
        ("hot_lead", "JP", &none, "hot"),
        ("mql", "BR", &none, "sdr_amer"),
        ("mql", "FR", &none, "sdr_emea"),
        ("mql", "AU", &none, "sdr_apac"),
        ("meeting_set", "US", &none, "ae_amer"),
        ("meeting_set", "US", &large, "ae_amer_large"),
        ("meeting_set", "DE", &large, "ae_emea_large"),
        ("expansion", "SG", &large, "ae_apac"),
        ("closed_won", "US", &none, "cs_amer"),
        ("closed_won", "ES", &none, "cs_emea"),
    ];
    for (kind, country, more, pool) in rows {
        assert_eq!(routed(&lead(country, more.clone()), kind), pool, "{kind} of {country}");
    }
}
