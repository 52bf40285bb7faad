//! Who may speak: rows 1 to 13, 16 and 17.

use super::{
    Door,
    hook::{ALL, Hook, JSON, SIGNED, generic_signed, hubspot_signed, ms, post, set},
    posts,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use chrono::{Duration, SubsecRound};
use http::{Method, Request, header};
use intake::Intake;
use local::{assembly, sample::ORGANISATION};
use runtime::{Clock, Configs, Ids, Outside, clock::Hand};
use serde_json::Value;
use tests::{Setting, World, vault::Vault};

const GENERIC_SECRET: &str = "local-generic-secret";
const HUBSPOT_SECRET: &str = "local-hubspot-secret";
const HUBSPOT: (&str, &str) = ("/hooks/hubspot", "/hooks/hubspot");

/// A body that a hook would take, in a request that is authentic.
fn good(door: &Door, hook: Hook) -> Request<Bytes> {
    let body = hook.opens("7", door.world.now(), "x");
    posts(door, hook, "m1", body)
}

#[tokio::test]
async fn row_01_without_its_proof_a_request_is_refused() {
    let mut door = Door::open().await;
    for hook in ALL {
        let mut request = good(&door, hook);
        match hook.proof() {
            Some(name) => drop(request.headers_mut().remove(name).unwrap()),
            None => *request.uri_mut() = "/hooks/salesforce".parse().unwrap(),
        }
        let answer = door.refused(request, 401, &format!("{hook:?}")).await;
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains("check its secret"), "the same words for every failure: {detail}");
    }
}

#[tokio::test]
async fn row_02_a_proof_that_comes_twice_is_refused() {
    let mut door = Door::open().await;
    for hook in ALL {
        let Some(name) = hook.proof() else { continue };
        let mut twice = good(&door, hook);
        let proof = twice.headers()[name].clone();
        twice.headers_mut().append(name, proof.clone());
        door.refused(twice, 401, &format!("{hook:?} twice")).await;
        for between in [",", ", "] {
            let mut joined = good(&door, hook);
            let proof = proof.to_str().unwrap();
            set(&mut joined, name, format!("{proof}{between}{proof}"));
            door.refused(joined, 401, &format!("{hook:?} joined by `{between}`")).await;
        }
    }
}

#[tokio::test]
async fn row_03_one_flipped_bit_of_a_signed_body_is_refused() {
    let mut door = Door::open().await;
    for (hook, _) in SIGNED {
        let bytes = good(&door, hook).body().len();
        // Every one is flipped beside the connectors; here the first, the last, and some between.
        for at in [0, bytes / 3, bytes / 2, bytes - 1] {
            let mut request = good(&door, hook);
            let mut body = request.body().to_vec();
            body[at] ^= 1;
            *request.body_mut() = body.into();
            door.refused(request, 401, &format!("{hook:?} at {at}")).await;
        }
    }
}

#[tokio::test]
async fn row_04_a_signed_body_written_anew_is_refused() {
    let mut door = Door::open().await;
    for (hook, _) in SIGNED {
        let mut request = good(&door, hook);
        let parsed: Value = serde_json::from_slice(request.body()).unwrap();
        *request.body_mut() = serde_json::to_vec_pretty(&parsed).unwrap().into();
        door.refused(request, 401, &format!("{hook:?}")).await;
    }
}

#[tokio::test]
async fn row_05_a_signed_time_is_good_for_five_minutes() {
    signed_away(-1).await;
}

#[tokio::test]
async fn row_06_a_signed_time_is_good_for_five_minutes_ahead_too() {
    signed_away(1).await;
}

/// Sends what was signed just in time, and just not, before now or after it.
async fn signed_away(way: i32) {
    let mut door = Door::open().await;
    for (hook, away_ms, taken) in [
        (Hook::Hubspot, 300_000, true),
        (Hook::Hubspot, 300_001, false),
        (Hook::Generic, 300_000, true),
        (Hook::Generic, 301_000, false),
    ] {
        // The generic hook's times are whole seconds.
        let next = door.world.now() + Duration::milliseconds(1_000);
        door.world.until(next.trunc_subsecs(0)).await;
        let now = door.world.now();
        let what = format!("{hook:?} {away_ms} ms");
        let request = hook.posts("m", now + ms(away_ms) * way, hook.opens("7", now, &what));
        match taken {
            true => drop(door.kept(request, &what).await),
            false => drop(door.refused(request, 401, &what).await),
        }
    }
    assert_eq!(door.opened().await.len(), 1, "who was taken is one person");
}

