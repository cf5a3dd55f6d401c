/**
 * The plain HTTP port beside an HTTPS proxy. The server answers http-01 challenges (RFC 8555, section 8.3) and
 * redirects browsers to HTTPS. It accepts no key, reads no body, forwards nothing, and answers one request per
 * connection.
 *
 *   /.well-known/acme-challenge/TOKEN   the key authorization, while the token is being validated
 *   GET, HEAD of one of our hosts       308 to the same URL with https
 *   a request that carries a key        403; the key crossed the network in plain text, so its id is reported
 *
 * `node:http` parses the requests. The answer is written to the socket: a `ServerResponse` would close the connection
 * while the client still sends a body, and the reset could destroy the answer.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { Socket } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { Clock, Unsubscribe } from '../../core/clock.ts';
import { isAddressName } from '../../core/proxy/acme-config.ts';
import type { ChallengeProof, Prover } from './prover.ts';

export interface Http01ServerDeps {
  readonly clock: Clock;
  readonly domains: readonly string[];
  /** The port of this machine that port 80 of the domains must reach; used in messages. */
  readonly port: number;
  /** The port of HTTPS, as clients reach it. */
  readonly securePort: () => number;
  /** Finds a challenge of another machine by its token. Absent where no other machine shares the store. Never rejects. */
  readonly findProof?: ((token: string) => Promise<ChallengeProof | undefined>) | undefined;
  /** Called when a request carried a credential; `secret` is a key of flm, if the request held one. */
  readonly exposed: (secret: string | undefined, client: string) => void;
}

interface Connection {
  deadlineMs: number;
  answered: boolean;
  /** Another machine is asked for a challenge. */
  looking: boolean;
  /** Requests that followed the answered one. */
  ignored: number;
}

const maxHeadBytes = 16 * 1024;
const headMs = 5_000;
const lingerMs = 2_000;
const sweepMs = 1_000;
const maxConnections = 256;
const maxIgnored = 16;
const challengePath = '/.well-known/acme-challenge/';
const credentialHeaders: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'x-api-key',
  'api-key',
  'cookie',
]);
const credentialLine = /\r\n(?:authorization|proxy-authorization|x-api-key|api-key|cookie)[ \t]*:/i;
const keyPattern = /flm_[A-Za-z0-9]{20,120}/;

export class Http01Server implements Prover {
  readonly type = 'http-01';
  readonly #deps: Http01ServerDeps;
  readonly #server: Server;
  readonly #proofs = new Map<string, ChallengeProof>();
  /** Oldest first. */
  readonly #connections = new Map<Socket, Connection>();
  readonly #stopSweeping: Unsubscribe;

