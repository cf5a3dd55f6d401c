/** docs/configuration.md, generated from the JSON Schema of a profile, which is derived from the validating schema. */
import { settingVariables } from '../../src/core/proxy/environment-settings.ts';
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

A profile, environment variables and flags configure a proxy. A flag comes before a [variable](#environment-variables), a variable
before the profile, and the profile before the default. \`flm profile save\` saves flags in a profile.
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

## Environment variables

Each field has a variable: \`FLM_PROXY_\` and its path in capitals. \`flm proxy run\`, \`flm proxy start\` and \`flm up\` read them.

- A list is written with commas, or as JSON: \`FLM_PROXY_DOMAINS=a.example.org,b.example.org\`. \`[]\` is an empty list.
- Engines are written by their addresses, or as JSON with all fields: \`FLM_PROXY_ENGINES=gpu-1:8000,gpu-2:8000\`.
- \`_FILE\` after a name reads the value from a file: \`FLM_PROXY_ACME_DNS_HOOK_FILE=/run/secrets/dns-hook\`.
- An empty variable is not set. An unknown variable that begins with \`FLM_PROXY_\` is an error, except those that Kubernetes and
  Docker set for a service of that name.
- \`flm proxy restart\` uses the variables of its own environment, and otherwise those that the proxy was started with.
- \`flm profile show\` names the variable where a value comes from one.

${markdownTable(
  ['variable', 'field'],
  settingVariables().map(({ name: variable, field }) => [`\`${variable}\``, `\`${field}\``]),
)}
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
