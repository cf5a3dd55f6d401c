/**
 * The configuration of mode `https-acme`: the domains and addresses, and how flm obtains their certificate. Part of
 * `ProxyConfig`.
 */
import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { isIpv6 } from '../security/address-rules.ts';

export const acmeChallenges = ['http-01', 'tls-alpn-01', 'dns-01'] as const;
export type AcmeChallenge = (typeof acmeChallenges)[number];

const letsEncrypt = 'https://acme-v02.api.letsencrypt.org/directory';
const letsEncryptStaging = 'https://acme-staging-v02.api.letsencrypt.org/directory';

/** RFC 1035, section 2.3.4: 253 characters as text. A certificate name has no underscore (CAB Forum, 7.1.2.7.12). */
const label = '(?!-)[a-z0-9-]{1,63}(?<!-)';
const domainPattern = new RegExp(`^(?:\\*\\.)?(?:${label}\\.)+(?!\\d+$)${label}$`);

/** Names without an owner (RFC 6761, 6762, 8375, ICANN's `.internal`): no public CA issues certificates for them. */
const privatePattern = /(?:^|\.)(?:localhost|local|lan|internal|home\.arpa|test|invalid|example)$/;

/** Ranges of addresses that one machine can have and prove. Only an own ACME server certifies the others than unicast. */
const provableRanges: readonly string[] = [
  'unicast',
  'private',
  'uniqueLocal',
  'carrierGradeNat',
  'loopback',
];

export const domainSchema = z
  .string()
  .toLowerCase()
  .overwrite(canonicalName)
  .refine((name) => name.length <= 253 && (domainPattern.test(name) || isProvableAddress(name)), {
    error:
      'a full domain name such as llm.example.org or *.example.org, of letters, digits and dashes, 253 characters at most (other scripts in their xn-- form), or an address of one machine',
  });

/** An IPv6 address in the form of RFC 5952, without the brackets of a URL. */
function canonicalName(text: string): string {
  const bare = /^\[(.+)\]$/.exec(text)?.[1] ?? text;
  return isIpv6(bare) ? ipaddr.IPv6.parse(bare).toString() : text;
}

/** Whether an entry of `domains` is an address (RFC 8738). */
export function isAddressName(name: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(name) || isIpv6(name);
}

function isProvableAddress(name: string): boolean {
  return isAddressName(name) && !name.includes('%') && provableRanges.includes(ipaddr.parse(name).range());
}

export const acmeSchema = z.strictObject({
  email: z
    .string()
    .max(254)
    .regex(/^[^\s@<>,;:"\\]+@[^\s@<>,;:"\\]+\.[^\s@<>,;:"\\]+$/, {
      error: 'a mail address such as you@example.org',
    })
    .optional()
    .describe('Mail address at which the CA can reach you.'),
  acceptTerms: z
    .boolean()
    .default(false)
    .describe("The CA's terms of service are accepted; needed for the first certificate from a CA."),
  directory: z
    .string()
    .max(512)
    .refine(isDirectoryUrl, { error: 'https://HOST[:PORT]/PATH, without user and password' })
    .optional()
    .describe("URL of the ACME server's directory; by default Let's Encrypt."),
  caFile: z
    .string()
    .max(4096)
    .refine((path) => /^(?:\/|[A-Za-z]:[\\/])/.test(path), { error: 'an absolute path' })
    .optional()
    .describe('CA of the ACME server itself (PEM), instead of the CAs that the system trusts.'),
  staging: z
    .boolean()
    .default(false)
    .describe("Use Let's Encrypt's test server: high rate limits, but no client trusts its certificates."),
  challenge: z
    .enum(acmeChallenges)
    .optional()
    .describe('The ACME challenge that proves control of the domains; by default one that works here.'),
  httpPort: z
    .int()
    .min(1)
    .max(65_535)
    .default(80)
    .describe('Port for http-01; the CA connects to port 80, which must be forwarded to this port.'),
  eabKid: z
    .string()
    .regex(/^[\x21-\x7e]{1,512}$/, { error: 'the key id that the website of the CA shows' })
    .optional()
    .describe('Key id of an account that the website of the CA created (external account binding).'),
  eabKeyFile: z
    .string()
    .max(4096)
    .refine((path) => /^(?:\/|[A-Za-z]:[\\/])/.test(path), { error: 'an absolute path' })
    .optional()
    .describe('File with the HMAC key of `eabKid`. flm reads it only to create the account.'),
  eabKeyEnv: z
    .string()
    .max(256)
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'the name of an environment variable' })
    .optional()
    .describe('Environment variable with the HMAC key of `eabKid`, instead of a file.'),
  profile: z
    .string()
    .regex(/^[\x21-\x7e]{1,64}$/, { error: 'the name of a certificate profile, such as shortlived' })
    .optional()
    .describe(
      'Certificate profile of the CA; by default the one that the CA selects, and `shortlived` for addresses where the CA has it.',
    ),
  dnsHook: z
    .string()
    .trim()
    .min(1)
    .max(4096)
    .refine((text) => !hasControlCharacter(text), { error: 'a command on one line' })
    .optional()
    .describe('Program that sets TXT records for dns-01; called with add or remove, name and value.'),
});

