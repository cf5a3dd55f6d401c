/**
 * Handles a connection of an HTTPS proxy between TCP and the gateway: reads the first bytes, then starts TLS, proves a
 * name to an ACME server, or answers plain HTTP with a readable error.
 *
 *   connected --first bytes--> TLS hello --handshake--> secured: the HTTP server takes over
 *                  |               '--- offers acme-tls/1, and a name is being validated: gets that certificate, closed
 *                  '---------> any other bytes: a readable 400, closed
 *
 * Owns every connection until the connection is secured, with its timeout and its end. Allows TLS 1.2 and 1.3 with
 * authenticated encryption and forward secrecy only. Serves one certificate for every name, or a second one for clients
 * that send a name. Offers `http/1.1` and no other protocol.
 */
import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import ipaddr from 'ipaddr.js';
import type { Clock, Unsubscribe } from '../core/clock.ts';
import type { CertificatePair, CertificateProvider } from '../core/proxy/certificate-provider.ts';
import type { Limits } from '../core/proxy/limits.ts';
import { type ClientAddress, parseAddress } from '../core/security/address-rules.ts';
import { type ClientHello, handshakeRecord, readClientHello } from './client-hello.ts';
import type { ConnectionEntry, ConnectionTable } from './connection-table.ts';
import type { HostAllowlist } from './host-allowlist.ts';
import { plainParams, plainRefusal } from './plain-refusal.ts';
import type { RequestRecorder } from './request-recorder.ts';
import { handshakeFailure } from './tls-failures.ts';

/** The CAs whose client certificates are accepted, before any key is checked. PEM. */
export interface ClientAuthority {
  readonly certificates: string;
  /** Revocation lists; with one, each CA of a chain needs one. */
  readonly revocations: readonly string[];
}

export interface TlsListenerDeps {
  readonly source: CertificateProvider;
  readonly clientAuthority: ClientAuthority | undefined;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly hosts: HostAllowlist;
  readonly table: ConnectionTable;
  /** Takes over the connection. `entry` is its entry in the table; undefined if the table is full. */
  readonly secured: (socket: TLSSocket, entry: ConnectionEntry | undefined) => void;
  readonly port: () => number;
  readonly nextId: () => string;
  /** Bytes that never became a request. */
  readonly malformed: RequestRecorder['malformed'];
}

const noBytes: Buffer = Buffer.alloc(0);

interface Handshake {
  readonly raw: Socket;
  readonly address: ClientAddress;
  /** Undefined for a connection above the limit. */
  readonly entry: ConnectionEntry | undefined;
  deadlineMs: number;
  bytes: Buffer;
  /** TLS has begun. */
  started: boolean;
}

/** In this order, whatever a client prefers. */
export const suites: readonly string[] = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
];

const acmeProtocol = 'acme-tls/1';
const sweepMs = 1_000;
/** Connections above the limit whose handshake may finish, so that their clients get a readable response. */
const spare = 16;
const maxPlainHeadBytes = 16 * 1024;
const plainHeadMs = 2_000;

export class TlsListener {
  readonly #deps: TlsListenerDeps;
  readonly #server: Server;
  /** For clients that send a host name; the same certificate where the source has one for all. */
  readonly #named: Server;
  /** Not secured yet, by their underlying sockets. */
  readonly #handshakes = new Map<Socket, Handshake>();
  readonly #offs: readonly Unsubscribe[];
  #beyond = 0;

  /** Throws where OpenSSL refuses the certificate. */
  constructor(deps: TlsListenerDeps) {
    this.#deps = deps;
    const { source, clock } = deps;
    this.#server = this.#serve(source.current());
    this.#named = source.currentForNames === undefined ? this.#server : this.#serve(source.currentForNames());
    this.#offs = [source.onChange(() => this.#renew()), clock.every(sweepMs, () => this.#sweep())];
  }

  /** Connections whose handshake is not over. */
  get pending(): number {
    return this.#handshakes.size;
  }

