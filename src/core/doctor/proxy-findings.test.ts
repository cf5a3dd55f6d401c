import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProxyHandle } from '../proxy/proxy-handle.ts';
import type { ProxyView } from '../proxy/proxy-service.ts';
import { certificateFindings, versionFindings, warningFindings } from './proxy-findings.ts';

const nowMs = Date.UTC(2026, 10, 27);
const hourMs = 3_600_000;

function view(status: object, mode = 'https-acme'): ProxyView {
  const handle = { id: 'px_1', profile: 'lab', mode };
  // The findings read only these fields of a status.
  return { state: 'running', handle, status: { handle, warnings: [], ...status } } as unknown as ProxyView;
}

test('a proxy that runs another version than the installed one is named with the hand-over', () => {
  const [found, ...others] = versionFindings(
    [view({ version: '0.1.0' }), view({ version: '0.2.0' })],
    '0.2.0',
  );

  assert.deepEqual(
    [found?.code, found?.subject, found?.command],
    ['PROXY_OTHER_VERSION', 'px_1', 'flm upgrade'],
  );
  assert.match(found?.message ?? '', /runs flm 0\.1\.0, and 0\.2\.0 is installed/);
  assert.deepEqual(others, []);
});

test('a certificate that ends soon is named with the renewal, one that has ended is left to the proxy', () => {
  const ending = (hours: number): ProxyView => view({ certificate: { expiresAtMs: nowMs + hours * hourMs } });

  assert.deepEqual(certificateFindings([ending(48), ending(-1), view({})], nowMs), []);
  assert.deepEqual(
    certificateFindings([ending(30)], nowMs).map(({ code, command }) => [code, command]),
    [['CERTIFICATE_EXPIRES_SOON', 'flm cert renew lab']],
  );
});

test('a certificate for a day is named only when its renewal is late', () => {
  const codes = (renewedForHours: number): readonly string[] => {
    const certificate = {
      expiresAtMs: nowMs + 8 * hourMs - renewedForHours * hourMs,
      renewsAtMs: nowMs - renewedForHours * hourMs,
    };
    return certificateFindings([view({ certificate })], nowMs).map(({ code }) => code);
  };

  assert.deepEqual([codes(-10), codes(0), codes(2)], [[], [], ['CERTIFICATE_EXPIRES_SOON']]);
});

test('warnings name their proxy, and the exposure of engines is left to its own check', () => {
  const warningDetails = [
    { code: 'ENGINE_EXPOSED', message: 'x', command: 'x' },
    { code: 'ENGINE_DOWN', message: 'Engine a does not answer.', command: 'flm engine test a' },
  ];
  // The findings read only id and profile.
  const hanging = { state: 'not-answering', handle: { id: 'px_2', profile: 'b' } as ProxyHandle } as const;

  const found = warningFindings([view({ warningDetails }), hanging], [{ id: 'px_3', profile: 'c' }]);

  assert.deepEqual(
    found.map(({ code, subject, severity, check }) => [code, subject, severity, check]),
    [
      ['PROXY_CRASHED', 'px_3', 'error', 'proxies'],
      ['ENGINE_DOWN', 'px_1', 'error', 'engines'],
      ['PROXY_NOT_ANSWERING', 'px_2', 'error', 'proxies'],
    ],
  );
  assert.match(found[0]?.message ?? '', /^Proxy px_3 \(profile c\) ended without a stop\. /);
  assert.match(found[2]?.message ?? '', /^Proxy px_2 \(profile b\) does not answer\. /);
});
