/**
 * The plain HTTP listener beside an `https-acme` proxy: proves domains by http-01 and sends people to HTTPS. A
 * successor inherits the listening sockets and continues to answer the challenges of its predecessor.
 */
import type { Unsubscribe } from '../core/clock.ts';
import { FlmError } from '../core/errors.ts';
import type { InheritedSocket } from '../core/proxy/ports.ts';
import { bindAddresses, type ProxyConfig } from '../core/proxy/proxy-config.ts';
import { parseAddress } from '../core/security/address-rules.ts';
import { Listener, type ListeningSocket } from '../gateway/listener.ts';
import { AcmeFailure } from '../tls/acme/acme-failure.ts';
import { Http01Server } from '../tls/acme/http01-server.ts';
import type { ChallengeProof, Prover } from '../tls/acme/prover.ts';
import type { SharedProofs } from '../tls/acme/shared-proofs.ts';
import type { CertificateSurroundings } from './renewing-certificate.ts';

const tryEachMs = 2_000;
/** Longer than the order of the predecessor may take. */
const adoptedMs = 600_000;

/** Proves domains by http-01, with a plain HTTP listener beside the proxy. */
export class PlainPort implements Prover {
  readonly type = 'http-01';
  readonly #config: ProxyConfig;
  readonly #surroundings: CertificateSurroundings;
  readonly #server: Http01Server;
  readonly #inherited: readonly InheritedSocket[];
  #listener: Listener | undefined;
  /** The proxy accepts connections now: a bound listener starts to accept too. */
  #accepts: boolean;
  #opening: Promise<void> | undefined;
  #stopTrying: Unsubscribe = () => {};
  #closed = false;

  /** `proofs`: challenges of other machines, which the CA may ask here. */
  constructor(config: ProxyConfig, surroundings: CertificateSurroundings, proofs?: SharedProofs) {
    const { machine, logger, quota, keyId, port } = surroundings;
    this.#config = config;
    this.#surroundings = surroundings;
    const { takeOver, sockets } = surroundings;
    this.#inherited = sockets;
    this.#accepts = takeOver === undefined;
    this.#server = new Http01Server({
      clock: machine.clock,
      domains: config.domains,
      port: config.acme.httpPort,
      securePort: port,
      findProof:
        proofs === undefined
          ? undefined
          : async (wanted) =>
              (await proofs.find()).find(({ type, token }) => type === 'http-01' && token === wanted),
      exposed: (secret, client) => {
        const key = (secret === undefined ? undefined : keyId(secret)) ?? 'unknown';
        const what = 'a key crossed the network in plain text: replace it (flm key rotate)';
        const address = parseAddress(client);
        const whole =
          key !== 'unknown'
            ? quota.ofKey(key, null)
            : address === undefined || quota.ofAddress('refused', address);
        if (whole) logger.event('warn', what, { key, client });
      },
    });
  }

  requirement(domain: string): string {
    return this.#server.requirement(domain);
  }

  show(proof: ChallengeProof): Promise<() => Promise<void>> {
    return this.#server.show(proof);
  }

  /** Throws an `AcmeFailure` if the port is not available; the caller may try again. */
  open(): Promise<void> {
    this.#opening ??= this.#bind().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  /** Opens the port now or as soon as it is free: a proxy that this one replaces may still drain. */
  async openInTime(): Promise<void> {
    const { machine, logger } = this.#surroundings;
    try {
      await this.open();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      logger.event('warn', 'the plain port for http-01 is not open', { reason });
      if (this.#closed) return;
      this.#stopTrying = machine.clock.every(tryEachMs, () => {
        this.open().then(
          () => this.#stopTrying(),
          () => {},
        );
      });
    }
  }

  /** The sockets that a successor can inherit. */
  sockets(): readonly ListeningSocket[] {
    return this.#listener?.sockets() ?? [];
  }

  /** Starts after a hand-over: listens on the predecessor's port, and answers the predecessor's challenges. */
  async accept(proofs: readonly ChallengeProof[]): Promise<void> {
    this.#accepts = true;
    for (const proof of proofs) {
      const hide = await this.#server.show(proof);
      this.#surroundings.machine.clock.after(adoptedMs, () => void hide());
    }
    if (this.#inherited.length > 0) await this.openInTime();
    await this.#opening?.catch(() => {});
    await this.#listener?.accept();
  }

  /** The challenges that are being proved now. */
  proofs(): readonly ChallengeProof[] {
    return this.#server.proofs();
  }

  /** Another process has the port. Open connections are answered. */
  release(): void {
    this.#stopTrying();
    this.#closed = true;
    this.#listener?.close();
    this.#listener = undefined;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stopTrying();
    await this.#opening?.catch(() => {});
    this.#listener?.close();
    this.#listener = undefined;
    this.#server.close();
  }

  async #bind(): Promise<void> {
    if (this.#listener !== undefined || this.#closed) return;
    const { httpPort } = this.#config.acme;
    try {
      const listener = await Listener.bind({
        addresses: bindAddresses(this.#config),
        port: httpPort,
        optional: this.#config.bind.length === 0 ? new Set(['::1', '::']) : new Set(),
        onConnection: (socket) => this.#server.accept(socket),
        inherited: this.#inherited,
      });
      if (this.#accepts) await listener.accept();
      this.#listener = listener;
    } catch (cause) {
      throw unbound(httpPort, cause);
    }
  }
}

function unbound(port: number, cause: unknown): AcmeFailure {
  return new AcmeFailure({
    step: 'challenge',
    reason: `http-01 needs port ${port}, and flm cannot listen there: ${cause instanceof FlmError ? cause.message.replace(/\.$/, '') : 'unknown error'}`,
    fix: 'Stop the program that uses the port, forward port 80 to another port of this machine (--acme-http-port N), or use --acme-challenge tls-alpn-01 or --acme-dns-hook.',
    // Another challenge may need no port.
    unproved: true,
    cause,
  });
}
