//! HTTP over sockets: TLS through ring and the environment's proxies for
//! `https`, nothing of the kind for `http`.

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

/// The client that picks by scheme. A plain endpoint is near: it is asked
/// directly, whatever `HTTP_PROXY` says. Certificates are loaded when TLS is
/// first spoken.
#[derive(Clone, Debug)]
struct Network {
    plain: SharedHttpClient,
    tls: SharedHttpClient,
}

/// A [`SharedHttpClient`] over sockets.
pub(super) fn network() -> SharedHttpClient {
    let tls = Builder::new().build_with_connector_fn(|settings, components| {
        let mut builder = Connector::builder().proxy_config(ProxyConfig::from_env());
        builder.set_connector_settings(settings.cloned());
        builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).build()
    });
    SharedHttpClient::new(Network { plain: Builder::new().build_http(), tls })
}

impl HttpClient for Network {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(ByScheme {
            network: self.clone(),
            settings: settings.clone(),
            components: components.clone(),
        })
    }
}

#[derive(Debug)]
struct ByScheme {
    network: Network,
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl HttpConnector for ByScheme {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = if request.uri().starts_with("http:") { &self.network.plain } else { &self.network.tls };
        client.http_connector(&self.settings, &self.components).call(request)
    }
}
