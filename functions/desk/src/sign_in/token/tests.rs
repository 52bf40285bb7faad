//! Tokens that are believed, and every way one may not be. The keys and the first tokens are those
//! of RFC 7515, appendices A.2 and A.3.

use super::*;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

const RS256: &str = concat!(
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxl",
    "LmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZm",
    "h7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTy",
    "WzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZ",
    "ESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypG",
    "lUPQGe77Rw",
);

const ES256: &str = concat!(
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxl",
    "LmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlS",
    "ApmWQxfKTUJqPP3-Kg6NU1Q",
);

const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
const D: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";

fn rsa_key() -> Value {
    let n = concat!(
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt",
        "0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSX",
        "ndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5",
        "IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
    );
    json!({ "kty": "RSA", "kid": "rsa", "use": "sig", "alg": "RS256", "n": n, "e": "AQAB" })
}

fn ec_key() -> Value {
    json!({ "kty": "EC", "kid": "ec", "crv": "P-256", "x": X, "y": Y })
}

fn keys(all: &[Value]) -> Vec<Jwk> {
    all.iter().map(|key| serde_json::from_value(key.clone()).unwrap()).collect()
}

fn now() -> DateTime<Utc> {
    "2026-01-05T09:00:00Z".parse().unwrap()
}

/// The elliptic key as PKCS #8, which is what signs.
fn signer() -> EncodingKey {
    let part = |text: &str| BASE64.decode(text).unwrap();
    let head = "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420";
    let mut der = hex::decode(head).unwrap();
    der.extend(part(D));
    der.extend(hex::decode("a14403420004").unwrap());
    der.extend([part(X), part(Y)].concat());
    EncodingKey::from_ec_der(&der)
}

fn token(claims: &Value) -> String {
    let header = Header { kid: Some("ec".to_owned()), ..Header::new(Algorithm::ES256) };
    encode(&header, claims, &signer()).unwrap()
}

fn claims() -> Value {
    let now = now().timestamp();
    json!({
        "iss": "https://id.example", "aud": "handoff", "sub": "248289761001", "nonce": "n-1",
        "iat": now - 5, "exp": now + 300, "email": "amara@northwind.example", "email_verified": true,
    })
}

fn read(token: &str, keys: &[Jwk]) -> Result<Identity, Untrusted> {
    let expected =
        Expected { issuer: "https://id.example", client_id: "handoff", nonce: "n-1", now: now() };
    identity(token, keys, &expected)
}

fn with(claim: &str, said: Value) -> Result<Identity, Untrusted> {
    let mut claims = claims();
    claims[claim] = said;
    read(&token(&claims), &keys(&[ec_key()]))
}

#[test]
fn the_tokens_of_the_standard_are_read_and_no_bit_of_them_may_differ() {
    for (token, key) in [(RS256, rsa_key()), (ES256, ec_key())] {
        let keys = keys(&[key]);
        let said: Value = signed(token, &keys).unwrap();
        assert_eq!((&said["iss"], &said["exp"]), (&json!("joe"), &json!(1_300_819_380)));
        // The last bits of a text may stand for nothing, so parts are changed as bytes.
        let parts: Vec<Vec<u8>> =
            token.split('.').map(|part| BASE64.decode(part).unwrap()).collect();
        for (place, bit) in [(0, 3), (1, 7), (1, 60), (2, 0), (2, 31), (2, 63)] {
            let mut parts = parts.clone();
            parts[place][bit / 2] ^= 1 << (bit % 8);
            let changed: Vec<String> = parts.iter().map(|part| BASE64.encode(part)).collect();
            let read = signed::<Value>(&changed.join("."), &keys);
            assert!(read.is_err(), "{place} {bit}");
        }
    }
}

#[test]
fn only_a_key_of_the_issuer_signs() {
    let both = keys(&[rsa_key(), ec_key()]);
    assert_eq!(read(&token(&claims()), &both).unwrap().email, "amara@northwind.example");
    let rsa = keys(&[rsa_key()]);
    assert_eq!(read(&token(&claims()), &rsa), Err(Untrusted::UnknownKey));
    assert!(lacks_key(&token(&claims()), &rsa) && !lacks_key(&token(&claims()), &both));
    let mut renamed = ec_key();
    renamed["kid"] = "older".into();
    assert_eq!(read(&token(&claims()), &keys(&[renamed])), Err(Untrusted::UnknownKey));
    let mut for_secrets = ec_key();
    for_secrets["use"] = "enc".into();
    assert_eq!(read(&token(&claims()), &keys(&[for_secrets])), Err(Untrusted::UnknownKey));
    let forged = token(&claims());
    let forged = format!("{}.{}", forged.rsplit_once('.').unwrap().0, BASE64.encode([7; 64]));
    assert_eq!(read(&forged, &both), Err(Untrusted::Forged));
}

