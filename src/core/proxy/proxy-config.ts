/**
 * The configuration of a proxy. One schema gives the type, the defaults, the validation and the JSON Schema.
 *
 * `parseProxyConfig` reports all faults at once, each with field, value and allowed values, and has no side effect. The
 * configuration has no paths of the proxy's own certificates: `src/tls` finds them by mode and names.
 */
import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { engineKindNames } from '../engine/kinds.ts';
import { type Fault, ProxyError } from '../errors.ts';
import { faultsOf } from '../faults.ts';
import { isLoopbackAddress } from '../loopback.ts';
import { otlpSchema } from '../otlp/otlp-address.ts';
import { securityPolicyOverrideSchema } from '../security/security-policy.ts';
import { acmeFaults, acmeSchema, domainSchema } from './acme-config.ts';
import { understandEngineUrl } from './engine-url.ts';
import { limitsSchema } from './limits.ts';
import { isForwardable, maxForwardHeaders } from './request-headers.ts';

/**
 * `local-http`: plain HTTP for this machine. `dev-selfsigned`: HTTPS for the local network, with a certificate of flm's
 * own local CA.
 */
export const proxyModes = ['local-http', 'dev-selfsigned', 'https-acme'] as const;
export type ProxyMode = (typeof proxyModes)[number];

/** The default port of each mode. */
export const defaultPorts: Readonly<Record<ProxyMode, number>> = {
  'local-http': 8484,
  'dev-selfsigned': 8443,
  'https-acme': 443,
};

export const engineIdPattern = /^[a-z0-9][a-z0-9-]{0,31}$/;
const hostNamePattern = /^(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*$/;

const ipLiteral = z
  .string()
  .max(64)
  .refine(isIpLiteral, { error: 'an IPv4 or IPv6 address of this machine' });

const publicHost = z
  .string()
  .max(253)
  .toLowerCase()
  .refine((name) => hostNamePattern.test(name), {
    error: 'a host name, such as llm.example.org (no scheme, no port)',
  });

const forwardHeader = z.string().max(63).toLowerCase().refine(isForwardable, {
  error:
    'a header name, and none of credentials, cookies, host, origin, framing, hop-by-hop, forwarding, or what flm writes itself',
});

/** The process that reads the path has / as its working folder. */
export const absolutePath = z
  .string()
  .max(4096)
  .refine((path) => /^(?:\/|[A-Za-z]:[\\/])/.test(path), { error: 'an absolute path' });

/** Accepts an address as users paste it, and converts it to the URL of the server. */
const engineUrlSchema = z
  .string()
  .max(512)
  .refine((text) => understandEngineUrl(text) !== undefined, {
    error: 'HOST:PORT, or http(s)://HOST[:PORT][/PATH], without user, password, query or fragment',
  })
  .overwrite((text) => understandEngineUrl(text)?.url ?? text);

/** Says where to read a secret; never contains the secret. */
export const secretReferenceSchema = z.discriminatedUnion('from', [
  z.strictObject({ from: z.literal('env'), name: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/) }),
  z.strictObject({ from: z.literal('file'), path: z.string().min(1).max(4096) }),
]);

/** An engine named by a flag or a profile. Its key is a reference only: configuration holds no secret. */
export const engineConfigSchema = z.strictObject({
  url: engineUrlSchema.describe('Its address, such as localhost:11434; with or without /v1.'),
  id: z
    .string()
    .regex(engineIdPattern, { error: 'lower-case letters, digits and dashes, 32 at most' })
    .optional()
    .describe('Its name in `engine/model`; by default made from kind or host.'),
  kind: z
    .enum(engineKindNames)
    .exclude(['demo'])
    .optional()
    .describe('Kind of the engine; by default flm identifies the server.'),
  apiKey: secretReferenceSchema.optional().describe("Where to read the engine's own API key."),
  slots: z
    .int()
    .min(1)
    .max(10_000)
    .optional()
    .describe('How many requests it handles at once; by default as the engine reports.'),
  caFile: absolutePath
    .optional()
    .describe('CA that issued its certificate (PEM), instead of the CAs that the system trusts.'),
});
export type EngineConfig = Readonly<z.output<typeof engineConfigSchema>>;

