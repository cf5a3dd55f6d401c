/**
 * A real gateway with HTTPS before one recording engine, and clients that send TLS or raw bytes. The certificate comes
 * from a real local CA. The clock moves only when a test moves it.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { systemClock } from '../../src/core/clock.ts';
import type { AdminPort } from '../../src/core/proxy/admin-port.ts';
import type { CertificatePair, CertificateProvider } from '../../src/core/proxy/certificate-provider.ts';
import type { ProxyConfigInput } from '../../src/core/proxy/proxy-config.ts';
import type { ClientAuthority } from '../../src/gateway/tls-listener.ts';
import { type Authority, ensureAuthority } from '../../src/tls/authority.ts';
import { CertificateStore } from '../../src/tls/certificate-store.ts';
import { issueLeaf } from '../../src/tls/issue.ts';
import { MovedClock } from './moved-clock.ts';
import { answer, type RawEngine, startRawEngine } from './raw-engine.ts';
import { get, openTestGateway, type TestGateway, Wire } from './test-gateway.ts';

export interface TlsFixtureOptions {
  readonly config?: ProxyConfigInput;
  readonly clientAuthority?: ClientAuthority;
  readonly admin?: AdminPort;
  /** A second certificate, for clients that send a server name. */
  readonly names?: readonly string[];
}

const patienceMs = 30_000;
const dayMs = 86_400_000;

export class TlsFixture {
  readonly proxy: TestGateway;
  readonly engine: RawEngine;
  readonly clock: MovedClock;
  readonly authority: Authority;
  readonly source: SetSource;
  readonly #sockets: (() => void)[] = [];

  private constructor(parts: Pick<TlsFixture, 'proxy' | 'engine' | 'clock' | 'authority' | 'source'>) {
    this.proxy = parts.proxy;
    this.engine = parts.engine;
    this.clock = parts.clock;
    this.authority = parts.authority;
    this.source = parts.source;
  }

  static async open(options: TlsFixtureOptions = {}): Promise<TlsFixture> {
    const authority = await sharedAuthority();
    const pair = await leafFor(authority, ['localhost', '127.0.0.1']);
    const source =
      options.names === undefined
        ? new SetSource(pair)
        : new TwoFoldSource(pair, await leafFor(authority, options.names));
    const clock = new MovedClock();
    await clock.move(1_000);
    const engine = await startRawEngine([answer('{"choices":[{"finish_reason":"stop"}]}')]);
    const proxy = await openTestGateway({
      clock,
      config: { mode: 'dev-selfsigned', ...options.config },
      engines: [{ id: 'e', port: engine.port, models: ['m'] }],
      ...(options.admin === undefined ? {} : { admin: options.admin }),
      tls: {
        source,
        ...(options.clientAuthority === undefined ? {} : { clientAuthority: options.clientAuthority }),
      },
    });
    return new TlsFixture({ proxy, engine, clock, authority, source });
  }

  /** A secured connection. Rejects with the error of the handshake. */
  async dial(options: ConnectionOptions = {}): Promise<{ readonly socket: TLSSocket; readonly wire: Wire }> {
    // Options that the types of `tls.connect` lack.
    const halfOpen: object = { allowHalfOpen: true };
    const socket = connect({
      port: this.proxy.port,
      host: '127.0.0.1',
      servername: 'localhost',
      ca: this.authority.pair.chain,
      ...halfOpen,
      ...options,
    });
    this.#sockets.push(() => socket.destroy());
    await once(socket, 'secureConnect');
    return { socket, wire: Wire.over(socket) };
  }

