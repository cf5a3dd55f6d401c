/** Findings about the policy and the keys: ranges that allow everybody, keys without limits or expiry, unused keys. */
import { AddressRules, parseAddress } from '../security/address-rules.ts';
import { type ApiKey, isActive } from '../security/api-key.ts';
import type { SecurityPolicy } from '../security/security-policy.ts';
import type { ListedKey } from '../security/security-service.ts';
import { shellWord } from '../shell-word.ts';
import { type Finding, firstNames } from './report.ts';

const dayMs = 86_400_000;
const unusedDays = 90;

/** Public addresses far apart. A list with all of one family has no realistic owner: it allows everybody. */
const samples = [
  ['8.8.8.8', '45.33.32.156', '104.16.0.1', '151.101.1.69', '203.0.113.77', '222.222.222.222'],
  ['2001:4860:4860::8888', '2606:4700:4700::1111', '2a00:1450:4001:80b::200e', '2c0f:fb50:4003::1'],
].map((family) => family.flatMap((text) => parseAddress(text) ?? []));

/** Whether the list has every public address of IPv4 or of IPv6. */
export function isForEverybody(ranges: readonly string[]): boolean {
  const rules = new AddressRules(ranges);
  return samples.some((family) => family.every((address) => rules.matches(address)));
}

export interface ProxyPolicy {
  readonly proxy: string;
  readonly profile: string;
  /** As in `ProxyStatus.reach`. */
  readonly reach: string;
  readonly policy: SecurityPolicy;
}

/** About the policy that a running proxy enforces. */
export function proxyPolicyFindings({ proxy, profile, reach, policy }: ProxyPolicy): readonly Finding[] {
  const { allowIps, denyIps } = policy;
  if (reach === 'this machine') return [];
  const all = allowIps.length === 0 || isForEverybody(allowIps);
  // A rule that denies all public addresses leaves the local ones.
  if (!all || isForEverybody(denyIps)) return [];
  return [
    {
      code: 'POLICY_OPEN',
      severity: 'notice',
      check: 'policy',
      subject: proxy,
      message: `Proxy ${proxy} (profile ${profile}) can be reached from ${reach}, and the policy allows every address; allow only the ranges of your clients.`,
      // Without loopback, flm refuses a policy that would block its own user.
      command: 'flm policy set --allow-ip RANGE --allow-ip 127.0.0.0/8 --allow-ip ::1',
    },
  ];
}

/** About a list that lets clients choose their own address. */
export function trustedProxyFindings(policy: Pick<SecurityPolicy, 'trustedProxies'>): readonly Finding[] {
  if (!isForEverybody(policy.trustedProxies)) return [];
  return [
    {
      code: 'TRUSTED_PROXIES_OPEN',
      severity: 'error',
      check: 'policy',
      subject: null,
      message:
        'The trusted proxies include every address, so any client can claim another address and bypass the address rules; name only your reverse proxies.',
      command: 'flm policy set --trusted-proxy ADDRESS',
    },
  ];
}

export interface KeyFacts {
  readonly keys: readonly ListedKey[];
  readonly policy: Pick<SecurityPolicy, 'requestsPerMinutePerKey'>;
  /** False: the last use of keys cannot be read. */
  readonly lastUseKnown: boolean;
  readonly nowMs: number;
}

export function keyFindings({ keys, policy, lastUseKnown, nowMs }: KeyFacts): readonly Finding[] {
  const active = keys.filter(({ record }) => isActive(record, nowMs));
  const unlimited = active.filter(
    ({ record }) =>
      policy.requestsPerMinutePerKey === null &&
      Object.values(record.limits).every((limit) => limit === null),
  );
  const endless = active.filter(({ record }) => record.expiresAtMs === null);
  const unused = active.filter(
    ({ record, lastUse }) => nowMs - (lastUse?.atMs ?? record.createdAtMs) > unusedDays * dayMs,
  );
  return [
    ...about(unlimited, 'KEYS_UNLIMITED', (count, labels, first) => ({
      message: `Keys without any limit: ${count} (${labels}); one client can take all engines.`,
      command: `flm key set ${first} --rpm 60`,
    })),
    ...about(endless, 'KEYS_WITHOUT_EXPIRY', (count, labels, first) => ({
      message: `Keys that never expire: ${count} (${labels}).`,
      command: `flm key set ${first} --expires 90d`,
    })),
    ...(lastUseKnown
      ? about(unused, 'KEYS_UNUSED', (count, labels, first) => ({
          message: `Keys that nobody used for ${unusedDays} days: ${count} (${labels}); revoke those that nobody needs.`,
          command: `flm key revoke ${first}`,
        }))
      : []),
  ];
}

type Sentence = (count: number, labels: string, first: string) => Pick<Finding, 'message' | 'command'>;

function about(
  keys: readonly { readonly record: ApiKey }[],
  code: 'KEYS_UNLIMITED' | 'KEYS_WITHOUT_EXPIRY' | 'KEYS_UNUSED',
  sentence: Sentence,
): readonly Finding[] {
  const [first] = keys;
  if (first === undefined) return [];
  const labels = firstNames(keys.map(({ record }) => record.label));
  const told = sentence(keys.length, labels, shellWord(first.record.label));
  return [{ code, severity: 'notice', check: 'policy', subject: null, ...told }];
}
