//! The deployment template says what the code does: its table, its functions, what they read from
//! their environment, its queues, its schedules.

use runtime::Figure;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// How each variable is read, as a function's main says it.
const READ_BY: [(&str, &str); 5] = [
    ("TABLE", "store()"),
    ("BUS", ".bus()"),
    ("TOPIC", ".topic()"),
    ("TOKENS", "desk_tokens()"),
    ("RUST_LOG", "telemetry::in_lambda()"),
];

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

fn template() -> String {
    read("infra/aws/template.yaml")
}

/// Splits the template's resources by their logical names.
fn resources(template: &str) -> BTreeMap<String, String> {
    let section = template.split("\nResources:\n").nth(1).unwrap();
    let section = section.split("\nOutputs:\n").next().unwrap();
    let mut resources: BTreeMap<String, String> = BTreeMap::new();
    let mut current = String::new();
    for line in section.lines() {
        let is_name = line.starts_with("  ") && !line.starts_with("   ") && line.ends_with(':');
        if is_name && !line.trim_start().starts_with('#') {
            current = line.trim().trim_end_matches(':').to_owned();
        }
        *resources.entry(current.clone()).or_default() += &format!("{line}\n");
    }
    resources
}

#[test]
fn every_function_is_deployed_and_nothing_else_is() {
    let resources = resources(&template());
    let deployed: Vec<&str> = resources
        .iter()
        .filter(|(_, text)| text.contains("Type: AWS::Serverless::Function"))
        .map(|(name, _)| name.as_str())
        .collect();
    let functions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions");
    let mut expected: Vec<String> = fs::read_dir(functions)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| name[..1].to_uppercase() + &name[1..])
        .collect();
    expected.sort();
    assert_eq!(deployed, expected);
    for name in &deployed {
        let lower = name.to_lowercase();
        assert!(resources[*name].contains(&format!("functions/{lower}")), "{name}");
        assert!(resources.contains_key(&format!("{name}Role")), "{name} has a role of its own");
        assert!(resources.contains_key(&format!("{name}Log")), "{name} has a log that expires");
    }
}

#[test]
fn every_variable_the_code_reads_is_known_here() {
    let code = read("shared/runtime/src/environment.rs");
    let calls = code.split("optional(\"").chain(code.split("needed(\"")).skip(1);
    let names = calls.filter_map(|rest| rest.split_once("\")").map(|(name, _)| name));
    let is_name = |name: &&str| name.chars().all(|one| one.is_ascii_uppercase() || one == '_');
    // Lambda sets its own; a region's endpoints are the SDK's to find.
    let ours = names.filter(is_name).filter(|name| !name.starts_with("AWS_"));
    let ours: BTreeSet<&str> = ours.collect();
    assert_eq!(ours, READ_BY.iter().map(|(variable, _)| *variable).collect());
}

#[test]
fn a_function_is_given_the_variables_it_reads_and_no_others() {
    let template = template();
    let globals = template.split("\nGlobals:\n").nth(1).unwrap();
    let globals = globals.split("\nResources:\n").next().unwrap();
    for (name, text) in resources(&template) {
        if !text.contains("Type: AWS::Serverless::Function") {
            continue;
        }
        let main = read(&format!("functions/{}/src/main.rs", name.to_lowercase()));
        for (variable, call) in READ_BY {
            let given = |text: &str| {
                let variables = text.lines().filter(|line| line.contains("Variables: {"));
                variables.flat_map(|line| line.split(['{', ','])).any(|entry| {
                    entry.trim().split_once(": ").is_some_and(|(key, _)| key == variable)
                })
            };
            let is_given = given(&text) || given(globals);
            assert_eq!(is_given, main.contains(call), "{name}: {variable}");
        }
    }
}