#[test]
fn a_token_without_a_signature_or_with_a_shared_secrets_is_none() {
    let keys = keys(&[ec_key()]);
    let body = BASE64.encode(claims().to_string());
    let none = format!("{}.{body}.", BASE64.encode(r#"{"alg":"none"}"#));
    assert_eq!(read(&none, &keys), Err(Untrusted::Unreadable));
    // Signed with what everybody may know, the public key, as if it were a secret.
    let header = Header { kid: Some("ec".to_owned()), ..Header::new(Algorithm::HS256) };
    let shared = encode(&header, &claims(), &EncodingKey::from_secret(X.as_bytes())).unwrap();
    assert_eq!(read(&shared, &keys), Err(Untrusted::Unreadable));
    for odd in ["", "a.b.c", "..", &"x".repeat(20_000)] {
        assert_eq!(read(odd, &keys), Err(Untrusted::Unreadable));
    }
}

#[test]
fn every_claim_must_be_what_was_asked_for() {
    let at = |seconds: i64| json!(now().timestamp() + seconds);
    for (claim, good) in [
        ("aud", json!(["handoff"])),
        ("azp", json!("handoff")),
        ("exp", at(-59)),
        ("iat", at(60)),
        ("email_verified", json!("true")),
    ] {
        assert!(with(claim, good.clone()).is_ok(), "{claim} {good}");
    }
    for (claim, bad) in [
        ("iss", json!("https://id.example/")),
        ("iss", json!("https://evil.example")),
        ("aud", json!("another")),
        ("aud", json!([])),
        ("aud", json!(["handoff", "another"])),
        ("azp", json!("another")),
        ("exp", at(-60)),
        ("iat", at(61)),
        ("nonce", json!("n-2")),
        ("nonce", Value::Null),
        ("email", Value::Null),
        ("email", json!("nobody")),
    ] {
        let claim: &'static str = claim;
        assert_eq!(with(claim, bad.clone()), Err(Untrusted::Claim(claim)), "{bad}");
    }
    let both = json!(["handoff", "another"]);
    let mut several = claims();
    (several["aud"], several["azp"]) = (both, "handoff".into());
    assert!(read(&token(&several), &keys(&[ec_key()])).is_ok());
}

#[test]
fn what_is_said_of_an_address_is_told_apart() {
    let proved = |said: Value| with("email_verified", said).unwrap().proved;
    assert_eq!(proved(json!(true)), Some(true));
    assert_eq!(proved(json!(false)), Some(false));
    assert_eq!(proved(json!("false")), Some(false));
    assert_eq!(proved(Value::Null), None);
}

#[test]
fn a_session_is_of_one_person_one_desk_and_one_time() {
    let secrets = ["new".to_owned(), "old".to_owned()];
    let (own, person) = (Own::new(&secrets), PersonId::from("amara"));
    let until = now() + Duration::hours(12);
    let session = own.session(&person, until).unwrap();
    assert_eq!(own.holder(&session, now()), Some(person.clone()));
    assert_eq!(own.holder(&session, until), None, "it is over");
    let old = ["old".to_owned()];
    let older = Own::new(&old).session(&person, until).unwrap();
    assert_eq!(own.holder(&older, now()), Some(person), "the previous secret is good too");
    let others = ["another".to_owned()];
    assert_eq!(Own::new(&others).holder(&session, now()), None);
    assert_eq!(Own::new(&[]).holder(&session, now()), None);
    assert!(Own::new(&[]).session(&"amara".into(), until).is_none());
    for odd in ["", "x", &session[1..], &"x".repeat(20_000)] {
        assert_eq!(own.holder(odd, now()), None);
    }
}

#[test]
fn a_sign_in_that_has_begun_is_no_session_and_ends() {
    let secrets = ["secret".to_owned()];
    let own = Own::new(&secrets);
    let begun = own.begin("state", "/handoffs/1", now()).unwrap();
    let read = own.begun(&begun, now()).unwrap();
    assert_eq!((read.state.as_str(), read.back.as_str()), ("state", "/handoffs/1"));
    assert_eq!(own.begun(&begun, now() + BEGUN_FOR), None);
    assert_eq!(own.holder(&begun, now()), None);
    let session = own.session(&"amara".into(), now() + BEGUN_FOR).unwrap();
    assert_eq!(own.begun(&session, now()), None);
    assert_ne!(own.derived("nonce", "state"), own.derived("verifier", "state"));
    assert_ne!(own.derived("nonce", "state"), own.derived("nonce", "another"));
}

#[test]
fn a_challenge_is_the_hash_of_its_verifier() {
    // RFC 7636, appendix B.
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}
