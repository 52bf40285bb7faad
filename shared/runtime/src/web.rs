//! Answers over HTTP: JSON, pages, and problems as RFC 9457 documents whose `detail` is a sentence.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

/// Answers with a JSON document.
pub fn json(status: StatusCode, document: &Value) -> Response<Bytes> {
    answer(status, "application/json", document.to_string())
}

/// Answers with a text of some type; nothing a browser may guess at, nothing to be kept.
pub fn answer(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Answers with a problem document.
pub fn problem(status: StatusCode, detail: &str, instance: &str) -> Response<Bytes> {
    problem_with(status, detail, instance, json!({}))
}

/// Answers with a problem document and members of its own.
pub fn problem_with(
    status: StatusCode,
    detail: &str,
    instance: &str,
    more: Value,
) -> Response<Bytes> {
    let mut document = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Problem"),
        "status": status.as_u16(),
        "detail": detail,
        "instance": instance,
    });
    if let (Some(document), Value::Object(more)) = (document.as_object_mut(), more) {
        document.extend(more);
    }
    answer(status, "application/problem+json", document.to_string())
}

/// Answers that nothing could be stored for now, and when to try again.
pub fn try_again(detail: &str, instance: &str, after_seconds: u32) -> Response<Bytes> {
    let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, detail, instance);
    if let Ok(seconds) = HeaderValue::from_str(&after_seconds.to_string()) {
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}
