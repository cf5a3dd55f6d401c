/** docs/configuration.md, from the JSON Schema of a profile, which is made from the schema that judges it. */
import { defaultPorts } from '../../src/core/proxy/proxy-config.ts';
import { generatedNote, markdownTable } from './markdown.ts';

/** What is read of a JSON Schema here. */
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

A proxy is configured by a profile and by flags on top of it. \`flm profile save\` keeps flags, \`flm profile export\` and
\`import\` carry a profile as YAML (or JSON) that a team keeps in git; its JSON Schema is
[profile.schema.json](schema/profile.schema.json), which editors use for completion. Everything may be left out. Flags
given with a profile last for that run and its restarts; \`--save\` keeps them.

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

Without \`port\` the mode decides: ${ports.join(', ')}.

${fields({ ...(name && { name }), ...($schema && { $schema }), ...plain, ...(engines && { engines }) })}

### Each of \`engines\`

A key is a reference, never the key itself: \`{ from: env, name: VARIABLE }\` or \`{ from: file, path: FILE }\`.

${fields(engines?.items?.properties ?? {})}

### \`policy\`

The policy for all proxies is set with \`flm policy set\`; what a profile names here goes before it, the rest stays.
\`flm policy export\` and \`flm policy set --file\` carry a policy as YAML (or JSON) with the same fields and no others; its
JSON Schema is [policy.schema.json](schema/policy.schema.json).

${fields(policy?.properties ?? {})}

### \`limits\`

Every limit has a default that fits most machines, and a reason.

${fields(limits?.properties ?? {})}
`;
}

function fields(properties: Readonly<Record<string, Schema>>): string {
  return markdownTable(
    ['field', 'value', 'default', 'what it is'],
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
