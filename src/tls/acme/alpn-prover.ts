/** tls-alpn-01 (RFC 8737): the HTTPS port presents a special certificate to clients that offer `acme-tls/1`. */
import ipaddr from 'ipaddr.js';
import type { Clock } from '../../core/clock.ts';
import { isAddressName } from '../../core/proxy/acme-config.ts';
import type { CertificatePair } from '../../core/proxy/certificate-provider.ts';
import { loadIssue } from '../load-issue.ts';
import { type ChallengeProof, type Prover, sha256 } from './prover.ts';

/**
 * The server name that the CA sends for a domain; for an address its name in the reverse zone (RFC 8738, section 6),
 * because a server name is never an address (RFC 6066, section 3).
 */
export function proofServerName(domain: string): string {
  if (!isAddressName(domain)) return domain;
  const bytes = ipaddr.parse(domain).toByteArray();
  if (bytes.length === 4) return `${bytes.reverse().join('.')}.in-addr.arpa`;
  const digits = bytes.flatMap((byte) => [byte >> 4, byte & 15]);
  return `${digits
    .reverse()
    .map((digit) => digit.toString(16))
    .join('.')}.ip6.arpa`;
}

const dayMs = 86_400_000;
const adoptedMs = 600_000;

export class AlpnProver implements Prover {
  readonly type = 'tls-alpn-01';
  readonly #clock: Clock;
  readonly #port: () => number;
  readonly #pairs = new Map<string, CertificatePair>();

  constructor(clock: Clock, port: () => number) {
    this.#clock = clock;
    this.#port = port;
  }

  requirement(domain: string): string {
    const port = this.#port();
    return isAddressName(domain)
      ? `connections to ${domain} lead to this machine, and that port 443 there is forwarded to port ${port} here without a proxy that terminates TLS`
      : `the address records of ${domain} lead to this machine, and that port 443 there is forwarded to port ${port} here without a proxy that terminates TLS`;
  }

  /** The certificate for a client that offers `acme-tls/1`. */
  pair(name: string): CertificatePair | undefined {
    return this.#pairs.get(name.toLowerCase());
  }

  /** What is being proved now. */
  proofs(): readonly (readonly [name: string, pair: CertificatePair])[] {
    return [...this.#pairs];
  }

  /** Shows what another process is proving, for as long as its order may take. */
  adopt(name: string, pair: CertificatePair): void {
    this.#pairs.set(name, pair);
    this.#clock.after(adoptedMs, () => {
      if (this.#pairs.get(name) === pair) this.#pairs.delete(name);
    });
  }

  /** Makes the certificate that proves the domain. */
  async pairFor({
    domain,
    authorization,
  }: Pick<ChallengeProof, 'domain' | 'authorization'>): Promise<CertificatePair> {
    const { issueProof } = await loadIssue();
    const nowMs = this.#clock.nowMs();
    return issueProof(domain, sha256(authorization), { fromMs: nowMs - dayMs, untilMs: nowMs + 7 * dayMs });
  }

  async show({ domain, authorization }: ChallengeProof): Promise<() => Promise<void>> {
    const pair = await this.pairFor({ domain, authorization });
    const name = proofServerName(domain);
    this.#pairs.set(name, pair);
    return () => {
      this.#pairs.delete(name);
      return Promise.resolve();
    };
  }
}