#[tokio::test]
async fn row_07_a_time_that_is_no_number_is_refused() {
    let mut door = Door::open().await;
    let (seconds, millis) = (door.world.now().timestamp(), door.world.now().timestamp_millis());
    for time in ["abc", "NaN", "1e12", "0x10", "-1", "99999999999999999999"] {
        door.refused(generic_signed(GENERIC_SECRET, time, "{}"), 401, time).await;
        door.refused(hubspot_signed(HUBSPOT_SECRET, HUBSPOT, time, "[]"), 401, time).await;
    }
    for time in [format!("+{seconds}"), format!("{seconds}.0")] {
        door.refused(generic_signed(GENERIC_SECRET, &time, "{}"), 401, &time).await;
    }
    // The same requests with a time that is one are taken.
    let good = generic_signed(GENERIC_SECRET, &seconds.to_string(), "[]");
    door.kept(good, "a number").await;
    let good = hubspot_signed(HUBSPOT_SECRET, HUBSPOT, &millis.to_string(), "[]");
    door.kept(good, "a number").await;
}

#[tokio::test]
async fn row_08_hubspots_time_in_seconds_is_refused() {
    let mut door = Door::open().await;
    let seconds = door.world.now().timestamp().to_string();
    assert_eq!(seconds.len(), 10);
    let request = hubspot_signed(HUBSPOT_SECRET, HUBSPOT, &seconds, "[]");
    door.refused(request, 401, "seconds").await;
}

#[tokio::test]
async fn row_09_a_malformed_signature_is_refused() {
    let mut door = Door::open().await;
    for (hook, name) in SIGNED {
        let given = good(&door, hook).headers()[name].to_str().unwrap().to_owned();
        let base64url = given.replace('+', "-").replace('/', "_");
        let mut wrong = vec![
            String::new(),
            "v1,".to_owned(),
            "v1".to_owned(),
            "####".to_owned(),
            "v1,####".to_owned(),
            "v1,AAAA".to_owned(),
            "v2,AAAA".to_owned(),
            given[..given.len() - 1].to_owned(),
            given[..given.len() / 2].to_owned(),
            format!("{given}="),
            format!("{given}=="),
            format!(" {}", given.trim_end_matches('=')),
            given.to_uppercase(),
        ];
        wrong.extend((base64url != given).then_some(base64url));
        for wrong in wrong {
            let mut request = good(&door, hook);
            set(&mut request, name, &wrong);
            door.refused(request, 401, &format!("{hook:?} `{wrong}`")).await;
        }
    }
}

#[tokio::test]
async fn row_10_the_right_proof_of_somebody_else_is_refused() {
    let mut door = Door::open().await;
    let (seconds, millis) = (door.world.now().timestamp(), door.world.now().timestamp_millis());
    for secret in [HUBSPOT_SECRET, "another-portals-secret", ""] {
        let request = generic_signed(secret, &seconds.to_string(), "{}");
        door.refused(request, 401, secret).await;
    }
    for secret in [GENERIC_SECRET, "another-portals-secret", ""] {
        let request = hubspot_signed(secret, HUBSPOT, &millis.to_string(), "[]");
        door.refused(request, 401, secret).await;
    }
    let body = Hook::Salesforce.opens("7", door.world.now(), "x");
    for token in [GENERIC_SECRET, HUBSPOT_SECRET, "local-pipedrive-secret", ""] {
        let request = post(&format!("/hooks/salesforce/{token}"), &[], body.clone());
        door.refused(request, 401, token).await;
    }
    // One source's request at another's hook.
    let mut request = good(&door, Hook::Pipedrive);
    *request.uri_mut() = "/hooks/generic".parse().unwrap();
    door.refused(request, 401, "Pipedrive's at the generic hook").await;
}

/// An intake whose secrets lie in a store like the cloud's.
struct Vaulted {
    world: World,
    vault: Vault,
    intake: Intake,
    hand: Hand,
}

impl Vaulted {
    async fn start() -> Self {
        let organisation = ORGANISATION.replacen(
            "kind = \"generic\"\nsecret = \"sample\"",
            "kind = \"generic\"\nsecret = \"handoff/generic\"",
            1,
        );
        let world = World::of(Setting { organisation, ..Setting::default() }).await;
        let vault = Vault::default();
        vault.set(&[("AWSCURRENT", "the-first-secret")]);
        let (clock, hand) = Clock::hand(world.now());
        let secrets = assembly::environment(world.cloud.parts()).with_http(vault.http()).secrets();
        let configs = Configs::new(world.store.clone());
        let parts = (clock, Ids::seeded(7));
        let intake =
            Intake::new(world.store.clone(), configs, (secrets, Outside::local()), parts, 1);
        Self { world, vault, intake, hand }
    }

    async fn answers(&self, secret: &str) -> u16 {
        let time = self.hand.now().timestamp().to_string();
        let request = generic_signed(secret, &time, "[]");
        self.intake.handle(request).await.status().as_u16()
    }
}

