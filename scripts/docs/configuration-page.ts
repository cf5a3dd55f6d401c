/** docs/configuration.md, generated from the JSON Schema of a profile, which is derived from the validating schema. */
import { defaultPorts } from '../../src/core/proxy/proxy-config.ts';
import { generatedNote, markdownTable } from './markdown.ts';

/** The parts of a JSON Schema that this page uses. */
interface Schema {
  readonly type?: string;
  readonly const?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
  readonly default?: unknown;
  readonly description?: string;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
}

export function configurationPage(schema: object): string {
  const properties = (schema as Schema).properties ?? {};
  const { limits, policy, engines, $schema, name, ...plain } = properties;
  const ports = Object.entries(defaultPorts).map(([mode, port]) => `${port} with \`${mode}\``);
  return `# Configuration

${generatedNote}

A profile and flags configure a proxy. Flags override the profile. \`flm profile save\` saves flags in a profile.
\`flm profile export\` and \`flm profile import\` write and read a profile as YAML or JSON, so that a team can keep it in git.
Editors use the JSON Schema [profile.schema.json](schema/profile.schema.json) for completion. All fields are optional. Flags
given with a profile apply to that run and its restarts; \`--save\` saves them in the profile.

\`\`\`yaml
# yaml-language-server: $schema=./flm-profile.schema.json
name: lab
port: 9000
engines:
  - url: http://gpu-box:8000
    apiKey: { from: env, name: GPU_BOX_KEY }
limits:
  maxBodyBytes: 134217728
\`\`\`

## Fields of a profile

The default of \`port\` depends on the mode: ${ports.join(', ')}.

${fields({ ...(name && { name }), ...($schema && { $schema }), ...plain, ...(engines && { engines }) })}

### Each of \`engines\`

\`apiKey\` is a reference, never the key itself: \`{ from: env, name: VARIABLE }\` or \`{ from: file, path: FILE }\`.

${fields(engines?.items?.properties ?? {})}

### \`policy\`

\`flm policy set\` sets the policy for all proxies. Fields in a profile override that policy for the proxies of the profile.
\`flm policy export\` and \`flm policy set --file\` write and read a policy as YAML or JSON with exactly these fields. Its JSON
Schema is [policy.schema.json](schema/policy.schema.json).

${fields(policy?.properties ?? {})}

### \`limits\`

The defaults of the limits fit most machines.

${fields(limits?.properties ?? {})}
`;
}

function fields(properties: Readonly<Record<string, Schema>>): string {
  return markdownTable(
    ['field', 'value', 'default', 'meaning'],
    Object.entries(properties).map(([name, field]) => [
      `\`${name}\``,
      allowed(field),
      field.default === undefined ? '' : `\`${JSON.stringify(field.default)}\``,
      field.description ?? '',
    ]),
  );
}

function allowed(field: Schema): string {
  const choices = field.anyOf ?? field.oneOf;
  if (choices !== undefined) return choices.map(allowed).join(' or ');
  if (field.enum !== undefined) return field.enum.map((value) => `\`${value}\``).join(', ');
  switch (field.type) {
    case 'integer': {
      const { minimum, maximum } = field;
      if (minimum === undefined || maximum === undefined) return 'whole number';
      return `${minimum} to ${maximum}`;
    }
    case 'array':
      return `list${field.maxItems === undefined ? '' : `, ${field.maxItems} at most`}`;
    case 'boolean':
      return '`true`, `false`';
    case 'null':
      return '`null`';
    case 'object': {
      const from = field.properties?.from?.const;
      return from === undefined ? 'mapping' : `a reference from \`${from}\``;
    }
    default:
      return 'text';
  }
}
