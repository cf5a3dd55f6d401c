/**
 * The dashboard's HTTP server: a listener on loopback with its static files, sign-in, and the admin API.
 *
 * Each request must name the listener's own loopback address in `Host` (DNS rebinding) and must not come through a
 * forwarding proxy. A call of the API needs the cookie, the session token of the page, and `Sec-Fetch-Site:
 * same-origin`. One path accepts a request from another origin: the redemption of a ticket by the file that `flm ui`
 * opens, which has the origin `null`.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AdminApi } from '../admin/admin-api.ts';
import { adminBasePath, errorResponse } from '../admin/error-response.ts';
import type { AdminCaller, AdminResponse } from '../admin/operation.ts';
import { AdminError } from '../core/errors.ts';
import { securityHeaders } from './security-headers.ts';
import type { SessionFacts, Sessions } from './sessions.ts';
import type { StaticFile } from './static-file.ts';

export interface UiServerOptions {
  readonly api: AdminApi;
  readonly sessions: Sessions;
  /** By path below `/flm/`; `index.html` is the page. In memory: nothing is read after the start. */
  readonly files: ReadonlyMap<string, StaticFile>;
  /** Who is signed in: the owner of the data folder. */
  readonly caller: AdminCaller;
  /** 0 selects a free port. */
  readonly port: number;
  /** An error that is not flm's own: a bug. */
  readonly onError: (error: unknown) => void;
}

export interface UiServer {
  readonly port: number;
  /** Without a slash at the end. */
  readonly url: string;
  close(): Promise<void>;
}

const address = '127.0.0.1';
const maxBodyBytes = 1024 * 1024;
const sessionHeader = 'x-flm-session';
/** Fields that a reverse proxy adds, beside `X-Forwarded-*`. */
const forwardingFields: ReadonlySet<string> = new Set(['forwarded', 'via', 'x-real-ip']);

/** Rejects with the error of `listen`, such as EADDRINUSE. */
export async function startUiServer(options: UiServerOptions): Promise<UiServer> {
  const ui = new UiHttp(options);
  await ui.listen(options.port);
  return ui;
}

class UiHttp implements UiServer {
  readonly #options: UiServerOptions;
  readonly #http: Server;