export type AcmeConfig = Readonly<z.output<typeof acmeSchema>>;

/** The directory URL of a configuration. */
export function directoryOf(acme: Pick<AcmeConfig, 'directory' | 'staging'>): string {
  return acme.directory ?? (acme.staging ? letsEncryptStaging : letsEncrypt);
}

interface Asked {
  readonly mode: string;
  readonly domains: readonly string[];
  readonly acme: AcmeConfig;
}

/** Returns the faults in the combination of fields, each with the path of the field and what is allowed. */
export function acmeFaults({
  mode,
  domains,
  acme,
}: Asked): readonly { readonly path: (string | number)[]; readonly message: string }[] {
  if (mode !== 'https-acme') {
    // The user forgot the mode. Serving plain HTTP instead would be wrong.
    if (domains.length === 0) return [];
    return [{ path: ['domains'], message: `nothing in mode ${mode}, since domains need --mode https-acme` }];
  }
  const faults: { path: (string | number)[]; message: string }[] = [];
  const fault = (path: (string | number)[], message: string): void => void faults.push({ path, message });
  if (domains.length === 0) fault(['domains'], 'one domain or more in mode https-acme (--domain)');
  const viaDns = acme.challenge === 'dns-01' || (acme.challenge === undefined && acme.dnsHook !== undefined);
  domains.forEach((domain, index) => {
    if (domains.indexOf(domain) !== index) fault(['domains', index], 'each domain once');
    else if (domain.startsWith('*.') && !viaDns)
      fault(
        ['domains', index],
        'no wildcard without --acme-dns-hook, because only dns-01 supports wildcards (RFC 8555, 7.1.3)',
      );
    else if (isAddressName(domain) && viaDns)
      fault(
        ['domains', index],
        'no address with dns-01, which proves only names (RFC 8738, 7); use http-01 or tls-alpn-01',
      );
    else if (
      acme.directory === undefined &&
      isAddressName(domain) &&
      ipaddr.parse(domain).range() !== 'unicast'
    )
      fault(
        ['domains', index],
        'a public address: no public CA issues certificates for a private one (use --mode dev-selfsigned or --acme-directory)',
      );
    else if (acme.directory === undefined && privatePattern.test(domain))
      fault(
        ['domains', index],
        'a public domain: no public CA issues certificates for this one (use --mode dev-selfsigned or --acme-directory)',
      );
  });
  if (acme.challenge === 'dns-01' && acme.dnsHook === undefined)
    fault(['acme', 'dnsHook'], 'a command that sets TXT records, which dns-01 needs (--acme-dns-hook)');
  if (acme.challenge !== undefined && acme.challenge !== 'dns-01' && acme.dnsHook !== undefined)
    fault(['acme', 'dnsHook'], `nothing with ${acme.challenge}; it is for dns-01`);
  if (acme.eabKid !== undefined && acme.eabKeyFile === undefined && acme.eabKeyEnv === undefined)
    fault(['acme', 'eabKid'], 'given with its key (--acme-eab-key-file or --acme-eab-key-env)');
  for (const field of ['eabKeyFile', 'eabKeyEnv'] as const)
    if (acme.eabKid === undefined && acme[field] !== undefined)
      fault(['acme', field], 'given with its key id (--acme-eab-kid)');
  if (acme.eabKeyFile !== undefined && acme.eabKeyEnv !== undefined)
    fault(['acme', 'eabKeyEnv'], 'nothing where a file has the key');
  if (acme.staging && acme.directory !== undefined)
    fault(['acme', 'staging'], 'false where a directory is given');
  return faults;
}

function isDirectoryUrl(text: string): boolean {
  if (!/^https:\/\//i.test(text) || !URL.canParse(text)) return false;
  const url = new URL(text);
  return url.username === '' && url.password === '' && url.hash === '';
}

function hasControlCharacter(text: string): boolean {
  return /[\x00-\x1f\x7f]/.test(text);
}
