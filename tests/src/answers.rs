//! Answers that are read and answers that are made: what a fault says in the service's place.

use aws_smithy_runtime_api::client::{
    http::{HttpConnector, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use serde_json::{Value, json};

/// Reads an answer to its end, and leaves it as it was.
pub(crate) async fn read(answer: &mut HttpResponse) -> Result<Vec<u8>, ConnectorError> {
    let body = std::mem::replace(answer.body_mut(), SdkBody::empty());
    let read = ByteStream::new(body).collect().await;
    let bytes = read.map_err(|error| ConnectorError::io(error.into()))?.to_vec();
    *answer.body_mut() = SdkBody::from(bytes.clone());
    Ok(bytes)
}

/// Makes an answer of what was said.
pub(crate) fn answer(said: Vec<u8>) -> Result<HttpResponse, ConnectorError> {
    let response = http::Response::builder()
        .status(200)
        .header("content-type", "application/x-amz-json-1.0")
        .body(SdkBody::from(said))
        .map_err(|error| ConnectorError::user(error.into()))?;
    HttpResponse::try_from(response).map_err(|error| ConnectorError::user(error.into()))
}

/// Carries out the first half of what a batch asks for, and says that the rest was not done; what
/// asks for one event has it refused.
pub(crate) async fn partial(
    inner: &SharedHttpConnector,
    mut request: HttpRequest,
    operation: &str,
) -> Result<HttpResponse, ConnectorError> {
    let body = request.body().bytes().unwrap_or_default();
    let mut asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let rest = match operation {
        "PutEvents" => halve(&mut asked["Entries"], 0),
        "BatchGetItem" => {
            let tables = asked["RequestItems"].as_object_mut();
            tables.and_then(|tables| tables.values_mut().next()).map_or(vec![], |table| {
                let keys = &mut table["Keys"];
                halve(keys, 1)
            })
        }
        _ => vec![],
    };
    if operation == "PutEvents" && asked["Entries"].as_array().is_some_and(Vec::is_empty) {
        let refused = json!({ "FailedEntryCount": rest.len(), "Entries": refusals(&rest) });
        return answer(refused.to_string().into_bytes());
    }
    let body = asked.to_string();
    request.headers_mut().insert("content-length", body.len().to_string());
    *request.body_mut() = SdkBody::from(body);
    let mut said = inner.call(request).await?;
    let bytes = read(&mut said).await?;
    let mut reply: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    match operation {
        "PutEvents" => {
            reply["FailedEntryCount"] = rest.len().into();
            if let Some(entries) = reply["Entries"].as_array_mut() {
                entries.extend(refusals(&rest));
            }
        }
        _ => {
            let table = asked["RequestItems"].as_object().and_then(|it| it.iter().next());
            if let Some((name, wanted)) = table.filter(|_| !rest.is_empty()) {
                let mut left = wanted.clone();
                left["Keys"] = rest.into();
                reply["UnprocessedKeys"] = json!({ name: left });
            }
        }
    }
    answer(reply.to_string().into_bytes())
}

/// Says of each event that it was refused.
fn refusals(rest: &[Value]) -> Vec<Value> {
    let refused = json!({ "ErrorCode": "ThrottlingException", "ErrorMessage": "busy" });
    vec![refused; rest.len()]
}

/// Keeps the first half of a list, at least so many, and takes the rest out.
fn halve(list: &mut Value, least: usize) -> Vec<Value> {
    match list.as_array_mut() {
        Some(list) => list.split_off((list.len() / 2).max(least).min(list.len())),
        None => vec![],
    }
}
