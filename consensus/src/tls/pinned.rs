//! Whom does a node believe that has no certificate yet? Whoever is certified by the authority whose
//! fingerprint it was given.

use std::io;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, TlsStream};

use super::credentials::provider;
use super::{ANY_MEMBER, Protocol, sha256};

/// Connects, without a certificate, to any member of the cluster whose authority's certificate has
/// this SHA-256.
pub async fn connect_pinned(
    stream: TcpStream,
    authority: [u8; 32],
    protocol: Protocol,
) -> io::Result<TlsStream<TcpStream>> {
    let algorithms = provider().signature_verification_algorithms;
    let verifier = Pinned {
        authority,
        algorithms,
    };
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.name.into()];
    let name = ServerName::try_from(ANY_MEMBER).map_err(io::Error::other)?;
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream);
    Ok(connected.await?.into())
}

/// Takes as root the one certificate of the chain that has the fingerprint, and leaves the rest to
/// the usual verifier.
#[derive(Debug)]
struct Pinned {
    authority: [u8; 32],
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let is_ours = |der: &&CertificateDer<'_>| sha256(der) == self.authority;
        let Some(authority) = intermediates.iter().find(is_ours) else {
            return Err(CertificateError::UnknownIssuer.into());
        };
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|error| Error::General(error.to_string()))?
            .verify_server_cert(end_entity, &[], server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