export const proxyConfigSchema = z.strictObject({
  mode: z.enum(proxyModes).default('local-http').describe('How clients reach the proxy.'),
  bind: z
    .array(ipLiteral)
    .max(16)
    .default([])
    .describe('Addresses to listen on; empty: the default of the mode.'),
  port: z.int().min(0).max(65_535).optional().describe('Port to listen on; 0 selects a free port.'),
  allowInsecureBind: z
    .boolean()
    .default(false)
    .describe('Lets local-http listen on other than loopback addresses.'),
  publicHosts: z
    .array(publicHost)
    .max(64)
    .default([])
    .describe('Further host names that the proxy answers for.'),
  sans: z
    .array(z.union([publicHost, ipLiteral]))
    .max(64)
    .default([])
    .describe(
      'Further names and addresses in the certificate of dev-selfsigned; the proxy answers for them.',
    ),
  domains: z
    .array(domainSchema)
    .max(100)
    .default([])
    .describe('Domains and addresses of https-acme, all in one certificate; the proxy answers for them.'),
  acme: acmeSchema.prefault({}).describe('How https-acme obtains its certificate.'),
  clientCaFile: absolutePath
    .optional()
    .describe('Accept only client certificates of this CA (PEM, may hold revocation lists); HTTPS only.'),
  hstsSeconds: z
    .int()
    .min(0)
    .max(63_072_000)
    .default(0)
    .describe('How long browsers must use only HTTPS (Strict-Transport-Security); 0: the field is not sent.'),
  forwardHeaders: z
    .array(forwardHeader)
    .max(maxForwardHeaders)
    .default([])
    .describe('Further request headers that reach engines; requests.md lists those that always do.'),
  engines: z
    .array(engineConfigSchema)
    .max(64)
    .default([])
    .describe('Exactly these engines; empty: saved and detected.'),
  demo: z.boolean().default(false).describe('Serve the built-in demo engine while no other engine is found.'),
  admin: z
    .boolean()
    .default(false)
    .describe(
      'Serve the admin API and the dashboard on this listener, for keys with the scope admin or admin:read.',
    ),
  graceMs: z
    .int()
    .min(0)
    .max(3_600_000)
    .default(30_000)
    .describe('How long running responses may continue at a stop.'),
  heartbeatMs: z
    .int()
    .refine((n) => n === 0 || (n >= 1000 && n <= 300_000), { error: '0 (off), or 1000 to 300000' })
    .default(0)
    .describe('Send comment events while a stream is silent; needed only if a proxy in between times out.'),
  otlp: otlpSchema
    .optional()
    .describe(
      'Send traces and metrics to this OpenTelemetry server (OTLP over HTTP); `environment`: to the one in OTEL_EXPORTER_OTLP_ENDPOINT. Absent: nothing is sent.',
    ),
  keyMetrics: z
    .int()
    .min(0)
    .max(10_000)
    .default(0)
    .describe('How many keys have metrics of their own at /metrics; further keys count as one. 0: none.'),
  policy: securityPolicyOverrideSchema.optional().describe('Parts of the policy that this proxy overrides.'),
  limits: limitsSchema.prefault({}).describe('Guard limits and timeouts.'),
});

/** A complete configuration. `port` undefined means the default port of the mode. */
export type ProxyConfig = Readonly<z.output<typeof proxyConfigSchema>>;
/** A configuration as users write it: every field is optional. */
export type ProxyConfigInput = z.input<typeof proxyConfigSchema>;

