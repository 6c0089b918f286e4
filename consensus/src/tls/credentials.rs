//! What does a node show, and whom does it believe? Replaceable while the node runs, so that a
//! certificate can be renewed.

use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::{Protocol, TlsError, certificate, not_a};

/// A node's certificate and key, and its cluster's authority.
#[derive(Debug)]
pub struct Credentials(RwLock<Arc<Configs>>);

#[derive(Debug)]
struct Configs {
    client: ClientConfig,
    server: ServerConfig,
}

/// The one provider of cryptography: named, because there may be others in a process.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

impl Credentials {
    /// From the authority's certificate, this node's certificate and its key, all as PEM.
    pub fn from_pem(authority: &str, own: &str, key: &str) -> Result<Self, TlsError> {
        let configs = Configs::new(authority, own, key)?;
        Ok(Self(RwLock::new(Arc::new(configs))))
    }

    /// Shows another certificate from now on. Connections that there are stay.
    pub fn replace(&self, other: Credentials) {
        let new = other.current();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = new;
    }

    fn current(&self) -> Arc<Configs> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Makes an encrypted connection to whoever is called `name`, and nobody else.
    pub async fn connect(
        &self,
        stream: TcpStream,
        name: &str,
        protocol: Protocol,
    ) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(name.to_owned())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let mut config = self.current().client.clone();
        config.alpn_protocols = vec![protocol.name.into()];
        let connected = TlsConnector::from(Arc::new(config)).connect(name, stream);
        Ok(connected.await?.into())
    }

    /// Answers a connection that is for one of these protocols.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
        protocols: &[Protocol],
    ) -> io::Result<TlsStream<TcpStream>> {
        let mut config = self.current().server.clone();
        config.alpn_protocols = protocols.iter().map(|p| p.name.into()).collect();
        let accepted = TlsAcceptor::from(Arc::new(config)).accept(stream);
        Ok(accepted.await?.into())
    }
}

impl Configs {
    fn new(authority: &str, own: &str, key: &str) -> Result<Self, TlsError> {
        let authority = certificate(authority)?;
        let key = || {
            PrivateKeyDer::from_pem_slice(key.as_bytes())
                .map_err(|error| not_a("private key", &error))
        };
        // With the authority's: who joins knows that one only.
        let chain = vec![certificate(own)?, authority.clone()];
        let mut roots = RootCertStore::empty();
        roots.add(authority)?;
        let roots = Arc::new(roots);

        let mut client = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(roots.clone())
            .with_client_auth_cert(chain.clone(), key()?)?;
        client.resumption = Resumption::disabled();

        // Those without a certificate get no further than to the protocols that are for them.
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider())
            .allow_unauthenticated()
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let mut server = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key()?)?;
        server.send_tls13_tickets = 0;
        Ok(Configs { client, server })
    }
}
