//! The one place that reads the environment, and the SDK clients made of it.
//!
//! In the cloud: credentials and region from the variables Lambda sets (no chain is walked), TLS by
//! rustls on ring, one HTTP client for all services. In a function it trusts the roots of AWS's own
//! addresses and no others; elsewhere, and in China, whose addresses have other roots, the system's.
//! On a laptop: plain HTTP to loopback endpoints.
//! The clients are the real ones either way.

use crate::{Bus, Clock, Outside, Secrets, Topic};
use aws_sdk_dynamodb::config::{
    AsyncSleep, BehaviorVersion, Credentials, Region, SharedAsyncSleep, SharedHttpClient, Sleep,
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use chrono::TimeDelta;
use std::{collections::BTreeMap, time::Duration};
use store::Store;

/// The roots that certificates of AWS's own addresses lead to, from Amazon Trust Services'
/// repository: to read a hundred and forty others takes longer than everything else at a start.
const ROOTS: &[u8] = include_bytes!("aws-roots.pem");

/// Why a function cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// A variable that is not set.
    #[error("the environment variable {0} is not set: the deployment template sets it")]
    Unset(&'static str),
    /// Nobody would be trusted.
    #[error("no certificate could be checked: the roots that were built in cannot be read")]
    Roots,
}

/// Where this process runs and what it may reach.
#[derive(Clone)]
pub struct Environment {
    region: String,
    credentials: Credentials,
    http: SharedHttpClient,
    dynamodb: Option<String>,
    services: Option<String>,
    table: String,
    bus: String,
    topic: String,
    pauses: Option<Clock>,
    vendors: Option<String>,
}

/// The SDK's pauses, by a clock of this project's.
#[derive(Clone, Debug)]
struct Pauses(Clock);

impl AsyncSleep for Pauses {
    fn sleep(&self, pause: Duration) -> Sleep {
        let clock = self.0.clone();
        let until = clock.now() + TimeDelta::from_std(pause).unwrap_or(TimeDelta::MAX);
        Sleep::new(async move { clock.sleep_until(until).await })
    }
}

/// Configures one service's client; each SDK crate has a builder type of its own.
macro_rules! client_config {
    ($environment:ident, $sdk:ident, $endpoint:ident) => {{
        let mut builder = $sdk::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new($environment.region.clone()))
            .credentials_provider($environment.credentials.clone())
            .http_client($environment.http.clone());
        builder.set_endpoint_url($environment.$endpoint.clone());
        if let Some(clock) = &$environment.pauses {
            builder.set_sleep_impl(Some(SharedAsyncSleep::new(Pauses(clock.clone()))));
        }
        builder.build()
    }};
}

impl Environment {
    /// Reads what Lambda and the template set.
    ///
    /// # Errors
    /// `Unset` for a variable every function needs.
    pub fn read() -> Result<Self, EnvironmentError> {
        let credentials = Credentials::new(
            needed("AWS_ACCESS_KEY_ID")?,
            needed("AWS_SECRET_ACCESS_KEY")?,
            optional("AWS_SESSION_TOKEN"),
            None,
            "environment",
        );
        let endpoint = optional("AWS_ENDPOINT_URL");
        let builder = Builder::new();
        let region = needed("AWS_REGION")?;
        let roots = match optional("AWS_LAMBDA_RUNTIME_API") {
            Some(_) if !region.starts_with("cn-") => {
                TrustStore::empty().with_pem_certificate(ROOTS)
            }
            _ => TrustStore::default(),
        };
        let http = match endpoint.as_deref() {
            Some(url) if url.starts_with("http://") => builder.build_http(),
            _ => {
                let tls = TlsContext::builder().with_trust_store(roots).build();
                let tls = tls.map_err(|_| EnvironmentError::Roots)?;
                let builder = builder.tls_provider(Provider::Rustls(CryptoMode::Ring));
                builder.tls_context(tls).build_https()
            }
        };
        Ok(Self {
            region,
            credentials,
            http,
            dynamodb: endpoint.clone(),
            services: endpoint,
            table: table(),
            bus: optional("BUS").unwrap_or_default(),
            topic: optional("TOPIC").unwrap_or_default(),
            pauses: None,
            vendors: None,
        })
    }

    /// Points at loopback endpoints: the table's engine, and the bus and topic.
    pub fn local(dynamodb: &str, services: &str, topic: &str) -> Self {
        Self {
            region: "local".to_owned(),
            credentials: Credentials::new("local", "local", None, None, "local"),
            http: Builder::new().build_http(),
            dynamodb: Some(dynamodb.to_owned()),
            services: Some(services.to_owned()),
            table: "handoff".to_owned(),
            bus: "handoff".to_owned(),
            topic: topic.to_owned(),
            pauses: None,
            vendors: Some(services.to_owned()),
        }
    }

    /// Uses another table.
    pub fn with_table(self, table: &str) -> Self {
        Self { table: table.to_owned(), ..self }
    }

