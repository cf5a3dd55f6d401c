/**
 * The file of `flm apply`: profiles, policy, keys, engines and aliases. The same schema validates it and generates its
 * JSON Schema. The file holds no secret: a key is given by its SHA-256 digest or by the place of its secret.
 *
 * An absent section leaves that part of the configuration as it is. Within a section, each entry is complete: a field
 * that it leaves out has its default.
 */
import { z } from 'zod';
import { aliasFields } from '../engine/engine-registry.ts';
import { type Fault, ProxyError } from '../errors.ts';
import { faultsOf } from '../faults.ts';
import { withoutIntegerBounds } from '../proxy/profile-file.ts';
import { profileNamePattern } from '../proxy/profile-name.ts';
import {
  absolutePath,
  engineConfigSchema,
  engineIdPattern,
  type ProxyConfigInput,
  proxyConfigError,
  proxyConfigSchema,
  secretReferenceSchema,
} from '../proxy/proxy-config.ts';
import { burstRule, keyFields } from '../security/key-request.ts';
import { securityPolicySchema } from '../security/security-policy.ts';
import { momentOf, spanOf } from '../time-text.ts';

const moment = z
  .string()
  .max(64)
  .refine((text) => spanOf(text) === undefined && momentOf(text, 0) !== undefined, {
    error: 'a date or a time in ISO 8601, such as 2027-01-31 or 2027-01-31T12:00:00Z',
  });

const keySchema = z
  .strictObject({
    ...keyFields,
    digest: z
      .string()
      .regex(/^(sha256:)?[0-9a-f]{64}$/, {
        error: 'the SHA-256 digest of the secret as 64 lower-case hex digits',
      })
      .optional()
      .describe('SHA-256 digest of the secret; either this or `secret`.'),
    secret: secretReferenceSchema
      .optional()
      .describe('Where to read the secret when the file is applied; only its digest is stored.'),
    prefix: z
      .string()
      .regex(/^[\x21-\x7e]{1,16}$/, { error: '1 to 16 visible ASCII characters' })
      .optional()
      .describe('First characters of the secret, for people to tell keys apart.'),
    expiresAt: moment.optional().describe('When the key expires; by default never.'),
    paused: z.boolean().optional().describe('Pauses or resumes the key; by default it stays as it is.'),
  })
  .refine((key) => (key.digest === undefined) !== (key.secret === undefined), {
    path: ['digest'],
    error: 'either digest or secret',
  })
  .refine(burstRule.holds, burstRule.fault);

const engineSchema = engineConfigSchema.extend({
  id: z
    .string()
    .regex(engineIdPattern, { error: 'lower-case letters, digits and dashes, 32 at most' })
    .describe('Its name in `engine/model`.'),
  apiKey: z
    .discriminatedUnion('from', [
      secretReferenceSchema.options[0],
      z.strictObject({ from: z.literal('file'), path: absolutePath }),
      z.strictObject({ from: z.literal('stored') }),
    ])
    .optional()
    .describe("Where to read the engine's own API key; `stored`: the key that flm has stored stays."),
});

const name = z
  .string()
  .regex(profileNamePattern, { error: 'a name of lower-case letters, digits and dashes, 63 at most' });

const fileFields = {
  $schema: z.string().max(2048).optional().describe('Location of the schema of this file, for editors.'),
  version: z.literal(1).optional().describe('Version of this format.'),
  policy: securityPolicySchema.optional().describe('The whole policy for all proxies.'),
  keys: z.array(keySchema).max(10_000).optional(),
  engines: z.array(engineSchema).max(64).optional().describe('Saved engines, for all proxies.'),
  aliases: z
    .record(aliasFields.name, aliasFields.target)
    .optional()
    .describe('Model names that clients may send, with the model that each stands for.'),
};
/** `parseProxyConfig` validates the profiles, because some of its rules concern several fields. */
const fileSchema = z.strictObject({ ...fileFields, profiles: z.record(name, z.unknown()).optional() });
const documentedSchema = z.strictObject({
  ...fileFields,
  profiles: z.record(name, proxyConfigSchema).optional().describe('Saved settings of proxies, by name.'),
});

