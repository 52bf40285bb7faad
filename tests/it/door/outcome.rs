//! What a good message comes to when nobody can take it: row 41.

use super::{Door, hook::Hook, posts};
use chrono::Duration;
use local::sample::ORGANISATION;
use serde_json::json;
use tests::Setting;

const MEMBERS: &str = "members = [{ rep = \"amara\" }, { rep = \"ben\" }]";

fn changed(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(ORGANISATION.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    })
}

#[tokio::test]
async fn row_41_what_nobody_can_take_says_why_and_its_manager_hears_of_it() {
    let round_and_round = changed(&[
        ("name = \"SDR Europe\"\n", "name = \"SDR Europe\"\notherwise = [\"pool:sdr_americas\"]\n"),
        ("name = \"SDR Americas\"\n", "name = \"SDR Americas\"\notherwise = [\"pool:sdr_emea\"]\n"),
        ("capacity = 40", "capacity = 0"),
    ]);
    // A pool without anybody is refused by `handoff check`, unless it asks another.
    let empty = "members = []\notherwise = [\"pool:sdr_americas\"]";
    let inactive = ["Amara Okafor", "Ben Whitlock"].map(|name| {
        (format!("name = \"{name}\"\n"), format!("name = \"{name}\"\nactive = false\n"))
    });
    let inactive: Vec<(&str, &str)> =
        inactive.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
    for (what, organisation, absent) in [
        ("an empty team", changed(&[(MEMBERS, empty), ("capacity = 40", "capacity = 0")]), false),
        ("a team of which nobody takes part", changed(&inactive), false),
        ("all at capacity", changed(&[("capacity = 40", "capacity = 0")]), false),
        ("all absent", ORGANISATION.to_owned(), true),
        ("pools that ask each other", round_and_round, false),
    ] {
        let mut door = Door::of(Setting { organisation, ..Setting::default() }).await;
        for rep in ["amara", "ben"].into_iter().filter(|_| absent) {
            let path = format!("/api/reps/{rep}/absence");
            let until = (door.world.now() + Duration::days(2)).to_rfc3339();
            let away = json!({ "from": door.world.now().to_rfc3339(), "to": until });
            let by = [("x-handoff-person", "priya")];
            let answer = door.world.call(http::Method::POST, &path, &by, away).await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        let received = door.world.now();
        let body = Hook::Generic.opens("7", received, "x");
        let handoff = door.opens(posts(&door, Hook::Generic, "m", body), what).await;
        let handoff = door.world.handoff(&handoff.id).await;
        assert_eq!(handoff.owner, None, "{what}");
        let routing = handoff.routing.unwrap();
        assert!(!routing.reason.is_empty() && routing.reason != "new", "{what}: {routing:?}");
        door.world.until(received + Duration::seconds(59)).await;
        let mail = door.world.read_mail();
        let told = mail.iter().filter(|(subject, _)| subject.starts_with("No owner: Hot lead"));
        assert_eq!(told.count(), 1, "{what}, within a minute: {mail:?}");
    }
}