#[test]
fn the_table_is_the_one_the_store_makes() {
    let template = template();
    let resources = resources(&template);
    let table = &resources["Table"];
    let made = read("shared/store/src/keys.rs");
    for constant in [
        "PK",
        "SK",
        "TTL",
        "DUE",
        "DUE_SHARD",
        "DUE_AT",
        "QUEUE",
        "QUEUE_KEY",
        "URGENCY",
        "BY_DAY",
        "DAY_SHARD",
        "DAY_AT",
    ] {
        let line = format!("const {constant}: &str = \"");
        let value = made.split(&line).nth(1).unwrap().split('"').next().unwrap();
        assert!(table.contains(value), "{constant} = {value}");
    }
    let lists = read("shared/store/src/lists.rs");
    let shows = lists.split("const QUEUE_SHOWS: ").nth(1).unwrap().split("= [").nth(1).unwrap();
    let shows: String =
        shows.split("];").next().unwrap().split_whitespace().collect::<String>().replace('"', "");
    let shows = shows.trim_end_matches(',').replace(',', ", ");
    let line = format!("NonKeyAttributes: [{shows}]");
    assert!(table.contains(&line), "a queue shows {shows}");
    for kept in ["DeletionProtectionEnabled: true", "PointInTimeRecovery", "NEW_IMAGE"] {
        assert!(table.contains(kept), "{kept}");
    }
}

#[test]
fn no_role_has_a_wildcard_and_none_may_scan() {
    for (name, text) in resources(&template()) {
        if !text.contains("Type: AWS::IAM::Role") {
            continue;
        }
        for line in text.lines().filter(|line| line.contains("Resource")) {
            let spelled_out = !line.contains("'*'") && !line.contains("index/*");
            assert!(spelled_out, "{name}: {line}");
        }
        assert!(!text.contains("Scan") && !text.contains("dynamodb:*"), "{name}");
    }
}

#[test]
fn whoever_looks_secrets_up_may_read_them_and_nobody_else() {
    for (name, text) in resources(&template()) {
        let Some(function) = name.strip_suffix("Role") else { continue };
        let main = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions");
        let main = main.join(function.to_lowercase()).join("src/main.rs");
        let Ok(main) = fs::read_to_string(main) else { continue };
        let may = text.contains("secretsmanager:GetSecretValue");
        assert_eq!(may, main.contains(".secrets()"), "{name}");
    }
}

#[test]
fn the_sweep_may_read_what_it_asks_again_for_and_the_audit_writes_its_beat_only() {
    let resources = resources(&template());
    assert!(resources["SweepRole"].contains("index/queue"));
    let audit = &resources["AuditRole"];
    assert!(audit.contains("'dynamodb:LeadingKeys': [BEAT]") && !audit.contains("UpdateItem"));
}

#[test]
fn what_reaches_the_functions_here_reaches_them_there() {
    let template = template();
    for rule in local::assembly::rules() {
        for kind in rule.detail_types {
            let routed = match kind.strip_suffix('*') {
                Some(prefix) => format!("{{prefix: {prefix}}}"),
                None => kind,
            };
            assert!(template.contains(&routed), "{routed} is routed");
        }
    }
    for needed in
        ["ReportBatchItemFailures", "TumblingWindowInSeconds", "BisectBatchOnFunctionError"]
    {
        assert!(template.contains(needed), "{needed}");
    }
}

#[test]
fn what_is_counted_from_a_log_is_what_the_code_says_there() {
    let resources = resources(&template());
    let door = read("functions/intake/src/door.rs");
    let filters: Vec<&String> =
        resources.values().filter(|text| text.contains("AWS::Logs::MetricFilter")).collect();
    assert_eq!(filters.len(), 2);
    for filter in filters {
        let said = filter.split("$.message = ").nth(1).unwrap().split(" }").next().unwrap();
        let line = door.lines().find(|line| line.contains(said)).expect(said);
        assert!(line.contains("tracing::warn!(hook.source = %key"), "its source is said: {line}");
    }
    assert!(resources["BodyTooLarge"].contains("MetricName: BodiesTooLarge"));
}

#[test]
fn whoever_is_woken_by_an_alarm_finds_what_to_do() {
    let resources = resources(&template());
    let readme = read("README.md");
    let runbook = readme.split("\n## When an alarm goes off\n").nth(1).expect("a runbook");
    let runbook = runbook.split("\n## ").next().unwrap();
    let alarms = resources.iter().filter(|(_, text)| text.contains("AWS::CloudWatch::Alarm"));
    let alarms: Vec<(&String, &String)> = alarms.collect();
    for (name, text) in &alarms {
        assert!(runbook.contains(&format!("- `{name}`: ")), "{name} has an entry");
        assert!(text.contains("AlarmActions: [!Ref Topic]"), "{name} is heard");
        assert!(
            text.contains("AlarmDescription: ") && text.contains("; look "),
            "{name} says where"
        );
        assert!(
            resources["Dashboard"].contains(&format!("\"${{{name}.Arn}}\"")),
            "{name} is shown"
        );
    }
    let entries = runbook.lines().filter(|line| line.starts_with("- `"));
    assert_eq!(entries.count(), alarms.len(), "every entry is of an alarm");
}