type ParsedFile = z.output<typeof fileSchema>;
export type KeyEntry = NonNullable<ParsedFile['keys']>[number];
export type EngineEntry = NonNullable<ParsedFile['engines']>[number];

/** Undefined sections stay as they are. */
export interface ConfigurationFile extends Pick<ParsedFile, 'policy' | 'keys' | 'engines' | 'aliases'> {
  /** As the user wrote them, so that later versions can improve defaults. */
  readonly profiles?: Readonly<Record<string, ProxyConfigInput>>;
}

/** Throws a `ProxyError` APPLY_INVALID that carries every fault. */
export function parseConfigurationFile(input: unknown): ConfigurationFile {
  // An empty file, or a section without entries, changes nothing.
  const given = isMapping(input) ? withoutNulls(input) : (input ?? {});
  const parsed = fileSchema.safeParse(given);
  const faults: Fault[] = parsed.success ? [] : faultsOf(parsed.error, given);
  const profiles =
    isMapping(given) && isMapping(given.profiles) ? withoutNulls(given.profiles, {}) : undefined;
  let moreFaults = 0;
  for (const [profile, config] of Object.entries(profiles ?? {})) {
    const error = proxyConfigError(config);
    faults.push(...(error?.faults ?? []).map((f) => ({ ...f, field: `profiles.${profile}.${f.field}` })));
    moreFaults += error?.moreFaults ?? 0;
  }
  if (parsed.success) faults.push(...repetitions(parsed.data));
  if (!parsed.success || faults.length > 0) throw invalidFile(faults, moreFaults);
  const { policy, keys, engines, aliases } = parsed.data;
  return {
    ...(policy === undefined ? {} : { policy }),
    ...(keys === undefined ? {} : { keys }),
    ...(engines === undefined ? {} : { engines }),
    ...(aliases === undefined ? {} : { aliases }),
    // `parseProxyConfig` has accepted each of them.
    ...(profiles === undefined ? {} : { profiles: profiles as Record<string, ProxyConfigInput> }),
  };
}

export function invalidFile(faults: readonly Fault[], moreFaults = 0): ProxyError {
  return new ProxyError('APPLY_INVALID', { faults, moreFaults });
}

/** The JSON Schema (draft 2020-12) of such a file. */
export function configurationJsonSchema(): object {
  const { $schema, ...rest } = z.toJSONSchema(documentedSchema, {
    io: 'input',
    override: withoutIntegerBounds,
  });
  return { $schema, title: 'The configuration of flm', ...rest };
}

/** Two entries for one thing would make the result depend on their order. */
function repetitions({ keys = [], engines = [], aliases = {} }: ParsedFile): readonly Fault[] {
  return [
    ...repeated(keys.map(({ label }) => label)).map(([at, label]) => ({
      field: `keys.${at}.label`,
      value: JSON.stringify(label),
      allowed: 'a label that no other entry has',
    })),
    ...repeated(engines.map(({ id }) => id)).map(([at, id]) => ({
      field: `engines.${at}.id`,
      value: JSON.stringify(id),
      allowed: 'an id that no other engine has',
    })),
    ...Object.entries(aliases)
      .filter(([, target]) => Object.hasOwn(aliases, target))
      .map(([alias, target]) => ({
        field: `aliases.${alias}`,
        value: JSON.stringify(target),
        allowed: 'the name of a model, not of an alias',
      })),
  ];
}

/** The positions and values of all entries that an earlier entry equals. */
export function repeated(values: readonly string[]): readonly (readonly [at: number, value: string])[] {
  const seen = new Set<string>();
  const found: [number, string][] = [];
  values.forEach((value, at) => {
    if (seen.has(value)) found.push([at, value]);
    seen.add(value);
  });
  return found;
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** YAML has null where nothing follows a name, such as `profiles:` or `default:`. */
function withoutNulls(
  mapping: Readonly<Record<string, unknown>>,
  instead?: object,
): Readonly<Record<string, unknown>> {
  const entries = Object.entries(mapping).map(([field, value]) => [field, value ?? instead] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}
