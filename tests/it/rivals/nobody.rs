//! Nobody can take it: others are asked in the order the pool says, somebody is told, and the lead
//! is still there when somebody can, however old it is by then.

use super::*;
use chrono::Timelike;
use domain::Stage;

/// A world in which the sweeps run only for three minutes at nine, so that weeks pass quickly.
async fn slow(organisation: String) -> World {
    let lost = |tick: DateTime<Utc>| tick.hour() != 9 || tick.minute() >= 3;
    World::of(Setting { organisation, lost, audited: false, ..Setting::default() }).await
}

#[tokio::test]
async fn a_lead_that_waited_twelve_days_for_somebody_to_be_back_is_the_first_to_be_given() {
    let daily = organisation(&[("reroute_every = \"5m\"", "reroute_every = \"1d\"")]);
    let daily = with_capacity(&daily, &["Amara Okafor", "Ben Whitlock"], 1);
    let mut world = slow(daily).await;
    for rep in ["amara", "ben"] {
        away(&mut world, rep, Some("2026-01-17T00:00:00Z")).await;
    }
    let old = lead(&mut world, "old", "GB").await;
    world.until(time("2026-01-16T12:00:00Z")).await;
    assert_eq!(owner(&world, &old).await, "nobody");
    let young = leads(&mut world, "young", 3, "GB").await;
    world.until(time("2026-01-17T09:02:00Z")).await;
    let has = owner(&world, &old).await;
    assert_ne!(has, "nobody", "{:?}", world.handoff(&old).await.routing);
    assert_eq!(shares(&world, &young).await["nobody"], 2, "one place was left for the others");
    explained(&mut world, &[old]).await;
}

#[tokio::test]
async fn a_lead_that_waited_twelve_days_for_a_place_is_given_when_there_is_one() {
    let weekly = organisation(&[("reroute_every = \"5m\"", "reroute_every = \"7d\"")]);
    let full = with_capacity(&weekly, &["Amara Okafor", "Ben Whitlock"], 0);
    let mut world = slow(full.clone()).await;
    let old = lead(&mut world, "old", "GB").await;
    world.until(time("2026-01-17T08:50:00Z")).await;
    assert_eq!(owner(&world, &old).await, "nobody");
    let since = world.handoff(&old).await.routing.unwrap().since;
    assert_eq!(since, time("2026-01-05T09:30:00Z"), "it is known how long it waits");
    push(&mut world, &with_capacity(&full, &["Ben Whitlock"], 1)).await;
    world.until(time("2026-01-17T09:02:00Z")).await;
    assert_eq!(owner(&world, &old).await, "ben", "days before the next try by the clock");
    explained(&mut world, &[old]).await;
}

#[tokio::test]
async fn whoever_comes_next_another_pool_and_then_the_manager_are_asked_and_it_says_so() {
    let order = "[\"next_on_shift\", \"pool:sdr_americas\", \"manager\"]";
    let emea = format!("{EMEA}on_shift = true\notherwise = {order}\n");
    let mut world = world(organisation(&[(EMEA, &emea)])).await;
    let mut ids = leads(&mut world, "day", 1, "GB").await;
    assert_eq!(trace(&world, &ids[0]).await.otherwise, None);
    // At night nobody is on shift, and in the morning both begin at once.
    world.until(time("2026-01-05T20:00:00Z")).await;
    ids.extend(leads(&mut world, "night", 2, "GB").await);
    let night = shares(&world, &ids[1..]).await;
    assert_eq!(night, BTreeMap::from([("amara".to_owned(), 1), ("ben".to_owned(), 1)]));
    let next = trace(&world, &ids[1]).await;
    assert_eq!(next.otherwise.as_deref(), Some("next_on_shift"));
    for rep in ["amara", "ben"] {
        away(&mut world, rep, Some("2026-03-01T00:00:00Z")).await;
    }
    ids.extend(leads(&mut world, "other_pool", 1, "GB").await);
    assert_eq!(owner(&world, &ids[3]).await, "carla");
    let other = trace(&world, &ids[3]).await;
    assert_eq!(other.pool, Some("sdr_americas".into()));
    assert_eq!(other.tried[0].why, "nobody in SDR Europe can take it: 2 away");
    for rep in ["carla", "dev"] {
        away(&mut world, rep, Some("2026-03-01T00:00:00Z")).await;
    }
    ids.extend(leads(&mut world, "manager", 1, "GB").await);
    assert_eq!(owner(&world, &ids[4]).await, "priya");
    let manager = trace(&world, &ids[4]).await;
    assert_eq!(manager.otherwise.as_deref(), Some("manager"));
    let mut page = async |id: &HandoffId| world.get(&format!("/handoffs/{id}")).await.text;
    for (id, part) in [
        (&ids[1], "none of its reps was on shift, so whoever comes first has it"),
        (&ids[3], "SDR Europe was asked: nobody in SDR Europe can take it: 2 away."),
        (&ids[4], "none of its reps could take it, so its manager has it"),
    ] {
        let page = page(id).await;
        assert!(page.contains(part), "no {part} in {page}");
    }
    explained(&mut world, &ids).await;
}

#[tokio::test]
async fn where_nobody_is_asked_otherwise_the_manager_hears_within_a_minute_and_nothing_is_lost() {
    let only_british = "name = \"Inbound, everywhere else\"\n";
    let when = format!("{only_british}when = [\"lead.country == 'GB'\"]\n");
    let mut world = world(organisation(&[(only_british, &when)])).await;
    for rep in ["amara", "ben"] {
        away(&mut world, rep, Some("2026-01-05T10:30:00Z")).await;
    }
    for (country, reason) in
        [("GB", "nobody in SDR Europe can take it: 2 away"), ("FR", "no rule matches")]
    {
        let id = lead(&mut world, country, country).await;
        world.pass(chrono::Duration::minutes(1)).await;
        let handoff = world.handoff(&id).await;
        assert_eq!((handoff.owner, handoff.stage), (None, Stage::Opened));
        assert_eq!(handoff.routing.unwrap().reason, reason);
        let mail = world.read_mail();
        let subjects: Vec<&str> = mail.iter().map(|(subject, _)| subject.as_str()).collect();
        assert_eq!(subjects, [format!("No owner: Hot lead, {reason}")]);
        let queue = world.get("/api/queue").await;
        assert!(queue.text.contains(id.as_str()), "{queue:?}");
    }
    world.until(time("2026-01-05T10:31:30Z")).await;
    let waiting = world.store.queue(&store::QueueKey::Unrouted, 10).await.unwrap();
    assert_eq!(waiting.len(), 1, "the British lead has somebody, the French one still waits");
    assert!(world.handoff(&waiting[0].id).await.routing.is_some());
    world.outbox();
}
