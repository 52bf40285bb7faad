//! Bad inputs: each is one quarantined item with its bytes, none is a panic.

use super::fixtures::{
    ACCOUNT, CLOSED_WON, DEAL_WON, FLAT, LEGACY, PERSON, PROPERTY_CHANGE, generic, hubspot,
    pipedrive, reading, reason, salesforce,
};
use crate::connector::{Item, NotAuthentic, Reading, Unreadable, read};
use domain::SourceKey;
use http::{HeaderMap, HeaderValue, header::CONTENT_ENCODING};
use proptest::{prelude::*, sample::Index};

const GENERIC: &str =
    r#"{"type":"touch","data":{"subject":{"email":"a@b.example"},"x":[1,{"y":"é"}]}}"#;

#[test]
fn what_is_not_json_is_quarantined_whole() {
    for source in [generic(), hubspot(), pipedrive()] {
        for (body, expected) in [
            (&b""[..], "empty"),
            (b" \r\n", "empty"),
            (b"{\"type\":\"touch\"", "json"),
            (b"[{\"eventId\":1},{\"eventId\"", "json"),
            (b"[{\"eventId\":1},{eventId:2}]", "json"),
            (b"payload=%7B%7D&a=b", "json"),
            (b"<a/>", "json"),
            (b"\xff\xfe{\x00}\x00", "utf8"),
            (b"{\"name\":\"Jos\xe9\"}", "utf8"),
            (b"{\"name\":\"\xff\"}", "utf8"),
            (b"{\"name\":\"\xc0\xaf\"}", "utf8"),
            (b"{\"eventId\":1,\"eventId\":2}", "dup-key"),
            (b"{\"data\":{\"a\":{\"b\":1,\"b\":1}}}", "dup-key"),
        ] {
            assert_eq!(reason(&source, body), expected, "{body:?}");
        }
        let nested = |levels: usize| {
            format!("{{\"x\":{}1{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1))
        };
        assert_ne!(reason(&source, nested(127)), "depth");
        assert_eq!(reason(&source, nested(128)), "depth");
        assert_eq!(reason(&source, nested(100_000)), "depth");
    }
}

#[test]
fn a_byte_order_mark_changes_nothing() {
    let marked = format!("\u{feff}{GENERIC}");
    let without_key = |body: &str| match reading(&generic(), body).items.pop() {
        Some(Item::Event(event)) => event.fingerprint,
        other => panic!("{other:?}"),
    };
    assert_eq!(without_key(&marked), without_key(GENERIC));
    let marked = format!("\u{feff}{CLOSED_WON}");
    assert_eq!(reading(&salesforce(), marked), reading(&salesforce(), CLOSED_WON));
}

#[test]
fn a_compressed_body_reads_like_a_plain_one_and_a_bomb_does_not() {
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, bytes).unwrap();
        encoder.finish().unwrap()
    };
    let headers = HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static("gzip"))]);
    let key = SourceKey::from("sample");
    let packed = read(&key, &hubspot(), &headers, &gzip(PROPERTY_CHANGE.as_bytes()));
    assert_eq!(packed, reading(&hubspot(), PROPERTY_CHANGE));
    let bomb = gzip(&vec![b' '; 50_000_000]);
    let unreadable = Unreadable { reason: "inflate".into(), part: bomb.clone() };
    let expected = Reading { items: vec![Item::Unreadable(unreadable)], wants: None };
    assert_eq!(read(&key, &hubspot(), &headers, &bomb), expected);
}

#[test]
fn hostile_text_is_kept_verbatim() {
    let names =
        ["<script>alert(1)</script>", "=HYPERLINK(\"x\")", "a\r\nBcc: b", "\u{202e}txt.exe"];
    for name in names.iter().map(|name| (*name).to_owned()).chain(["x".repeat(1_000_000)]) {
        let subject = serde_json::json!({"name": name});
        let body = serde_json::json!({"type": "touch", "data": {"subject": subject}}).to_string();
        match reading(&generic(), body).items.pop() {
            Some(Item::Event(event)) => assert_eq!(event.subject.name, Some(name)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn refusals_and_quarantined_items_tell_logs_nothing() {
    let unreadable = Unreadable { reason: "json".into(), part: b"secret".to_vec() };
    assert_eq!(format!("{unreadable:?}"), "Unreadable(json, 6 bytes)");
    assert!(NotAuthentic.to_string().ends_with("check its secret."));
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(
        body in prop::collection::vec(any::<u8>(), 0..200),
        encoding in prop::option::of("gzip|identity|br|\\PC{0,8}"),
    ) {
        let mut headers = HeaderMap::new();
        if let Some(Ok(encoding)) = encoding.map(|text| HeaderValue::from_bytes(text.as_bytes())) {
            headers.insert(CONTENT_ENCODING, encoding);
        }
        for source in [generic(), hubspot(), salesforce(), pipedrive()] {
            read(&SourceKey::from("any"), &source, &headers, &body);
        }
    }

    #[test]
    fn no_damage_to_a_real_body_makes_a_reader_panic(
        which in 0_usize..8,
        at in any::<Index>(),
        length in 0_usize..40,
        put in prop::collection::vec(any::<u8>(), 0..6),
    ) {
        let bodies =
            [GENERIC, PROPERTY_CHANGE, LEGACY, FLAT, CLOSED_WON, ACCOUNT, PERSON, DEAL_WON];
        let mut body = bodies[which].as_bytes().to_vec();
        let start = at.index(body.len());
        let end = body.len().min(start + length);
        body.splice(start..end, put);
        let (app, deals) = (hubspot(), pipedrive());
        let source = [
            generic(), app.clone(), app.clone(), app, salesforce(), salesforce(), deals.clone(), deals,
        ];
        let reading = reading(&source[which], &body);
        for item in reading.items {
            if let Item::Unreadable(unreadable) = item {
                prop_assert!(!unreadable.reason.is_empty());
            }
        }
    }
}