  /** Takes a connection from the listener. */
  accept(raw: Socket): void {
    const { limits, clock, table } = this.#deps;
    raw.on('error', () => raw.destroy());
    const address = parseAddress(raw.remoteAddress ?? '');
    // The client left before its first bytes were read.
    if (address === undefined) return void raw.destroy();
    const entry = table.add(address);
    if (entry === undefined && this.#beyond >= spare) return this.#rejectConnection(raw, address);
    const deadlineMs = clock.monotonicMs() + limits.tlsHandshakeTimeoutMs;
    const handshake: Handshake = { raw, address, entry, deadlineMs, bytes: noBytes, started: false };
    this.#handshakes.set(raw, handshake);
    if (entry === undefined) this.#beyond += 1;
    else {
      const close = (): void => {
        this.#forget(handshake);
        this.#rejectConnection(raw, address);
      };
      entry.close = close;
    }
    raw.on('close', () => {
      if (entry === undefined) this.#beyond -= 1;
      else table.remove(entry);
      // The reason of a failed handshake may arrive just after the underlying socket closed.
      if (this.#isPending(handshake)) setImmediate(() => this.#left(handshake, 'ECONNRESET', undefined));
    });
    const look = (): void => {
      const bytes = raw.read() as Buffer | null;
      if (bytes === null) return;
      handshake.bytes = handshake.bytes.length === 0 ? bytes : Buffer.concat([handshake.bytes, bytes]);
      if (this.#look(handshake) === 'more') return;
      raw.off('readable', look);
    };
    raw.on('readable', look);
    raw.on('end', () => {
      if (this.#isPending(handshake)) raw.destroy();
    });
  }

  /** Ends the connections that are not secured. */
  close(): void {
    for (const off of this.#offs) off();
    for (const { raw } of this.#handshakes.values()) raw.destroy();
    this.#handshakes.clear();
  }

  #rejectConnection(raw: Socket, address: ClientAddress): void {
    raw.destroy();
    this.#deps.malformed(address, this.#deps.nextId(), 'CONNECTIONS_EXHAUSTED', {});
  }

  #look(handshake: Handshake): 'more' | 'decided' {
    const { bytes, raw } = handshake;
    if (bytes[0] !== handshakeRecord) return this.#lookPlain(handshake);
    const hello = readClientHello(bytes);
    if (hello === 'more') return 'more';
    const { source } = this.#deps;
    const proved = hello?.protocols.includes(acmeProtocol) === true ? hello.serverName : undefined;
    const proof = proved === undefined ? undefined : source.challenge(proved);
    if (proved === undefined || proof !== undefined || source.findChallenge === undefined) {
      this.#begin(handshake, hello, proof);
    } else {
      void source.findChallenge(proved).then((found) => {
        if (this.#isPending(handshake) && !raw.destroyed) this.#begin(handshake, hello, found);
      });
    }
    return 'decided';
  }

  #begin(handshake: Handshake, hello: ClientHello | undefined, proof: CertificatePair | undefined): void {
    const { bytes, raw } = handshake;
    if (proof === undefined && this.#deps.source.current() === undefined) {
      // The first certificate is still being obtained, so this port has not been announced yet.
      this.#forget(handshake);
      raw.destroy();
      return;
    }
    // The TLS socket takes over: a client that ends its side during a handshake is gone.
    raw.allowHalfOpen = false;
    raw.unshift(bytes);
    handshake.bytes = noBytes;
    handshake.started = true;
    if (proof !== undefined) this.#prove(handshake, proof);
    else (callsName(hello) ? this.#named : this.#server).emit('connection', raw);
  }

  /** RFC 8737, section 3: the handshake is the whole proof. */
  #prove(handshake: Handshake, proof: CertificatePair): void {
    const server = createServer({ key: proof.key, cert: proof.chain, ALPNProtocols: [acmeProtocol] });
    server.on('secureConnection', (socket) => {
      this.#forget(handshake);
      socket.on('error', () => socket.destroy());
      socket.end();
    });
    server.on('tlsClientError', (error, socket) => this.#failed(socket, error));
    server.emit('connection', handshake.raw);
  }

  #lookPlain(handshake: Handshake): 'more' | 'decided' {
    const { clock } = this.#deps;
    const whole = handshake.bytes.includes('\r\n\r\n') || handshake.bytes.length > maxPlainHeadBytes;
    if (!whole) {
      // The latest time for the response, whatever bytes are missing.
      handshake.deadlineMs = Math.min(handshake.deadlineMs, clock.monotonicMs() + plainHeadMs);
      return 'more';
    }
    this.#answerPlain(handshake);
    return 'decided';
  }

  #answerPlain(handshake: Handshake): void {
    const { raw, address, bytes } = handshake;
    const { hosts, port, nextId, malformed, clock } = this.#deps;
    const requestId = nextId();
    const params = plainParams({ bytes, port: port(), hosts, crossedNetwork: !address.loopback });
    raw.end(plainRefusal(requestId, bytes, params), 'latin1');
    // A body may still be arriving; closing over unread bytes would lose the response.
    raw.resume();
    handshake.deadlineMs = clock.monotonicMs() + plainHeadMs;
    handshake.bytes = noBytes;
    malformed(address, requestId, 'PLAIN_ON_TLS', params);
  }

  #secured(socket: TLSSocket): void {
    const handshake = this.#handshakeOf(socket);
    // The client left or timed out at this moment.
    if (handshake === undefined) return void socket.destroy();
    this.#forget(handshake);
    // A client that closes its sending side after the request still gets the response. A client that closed it earlier
    // was disconnected.
    socket.allowHalfOpen = true;
    this.#deps.secured(socket, handshake.entry);
  }

  /**
   * A client certificate that fails a check ends here as well: Node destroys its socket, and keeps the name of the check
   * on it. Node has no public way to send the client an alert.
   */
  #failed(socket: TLSSocket, error: NodeJS.ErrnoException): void {
    const handshake = this.#handshakeOf(socket);
    // Node's types declare an Error, but the value is the name of the check, or null.
    const check = socket.authorizationError as unknown;
    socket.destroy();
    if (handshake === undefined) return;
    handshake.raw.destroy();
    this.#left(handshake, error.code, typeof check === 'string' ? check : undefined);
  }

  #left(handshake: Handshake, code: string | undefined, check: string | undefined): void {
    if (!this.#isPending(handshake)) return;
    this.#forget(handshake);
    if (!handshake.started) return;
    const reason = handshakeFailure(code, check);
    this.#deps.malformed(handshake.address, this.#deps.nextId(), 'TLS_HANDSHAKE_FAILED', { reason });
  }

  /**
   * Node has no public way from a TLS socket to the socket that it was made from. Their addresses are the same, but asking
   * for them costs system calls, and a destroyed socket no longer knows them.
   */
  #handshakeOf(socket: TLSSocket): Handshake | undefined {
    const { _parent: raw } = socket as TLSSocket & { readonly _parent?: Socket };
    if (raw !== undefined) return this.#handshakes.get(raw);
    const ends = connectionId(socket);
    return [...this.#handshakes.values()].find((other) => connectionId(other.raw) === ends);
  }

  #isPending(handshake: Handshake): boolean {
    return this.#handshakes.has(handshake.raw);
  }

