/**
 * Sets up the certificate of an `https-acme` proxy: the ACME challenges that are possible on this machine, and the plain
 * HTTP listener that http-01 needs.
 *
 * By default flm uses tls-alpn-01 if the HTTPS port is 443, because clients need that port open anyway. Otherwise, or if
 * tls-alpn-01 fails, flm uses http-01 on port 80. The plain listener opens when first needed and stays open.
 */

import type { Unsubscribe } from '../core/clock.ts';
import { FlmError } from '../core/errors.ts';
import type { AcmeChallenge } from '../core/proxy/acme-config.ts';
import { bindAddresses, configuredPort, type ProxyConfig } from '../core/proxy/proxy-config.ts';
import { parseAddress } from '../core/security/address-rules.ts';
import { Listener } from '../gateway/listener.ts';
import { AcmeFailure } from '../tls/acme/acme-failure.ts';
import { AcmeSource } from '../tls/acme/acme-source.ts';
import { AlpnProver } from '../tls/acme/alpn-prover.ts';
import { DnsHook } from '../tls/acme/dns-hook.ts';
import { Http01Server } from '../tls/acme/http01-server.ts';
import type { ChallengeProof, Prover } from '../tls/acme/prover.ts';
import { CertificateStore } from '../tls/certificate-store.ts';
import type { CertificateSurroundings, RenewingCertificate } from './renewing-certificate.ts';

const tryEachMs = 2_000;

/** Throws a `CertificateError` CERT_STORE_FAILED. */
export async function openAcmeKeeper(
  config: ProxyConfig,
  surroundings: CertificateSurroundings,
): Promise<RenewingCertificate> {
  const { machine, logger, port } = surroundings;
  const { clock, secrets, version } = machine;
  const { acme, domains } = config;
  const alpn = new AlpnProver(clock, () => port() || configuredPort(config));
  const dns =
    acme.dnsHook === undefined
      ? undefined
      : new DnsHook({
          command: acme.dnsHook,
          clock,
          print: (line) => logger.event('info', 'the DNS hook says', { line }),
        });
  const plain = new PlainPort(config, surroundings);
  const proverOf = (challenge: AcmeChallenge): Prover => {
    switch (challenge) {
      case 'http-01':
        return plain;
      case 'tls-alpn-01':
        return alpn;
      case 'dns-01':
        if (dns === undefined) throw new Error('dns-01 has a hook, as the configuration was checked');
        return dns;
      default:
        return challenge satisfies never;
    }
  };
  const source = await AcmeSource.open({
    store: new CertificateStore(machine.paths.tls, clock),
    clock,
    random: () => (secrets.randomBytes(1)[0] ?? 0) / 256,
    domains,
    acme,
    agentName: `flm/${version}`,
    challenge: (name) => alpn.pair(name),
    provers: challengesOf(config).map(proverOf),
    tell(event, detail) {
      if (event === 'failed') logger.event('error', 'the certificate was not renewed', { reason: detail });
      else if (event === 'unproved')
        logger.event('warn', 'a domain was not validated; another challenge is tried', { reason: detail });
      else logger.event('info', `the certificate was ${event}`, { names: detail });
    },
  });
  return {
    current: () => source.current(),
    challenge: (name) => source.challenge(name),
    onChange: (f) => source.onChange(f),
    facts: () => (source.current() === undefined ? undefined : source.facts()),
    look: () => source.look(),
    async ready(signal) {
      // If http-01 is the first challenge, the listener also redirects browsers to HTTPS from the beginning.
      if (challengesOf(config)[0] === 'http-01') await plain.openInTime();
      await source.ready(signal);
    },
    async close() {
      await source.close();
      await plain.close();
    },
  };
}

/** Returns the challenges, the most likely to succeed first. */
export function challengesOf(config: ProxyConfig): readonly AcmeChallenge[] {
  const { challenge, dnsHook } = config.acme;
  if (challenge !== undefined) return [challenge];
  if (dnsHook !== undefined) return ['dns-01'];
  return configuredPort(config) === 443 ? ['tls-alpn-01', 'http-01'] : ['http-01'];
}

/** Proves domains by http-01, with a plain HTTP listener beside the proxy. */
class PlainPort implements Prover {
  readonly type = 'http-01';
  readonly #config: ProxyConfig;
  readonly #surroundings: CertificateSurroundings;
  readonly #server: Http01Server;
  #listener: Listener | undefined;
  #opening: Promise<void> | undefined;
  #stopTrying: Unsubscribe = () => {};
  #closed = false;

  constructor(config: ProxyConfig, surroundings: CertificateSurroundings) {
    const { machine, logger, quota, keyId, port } = surroundings;
    this.#config = config;
    this.#surroundings = surroundings;
    this.#server = new Http01Server({
      clock: machine.clock,
      domains: config.domains,
      port: config.acme.httpPort,
      securePort: port,
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
      this.#listener = await Listener.open({
        addresses: bindAddresses(this.#config),
        port: httpPort,
        optional: this.#config.bind.length === 0 ? new Set(['::1', '::']) : new Set(),
        onConnection: (socket) => this.#server.accept(socket),
      });
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
