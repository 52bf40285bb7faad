//! The desk as a Lambda function: parts, then run.

use bytes::Bytes;
use desk::{Access, Desk};
use lambda_http::{Body, Error, Request, run, service_fn};
use runtime::{Clock, Configs, Environment, Ids, environment::desk_tokens, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::in_lambda();
    let environment = Environment::read()?;
    let (store, secrets) = (environment.store(), environment.secrets());
    let tokens = desk_tokens().into_iter().map(|(hash, person)| (hash, person.into()));
    let access = Access::tokens(tokens.collect());
    let configs = (Configs::new(store.clone()), secrets);
    let entry = (access, environment.outside());
    let desk = Desk::new(store, configs, (Clock::system(), Ids::random()), entry);
    run(service_fn(|request: Request| async {
        let answer = desk.handle(request.map(|body| Bytes::copy_from_slice(&body))).await;
        Ok::<_, Error>(answer.map(|body| Body::from(body.to_vec())))
    }))
    .await
}