    /// Tells another bus and another topic, each if it is named.
    pub fn with_outward(self, bus: &Option<String>, topic: &Option<String>) -> Self {
        let bus = bus.clone().unwrap_or(self.bus);
        let topic = topic.clone().unwrap_or(self.topic);
        Self { bus, topic, ..self }
    }

    /// Tells whether both the bus and the topic are named.
    pub fn has_outward(&self) -> bool {
        !self.bus.is_empty() && !self.topic.is_empty()
    }

    /// Tells whether the topic is named.
    pub fn has_topic(&self) -> bool {
        !self.topic.is_empty()
    }

    /// Asks in the name of another account: emulators tell them apart by their access keys.
    pub fn with_account(self, key: &str) -> Self {
        Self { credentials: Credentials::new(key, "local", None, None, "local"), ..self }
    }

    /// Sends requests through another HTTP client: how tests put faults under the SDK.
    pub fn with_http(self, http: SharedHttpClient) -> Self {
        Self { http, ..self }
    }

    /// Lets the SDK pause between its tries by this clock: how tests do not wait for it.
    pub fn with_pauses(self, clock: Clock) -> Self {
        Self { pauses: Some(clock), ..self }
    }

    /// Reaches vendors that are called `local` at another address: how tests stand in for them.
    pub fn with_vendors(self, address: &str) -> Self {
        Self { vendors: Some(address.to_owned()), ..self }
    }

    /// Makes the way to systems outside: on a laptop also to those on it.
    pub fn outside(&self) -> Outside {
        self.vendors.as_deref().map_or_else(Outside::cloud, Outside::at)
    }

    /// Reads the HTTP client in use.
    pub fn http(&self) -> SharedHttpClient {
        self.http.clone()
    }

    /// Makes the store.
    pub fn store(&self) -> Store {
        let config = client_config!(self, aws_sdk_dynamodb, dynamodb);
        Store::new(aws_sdk_dynamodb::Client::from_conf(config), &self.table)
    }

    /// Makes the bus.
    pub fn bus(&self) -> Bus {
        let config = client_config!(self, aws_sdk_eventbridge, services);
        Bus::new(aws_sdk_eventbridge::Client::from_conf(config), &self.bus)
    }

    /// Makes the topic.
    pub fn topic(&self) -> Topic {
        let config = client_config!(self, aws_sdk_sns, services);
        Topic::new(aws_sdk_sns::Client::from_conf(config), &self.topic)
    }

    /// Makes the lookup of secrets in the account's secret store.
    pub fn secrets(&self) -> Secrets {
        let config = client_config!(self, aws_sdk_secretsmanager, services);
        Secrets::vault(aws_sdk_secretsmanager::Client::from_conf(config))
    }
}

/// Reads the log filter; `info` when none is set.
pub fn log_filter() -> String {
    optional("RUST_LOG").unwrap_or_else(|| "info".to_owned())
}

/// Reads the name of the table, which tells deployments apart.
pub fn table() -> String {
    optional("TABLE").unwrap_or_default()
}

fn optional(name: &'static str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn needed(name: &'static str) -> Result<String, EnvironmentError> {
    optional(name).ok_or(EnvironmentError::Unset(name))
}

/// Reads who holds which desk token: `TOKENS` is `hash=person,hash=person`, each hash the SHA-256
/// of a token in hexadecimal.
pub fn desk_tokens() -> BTreeMap<String, String> {
    tokens(&optional("TOKENS").unwrap_or_default())
}

fn tokens(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    let said = pairs.map(|(hash, person)| (hash.trim().to_lowercase(), person.trim().to_owned()));
    said.filter(|(hash, person)| hash.len() == 64 && !person.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::{CertificateDer, pem::PemObject};

    #[test]
    fn the_roots_that_are_built_in_are_amazons() {
        let roots: Vec<_> = CertificateDer::pem_slice_iter(ROOTS).map(Result::unwrap).collect();
        let mut store = rustls::RootCertStore::empty();
        assert_eq!(store.add_parsable_certificates(roots), (5, 0));
        let names: Vec<String> =
            store.roots.iter().map(|root| String::from_utf8_lossy(&root.subject).into()).collect();
        assert!(names[..4].iter().all(|name| name.contains("Amazon Root CA ")), "{names:?}");
        assert!(names[4].contains("Starfield Services Root Certificate Authority - G2"));
    }

    #[test]
    fn tokens_are_hashes_and_people() {
        let (one, two) = ("a".repeat(64), "B".repeat(64));
        let read =
            tokens(&format!("{one}=amara, {two} = ben ,short=carla,{}=,nonsense", "c".repeat(64)));
        let expected = [(one, "amara".to_owned()), (two.to_lowercase(), "ben".to_owned())];
        assert_eq!(read, expected.into());
        assert!(tokens("").is_empty());
    }
}
