/**
 * A profile as a file that a team keeps in git: the fields of a configuration, its name, and the location of its JSON
 * Schema for editors. The same schema validates imported files and generates that JSON Schema.
 */
import { z } from 'zod';
import { type Fault, ProxyError } from '../errors.ts';
import { faultsOf } from '../faults.ts';
import { profileNamePattern } from './profile-name.ts';
import { type ProxyConfigInput, proxyConfigError, proxyConfigSchema } from './proxy-config.ts';

const head = {
  $schema: z.string().max(2048).optional().describe('Location of the schema of this file, for editors.'),
  name: z
    .string()
    .regex(profileNamePattern, { error: 'lower-case letters, digits and dashes, 63 at most' })
    .optional()
    .describe('Name of the profile; `flm profile import FILE --name NAME` overrides it.'),
};
const profileFileSchema = proxyConfigSchema.extend(head);

export interface ProfileFile {
  readonly name: string | undefined;
  /** As the user wrote it, so that later versions can improve defaults. */
  readonly config: ProxyConfigInput;
}

/** Throws a `ProxyError` PROFILE_INVALID that carries every fault. */
export function parseProfileFile(input: unknown): ProfileFile {
  const parsed = z.looseObject(head).safeParse(input);
  const faults: Fault[] = parsed.success ? [] : faultsOf(parsed.error, input);
  let moreFaults = 0;
  if (typeof input === 'object' && input !== null && !Array.isArray(input)) {
    const { $schema: _, name: __, ...config } = input as z.input<typeof profileFileSchema>;
    const error = proxyConfigError(config);
    faults.push(...(error?.faults ?? []));
    moreFaults = error?.moreFaults ?? 0;
    if (parsed.success && faults.length === 0) return { name: parsed.data.name, config };
  }
  throw new ProxyError('PROFILE_INVALID', { faults, moreFaults });
}

/** The JSON Schema (draft 2020-12) of such a file. */
export function profileJsonSchema(): object {
  const { $schema, ...rest } = z.toJSONSchema(profileFileSchema, {
    io: 'input',
    override: withoutIntegerBounds,
  });
  return { $schema, title: 'A profile of flm', ...rest };
}

/** zod adds the bounds of JavaScript's integers, which mean nothing to a reader. */
export function withoutIntegerBounds({
  jsonSchema,
}: {
  readonly jsonSchema: z.core.JSONSchema.BaseSchema;
}): void {
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
}