/** Throws a `ProxyError` PROXY_INVALID_CONFIG that carries every fault. */
export function parseProxyConfig(input: unknown): ProxyConfig {
  const parsed = proxyConfigSchema.safeParse(input);
  const faults: Fault[] = parsed.success ? [] : faultsOf(parsed.error, input);
  // Rules about several fields check the fields that are valid by themselves, even if other fields have faults.
  const named = new Set(faults.map((f) => f.field));
  for (const rule of rulesBetweenFields) {
    const part = rule.safeParse(input);
    for (const fault of part.success ? [] : faultsOf(part.error, input)) {
      if (named.has(fault.field)) continue;
      named.add(fault.field);
      faults.push(fault);
    }
  }
  if (parsed.success && faults.length === 0) return parsed.data;
  throw new ProxyError('PROXY_INVALID_CONFIG', { faults });
}

/** The error that `parseProxyConfig` throws for a configuration; undefined for a valid one. */
export function proxyConfigError(input: unknown): ProxyError | undefined {
  try {
    parseProxyConfig(input);
    return undefined;
  } catch (error) {
    if (error instanceof ProxyError) return error;
    throw error;
  }
}

const { mode, bind, allowInsecureBind, engines, clientCaFile, domains, acme } = proxyConfigSchema.shape;

const rulesBetweenFields: readonly z.ZodType[] = [
  z.object({ mode, bind, allowInsecureBind }).superRefine((config, context) => {
    if (config.mode !== 'local-http' || config.allowInsecureBind) return;
    config.bind.forEach((address, index) => {
      if (!isIpLiteral(address) || isLoopbackAddress(address)) return;
      context.addIssue({
        code: 'custom',
        path: ['bind', index],
        message:
          'a loopback address, since keys would cross the network in plain text; for HTTPS on this network use --mode dev-selfsigned; to send keys in plain text all the same, add --allow-insecure-bind',
      });
    });
  }),
  z.object({ mode, clientCaFile }).superRefine((config, context) => {
    if (config.clientCaFile === undefined || config.mode !== 'local-http') return;
    // Ignoring it would admit clients that must be kept out.
    context.addIssue({
      code: 'custom',
      path: ['clientCaFile'],
      message: 'nothing in mode local-http, since client certificates need HTTPS',
    });
  }),
  z.object({ mode, domains, acme }).superRefine((config, context) => {
    for (const fault of acmeFaults(config)) context.addIssue({ code: 'custom', ...fault });
  }),
  z.object({ engines }).superRefine((config, context) => {
    const ids = config.engines.map((e) => e.id);
    ids.forEach((id, index) => {
      if (id === undefined || ids.indexOf(id) === index) return;
      context.addIssue({
        code: 'custom',
        path: ['engines', index, 'id'],
        message: 'an id that no other engine has',
      });
    });
  }),
];

/** Returns `base` with `changes` in place of its settings. */
export function mergedConfig(base: ProxyConfigInput, changes: ProxyConfigInput): ProxyConfigInput {
  return {
    ...base,
    ...changes,
    // Merges nested objects: setting one limit keeps the other limits.
    ...(base.limits && changes.limits ? { limits: { ...base.limits, ...changes.limits } } : {}),
    ...(base.acme && changes.acme ? { acme: { ...base.acme, ...changes.acme } } : {}),
    ...(base.policy && changes.policy ? { policy: { ...base.policy, ...changes.policy } } : {}),
  };
}

/** The addresses to listen on. Both loopbacks, because another program could bind ::1 and receive keys. */
export function bindAddresses(config: Pick<ProxyConfig, 'bind' | 'mode'>): readonly string[] {
  if (config.bind.length > 0) return config.bind;
  return config.mode === 'local-http' ? ['127.0.0.1', '::1'] : ['0.0.0.0', '::'];
}

export function configuredPort(config: ProxyConfig): number {
  return config.port ?? defaultPorts[config.mode];
}

function isIpLiteral(text: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(text) || (text.includes(':') && ipaddr.IPv6.isValid(text));
}
