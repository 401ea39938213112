use std::time::Duration;

use rcgen::{CertificateParams, DistinguishedName, DnType, SanType, date_time_ymd};
use rustls::pki_types::CertificateDer;

use super::error::IdentityError;
use super::signer::NodeSigner;

/// Subject and issuer of every certificate: they say nothing, and RFC 5280 wants them not empty.
const COMMON_NAME: &str = "foctet";

/// The last second of a day.
const END_OF_DAY: Duration = Duration::from_secs(24 * 60 * 60 - 1);

/// Makes the node's certificate. Every field is fixed or follows from the key, so that the same key always
/// gives the same bytes.
pub(super) fn make(signer: &NodeSigner) -> Result<CertificateDer<'static>, IdentityError> {
    let mut params = CertificateParams::default();
    let name = signer.id().to_string().try_into().map_err(IdentityError::unmakeable)?;
    params.subject_alt_names = vec![SanType::DnsName(name)];
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, COMMON_NAME);
    // 99991231235959Z is how RFC 5280 (4.1.2.5) writes "no end".
    params.not_before = date_time_ymd(1970, 1, 1);
    params.not_after = date_time_ymd(9999, 12, 31) + END_OF_DAY;
    let certificate = params.self_signed(signer).map_err(IdentityError::unmakeable)?;
    Ok(certificate.into())
}
