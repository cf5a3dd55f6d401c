/**
 * The control socket of a proxy: `ProxyControl` as plain HTTP/1.1 behind a Unix socket that only this user may open, so
 * that flm and `curl --unix-socket` speak to it alike.
 *
 *   GET  /nonce                 the identity of this proxy, as text
 *   GET  /status                ProxyStatus as JSON
 *   POST /stop?graceMs=         StopReport, after the last response has ended and the port is free
 *   POST /release?graceMs=      {}, after the port is free
 *   POST /hand-over             HandOverRequest as JSON; the ProxyHandle of the successor, when the successor serves
 *   POST /reload                {}, after the changes in the store have taken effect
 *   GET  /metrics               Prometheus text
 *   GET  /tail                  one RequestLine per line for each request that ends, until the client disconnects
 *   GET  /explain/REQUEST-ID    RecordedRefusal, or 404
 *   GET  /requests              the requests that run now, as RunningRequest[]
 *   GET  /requests/watch        one RequestsUpdate per line, until the client disconnects
 *   GET  /recent-requests?key=  RequestLine[] of requests that ended, newest first
 *   POST /cancel/ID?actor=      the cancelled RunningRequest, or null
 *   POST /temporary-key?ttlMs=  TemporaryKey
 *   GET  /key-use/KEY-ID        KeyUse, or 404
 *   GET  /limits-link           with an upgrade: the limits link of a draining process, see limits-link.ts
 *   POST /revoke/KEY?actor=     LiveRevocation, or null
 *   /flm/api/v1/...             the admin API, with every scope
 *
 * An older flm responds with 404 to an operation that it does not have.
 *
 * Each response carries the proxy's nonce in `flm-nonce`. A request with another nonce is refused with 409 and has no
 * effect. Errors are `{"error": {code, params, faults}}`; those of the admin API have its own form. No other request has a
 * body.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import type { Duplex } from 'node:stream';
import { type Clock, systemClock } from '../core/clock.ts';
import { adminScopes } from '../core/engine/routes.ts';
import { ProxyError } from '../core/errors.ts';
import { gatherText } from '../core/gathered-bytes.ts';
import { type AdminPort, maxAdminBodyBytes } from '../core/proxy/admin-port.ts';
import type { HandOverRequest, ProxyControl } from '../core/proxy/ports.ts';
import type { ProxyHandle } from '../core/proxy/proxy-handle.ts';
import { privateFolder } from '../files/private-folder.ts';
import { bindControlSocket, isPipe, nonceField } from './control-socket.ts';
import { startOptionsIn } from './launch-messages.ts';
import { acceptLimitsLink, type ConnectLink } from './limits-link-socket.ts';
import { isRecord, wireErrorOf } from './wire-error.ts';

export interface ControlServerOptions {
  /** From `HomePaths.controlPath`. The folder is created if missing. */
  readonly path: string;
  /** The nonce of the handle. */
  readonly nonce: string;
  readonly clock?: Clock;
  /** Accepts a limits link of a draining process. Absent: limits links are refused. */
  readonly connectLink?: ConnectLink;
  /** Serves the admin API. Absent: 404. */
  readonly admin?: AdminPort;
  /** The caller of the admin API, for the audit. */
  readonly actor?: string;
}

export interface ControlServer {
  /**
   * Accepts no more requests, ends every tail, waits a moment for responses that are being written, then closes and
   * removes the socket. Call it after `ProxyControl.stop` resolved, not inside `stop`: it waits for the response to the
   * stop request.
   */
  close(): Promise<void>;
}

const maxBodyBytes = 4_096;
/** A configuration and an environment. */
const maxHandOverBytes = 4 * 1024 ** 2;
const maxConnections = 256;
const maxTails = 32;
/** Time for the last responses at `close`. They are small and the client is on this machine. */
const closeGraceMs = 1_000;
const maxGraceMs = 3_600_000;
const defaultTtlMs = 600_000;
export const handOverPath = '/hand-over';
const adminPath = '/flm/api/';

/**
 * Opens the control socket. Removes a socket file that a dead process left at the path. Throws PROXY_START_FAILED if a
 * running process answers at the path, and HOME_UNSAFE if other users can open the folder.
 */
