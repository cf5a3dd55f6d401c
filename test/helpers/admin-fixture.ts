/**
 * The admin API over the real services of a data folder, as `flm ui` has it. Commands of the same folder start and stop
 * proxies. Each response is checked against the schema of its operation, and each status against the OpenAPI document.
 */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { AdminApi, type AdminRequest, operations } from '../../src/admin/admin-api.ts';
import { adminBasePath } from '../../src/admin/error-response.ts';
import { openApiDocument } from '../../src/admin/openapi.ts';
import type { AdminCaller, AdminServices } from '../../src/admin/operation.ts';
import { adminServices } from '../../src/app/admin-services.ts';
import { type Flm, openFlm } from '../../src/app/flm.ts';
import { systemClock } from '../../src/core/clock.ts';
import { flmEntry, makeCli, type TestCli } from './cli.ts';
import { atEnd } from './temporary-store.ts';

export const adminCaller: AdminCaller = { actor: 'ui:test', scopes: ['admin'], address: undefined };
export const readingCaller: AdminCaller = { actor: 'key:reader', scopes: ['admin:read'], address: undefined };

export interface AdminCall {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly caller?: AdminCaller;
}

export interface AdminAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The JSON body. */
  // biome-ignore lint/suspicious/noExplicitAny: documents differ by operation; tests look at single fields
  readonly document: any;
}

export interface AdminFixture {
  readonly cli: TestCli;
  readonly flm: Flm;
  readonly services: AdminServices;
  call(method: string, path: string, request?: AdminCall): Promise<AdminAnswer>;
  /** The text of an event stream, part by part, until the signal aborts. */
  watch(path: string, signal: AbortSignal, caller?: AdminCaller): Promise<AsyncIterable<string>>;
  /** The same for a POST of this document. */
  ask(path: string, body: unknown, signal: AbortSignal): Promise<AsyncIterable<string>>;
}

/** `environment` is that of `flm ui` and of the commands. */
export async function startedAdmin(
  t: TestContext,
  environment: Readonly<Record<string, string>> = {},
): Promise<AdminFixture> {
  const cli = makeCli(t, environment);
  const flm = await openFlm({
    environment: { HOME: cli.folder, FLM_HOME: cli.home, FLM_DETECT_PORTS: '', ...environment },
    entry: flmEntry,
  });
  const ending = new AbortController();
  atEnd(t, async () => {
    ending.abort();
    await flm.close();
  });
  const services = adminServices(flm, ending.signal);
  return { cli, flm, services, ...adminCalls(t, services) };
}

/** Calls the API of these services. An error that is not flm's own fails the test. */
export function adminCalls(
  t: TestContext,
  services: AdminServices,
): Pick<AdminFixture, 'call' | 'watch' | 'ask'> {
  const errors: unknown[] = [];
  const clock = { nowMs: () => services.nowMs(), after: systemClock.after };
  const api = new AdminApi({ services, clock, onError: (error) => errors.push(error) });
  t.after(() => assert.deepEqual(errors, []));
  const call: AdminFixture['call'] = async (
    method,
    path,
    { body, headers = {}, caller = adminCaller } = {},
  ) => {
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const response = await api.handle({
      method,
      target: `${adminBasePath}${path}`,
      headers: { ...type, ...headers },
      body: Buffer.from(body === undefined ? '' : JSON.stringify(body)),
      caller,
    });
    const text = response.body;
    assert(typeof text === 'string', 'the response is no stream');
    checkResponse(method, path, response.status, text);
    return { ...response, body: text, document: text === '' ? undefined : JSON.parse(text) };
  };
  const stream = async (
    request: Omit<AdminRequest, 'target'>,
    path: string,
  ): Promise<AsyncIterable<string>> => {
    const response = await api.handle({ ...request, target: `${adminBasePath}${path}` });
    assert.equal(response.headers['content-type'], 'text/event-stream', String(response.body));
    assert(typeof response.body !== 'string', 'the response is a stream');
    return response.body;
  };
  const watch: AdminFixture['watch'] = (path, signal, caller = adminCaller) =>
    stream({ method: 'GET', headers: {}, body: Buffer.alloc(0), caller, signal }, path);
  const ask: AdminFixture['ask'] = (path, body, signal) => {
    const headers = { 'content-type': 'application/json' };
    return stream(
      { method: 'POST', headers, body: Buffer.from(JSON.stringify(body)), caller: adminCaller, signal },
      path,
    );
  };
  return { call, watch, ask };
}

// biome-ignore lint/suspicious/noExplicitAny: a document of JSON
const described: any = openApiDocument('0.0.0');

function checkResponse(method: string, path: string, status: number, body: string): void {
  const pattern = (template: string) => new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+')}(\\?|$)`);
  const found = operations.filter((o) => o.method === method && pattern(o.path).test(path));
  const operation = found.find((o) => !o.path.includes('{')) ?? found[0];
  if (operation === undefined) return;
  const { responses } = described.paths[`${adminBasePath}${operation.path}`][method.toLowerCase()];
  assert(Object.hasOwn(responses, String(status)), `${method} ${path}: ${status} is not documented: ${body}`);
  if (status < 300 && body !== '') operation.response?.parse(JSON.parse(body));
}