#[tokio::test]
async fn row_11_a_secret_is_good_until_another_has_taken_its_place() {
    let at = Vaulted::start().await;
    assert_eq!(at.answers("the-first-secret").await, 200);
    assert_eq!(at.answers("the-second-secret").await, 401);
    at.hand.move_to(at.hand.now() + Duration::minutes(1));
    at.vault.set(&[("AWSCURRENT", "the-second-secret"), ("AWSPREVIOUS", "the-first-secret")]);
    // Its sender may be faster than what is kept grows old.
    assert_eq!(at.answers("the-second-secret").await, 200, "as soon as it is there");
    assert_eq!(at.answers("the-first-secret").await, 200, "within the rotation window");
    at.vault.set(&[("AWSCURRENT", "the-third-secret"), ("AWSPREVIOUS", "the-second-secret")]);
    at.hand.move_to(at.hand.now() + Duration::minutes(6));
    assert_eq!(at.answers("the-first-secret").await, 401, "after it");
    assert_eq!(at.answers("the-second-secret").await, 200);
    assert_eq!(at.answers("the-third-secret").await, 200);
    // Whoever guesses makes nobody ask the store as often as they like.
    let asked = at.vault.asked();
    for guess in 0..20 {
        assert_eq!(at.answers(&format!("guess-{guess}")).await, 401);
    }
    assert_eq!(at.vault.asked(), asked);
    // What cannot be known just now is no forgery: its sender is told to come again.
    at.hand.move_to(at.hand.now() + Duration::minutes(6));
    at.vault.fail("AWSPREVIOUS");
    assert_eq!(at.answers("the-second-secret").await, 503);
    let asked = at.vault.asked();
    for guess in 0..20 {
        assert_eq!(at.answers(&format!("guess-{guess}")).await, 503);
    }
    assert_eq!(at.vault.asked(), asked, "nor while it does not answer");
    at.world.expects_errors();
    at.vault.set(&[("AWSCURRENT", "the-third-secret"), ("AWSPREVIOUS", "the-second-secret")]);
    at.hand.move_to(at.hand.now() + Duration::seconds(10));
    assert_eq!(at.answers("the-second-secret").await, 200);
}

#[tokio::test]
async fn row_12_hubspots_escapes_are_decoded_before_the_address_is_signed() {
    let mut door = Door::open().await;
    let millis = door.world.now().timestamp_millis().to_string();
    let received = "/hooks/hubspot?a=%3A%2F%28&b=%20";
    let decoded = "/hooks/hubspot?a=:/(&b=%20";
    let request = |signed| hubspot_signed(HUBSPOT_SECRET, (received, signed), &millis, "[]");
    door.kept(request(decoded), "decoded").await;
    door.refused(request(received), 401, "not decoded").await;
    door.refused(request("/hooks/hubspot?a=:/(&b= "), 401, "more decoded than HubSpot does").await;
}

#[tokio::test]
async fn row_13_pipedrives_password_is_checked_and_its_scheme_read_in_any_case() {
    let mut door = Door::open().await;
    let right = "handoff:local-pipedrive-secret";
    let encoded = |credentials: &[u8]| STANDARD.encode(credentials);
    for wrong in [
        format!("Basic {}", encoded(b"handoff:wrong")),
        format!("Basic {}", encoded(b"handofflocal-pipedrive-secret")),
        format!("Basic {}", encoded(b":local-pipedrive-secret")),
        format!("Basic {}", encoded(b"handoff:")),
        format!("Basic {}", encoded(b"handoff:local-pipedrive-\xff")),
        format!("Basic {}", encoded(b"")),
        format!("Basic {right}"),
        format!("Bearer {}", encoded(right.as_bytes())),
        "Basic".to_owned(),
        encoded(right.as_bytes()),
    ] {
        let mut request = good(&door, Hook::Pipedrive);
        set(&mut request, "authorization", &wrong);
        door.refused(request, 401, &wrong).await;
    }
    for (number, scheme) in ["basic", "BASIC", "Basic"].into_iter().enumerate() {
        let body = Hook::Pipedrive.opens(&number.to_string(), door.world.now(), "x");
        let mut request = posts(&door, Hook::Pipedrive, "m", body);
        set(&mut request, "authorization", format!("{scheme} {}", encoded(right.as_bytes())));
        door.opens(request, scheme).await;
    }
}

#[tokio::test]
async fn row_16_a_source_nobody_configured_is_not_found() {
    let mut door = Door::open().await;
    for path in [
        "/hooks/nobody",
        "/hooks/nobody/token",
        "/hooks/",
        "/hooks//generic",
        "/hooks/Generic",
        "/hooks/%67eneric",
        "/hooks/generic%00",
        "/hooks/SOURCE%23generic",
    ] {
        let mut request = good(&door, Hook::Generic);
        *request.uri_mut() = path.parse().unwrap();
        door.refused(request, 404, path).await;
    }
}

#[tokio::test]
async fn row_17_a_hook_takes_post_and_nothing_else() {
    let mut door = Door::open().await;
    for hook in ALL {
        for method in ["GET", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH", "TRACE", "BREW"] {
            let mut request = good(&door, hook);
            *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
            let answer = door.world.post(request.clone()).await;
            assert_eq!(answer.headers()[header::ALLOW], "POST", "{hook:?} {method}");
            door.refused(request, 405, &format!("{hook:?} {method}")).await;
        }
    }
    // What probes look at first changes nothing either.
    for hook in JSON {
        let path = good(&door, hook).uri().path().to_owned();
        let mut probe = post(&path, &[], "");
        *probe.method_mut() = Method::GET;
        door.refused(probe, 405, &path).await;
    }
}