export async function serveControl(
  control: ProxyControl,
  options: ControlServerOptions,
): Promise<ControlServer> {
  const { path } = options;
  if (!isPipe(path)) privateFolder(dirname(path), { noLink: true });
  const server = new ControlHttp(control, options);
  await bindControlSocket(server.http, path);
  // A connection that could not be accepted (no file descriptor left) must not end the proxy.
  server.http.on('error', () => {});
  return server;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

class ControlHttp implements ControlServer {
  readonly http: Server;
  readonly #control: ProxyControl;
  readonly #nonce: string;
  readonly #clock: Clock;
  readonly #admin: AdminPort | undefined;
  readonly #actor: string;
  readonly #answers = new Set<ServerResponse>();
  readonly #tails = new Set<AbortController>();
  #allAnswered: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  /** Upgraded connections of draining processes. The HTTP server no longer tracks them. */
  readonly #links = new Set<Duplex>();

  constructor(
    control: ProxyControl,
    {
      nonce,
      clock = systemClock,
      connectLink = () => undefined,
      admin,
      actor = 'control socket',
    }: ControlServerOptions,
  ) {
    this.#admin = admin;
    this.#actor = actor;
    this.#control = control;
    this.#nonce = nonce;
    this.#clock = clock;
    this.http = createServer({ maxHeaderSize: 8_192, headersTimeout: 5_000, requestTimeout: 10_000 });
    this.http.maxConnections = maxConnections;
    this.http.on('upgrade', (request, socket) => {
      this.#links.add(socket);
      socket.on('close', () => this.#links.delete(socket));
      acceptLimitsLink(request, socket, nonce, connectLink);
    });
    this.http.on('request', (request, response) => void this.#serve(request, response));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.http.close(() => resolve()));
    for (const tail of this.#tails) tail.abort();
    if (this.#answers.size > 0) {
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.after(closeGraceMs, resolve);
        this.#allAnswered = () => {
          cancel();
          resolve();
        };
      });
    }
    for (const link of this.#links) link.destroy();
    this.http.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#answers.add(response);
    response.on('close', () => {
      this.#answers.delete(response);
      if (this.#answers.size === 0) this.#allAnswered?.();
    });
    // A client that disconnects causes an `error` event on the stream, which needs a listener.
    response.on('error', () => {});
    const isAdmin = request.url?.startsWith(adminPath) === true && this.#admin !== undefined;
    if (request.url !== handOverPath && !isAdmin) refuseBody(request);
    response.setHeader(nonceField, this.#nonce);
    response.setHeader('connection', 'close');
    response.setHeader('cache-control', 'no-store');
    const answer = await this.#answer(request, response).catch(failureAnswer);
    if (answer === undefined || response.destroyed) return;
    response.writeHead(answer.status, {
      'content-type': answer.type,
      'content-length': Buffer.byteLength(answer.text),
    });
    response.end(answer.text);
  }

  /** Undefined if the response is already written. */
  async #answer(request: IncomingMessage, response: ServerResponse): Promise<Answer | undefined> {
    const asked = request.headers[nonceField];
    if (asked !== undefined && asked !== this.#nonce) return failure(409, 'this is another proxy');
    const url = URL.parse(request.url ?? '', 'http://flm');
    if (url === null) return failure(400, 'the target is no URL');
    const [, name = '', argument] = url.pathname.split('/', 3);
    if (this.#admin !== undefined && url.pathname.startsWith(adminPath))
      return this.#serveAdmin(this.#admin, request, response);
    const control = this.#control;
    switch (`${request.method} /${name}`) {
      case 'GET /nonce':
        return { status: 200, type: 'text/plain', text: `${this.#nonce}\n` };
      case 'GET /status':
        return json(control.status());
      case 'POST /stop':
        return json(await control.stop(this.#graceMs(url)));
      case 'POST /release':
        await control.release(this.#graceMs(url));
        return json({});
      case 'POST /hand-over':
        return json(await this.#handOver(request, response));
      case 'POST /reload':
        await control.reload();
        return json({});
      case 'GET /metrics':
        return {
          status: 200,
          type: 'text/plain; version=0.0.4; charset=utf-8',
          text: await control.metrics(),
        };
      case 'GET /tail':
        return this.#stream(response, (signal) => control.tail(signal));
      case 'GET /explain': {
        const refusal = control.explain(decoded(argument ?? ''));
        return refusal === undefined ? failure(404, 'no refusal with that id is kept') : json(refusal);
      }
      case 'GET /requests':
        if (argument === undefined) return json(control.requests());
        if (argument === 'watch') return this.#stream(response, (signal) => control.watchRequests(signal));
        return failure(404, 'there is no such path');
      case 'GET /recent-requests':
        return json(control.recentRequests(url.searchParams.get('key') ?? undefined));
      case 'POST /cancel':
        return json(control.cancelRequest(decoded(argument ?? ''), actorIn(url)) ?? null);
      case 'POST /temporary-key':
        return json(control.temporaryKey(numberIn(url, 'ttlMs', defaultTtlMs)));
      case 'GET /key-use': {
        const use = await control.keyUse(decoded(argument ?? ''));
        return use === undefined ? failure(404, 'there is no key of that id') : json(use);
      }
      case 'POST /revoke':
        return json((await control.revokeKey(decoded(argument ?? ''), actorIn(url))) ?? null);
      default:
        return failure(404, 'there is no such path, or not with that method');
    }
  }

  /** If the client disconnects, the hand-over is aborted where that is still possible. */
  async #handOver(request: IncomingMessage, response: ServerResponse): Promise<ProxyHandle> {
    const wanted = handOverRequestIn(await gatherText(request, maxHandOverBytes));
    const left = new AbortController();
    response.once('close', () => left.abort(new Error('the command that asked for it has ended')));
    return this.#control.handOver(wanted, left.signal);
  }

  async #serveAdmin(
    admin: AdminPort,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<Answer | undefined> {
    const body = await gatherText(request, maxAdminBodyBytes);
    if (body === undefined) return failure(413, `the body is above ${maxAdminBodyBytes} bytes`);
    const left = new AbortController();
    response.once('close', () => left.abort());
    const reply = await admin.call(
      {
        method: request.method ?? '',
        target: request.url ?? '',
        headers: singleFields(request),
        body: Buffer.from(body),
        caller: { actor: this.#actor, scopes: adminScopes, address: undefined },
      },
      left.signal,
    );
    if (response.destroyed) return undefined;
    if (typeof reply.body === 'string') {
      const length =
        reply.status === 204 || reply.status === 304
          ? {}
          : { 'content-length': Buffer.byteLength(reply.body) };
      response.writeHead(reply.status, { ...reply.headers, ...length });
      response.end(reply.body);
      return undefined;
    }
    response.writeHead(reply.status, reply.headers);
    return this.#send(response, reply.body, left);
  }

  #graceMs(url: URL): number {
    return numberIn(url, 'graceMs', this.#control.status().config.graceMs);
  }

  /** Writes one line for each item until the client disconnects. */
  async #stream(
    response: ServerResponse,
    itemsUntil: (signal: AbortSignal) => AsyncIterable<unknown>,
  ): Promise<Answer | undefined> {
    if (this.#tails.size >= maxTails) return failure(503, `${maxTails} readers watch already`);
    if (this.#closing !== undefined) return failure(503, 'the proxy is closing');
    const ended = new AbortController();
    response.on('close', () => ended.abort());
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    return this.#send(response, linesOf(itemsUntil(ended.signal)), ended);
  }

  /** Sends the texts until they end, the client disconnects or the server closes. */
  async #send(
    response: ServerResponse,
    texts: AsyncIterable<string>,
    ended: AbortController,
  ): Promise<undefined> {
    this.#tails.add(ended);
    response.flushHeaders();
    try {
      for await (const text of texts)
        if (!response.write(text)) await once(response, 'drain', { signal: ended.signal });
    } catch {
      // The client disconnected or the source failed. The head is already sent, so the response just ends.
    } finally {
      this.#tails.delete(ended);
      response.end();
    }
    return undefined;
  }
}

/** Throws PROXY_INVALID_CONFIG, or REQUEST_MALFORMED. */
function handOverRequestIn(text: string | undefined): HandOverRequest {
  let value: unknown;
  try {
    value = JSON.parse(text ?? '');
  } catch {
    // Reported below.
  }
  const options = isRecord(value) ? startOptionsIn({ start: value.options }) : undefined;
  if (options === undefined)
    throw new ProxyError('REQUEST_MALFORMED', { params: { reason: 'the body is no hand-over request' } });
  // Only the same user can send this request, and that user could start any program anyway.
  return { ...(value as HandOverRequest), options };
}

async function* linesOf(items: AsyncIterable<unknown>): AsyncGenerator<string> {
  for await (const item of items) yield `${JSON.stringify(item)}\n`;
}

function singleFields({ headers }: IncomingMessage): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  );
}

/** No other request has a body. A small body is read and discarded; a large body closes the connection. */
function refuseBody(request: IncomingMessage): void {
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) request.destroy();
  });
  request.on('error', () => {});
}

function numberIn(url: URL, name: string, fallback: number): number {
  const text = url.searchParams.get(name);
  if (text === null) return fallback;
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= 0 && number <= maxGraceMs) return number;
  throw new ProxyError('REQUEST_MALFORMED', { params: { reason: `${name} is 0 to ${maxGraceMs}` } });
}

function actorIn(url: URL): string {
  return url.searchParams.get('actor') ?? 'control socket';
}

function decoded(argument: string): string {
  try {
    return decodeURIComponent(argument);
  } catch {
    throw new ProxyError('REQUEST_MALFORMED', { params: { reason: 'the id is not escaped well' } });
  }
}

function json(value: unknown, status = 200): Answer {
  return { status, type: 'application/json', text: `${JSON.stringify(value)}\n` };
}

function failure(status: number, reason: string): Answer {
  return json({ error: wireErrorOf(new ProxyError('REQUEST_MALFORMED', { params: { reason } })) }, status);
}

function failureAnswer(error: unknown): Answer {
  const wire = wireErrorOf(error);
  return json({ error: wire }, wire.code === 'REQUEST_MALFORMED' ? 400 : 500);
}
