/**
 * Sets up the certificate of an `https-acme` proxy: the ACME challenges that are possible on this machine, and the plain
 * HTTP listener that http-01 needs.
 *
 * By default flm uses tls-alpn-01 if the HTTPS port is 443, because clients need that port open anyway. Otherwise, or if
 * tls-alpn-01 fails, flm uses http-01 on port 80. The plain listener opens when first needed and stays open.
 */
import type { AcmeChallenge } from '../core/proxy/acme-config.ts';
import type { CertificatePair } from '../core/proxy/certificate-provider.ts';
import { configuredPort, type ProxyConfig } from '../core/proxy/proxy-config.ts';
import { withoutSupervisor } from '../process/supervisor.ts';
import { AcmeFailure } from '../tls/acme/acme-failure.ts';
import { AcmeSource, type AcmeSourceDeps } from '../tls/acme/acme-source.ts';
import { AlpnProver, proofServerName } from '../tls/acme/alpn-prover.ts';
import { DnsHook } from '../tls/acme/dns-hook.ts';
import type { ChallengeProof, Prover } from '../tls/acme/prover.ts';
import { SharedProofs } from '../tls/acme/shared-proofs.ts';
import { acmeStorage } from './acme-storage.ts';
import { PlainPort } from './plain-port.ts';
import type { CertificateSurroundings, RenewingCertificate } from './renewing-certificate.ts';

/** Throws a `CertificateError` CERT_STORE_FAILED. */
export async function openAcmeKeeper(
  config: ProxyConfig,
  surroundings: CertificateSurroundings,
): Promise<RenewingCertificate> {
  const { machine, port, takeOver, handOverParts } = surroundings;
  const { clock, secrets, version } = machine;
  const { acme, domains } = config;
  const alpn = new AlpnProver(clock, () => port() || configuredPort(config));
  const { sharedFiles } = surroundings;
  const proofs = sharedFiles === undefined ? undefined : new SharedProofs(sharedFiles, clock);
  const plain = new PlainPort(config, surroundings, proofs);
  let isReplaced = false;
  let inherited: ProofState | undefined;
  const source = await AcmeSource.open({
    store: acmeStorage(machine, sharedFiles),
    clock,
    random: () => (secrets.randomBytes(1)[0] ?? 0) / 256,
    domains,
    acme,
    agentName: `flm/${version}`,
    readSecret: machine.readSecret,
    challenge: (name) => alpn.pair(name),
    provers: makeProvers(config, surroundings, { plain, alpn })
      .map((prover) => untilReplaced(prover, () => isReplaced))
      .map((prover) => (proofs === undefined ? prover : onEveryMachine(prover, proofs))),
    mayOrder: takeOver === undefined,
    tell: logRenewals(surroundings.logger),
  });
  handOverParts.add({
    name: 'acme',
    exportState: (): ProofState => ({ plain: plain.proofs(), secure: alpn.proofs() }),
    importState(state) {
      inherited = proofStateIn(state);
    },
    resume() {},
    follow() {
      isReplaced = true;
      source.beginNoOrder();
      plain.release();
    },
  });
  return {
    get isOrdering() {
      return source.isRenewing;
    },
    sockets: () => plain.sockets(),
    async accept() {
      for (const [name, pair] of inherited?.secure ?? []) alpn.adopt(name, pair);
      await plain.accept(inherited?.plain ?? []);
      source.beginOrders();
    },
    current: () => source.current(),
    challenge: (name) => source.challenge(name),
    ...(proofs === undefined ? {} : { findChallenge: (name) => proofOfOther(name, domains, proofs, alpn) }),
    onChange: (f) => source.onChange(f),
    facts: () => (source.current() === undefined ? undefined : source.facts()),
    look: () => source.look(),
    async ready(signal) {
      // If http-01 is the first challenge, the listener also redirects browsers to HTTPS from the beginning. Where
      // machines share certificates, the CA may ask this one for a challenge of another.
      const challenges = challengesOf(config);
      if (challenges[0] === 'http-01' || (proofs !== undefined && challenges.includes('http-01')))
        await plain.openInTime();
      await source.ready(signal);
    },
    async close() {
      await source.close();
      await plain.close();
    },
  };
}

