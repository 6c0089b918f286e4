//! Credentials for tests.

use std::sync::Arc;

use super::*;

/// From a day ago, for as many days.
pub(crate) fn days(days: i64) -> Validity {
    const DAY: i64 = 24 * 3_600;
    #[expect(
        clippy::disallowed_types,
        reason = "certificates are checked against the clock"
    )]
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = since.expect("after 1970").as_secs() as i64;
    Validity {
        from: now - DAY,
        until: now + days * DAY,
    }
}

pub(crate) fn authority() -> Authority {
    Authority::create("test", days(100)).expect("an authority")
}

/// Credentials of a member, as `authority` would give them.
pub(crate) fn member(authority: &Authority, id: NodeId) -> Arc<Credentials> {
    let names = [member_name(id), ANY_MEMBER.to_owned()];
    Arc::new(of_names(authority, &names, days(10)))
}

pub(crate) fn of_names(authority: &Authority, names: &[String], validity: Validity) -> Credentials {
    let key = KeyPair::generate().expect("a key");
    let own = authority
        .certify(&key.public(), names, validity)
        .expect("a certificate");
    Credentials::from_pem(authority.certificate_pem(), &own, &key.to_pem()).expect("they fit")
}
