/**
 * Explains why a TLS handshake failed, in words for the log and for `flm explain`. The text contains only names that
 * OpenSSL and Node give to errors, never text from a client.
 */

/** Checks of a client certificate (X509_V_ERR_*), by the name that Node gives them. */
const checks: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'has expired',
  CERT_NOT_YET_VALID: 'is not valid yet',
  CERT_REVOKED: 'was revoked',
  INVALID_PURPOSE: 'is not for use by a client',
  CERT_REJECTED: 'is not for use by a client',
  CERT_SIGNATURE_FAILURE: 'is not signed by the client CA',
  CERT_UNTRUSTED: 'is not signed by the client CA',
  UNABLE_TO_GET_ISSUER_CERT: 'is not signed by the client CA',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'is not signed by the client CA',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'is not signed by the client CA',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'is signed by itself, not by the client CA',
  SELF_SIGNED_CERT_IN_CHAIN: 'is signed by a CA that is not the client CA',
  CERT_CHAIN_TOO_LONG: 'comes with a chain that is too long',
  PATH_LENGTH_EXCEEDED: 'comes with a chain that is longer than its CA allows',
  INVALID_CA: 'is signed by a certificate that is not a CA',
  UNABLE_TO_GET_CRL: 'cannot be checked: its CA has no revocation list here',
  CRL_HAS_EXPIRED: 'cannot be checked: the revocation list of its CA has expired',
  CRL_NOT_YET_VALID: 'cannot be checked: the revocation list of its CA is not valid yet',
  CRL_SIGNATURE_FAILURE: 'cannot be checked: the revocation list is not signed by its CA',
};

/** Other failures of a handshake. */
const failures: Readonly<Record<string, string>> = {
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'the client showed no certificate, and this proxy asks for one',
  ERR_SSL_NO_SHARED_CIPHER: 'client and proxy have no cipher suite in common',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'the client is limited to TLS 1.1 or older',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the client sent something that is not TLS',
  ERR_SSL_NO_APPLICATION_PROTOCOL: 'the client does not offer http/1.1',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'the client does not trust the certificate of the proxy',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'the client does not trust the certificate of the proxy',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'the client does not accept the certificate of the proxy',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'the certificate of the proxy has expired for the client',
  ECONNRESET: 'the client left in the middle of the handshake',
};

/** `the client certificate has expired (CERT_HAS_EXPIRED)`. `check` is the one that a client certificate failed. */
export function handshakeFailure(code: string | undefined, check: string | undefined): string {
  const name = check ?? code ?? '';
  const words =
    check === undefined
      ? ((Object.hasOwn(failures, name) ? failures[name] : undefined) ?? 'OpenSSL ended it')
      : `the client certificate ${(Object.hasOwn(checks, name) ? checks[name] : undefined) ?? 'did not pass a check'}`;
  // OpenSSL's own names; anything else is left out.
  return /^[A-Z][A-Z0-9_]{1,99}$/.test(name) ? `${words} (${name})` : words;
}