  #forget(handshake: Handshake): void {
    this.#handshakes.delete(handshake.raw);
  }

  #sweep(): void {
    const nowMs = this.#deps.clock.monotonicMs();
    for (const handshake of [...this.#handshakes.values()]) {
      if (nowMs < handshake.deadlineMs) continue;
      const waits = handshake.bytes.length > 0 && handshake.bytes[0] !== handshakeRecord;
      if (waits) this.#answerPlain(handshake);
      else {
        this.#forget(handshake);
        handshake.raw.destroy();
      }
    }
  }

  #serve(pair: CertificatePair | undefined): Server {
    const server = createServer(this.#options(pair));
    server.on('secureConnection', (socket) => this.#secured(socket));
    server.on('tlsClientError', (error, socket) => this.#failed(socket, error));
    return server;
  }

  /** Running connections keep their context; new tickets are made under the new one. */
  #renew(): void {
    const { source } = this.#deps;
    this.#server.setSecureContext(this.#options(source.current()));
    if (source.currentForNames !== undefined)
      this.#named.setSecureContext(this.#options(source.currentForNames()));
  }

  #options(pair: CertificatePair | undefined): TlsOptions {
    const { clientAuthority, limits } = this.#deps;
    return {
      ...(pair === undefined ? {} : { key: pair.key, cert: pair.chain }),
      minVersion: 'TLSv1.2',
      ciphers: suites.join(':'),
      honorCipherOrder: true,
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
      ALPNProtocols: ['http/1.1'],
      // flm's own sweep ends the handshake earlier.
      handshakeTimeout: limits.tlsHandshakeTimeoutMs + 60_000,
      ...(clientAuthority === undefined
        ? {}
        : {
            requestCert: true,
            rejectUnauthorized: true,
            ca: clientAuthority.certificates,
            ...(clientAuthority.revocations.length > 0 ? { crl: [...clientAuthority.revocations] } : {}),
          }),
    };
  }
}

/** An address is not a server name (RFC 6066, section 3), but some clients send one. */
function callsName(hello: ClientHello | undefined): boolean {
  const name = hello?.serverName;
  if (name === undefined) return false;
  // Most names cannot be an address, which only the first look shows: parsing a name as an address costs as much as 20 us.
  return !(mayBeAddress.test(name) && ipaddr.isValid(name));
}

/** IPv4 addresses begin with a digit in every notation, and all IPv6 addresses have a colon. */
const mayBeAddress = /^\d|:/;

/** The addresses of both ends, which are unique for each connection. */
function connectionId(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress} ${socket.localPort}`;
}
