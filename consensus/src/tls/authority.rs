//! Who makes certificates? The cluster's own authority: a self-signed certificate and its key.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyUsagePurpose, PKCS_ED25519, PublicKeyData, SignatureAlgorithm,
};
use rustls::pki_types::CertificateDer;
use time::OffsetDateTime;

use super::{TlsError, certificate, sha256};

/// From when to when a certificate is good, in seconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first second.
    pub from: i64,
    /// The last second.
    pub until: i64,
}

/// A key pair (Ed25519) for a certificate to be.
pub struct KeyPair(rcgen::KeyPair);

/// The public half of a [`KeyPair`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(pub [u8; 32]);

/// The cluster's certificate authority.
pub struct Authority {
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    key_pem: String,
    issuer: Issuer<'static, rcgen::KeyPair>,
}

impl KeyPair {
    /// A new one, from the system's randomness.
    pub fn generate() -> Result<Self, TlsError> {
        Ok(Self(rcgen::KeyPair::generate_for(&PKCS_ED25519)?))
    }

    /// The private key, for a file that nobody else can read.
    pub fn to_pem(&self) -> String {
        self.0.serialize_pem()
    }

    /// Reads what [`KeyPair::to_pem`] wrote.
    pub fn from_pem(text: &str) -> Result<Self, TlsError> {
        let pair = rcgen::KeyPair::from_pem_and_sign_algo(text, &PKCS_ED25519);
        Ok(Self(pair.map_err(not_a_key)?))
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        let mut key = [0; 32];
        // Ed25519's are that long.
        key.copy_from_slice(self.0.public_key_raw());
        PublicKey(key)
    }
}

fn not_a_key(error: rcgen::Error) -> TlsError {
    TlsError::Pem {
        what: "private key",
        reason: error.to_string(),
    }
}

impl PublicKeyData for PublicKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ED25519
    }
}

impl Authority {
    /// A new authority, for a cluster of this name.
    pub fn create(cluster: &str, validity: Validity) -> Result<Self, TlsError> {
        let key = rcgen::KeyPair::generate_for(&PKCS_ED25519)?;
        let mut params = authority_params(cluster);
        (params.not_before, params.not_after) = dates(validity)?;
        let made = params.self_signed(&key)?;
        Ok(Self {
            certificate: made.der().clone(),
            certificate_pem: made.pem(),
            key_pem: key.serialize_pem(),
            issuer: Issuer::new(params, key),
        })
    }

    /// The authority whose certificate and key were kept.
    pub fn load(cluster: &str, certificate_pem: &str, key_pem: &str) -> Result<Self, TlsError> {
        let key = rcgen::KeyPair::from_pem_and_sign_algo(key_pem, &PKCS_ED25519);
        Ok(Self {
            certificate: certificate(certificate_pem)?,
            certificate_pem: certificate_pem.to_owned(),
            key_pem: key_pem.to_owned(),
            // What the issuer needs of its own certificate follows from the cluster's name.
            issuer: Issuer::new(authority_params(cluster), key.map_err(not_a_key)?),
        })
    }

    /// Its certificate, as PEM.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Its key, as PEM: whoever has it can be any member.
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// SHA-256 of its certificate.
    pub fn fingerprint(&self) -> [u8; 32] {
        sha256(&self.certificate)
    }

    /// Makes a certificate for whoever has the other half of `key`. Both sides of a connection may
    /// show it.
    pub fn certify(
        &self,
        key: &PublicKey,
        names: &[String],
        validity: Validity,
    ) -> Result<String, TlsError> {
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = DistinguishedName::new();
        if let Some(name) = names.first() {
            params
                .distinguished_name
                .push(DnType::CommonName, name.as_str());
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = dates(validity)?;
        Ok(params.signed_by(key, &self.issuer)?.pem())
    }
}

fn authority_params(cluster: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(
        DnType::CommonName,
        format!("Lockstep authority of {cluster}"),
    );
    params.distinguished_name = name;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn dates(validity: Validity) -> Result<(OffsetDateTime, OffsetDateTime), TlsError> {
    let date = |at: i64| OffsetDateTime::from_unix_timestamp(at).map_err(|_| TlsError::Date(at));
    Ok((date(validity.from)?, date(validity.until)?))
}