/** The validation certificate of a name that another machine orders a certificate for. Never rejects. */
async function proofOfOther(
  name: string,
  domains: readonly string[],
  proofs: SharedProofs,
  alpn: AlpnProver,
): Promise<CertificatePair | undefined> {
  const asked = name.toLowerCase();
  const domain = domains.find((one) => proofServerName(one) === asked);
  // Anybody can ask for any name.
  if (domain === undefined) return undefined;
  const proof = (await proofs.find()).find((shown) => shown.type === alpn.type && shown.domain === domain);
  return proof === undefined ? undefined : alpn.pairFor(proof).catch(() => undefined);
}

/** Every machine can answer before the CA is asked to look. */
function onEveryMachine(prover: Prover, proofs: SharedProofs): Prover {
  if (prover.type === 'dns-01') return prover;
  return {
    type: prover.type,
    open: () => prover.open?.() ?? Promise.resolve(),
    requirement: (domain) => prover.requirement(domain),
    async show(proof, signal) {
      const hideShared = await proofs.show({ ...proof, type: prover.type });
      try {
        const hide = await prover.show(proof, signal);
        return async () => {
          await Promise.all([hide(), hideShared()]);
        };
      } catch (error) {
        await hideShared();
        throw error;
      }
    },
  };
}

/** Returns a prover for each possible challenge, the most likely to succeed first. */
function makeProvers(
  config: ProxyConfig,
  { machine, logger }: CertificateSurroundings,
  { plain, alpn }: { readonly plain: PlainPort; readonly alpn: AlpnProver },
): readonly Prover[] {
  const { dnsHook } = config.acme;
  return challengesOf(config).map((challenge) => {
    switch (challenge) {
      case 'http-01':
        return plain;
      case 'tls-alpn-01':
        return alpn;
      case 'dns-01':
        if (dnsHook === undefined) throw new Error('dns-01 has a hook, as the configuration was checked');
        return new DnsHook({
          command: dnsHook,
          clock: machine.clock,
          env: withoutSupervisor(machine.environment),
          print: (line) => logger.event('info', 'the DNS hook says', { line }),
        });
      default:
        return challenge satisfies never;
    }
  });
}

function logRenewals(logger: CertificateSurroundings['logger']): AcmeSourceDeps['tell'] {
  return (event, detail) => {
    if (event === 'failed') logger.event('error', 'the certificate was not renewed', { reason: detail });
    else if (event === 'advised')
      logger.event('info', 'the CA suggests when to renew the certificate', { when: detail });
    else if (event === 'unadvised')
      logger.event('warn', 'the CA did not say when to renew the certificate; its age decides', {
        reason: detail,
      });
    else if (event === 'unproved')
      logger.event('warn', 'a domain was not validated; another challenge is tried', { reason: detail });
    else logger.event('info', `the certificate was ${event}`, { names: detail });
  };
}

/** Challenges in progress during a hand-over: afterwards the CA reaches the successor. */
interface ProofState {
  readonly plain: readonly ChallengeProof[];
  readonly secure: readonly (readonly [name: string, pair: CertificatePair])[];
}

/** The predecessor is also flm, but another version may send other data. */
function proofStateIn(state: unknown): ProofState | undefined {
  const { plain, secure } = (state ?? {}) as Partial<ProofState>;
  return Array.isArray(plain) && Array.isArray(secure) ? { plain, secure } : undefined;
}

/** The CA no longer reaches this process, so an order without a published challenge is left to the successor. */
function untilReplaced(prover: Prover, isReplaced: () => boolean): Prover {
  return {
    type: prover.type,
    open: () => prover.open?.() ?? Promise.resolve(),
    requirement: (domain) => prover.requirement(domain),
    async show(proof, signal) {
      if (!isReplaced() || prover.type === 'dns-01') return prover.show(proof, signal);
      throw new AcmeFailure({
        step: 'challenge',
        reason: 'another process has taken over',
        fix: 'The new process orders the certificate.',
      });
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