  constructor(options: UiServerOptions) {
    this.#options = options;
    this.#http = createServer({ maxHeaderSize: 16_384, headersTimeout: 10_000, requestTimeout: 30_000 });
    this.#http.maxConnections = 256;
    this.#http.on('request', (request, response) => void this.#serve(request, response));
    // A connection that could not be accepted (no descriptor left) must not end the dashboard.
    this.#http.on('error', () => {});
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://${address}:${this.port}`;
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#http.once('error', reject);
      this.#http.listen({ port, host: address, exclusive: true }, () => {
        this.#http.off('error', reject);
        resolve();
      });
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#http.close(() => resolve());
      this.#http.closeAllConnections();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {});
    request.on('error', () => {});
    const left = new AbortController();
    response.on('close', () => left.abort());
    const answer = await this.#answer(request, left.signal).catch((error: unknown) => {
      if (error instanceof AdminError) return errorResponse(error);
      this.#options.onError(error);
      return errorResponse(new AdminError('INTERNAL'));
    });
    if (response.destroyed) return;
    const { status, headers, body } = answer;
    if (isStream(body)) {
      response.writeHead(status, { ...securityHeaders, ...headers });
      return writeStream(response, body, left.signal);
    }
    const bytes = Buffer.from(body);
    const length = status === 204 || status === 304 ? {} : { 'content-length': bytes.length };
    response.writeHead(status, { ...securityHeaders, ...headers, ...length });
    response.end(request.method === 'HEAD' ? undefined : bytes);
  }

  /** `left` aborts when the client leaves. */
  async #answer(request: IncomingMessage, left: AbortSignal): Promise<Answer> {
    this.#checkHost(request);
    const path = (request.url ?? '').split('?')[0] ?? '';
    if (path === '/' || path === '/flm') return { status: 303, headers: { location: '/flm/' }, body: '' };
    const call = `${request.method} ${path}`;
    if (call === 'POST /flm/session/redeem') return this.#redeem(request);
    if (call === 'POST /flm/session/open') return this.#open(request);
    if (path.startsWith(`${adminBasePath}/`)) return this.#api(request, left);
    if (path === '/flm/session' || path.startsWith('/flm/session/')) return this.#session(request, path);
    return this.#file(request, path);
  }

  #checkHost({ headers }: IncomingMessage): void {
    const host = headers.host ?? '';
    if (host !== `${address}:${this.port}` && host !== `localhost:${this.port}`)
      throw new AdminError('HOST_MISDIRECTED', { params: { name: 'localhost' } });
    const forwarding = Object.keys(headers).find(
      (name) => forwardingFields.has(name) || name.startsWith('x-forwarded-'),
    );
    if (forwarding !== undefined) throw new AdminError('ADMIN_FORWARDED', { params: { header: forwarding } });
  }

  /** A form that the local file posts. The answer is a navigation, so that no script of another origin reads it. */
  async #redeem(request: IncomingMessage): Promise<Answer> {
    const form = new URLSearchParams((await this.#body(request)).toString('utf8'));
    const redeemed = this.#options.sessions.redeem(form.get('ticket') ?? '', browserOf(request));
    if (redeemed === undefined) return { status: 303, headers: { location: '/flm/#expired' }, body: '' };
    const headers = { location: `/flm/#code=${redeemed.code}`, 'set-cookie': this.#cookie(redeemed.cookie) };
    return { status: 303, headers: { ...headers, 'cache-control': 'no-store' }, body: '' };
  }

  /** The page's first call: exchanges the code of the redirect, or the ticket of a printed link, for its token. */
  async #open(request: IncomingMessage): Promise<Answer> {
    checkSameOrigin(request, this.port);
    const { sessions } = this.#options;
    const { code, ticket } = jsonFields(await this.#body(request));
    let cookie = this.#cookieOf(request);
    let ownCode = code;
    let headers = {};
    if (ticket !== undefined) {
      const redeemed = sessions.redeem(ticket, browserOf(request));
      if (redeemed === undefined) throw new AdminError('ADMIN_SESSION_ENDED');
      cookie = redeemed.cookie;
      ownCode = redeemed.code;
      headers = { 'set-cookie': this.#cookie(cookie) };
    }
    const token = sessions.open(cookie, ownCode ?? '');
    if (token === undefined) throw new AdminError('ADMIN_SESSION_ENDED');
    return json({ token, scopes: this.#options.caller.scopes }, headers);
  }

  async #api(request: IncomingMessage, left: AbortSignal): Promise<Answer> {
    const session = this.#signedIn(request);
    const { api, caller } = this.#options;
    const answer = await api.handle({
      method: request.method ?? '',
      target: request.url ?? '',
      headers: singleHeaders(request),
      body: await this.#body(request),
      caller,
      signal: left,
    });
    return isStream(answer.body) ? { ...answer, body: this.#whileSignedIn(answer.body, session.id) } : answer;
  }

  /** A stream ends with its session. */
  async *#whileSignedIn(parts: AsyncIterable<string>, sessionId: string): AsyncGenerator<string> {
    for await (const part of parts) {
      if (!this.#options.sessions.list().some(({ id }) => id === sessionId)) return;
      yield part;
    }
  }

  /** `GET /flm/session` lists sessions, `DELETE /flm/session/ID` ends one; the own session has `current`. */
  async #session(request: IncomingMessage, path: string): Promise<Answer> {
    const own = this.#signedIn(request);
    const { sessions } = this.#options;
    const id = path.slice('/flm/session/'.length);
    if (request.method === 'GET' && path === '/flm/session')
      return json({ items: sessions.list().map((facts) => ({ ...facts, current: facts.id === own.id })) });
    if (request.method === 'DELETE' && sessions.end(id)) return { status: 204, headers: {}, body: '' };
    throw new AdminError('ADMIN_PATH_UNKNOWN', { params: { path: 'this path' } });
  }

  #file(request: IncomingMessage, path: string): Answer {
    const { method } = request;
    const name = path === '/flm/' ? 'index.html' : path.slice('/flm/'.length);
    const file = path.startsWith('/flm/') ? this.#options.files.get(name) : undefined;
    if (file === undefined) throw new AdminError('ADMIN_PATH_UNKNOWN', { params: { path: 'this path' } });
    if (method !== 'GET' && method !== 'HEAD') throw new AdminError('METHOD_NOT_ALLOWED');
    return file.response(request);
  }

  #signedIn(request: IncomingMessage): SessionFacts {
    checkSameOrigin(request, this.port);
    const token = request.headers[sessionHeader];
    const session = this.#options.sessions.find(
      this.#cookieOf(request),
      typeof token === 'string' ? token : '',
    );
    if (session === undefined) throw new AdminError('ADMIN_SESSION_ENDED');
    return session;
  }

  /** Cookies ignore ports, so the name has the port: two dashboards do not sign each other out. */
  get #cookieName(): string {
    return `flm_session_${this.port}`;
  }

  #cookie(value: string): string {
    return `${this.#cookieName}=${value}; Path=/flm; HttpOnly; SameSite=Strict`;
  }

  #cookieOf({ headers }: IncomingMessage): string {
    const prefix = `${this.#cookieName}=`;
    const cookies = (headers.cookie ?? '').split(';').map((part) => part.trim());
    return cookies.find((part) => part.startsWith(prefix))?.slice(prefix.length) ?? '';
  }

  async #body(request: IncomingMessage): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    // The connection stays open for the response. Without an encoding a request's stream has buffers.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBodyBytes) break;
      chunks.push(chunk);
    }
    if (bytes <= maxBodyBytes) return Buffer.concat(chunks);
    // `requestTimeout` limits how long the rest is read and discarded.
    request.resume();
    throw new AdminError('BODY_TOO_LARGE', { params: { limit: maxBodyBytes } });
  }
}

