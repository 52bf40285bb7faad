//! The router as a Lambda function: parts, then run.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use router::Router;
use runtime::{Clock, Configs, Environment, Ids, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::in_lambda();
    let store = Environment::read()?.store();
    let configs = Configs::new(store.clone());
    let router = Router::new(store, configs, Clock::system(), Ids::random());
    run(service_fn(|event: LambdaEvent<_>| async {
        Ok::<_, Error>(Box::pin(router.handle(event.payload)).await)
    }))
    .await
}
