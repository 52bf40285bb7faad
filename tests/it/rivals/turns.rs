//! Turns are fair: through imports, changed rosters, pools that help out, and absences.

use super::*;
use domain::routing::TURN;

const WITH_HANA: &str = "members = [{ rep = \"amara\" }, { rep = \"ben\" }, { rep = \"hana\" }]";

fn counts<const N: usize>(counts: [(&str, usize); N]) -> BTreeMap<String, usize> {
    counts.map(|(rep, count)| (rep.to_owned(), count)).into()
}

/// Checks that these many leads were spread over the reps as evenly as they can be.
async fn are_even(world: &World, ids: &[HandoffId], reps: &[&str]) {
    let shares = shares(world, ids).await;
    let of = |rep: &&str| shares.get(*rep).copied().unwrap_or(0);
    let (most, least) = (reps.iter().map(of).max(), reps.iter().map(of).min());
    assert!(most.unwrap() - least.unwrap() <= 1, "{shares:?}");
    assert_eq!(reps.iter().map(of).sum::<usize>(), ids.len(), "{shares:?}");
}

/// Checks that somebody who came in, or back, got their share of these leads and at most one turn
/// more, and the others the rest as evenly as it can be.
async fn is_not_flooded(world: &World, ids: &[HandoffId], rep: &str, others: &[&str]) {
    let shares = shares(world, ids).await;
    let theirs = shares.get(rep).copied().unwrap_or(0);
    let fair = ids.len() / (others.len() + 1);
    assert!((fair..=fair + 1).contains(&theirs), "{rep} of {shares:?}");
    let mut rest = Vec::new();
    for id in ids {
        if owner(world, id).await != rep {
            rest.push(id.clone());
        }
    }
    are_even(world, &rest, others).await;
}

#[tokio::test]
async fn thirty_leads_of_one_import_are_shared_by_weight() {
    let heavy = "members = [{ rep = \"amara\", weight = 2 }, { rep = \"ben\" }]";
    for (members, expected) in
        [(MEMBERS, [("amara", 15), ("ben", 15)]), (heavy, [("amara", 20), ("ben", 10)])]
    {
        let mut world = world(organisation(&[(MEMBERS, members)])).await;
        let mut ids = Vec::new();
        for number in 0..30 {
            ids.push(lead(&mut world, &format!("import{number}"), "GB").await);
        }
        world.settle().await;
        assert_eq!(shares(&world, &ids).await, counts(expected));
        explained(&mut world, &ids[..1]).await;
    }
}

#[tokio::test]
async fn a_changed_roster_starts_nobody_anew_and_floods_no_newcomer() {
    let mut world = World::start().await;
    leads(&mut world, "before", 10, "GB").await;
    let position = async |world: &World, rep: &str| place(world, "sdr_emea", rep).await.position;
    assert_eq!(position(&world, "amara").await, 5 * TURN);
    push(&mut world, &organisation(&[(MEMBERS, WITH_HANA)])).await;
    assert_eq!([position(&world, "amara").await, position(&world, "ben").await], [5 * TURN; 2]);
    let joined = leads(&mut world, "joined", 9, "GB").await;
    is_not_flooded(&world, &joined, "hana", &["amara", "ben"]).await;
    is_not_flooded(&world, &joined[..3], "hana", &["amara", "ben"]).await;
    // Who leaves and comes again goes on where the others are by then.
    push(&mut world, &organisation(&[(MEMBERS, &WITH_HANA.replace("{ rep = \"amara\" }, ", ""))]))
        .await;
    let without = leads(&mut world, "without", 6, "GB").await;
    are_even(&world, &without, &["ben", "hana"]).await;
    assert_eq!(position(&world, "amara").await, 8 * TURN, "hers is kept");
    push(&mut world, &organisation(&[(MEMBERS, WITH_HANA)])).await;
    let again = leads(&mut world, "again", 6, "GB").await;
    is_not_flooded(&world, &again, "amara", &["ben", "hana"]).await;
    let all = [joined, without, again].concat();
    explained(&mut world, &[all[0].clone(), all[10].clone(), all[20].clone()]).await;
}

#[tokio::test]
async fn a_pool_that_helps_out_takes_no_more_than_it_must_and_keeps_its_own_turns() {
    let emea = format!("{EMEA}otherwise = [\"pool:sdr_americas\"]\n");
    let organisation = organisation(&[(EMEA, &emea)]);
    let organisation = with_capacity(&organisation, &["Amara Okafor", "Ben Whitlock"], 1);
    let mut world = world(organisation).await;
    let own = leads(&mut world, "own", 2, "GB").await;
    assert_eq!(owners(&world, &own).await, ["amara", "ben"], "they are asked first");
    let over = leads(&mut world, "over", 3, "GB").await;
    are_even(&world, &over, &["carla", "dev"]).await;
    // Their own leads go on where helping out has left them: to whoever helped less.
    let mut theirs = leads(&mut world, "theirs", 5, "US").await;
    assert_eq!(owner(&world, &theirs[0]).await, "dev", "carla had two to help out");
    theirs.extend(over.iter().cloned());
    are_even(&world, &theirs, &["carla", "dev"]).await;
    // As soon as one of Europe's own has a place again, nobody helps out.
    world.act("amara", &own[0], "touch", json!({ "channel": "phone" })).await;
    world.act("amara", &own[0], "complete", json!({ "outcome": "disqualified" })).await;
    let back = leads(&mut world, "back", 2, "GB").await;
    assert_eq!(owner(&world, &back[0]).await, "amara");
    assert!(["carla", "dev"].contains(&owner(&world, &back[1]).await.as_str()));
    let position = place(&world, "sdr_emea", "amara").await.position;
    assert_eq!(position, 2 * TURN, "who helps out takes none of Europe's turns");
    explained(&mut world, &[over, back].concat()).await;
}

#[tokio::test]
async fn who_comes_back_after_many_turns_of_others_is_not_flooded() {
    let mut world = world(organisation(&[(MEMBERS, WITH_HANA)])).await;
    away(&mut world, "amara", Some("2026-01-06T09:00:00Z")).await;
    let meanwhile = leads(&mut world, "meanwhile", 12, "GB").await;
    are_even(&world, &meanwhile, &["ben", "hana"]).await;
    away(&mut world, "amara", None).await;
    let after = leads(&mut world, "after", 9, "GB").await;
    is_not_flooded(&world, &after, "amara", &["ben", "hana"]).await;
    is_not_flooded(&world, &after[..3], "amara", &["ben", "hana"]).await;
    explained(&mut world, &after[..2]).await;
}