type Answer = Omit<AdminResponse, 'body'> & { readonly body: AdminResponse['body'] | Buffer };

function isStream(body: Answer['body']): body is AsyncIterable<string> {
  return typeof body !== 'string' && !Buffer.isBuffer(body);
}

/** A client that does not read is waited for: nothing is gathered for it. */
async function writeStream(
  response: ServerResponse,
  parts: AsyncIterable<string>,
  left: AbortSignal,
): Promise<void> {
  response.flushHeaders();
  try {
    for await (const part of parts) {
      if (!response.write(part)) await once(response, 'drain', { signal: left });
    }
  } catch (error) {
    // The client left. A stream reports its own errors.
    if (!left.aborted) throw error;
  }
  response.end();
}

/** https://www.w3.org/TR/fetch-metadata/: browsers set it, and no page can change it. */
function checkSameOrigin({ headers }: IncomingMessage, port: number): void {
  const { origin } = headers;
  const isOwn =
    origin === undefined || origin === `http://${address}:${port}` || origin === `http://localhost:${port}`;
  if (headers['sec-fetch-site'] !== 'same-origin' || !isOwn) throw new AdminError('ADMIN_CROSS_ORIGIN');
}

function browserOf({ headers }: IncomingMessage): string {
  return (headers['user-agent'] ?? '').replaceAll(/[^\x20-\x7e]/g, '?');
}

function jsonFields(body: Buffer): { readonly code?: string; readonly ticket?: string } {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    const field = (name: string): string | undefined => {
      const found = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
      return typeof found === 'string' ? found : undefined;
    };
    const [code, ticket] = [field('code'), field('ticket')];
    return { ...(code === undefined ? {} : { code }), ...(ticket === undefined ? {} : { ticket }) };
  } catch {
    return {};
  }
}

function singleHeaders({ headers }: IncomingMessage): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(
    Object.entries(headers).filter(([, value]) => typeof value === 'string'),
  ) as Record<string, string>;
}

function json(value: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return {
    status: 200,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
    body: `${JSON.stringify(value)}\n`,
  };
}
