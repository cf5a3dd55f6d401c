import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expiryWarning } from './warnings.ts';

test('a certificate that has expired is called expired, with what gets another one', () => {
  const certificate = { expiresAtMs: Date.UTC(2026, 0, 2) };
  assert.equal(expiryWarning(certificate, 'https-acme', certificate.expiresAtMs - 1), undefined);
  assert.equal(expiryWarning(undefined, 'https-acme', 0), undefined);
  assert.equal(
    expiryWarning(certificate, 'https-acme', certificate.expiresAtMs),
    'The certificate has expired at 2026-01-02T00:00:00.000Z, so clients refuse it; ask the CA for another now: `flm cert renew`.',
  );
});
