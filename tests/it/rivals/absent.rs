//! Whoever is not there is given nothing, neither by the rotation nor by hand.

use super::*;

/// The European SDRs with one who takes part no more, one who has not begun, and one whose day has
/// not; Ben is away.
async fn thin() -> World {
    let reps = ["amara", "ben", "elena", "hana", "farid"];
    let members = reps.map(|rep| format!("{{ rep = \"{rep}\" }}")).join(", ");
    let members = format!("on_shift = true\nmembers = [{members}]");
    let people = [
        ("Elena Rossi", "active = false"),
        ("Hana Sato", "starts = \"2026-02-01\""),
        ("Farid Haddad", "calendar = \"new_york\""),
    ];
    let mut world = world(with_people(&[(MEMBERS, &members)], &people)).await;
    away(&mut world, "ben", Some("2026-01-09T17:00:00Z")).await;
    world
}

#[tokio::test]
async fn nobody_who_is_inactive_away_not_begun_or_off_shift_is_given_anything() {
    let mut world = thin().await;
    let ids = leads(&mut world, "lead", 4, "GB").await;
    assert_eq!(owners(&world, &ids).await, ["amara"; 4]);
    let trace = trace(&world, &ids[0]).await;
    let reasons: Vec<String> = trace
        .candidates
        .iter()
        .filter_map(|one| one.passed_over)
        .map(|it| it.to_string())
        .collect();
    let expected = ["is away", "takes no handoffs now", "has not begun yet", "is not on shift"];
    assert_eq!(reasons, expected);
    for (rep, sentence) in [
        ("ben", "Ben Whitlock would have to be back."),
        ("elena", "Elena Rossi would have to be active."),
        ("hana", "Hana Sato would have to have begun, as from 2 Feb 2026 09:00."),
        ("farid", "Farid Haddad would have to be on shift, as from 5 Jan 2026 14:00."),
    ] {
        assert_eq!(why_not(&mut world, &ids[0], rep).await, [sentence]);
    }
    explained(&mut world, &ids[..1]).await;
}

#[tokio::test]
async fn nobody_who_is_inactive_away_or_not_begun_is_given_anything_by_hand() {
    let mut world = thin().await;
    let id = leads(&mut world, "lead", 1, "GB").await.remove(0);
    let mut refused = Vec::new();
    for rep in ["ben", "elena", "hana"] {
        let answer = give(&mut world, &id, rep).await;
        refused.push((answer.status, said(&answer).to_owned()));
        assert_eq!(owner(&world, &id).await, "amara", "{answer:?}");
        assert_eq!(place(&world, "sdr_emea", rep).await.open, 0);
    }
    let expected = [
        "Ben Whitlock is away until Fri 9 Jan 2026, 17:00 GMT.",
        "Elena Rossi takes no handoffs now.",
        "Hana Sato begins on 1 Feb 2026.",
    ];
    assert_eq!(refused, expected.map(|said| (409, said.to_owned())));
    // Shifts are for the rotation: a person may know who begins early.
    assert_eq!(give(&mut world, &id, "farid").await.status, 200);
    world.outbox();
}
