/**
 * A profile as a file that a team keeps in git: the fields of a configuration, its name, and where its JSON Schema is,
 * for editors. The same schema judges what is imported and makes that JSON Schema.
 */
import { z } from 'zod';
import type { Fault } from '../errors.ts';
import { faultsOf } from '../faults.ts';
import { type ProxyConfigInput, profileNamePattern, proxyConfigSchema } from './proxy-config.ts';

const profileFileSchema = proxyConfigSchema.safeExtend({
  $schema: z.string().max(2048).optional().describe('Where the schema of this file is, for editors.'),
  name: z
    .string()
    .regex(profileNamePattern, { error: 'lower-case letters, digits and dashes, 63 at most' })
    .optional()
    .describe('Name of the profile; `flm profile import --name` goes before it.'),
});

export interface ProfileFile {
  readonly name: string | undefined;
  /** As it was written, so that defaults may improve. */
  readonly config: ProxyConfigInput;
}

/** Every fault at once, or the profile. */
export function parseProfileFile(input: unknown): ProfileFile | readonly Fault[] {
  // An empty file is a profile of defaults.
  const given = input ?? {};
  const parsed = profileFileSchema.safeParse(given);
  if (!parsed.success) return faultsOf(parsed.error, given);
  const { $schema: _, name, ...config } = given as z.input<typeof profileFileSchema>;
  return { name, config };
}

/** The JSON Schema (draft 2020-12) of such a file. */
export function profileJsonSchema(): object {
  const { $schema, ...rest } = z.toJSONSchema(profileFileSchema, { io: 'input' });
  return { $schema, title: 'A profile of flm', ...rest };
}