  /** Resolves with the error code of a failed handshake, or with `secured`. */
  async failure(options: ConnectionOptions): Promise<string> {
    try {
      const { socket } = await this.dial(options);
      // With TLS 1.3 a client learns only by reading that it was refused.
      socket.write(get('/health', ''));
      return await new Promise<string>((resolve) => {
        socket.on('data', () => resolve('secured'));
        socket.on('end', () => resolve('closed'));
        socket.on('close', () => resolve('closed'));
        socket.on('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)));
      });
    } catch (error) {
      return error instanceof Error && 'code' in error ? String(error.code) : String(error);
    }
  }

  /** Without TLS. */
  async dialPlain(): Promise<Wire> {
    const socket = connectPlain({ port: this.proxy.port, host: '127.0.0.1', allowHalfOpen: true });
    this.#sockets.push(() => socket.destroy());
    await once(socket, 'connect');
    return Wire.over(socket);
  }

  /** Sends these bytes on a new connection, and returns everything received until it is closed. */
  async told(bytes: string | Buffer): Promise<Buffer> {
    return (await this.dialPlain()).send(bytes).rest();
  }

  async until(what: string, satisfied: () => boolean): Promise<void> {
    const untilMs = performance.now() + patienceMs;
    while (!satisfied()) {
      assert.ok(performance.now() < untilMs, `not in time: ${what}`);
      await turn();
    }
  }

  /** Checks after any input that nothing of it is left and that the next good client is served. */
  async assertUnharmed(options: ConnectionOptions = {}): Promise<void> {
    for (const destroy of this.#sockets.splice(0)) destroy();
    await this.until('connections are gone', () => this.proxy.gateway.connections === 0);
    const { wire } = await this.dial(options);
    const response = await wire.send(get('/v1/models', this.proxy.key)).response();
    assert.equal(response.status, 200, response.head);
    for (const destroy of this.#sockets.splice(0)) destroy();
    await this.until('connections are gone', () => this.proxy.gateway.connections === 0);
  }

  async close(): Promise<void> {
    for (const destroy of this.#sockets.splice(0)) destroy();
    await this.proxy.close();
    await this.engine.close();
  }
}

/** A source whose certificate a test sets. */
export class SetSource implements CertificateProvider {
  #pair: CertificatePair;
  readonly #listeners = new Set<() => void>();
  readonly challenges = new Map<string, CertificatePair>();

  constructor(pair: CertificatePair) {
    this.#pair = pair;
  }

  current(): CertificatePair {
    return this.#pair;
  }
  challenge(name: string): CertificatePair | undefined {
    return this.challenges.get(name);
  }
  onChange(f: () => void): () => void {
    this.#listeners.add(f);
    return () => this.#listeners.delete(f);
  }
  set(pair: CertificatePair): void {
    this.#pair = pair;
    for (const f of this.#listeners) f();
  }
}

/** With a second certificate for clients that send a server name. `set` replaces the certificate in effect. */
export class TwoFoldSource extends SetSource {
  named: CertificatePair;

  constructor(pair: CertificatePair, named: CertificatePair) {
    super(pair);
    this.named = named;
  }

  currentForNames(): CertificatePair {
    return this.named;
  }
}

/** A server certificate for any names, inside the constraints of the CA or not. */
export function leafFor(authority: Authority, names: readonly string[]): Promise<CertificatePair> {
  const nowMs = Date.now();
  const validity = { fromMs: nowMs - dayMs, untilMs: nowMs + 90 * dayMs };
  return issueLeaf({ title: 'flm test', names, validity }, authority.pair);
}

let shared: Promise<Authority> | undefined;

function sharedAuthority(): Promise<Authority> {
  shared ??= makeAuthority();
  return shared;
}

async function makeAuthority(): Promise<Authority> {
  const folder = mkdtempSync(join(tmpdir(), 'flm-ca-'));
  try {
    const store = new CertificateStore(join(folder, 'tls'), systemClock);
    const signal = new AbortController().signal;
    return await ensureAuthority({ store, clock: systemClock, hostNames: ['test-host'], signal });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A hello of TLS 1.2, with any bytes as its server name. */
export function clientHello({ name }: { readonly name: Buffer }): Buffer {
  const sized = (width: 1 | 2 | 3, ...parts: Buffer[]): Buffer => {
    const content = Buffer.concat(parts);
    const length = Buffer.alloc(width);
    length.writeUIntBE(content.length, 0, width);
    return Buffer.concat([length, content]);
  };
  const extension = (type: number, ...data: Buffer[]): Buffer =>
    Buffer.concat([Buffer.of(type >> 8, type & 0xff), sized(2, ...data)]);
  const extensions = sized(
    2,
    extension(0, sized(2, Buffer.of(0), sized(2, name))),
    extension(10, sized(2, Buffer.from('00170018', 'hex'))),
    extension(11, sized(1, Buffer.of(0))),
    extension(13, sized(2, Buffer.from('04030804', 'hex'))),
    extension(43, sized(1, Buffer.from('0303', 'hex'))),
  );
  const body = Buffer.concat([
    Buffer.from('0303', 'hex'),
    Buffer.alloc(32, 7),
    sized(1),
    sized(2, Buffer.from('c02bc02c', 'hex')),
    sized(1, Buffer.of(0)),
    extensions,
  ]);
  return Buffer.concat([Buffer.from('160301', 'hex'), sized(2, Buffer.of(1), sized(3, body))]);
}