  constructor(deps: Http01ServerDeps) {
    this.#deps = deps;
    this.#server = createServer({
      maxHeaderSize: maxHeadBytes,
      insecureHTTPParser: false,
      // A missing Host header gets the same answer as a wrong one.
      requireHostHeader: false,
      // The sweep below ends slow connections.
      headersTimeout: 0,
      requestTimeout: 0,
      keepAliveTimeout: 0,
    });
    // Node drops the header fields above its limit, and a key could be in one of them. The size of the head is limited.
    this.#server.maxHeadersCount = 0;
    // Without the last two listeners Node sends 100 Continue and 417.
    for (const event of ['request', 'checkContinue', 'checkExpectation'] as const)
      this.#server.on(event, (request: IncomingMessage) => this.#receive(request));
    this.#server.on('connect', (_request, socket) => {
      if (socket instanceof Socket) this.#send(socket, malformed);
    });
    this.#server.on('clientError', (error: ParseError, socket) => {
      if (socket instanceof Socket) this.#refuseUnparsed(error, socket);
    });
    this.#stopSweeping = deps.clock.every(sweepMs, () => this.#sweep());
  }

  requirement(domain: string): string {
    const { port } = this.#deps;
    return isAddressName(domain)
      ? `connections to ${domain} lead to this machine, and that port 80 there is forwarded to port ${port} here`
      : `the address records of ${domain} lead to this machine, and that port 80 there is forwarded to port ${port} here`;
  }

  show(proof: ChallengeProof): Promise<() => Promise<void>> {
    this.#proofs.set(proof.token, proof);
    return Promise.resolve(() => {
      this.#proofs.delete(proof.token);
      return Promise.resolve();
    });
  }

  /** What is being proved now. */
  proofs(): readonly ChallengeProof[] {
    return [...this.#proofs.values()];
  }

  /** Serves a connection of the listener. */
  accept(socket: Socket): void {
    // The oldest connection is closed, so that a client that holds many open does not keep the CA out.
    const [oldest] = this.#connections.size >= maxConnections ? this.#connections.keys() : [];
    if (oldest !== undefined) {
      this.#connections.delete(oldest);
      oldest.destroy();
    }
    const deadlineMs = this.#deps.clock.monotonicMs() + headMs;
    this.#connections.set(socket, { deadlineMs, answered: false, looking: false, ignored: 0 });
    socket.once('close', () => this.#connections.delete(socket));
    this.#server.emit('connection', socket);
  }

  close(): void {
    this.#stopSweeping();
    for (const socket of this.#connections.keys()) socket.destroy();
    this.#connections.clear();
  }

  #receive(request: IncomingMessage): void {
    const { socket } = request;
    const connection = this.#connections.get(socket);
    // Discards the body.
    request.resume();
    if (connection !== undefined && (connection.answered || connection.looking)) {
      if (++connection.ignored > maxIgnored) socket.destroy();
      return;
    }
    const text = this.#answer(request);
    if (text !== undefined) this.#send(socket, text);
    else if (connection !== undefined) void this.#lookUp(request, connection);
  }

  /** Answers the question for a token that another machine may know. */
  async #lookUp(request: IncomingMessage, connection: Connection): Promise<void> {
    connection.looking = true;
    const { url = '', socket } = request;
    const proof = await this.#deps.findProof?.(url.slice(challengePath.length));
    connection.looking = false;
    if (!socket.destroyed) this.#send(socket, this.#answer(request, proof) ?? unknownToken);
  }

  /** Undefined if another machine must be asked first. `found`: its challenge. */
  #answer(request: IncomingMessage, found?: ChallengeProof): string | undefined {
    const { method, url = '', rawHeaders, httpVersion } = request;
    const hasCredential = rawHeaders.some(
      (name, index) => index % 2 === 0 && credentialHeaders.has(name.toLowerCase()),
    );
    const secret = keyPattern.exec([url, ...rawHeaders].join('\n'))?.[0];
    if (hasCredential || secret !== undefined) return this.#refuseKey(secret, request.socket);
    if (!/^\/[\x21-\x7e]*$/.test(url) || (httpVersion !== '1.1' && httpVersion !== '1.0')) return malformed;
    const hosts = request.headersDistinct.host ?? [];
    const name = hosts.length === 1 ? hostName(hosts[0] as string) : undefined;
    // Protects from DNS rebinding, and keeps foreign names out of redirects.
    if (name === undefined || !this.#answersFor(name))
      return answer('421 Misdirected Request', 'This server does not serve that host.');
    if (method !== 'GET' && method !== 'HEAD')
      return answer('405 Method Not Allowed', 'Use https.', ['allow: GET, HEAD']);
    if (url.startsWith(challengePath)) {
      const proof = this.#proofs.get(url.slice(challengePath.length)) ?? found;
      if (proof !== undefined && proof.domain === name)
        return answer('200 OK', proof.authorization, [], method);
      return this.#deps.findProof === undefined || found !== undefined ? unknownToken : undefined;
    }
    const port = this.#deps.securePort();
    return answer(
      '308 Permanent Redirect',
      'Use https.',
      [`location: https://${name.includes(':') ? `[${name}]` : name}${port === 443 ? '' : `:${port}`}${url}`],
      method,
    );
  }

  #refuseUnparsed(error: ParseError, socket: Socket): void {
    if (this.#connections.get(socket)?.answered === true) return;
    // The client ended or reset the connection before the head was complete.
    if (!socket.writable || error.code === 'ECONNRESET' || error.code === 'HPE_INVALID_EOF_STATE') {
      socket.destroy();
      return;
    }
    const bytes = error.rawPacket?.toString('latin1') ?? '';
    const secret = keyPattern.exec(bytes)?.[0];
    if (secret !== undefined || credentialLine.test(bytes))
      this.#send(socket, this.#refuseKey(secret, socket));
    else if (error.code === 'HPE_HEADER_OVERFLOW')
      this.#send(socket, answer('431 Request Header Fields Too Large', 'The head is too long.'));
    else this.#send(socket, malformed);
  }

  #refuseKey(secret: string | undefined, socket: Socket): string {
    this.#deps.exposed(secret, socket.remoteAddress ?? 'unknown');
    return answer(
      '403 Forbidden',
      'This port accepts no key, and your key could be read on the network. Replace the key (flm key rotate), and use https.',
    );
  }

  /** Closes flm's sending side. The client has a moment to close its own: unread bytes would reset the connection. */
  #send(socket: Socket, text: string): void {
    const connection = this.#connections.get(socket);
    if (connection !== undefined) {
      connection.answered = true;
      connection.deadlineMs = this.#deps.clock.monotonicMs() + lingerMs;
    }
    socket.end(text, 'latin1');
    socket.resume();
  }

  #answersFor(name: string): boolean {
    const parent = name.slice(name.indexOf('.') + 1);
    return this.#deps.domains.some((domain) => domain === name || domain === `*.${parent}`);
  }

  #sweep(): void {
    const nowMs = this.#deps.clock.monotonicMs();
    for (const [socket, { deadlineMs }] of this.#connections) if (nowMs >= deadlineMs) socket.destroy();
  }
}

/** The name or address in a Host field, in the form of `domains`; undefined if it is malformed. */
function hostName(field: string): string | undefined {
  const [, literal, name] = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+?)\.?)(?::\d{1,5})?$/i.exec(field) ?? [];
  if (literal === undefined) return name?.toLowerCase();
  return ipaddr.IPv6.isValid(literal) ? ipaddr.IPv6.parse(literal).toString() : undefined;
}

/** An error of Node's parser, with the bytes that it was reading. */
interface ParseError extends NodeJS.ErrnoException {
  readonly rawPacket?: Buffer;
}

function answer(status: string, text: string, fields: readonly string[] = [], method = 'GET'): string {
  const lines = [
    `HTTP/1.1 ${status}`,
    'content-type: text/plain',
    'x-content-type-options: nosniff',
    'cache-control: no-store',
    `content-length: ${Buffer.byteLength(text)}`,
    'connection: close',
    ...fields,
  ];
  return `${lines.join('\r\n')}\r\n\r\n${method === 'HEAD' ? '' : text}`;
}

const unknownToken = answer('404 Not Found', 'This token is unknown.');
const malformed = answer('400 Bad Request', 'This is not a valid HTTP request.');
