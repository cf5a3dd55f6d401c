/**
 * The admin API: finds the operation of a request, checks the caller's scope, validates the input, runs the operation,
 * and makes the response. It knows no transport and no credential: the caller of `handle` has authenticated the request.
 *
 * A caller without the scope gets the same response as for a path that does not exist. Every error comes from the error
 * table; no cause reaches the response.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../core/clock.ts';
import { AdminError, type Fault, FlmError } from '../core/errors.ts';
import { faultsOf } from '../core/faults.ts';
import { adminBasePath, errorResponse } from './error-response.ts';
import { eventText } from './event-text.ts';
import { Idempotency } from './idempotency.ts';
import type {
  AdminCaller,
  AdminEvent,
  AdminResponse,
  AdminServices,
  Operation,
  OperationContext,
} from './operation.ts';
import { auditOperations } from './operations/audit.ts';
import { callerOperations } from './operations/caller.ts';
import { certificateOperations } from './operations/certificates.ts';
import { chatOperations } from './operations/chat.ts';
import { connectOperations } from './operations/connect.ts';
import { engineOperations } from './operations/engines.ts';
import { keyOperations } from './operations/keys.ts';
import { modelOperations } from './operations/models.ts';
import { nodeOperations } from './operations/nodes.ts';
import { policyOperations } from './operations/policy.ts';
import { profileOperations } from './operations/profiles.ts';
import { proxyOperations } from './operations/proxies.ts';
import { requestOperations } from './operations/requests.ts';
import { shareOperations } from './operations/shares.ts';
import { usageOperations } from './operations/usage.ts';

/** Every operation, in the order of the reference. */
export const operations: readonly Operation[] = [
  ...keyOperations,
  ...shareOperations,
  ...connectOperations,
  ...chatOperations,
  ...policyOperations,
  ...engineOperations,
  ...modelOperations,
  ...requestOperations,
  ...proxyOperations,
  ...nodeOperations,
  ...profileOperations,
  ...certificateOperations,
  ...usageOperations,
  ...auditOperations,
  ...callerOperations,
];

export interface AdminRequest {
  readonly method: string;
  /** Path and query, as the client sent them. */
  readonly target: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Empty where there is none. */
  readonly body: Buffer;
  readonly caller: AdminCaller;
  /** Aborts when the client leaves. Absent: an event stream ends only by itself. */
  readonly signal?: AbortSignal;
}

export interface AdminApiDeps {
  readonly services: AdminServices;
  readonly clock: Pick<Clock, 'nowMs' | 'after'>;
  /** An error that is not flm's own: a bug. */
  readonly onError: (error: unknown) => void;
}

interface Match {
  readonly operation: Operation;
  readonly params: Readonly<Record<string, string>>;
}

export class AdminApi {
  readonly #deps: AdminApiDeps;
  readonly #idempotency: Idempotency;
  /** The last change that runs, by path. */
  readonly #turns = new Map<string, Promise<AdminResponse>>();

  constructor(deps: AdminApiDeps) {
    this.#deps = deps;
    this.#idempotency = new Idempotency(deps.clock);
  }

  /** Never rejects. */
  async handle(request: AdminRequest): Promise<AdminResponse> {
    try {
      this.#deps.services.followFiles();
      return await this.#handle(request);
    } catch (error) {
      if (!(error instanceof FlmError)) this.#deps.onError(error);
      return errorResponse(error instanceof FlmError ? error : new AdminError('INTERNAL'));
    }
  }

  async #handle(request: AdminRequest): Promise<AdminResponse> {
    const url = URL.parse(request.target, 'http://flm');
    const path = url?.pathname ?? '';
    const found = findOperations(path).filter(({ operation }) => mayCall(request.caller, operation));
    if (url === null || found.length === 0)
      throw new AdminError('ADMIN_PATH_UNKNOWN', { params: { path: shown(path) } });
    const match = found.find(({ operation }) => operation.method === request.method);
    if (match === undefined) {
      const allow = found.map(({ operation }) => operation.method).join(', ');
      const response = errorResponse(new AdminError('METHOD_NOT_ALLOWED'));
      return { ...response, headers: { ...response.headers, allow } };
    }
    const { operation } = match;
    const key = request.headers['idempotency-key'];
    const changes = operation.current !== undefined && request.method !== 'GET';
    const run = (): Promise<AdminResponse> =>
      changes ? this.#inTurn(path, () => this.#run(match, url, request)) : this.#run(match, url, request);
    if (operation.idempotent !== true || key === undefined) return run();
    return this.#idempotency.once(
      {
        actor: request.caller.actor,
        operation: operation.id,
        target: request.target,
        key,
        body: request.body,
      },
      run,
    );
  }

  /** Changes of one document follow each other, so that of two requests with one `If-Match` only the first succeeds. */
  async #inTurn(path: string, run: () => Promise<AdminResponse>): Promise<AdminResponse> {
    const before = this.#turns.get(path);
    const turn = (before ?? Promise.resolve()).then(run, run);
    this.#turns.set(path, turn);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(path) === turn) this.#turns.delete(path);
    }
  }

  async #run({ operation, params }: Match, url: URL, request: AdminRequest): Promise<AdminResponse> {
    const ifMatch = request.headers['if-match'];
    const context: OperationContext = {
      services: this.#deps.services,
      caller: request.caller,
      checkIfMatch: (document) => checkIfMatch(document, ifMatch),
    };
    const input = parseInput(operation, params, url.searchParams, request);
    // `parseInput` returned what the schemas of this very operation made.
    const path = input.path as never;
    const { watch } = operation;
    if (watch !== undefined) return this.#stream((signal) => watch(context, input as never, signal), request);
    assert(operation.run !== undefined, 'an operation without events has `run`');
    if (operation.current !== undefined && ifMatch !== undefined)
      context.checkIfMatch(await operation.current(context, path));
    const document = await operation.run(context, input as never);
    const headers: Record<string, string> = { 'cache-control': 'no-store' };
    if (operation.current !== undefined && operation.method !== 'DELETE')
      headers.etag = etagOf(await operation.current(context, path));
    if (operation.status === 204) return { status: 204, headers, body: '' };
    if (
      operation.method === 'GET' &&
      headers.etag !== undefined &&
      request.headers['if-none-match'] === headers.etag
    )
      return { status: 304, headers, body: '' };
    if (operation.media !== undefined)
      return {
        status: operation.status,
        headers: { ...headers, 'content-type': `${operation.media}; charset=utf-8` },
        body: String(document),
      };
    return {
      status: operation.status,
      headers: { ...headers, 'content-type': 'application/json' },
      body: `${JSON.stringify(document)}\n`,
    };
  }

  #stream(open: (signal: AbortSignal) => AsyncIterable<AdminEvent>, { signal }: AdminRequest): AdminResponse {
    const { services, clock, onError } = this.#deps;
    const until = signal === undefined ? services.signal : AbortSignal.any([services.signal, signal]);
    return {
      status: 200,
      headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
      body: eventText(open(until), { clock, onError, signal: until }),
    };
  }
}

