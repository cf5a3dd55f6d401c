/**
 * Requests to the admin API of a data folder: method and path in the first line, the body after it. No request makes an error
 * that is not flm's own, each error is one of the table of errors, and a refused request changes nothing.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AdminApi, operations } from '../../../src/admin/admin-api.ts';
import { adminBasePath } from '../../../src/admin/error-response.ts';
import { adminServices } from '../../../src/app/admin-services.ts';
import { openFlm } from '../../../src/app/flm.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { errorTable } from '../../../src/core/errors.ts';
import { flmEntry } from '../../helpers/cli.ts';
import type { FuzzTarget } from '../target.ts';

/** Areas whose operations start no program and open no connection. */
const areas = /^\/(?:keys|shares|policy|profiles|usage|audit|me)(?:[/?]|$)/;
const caller = { actor: 'ui:fuzz', scopes: ['admin'], address: undefined } as const;

let errors: unknown[] = [];
let api: AdminApi | undefined;

async function call(method: string, path: string, body: Buffer) {
  const headers = body.length === 0 ? {} : { 'content-type': 'application/json' };
  return (api as AdminApi).handle({ method, target: `${adminBasePath}${path}`, headers, body, caller });
}

/** The newest entry of the audit: every change makes one. */
async function newestChange(): Promise<unknown> {
  const { body } = await call('GET', '/audit?limit=1', Buffer.alloc(0));
  return body;
}

export const adminInput: FuzzTarget = {
  name: 'admin-input',
  about: 'requests to the admin API: typed errors, and no change by a refused request',
  sources: ['src/admin/', 'src/core/security/', 'src/core/faults.ts'],
  tokens: [
    ...operations
      .filter(({ path }) => areas.test(path))
      .map(({ method, path }) => `${method} ${path.replaceAll(/\{\w+\}/g, 'x')}\n`),
    '{',
    '}',
    '"label":"x"',
    '"models":["*"]',
    '"expiresAt":"2030-01-01T00:00:00Z"',
    '"allowIps":["10.0.0.0/8"]',
    '"requestsPerMinute":1',
    '"scopes":["admin"]',
    '?limit=1',
    '&after=',
    '%00',
    '%2e%2e',
    '%',
    'null',
    '__proto__',
    '[]',
    '1e400',
    '\xed\xa0\x80',
  ],
  seeds: [
    'POST /keys\n{"label":"ci"}',
    'GET /keys?limit=1\n',
    'PUT /policy\n{"allowIps":["10.0.0.0/8"]}',
    'GET /usage?step=day\n',
    'GET /audit?limit=5&since=2026-01-01\n',
    'PUT /profiles/home\n{"port":8443}',
    'PATCH /keys/x\n{"label":"b","requestsPerMinute":5}',
  ],
  maxLength: 600,
  async open() {
    const folder = await mkdtemp(join(tmpdir(), 'flm-fuzz-'));
    const environment = { HOME: folder, FLM_HOME: join(folder, 'flm'), FLM_DETECT_PORTS: '' };
    const flm = await openFlm({ environment, entry: flmEntry });
    const ending = new AbortController();
    const services = adminServices(flm, ending.signal);
    errors = [];
    const clock = { nowMs: () => services.nowMs(), after: systemClock.after };
    api = new AdminApi({ services, clock, onError: (error) => errors.push(error) });
    return async () => {
      ending.abort();
      await flm.close();
      await rm(folder, { recursive: true, force: true });
    };
  },
  async check(input) {
    const border = input.indexOf(0x0a);
    const [method = '', path = ''] = input
      .toString('latin1', 0, border < 0 ? input.length : border)
      .split(' ');
    if (!areas.test(path) || !/^[A-Z]+$/.test(method) || path.includes('/events')) return;
    const body = border < 0 ? Buffer.alloc(0) : Buffer.from(input.subarray(border + 1));
    const before = method === 'GET' ? undefined : await newestChange();
    const response = await call(method, path, body);
    assert.deepEqual(errors.splice(0), [], "an error that is not flm's own");
    assert(response.status < 500, `status ${response.status}`);
    if (response.status < 400) return;
    const { error: refused } = JSON.parse(String(response.body)) as { error?: { code?: unknown } };
    assert(
      typeof refused?.code === 'string' && Object.hasOwn(errorTable, refused.code),
      'an error has its code',
    );
    if (before !== undefined)
      assert.equal(await newestChange(), before, 'a refused request changed something');
  },
};