#[test]
fn every_schedule_has_an_alarm_for_its_silence() {
    let resources = resources(&template());
    let schedules =
        resources.iter().filter(|(_, text)| text.contains("Type: AWS::Scheduler::Schedule\n"));
    let names = schedules.filter_map(|(name, _)| name.strip_suffix("Timer"));
    // CloudWatch looks back a week at most, so a weekly run's silence is seen by no alarm; that the
    // function answers is seen every day, and what does not reach it by `ScheduleFailing`.
    let (rare, daily): (Vec<&str>, Vec<&str>) =
        names.partition(|name| name.starts_with("Weekly") || name.starts_with("Monthly"));
    assert_eq!(rare, ["MonthlyDigest", "WeeklyDigest"]);
    for name in rare {
        let timer = &resources[&format!("{name}Timer")];
        assert!(timer.contains("DeadLetterConfig: {Arn: !GetAtt DigestDead.Arn}"), "{name}");
    }
    assert_eq!(daily, ["Audit", "Digest", "Sweep"]);
    for name in daily {
        let alarm = &resources[&format!("{name}Silent")];
        assert!(alarm.contains(&format!("MetricName: {name}Beat")), "{name}");
        assert!(alarm.contains("TreatMissingData: breaching"), "{name}");
    }
}

#[test]
fn the_dashboard_is_json_about_what_is_deployed() {
    let resources = resources(&template());
    let body = resources["Dashboard"].split("DashboardBody: !Sub |\n").nth(1).unwrap();
    serde_json::from_str::<serde_json::Value>(body)
        .expect("JSON, also before anything is filled in");
    for name in body.split("${").skip(1).filter_map(|rest| rest.split(['.', '}', ':']).next()) {
        assert!(name == "AWS" || resources.contains_key(name), "{name}");
    }
}

#[test]
fn every_source_that_ships_has_a_route_and_a_throttle_of_its_own() {
    let template = template();
    let resources = resources(&template);
    let outputs = template.split("\nOutputs:\n").nth(1).unwrap();
    let stage = &resources["GatewayStage"];
    let lines = stage.lines().map(str::trim).filter(|line| line.starts_with("POST /hooks/"));
    let keys: Vec<&str> = lines.filter_map(|line| line.strip_suffix(':')).collect();
    for key in &keys {
        let is_its = |text: &String| {
            text.contains(&format!("RouteKey: {key},"))
                || text.contains(&format!("RouteKey: '{key}',"))
        };
        let (route, _) = resources.iter().find(|(_, text)| is_its(text)).expect(key);
        let waits = stage.lines().find(|line| line.contains("DependsOn: ")).unwrap();
        assert!(waits.contains(route.as_str()), "the stage is made after {route}");
    }
    let sample = read("infra/local/sample/organisation.toml");
    let sections =
        sample.lines().filter_map(|line| line.strip_prefix("[sources.")?.split_once(']'));
    let sources: Vec<&str> =
        sections.map(|(source, _)| source).filter(|source| !source.contains('.')).collect();
    assert_eq!(sources.len(), 5);
    for source in sources {
        let path = format!("POST /hooks/{source}");
        let tokened = format!("{path}/{{token}}");
        let is_throttled = keys.iter().any(|key| *key == path || *key == tokened);
        assert!(is_throttled, "{source} has a throttle");
        assert!(outputs.contains(&format!("/hooks/{source}")), "{source} has an output");
    }
}

#[test]
fn alarms_and_dashboard_go_by_figures_the_code_says_and_by_every_one_of_them() {
    let template = template();
    let named: BTreeSet<&str> = Figure::ALL.into_iter().map(Figure::name).collect();
    let resources = resources(&template);
    let mut used = BTreeSet::new();
    for text in resources.values().filter(|text| text.contains("Namespace: Handoff")) {
        let metric = text.lines().find_map(|line| line.trim().strip_prefix("MetricName: "));
        used.extend(metric);
        assert!(text.contains("{Name: table, Value: !Ref Table}"), "{text}");
    }
    let dashboard = &resources["Dashboard"];
    let shown = dashboard.split("[\"Handoff\",\"").skip(1);
    used.extend(shown.filter_map(|rest| rest.split('"').next()));
    assert_eq!(used, named);
}