/** A strong validator (RFC 9110, section 8.8.3) of a document. */
export function etagOf(document: unknown): string {
  return `"${createHash('sha256').update(JSON.stringify(document)).digest('base64url').slice(0, 22)}"`;
}

function mayCall(caller: AdminCaller, operation: Operation): boolean {
  return (
    caller.scopes.includes(operation.scope) ||
    (operation.scope === 'admin:read' && caller.scopes.includes('admin'))
  );
}

function findOperations(path: string): readonly Match[] {
  if (!path.startsWith(`${adminBasePath}/`)) return [];
  const segments = path.slice(adminBasePath.length).split('/');
  const matches: Match[] = [];
  for (const operation of operations) {
    const params = matchPath(operation.path.split('/'), segments);
    if (params !== undefined) matches.push({ operation, params });
  }
  // A fixed segment wins over a parameter: /keys/import is no key.
  const most = Math.min(...matches.map(({ params }) => Object.keys(params).length));
  return matches.filter(({ params }) => Object.keys(params).length === most);
}

function matchPath(
  pattern: readonly string[],
  segments: readonly string[],
): Readonly<Record<string, string>> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [i, part] of pattern.entries()) {
    const segment = segments[i] as string;
    if (!part.startsWith('{')) {
      if (part !== segment) return undefined;
      continue;
    }
    const value = decoded(segment);
    if (value === undefined || value === '') return undefined;
    params[part.slice(1, -1)] = value;
  }
  return params;
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

/** Ignoring a field would hide a mistake. */
const noFields = z.strictObject({});

function parseInput(
  operation: Operation,
  params: Readonly<Record<string, string>>,
  query: URLSearchParams,
  request: AdminRequest,
): { readonly path: unknown; readonly query: unknown; readonly body: unknown } {
  const faults: Fault[] = [];
  const parse = (schema: Operation['params'] | Operation['body'], input: unknown): unknown => {
    if (schema === undefined) return undefined;
    const parsed = schema.safeParse(input);
    if (parsed.success) return parsed.data;
    faults.push(...faultsOf(parsed.error, input));
    return undefined;
  };
  const path = parse(operation.params, params);
  const parsedQuery = parse(operation.query, queryObject(query));
  if (operation.query === undefined && query.size > 0)
    faults.push({ field: [...query.keys()][0] ?? '', value: 'an unknown field', allowed: 'no query' });
  const sent = jsonBody(request);
  const parsed = parse(operation.body ?? noFields, sent);
  const body = operation.bodyAsSent === true ? sent : parsed;
  if (faults.length > 0) throw new AdminError('ADMIN_INPUT_INVALID', { faults });
  return { path, query: parsedQuery, body };
}

/** A name that is given more than once is a list. */
function queryObject(query: URLSearchParams): Record<string, string | string[]> {
  const input: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>;
  for (const name of new Set(query.keys())) {
    const values = query.getAll(name);
    input[name] = values.length === 1 ? (values[0] as string) : values;
  }
  return { ...input };
}

function jsonBody({ headers, body }: AdminRequest): unknown {
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (body.length > 0 && type !== 'application/json')
    throw new AdminError('BODY_TYPE_UNSUPPORTED', {
      params: { expected: 'application/json' },
    });
  if (body.length === 0) return {};
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new AdminError('BODY_INVALID', {
      params: { reason: 'it is not valid JSON', form: 'a JSON object' },
    });
  }
}

function checkIfMatch(document: unknown, ifMatch: string | undefined): void {
  if (ifMatch === undefined || ifMatch.trim() === '*') return;
  const asked = ifMatch.split(',').map((tag) => tag.trim());
  if (!asked.includes(etagOf(document))) throw new AdminError('ADMIN_CHANGED_MEANWHILE');
}

/** A part of a request in an error text: short, and of printable characters. */
function shown(text: string): string {
  const printable = text.replaceAll(/[^\x20-\x7e]/g, '?');
  return printable.length > 100 ? `${printable.slice(0, 97)}...` : printable;
}
