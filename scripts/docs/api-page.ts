/** Generates docs/api.md from the OpenAPI document of the admin API. */
import { openApiDocument } from '../../src/admin/openapi.ts';
import { generatedNote, markdownTable } from './markdown.ts';

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly default?: unknown;
}

interface Described {
  readonly operationId: string;
  readonly tags: readonly [string];
  readonly summary: string;
  readonly description: string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required: boolean;
    readonly description?: string;
    readonly schema: Schema;
    readonly example?: string;
  }[];
  readonly requestBody?: {
    readonly content: {
      readonly 'application/json': { readonly schema: Schema; readonly example?: unknown };
    };
  };
  readonly responses: Readonly<
    Record<
      string,
      {
        readonly description: string;
        readonly content?: Readonly<Record<string, { readonly schema: Schema }>>;
      }
    >
  >;
}

interface Document {
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** Errors that the section on errors explains. */
const commonCodes = new Set([
  'AUTH_MISSING',
  'ADMIN_PATH_UNKNOWN',
  'ADMIN_INPUT_INVALID',
  'METHOD_NOT_ALLOWED',
  'BODY_INVALID',
  'BODY_TYPE_UNSUPPORTED',
  'BODY_TOO_LARGE',
  'STORE_BUSY',
  'STORE_UNUSABLE',
  'INTERNAL',
  'HEAD_TOO_LARGE',
  'ADMIN_CHANGED_MEANWHILE',
  'IDEMPOTENCY_KEY_REUSED',
  'HEADER_INVALID',
]);

export function apiPage(): string {
  // The document is JSON that is made from this shape.
  const document = openApiDocument('') as unknown as Document;
  const all = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, described]) => ({
      path,
      method: method.toUpperCase(),
      described,
    })),
  );
  const sections = document.tags.map(({ name, description }) => {
    const own = all.filter(({ described }) => described.tags[0] === name);
    const parts = own.map(({ path, method, described }) => section(document, path, method, described));
    return [`## ${capital(name)}`, description, ...parts].join('\n\n');
  });
  return `${head}\n\n${sections.join('\n\n')}\n\n## Documents\n\n${documents(document)}\n`;
}

const head = `# Admin API

${generatedNote}

Everything that the dashboard does is done over this API. Its paths begin with \`/flm/api/v1\`. The OpenAPI 3.1 document is
[schema/admin-api.openapi.json](schema/admin-api.openapi.json); it is made from the schemas that validate requests.

## Where it is served

- \`flm ui\` serves it to the browser that it signs in, on 127.0.0.1.
- A proxy that was started with \`--admin\` serves it on its own address to keys with the scope \`admin\` or \`admin:read\`. On any
  other proxy these paths are 404.
- The control socket of each proxy serves it to the owner of the data folder.

The examples use a proxy with \`--admin\` and a key:

\`\`\`console
$ flm key create my-script --scope admin:read
$ export FLM_URL=http://127.0.0.1:8484 FLM_ADMIN_KEY=flm_...
\`\`\`

## Scopes

\`admin:read\` allows every operation that only reads. \`admin\` allows all. A key without the scope gets the same 404 as for a path
that does not exist.

Some settings are never changed over HTTP, whatever the scope: those that name a program, a file, an environment variable or an
ACME directory, and those that decide where a proxy listens. Requests that would change one get 403 \`LOCAL_ONLY\` with the
command that does it. An engine that gets its key from a file or an environment variable keeps its address for the same reason,
and a stored key of an engine is never shown and never sent to another address.

## Errors

An error response is \`{"error": {"code", "message", "hint"}}\`. \`code\` is one of [errors.md](errors.md); \`faults\` lists the
fields that are not valid, each with \`field\`, \`value\` and \`allowed\`. Fields that an operation does not know are refused. Every
operation can answer 401 \`AUTH_MISSING\`, 404 \`ADMIN_PATH_UNKNOWN\`, 405 \`METHOD_NOT_ALLOWED\`, 422 \`ADMIN_INPUT_INVALID\`, and
503 \`STORE_BUSY\`; operations with a body also 400 \`BODY_INVALID\`, 413 \`BODY_TOO_LARGE\` and 415 \`BODY_TYPE_UNSUPPORTED\`.

## Paging

A list has \`items\`, \`nextCursor\` and mostly \`total\`. Send \`nextCursor\` as \`cursor\` for the next page; it is null on the last
one. \`limit\` sets the items on a page. Logs are read from their end.

## Changes that do not overwrite each other

A response that shows one document has an \`ETag\`. Send it as \`If-Match\` with a change: if somebody changed the document since,
the response is 412 \`ADMIN_CHANGED_MEANWHILE\` and nothing is changed. \`If-None-Match\` with a read gives 304 if nothing changed.

\`\`\`console
$ curl -si -H "Authorization: Bearer $FLM_ADMIN_KEY" "$FLM_URL/flm/api/v1/policy" | grep -i etag
etag: "yKq1dSYgE3Vb2m6cOQ0xWg"
$ curl -s -X PUT -H "Authorization: Bearer $FLM_ADMIN_KEY" -H 'If-Match: "yKq1dSYgE3Vb2m6cOQ0xWg"' \\
    -H 'Content-Type: application/json' -d '{"requestsPerMinute":600}' "$FLM_URL/flm/api/v1/policy"
\`\`\`

## Creates that are safe to repeat

Operations with the header \`Idempotency-Key\` can be repeated after a lost response: for ten minutes the same key and body get the
response of the first request. Another request with the same key is 422 \`IDEMPOTENCY_KEY_REUSED\`.

Every change is in the audit, with who made it: \`key:ID\`, \`ui:USER\` or \`cli:USER\`.`;

function section(document: Document, path: string, method: string, described: Described): string {
  const { summary, description, parameters = [], requestBody, responses } = described;
  const body = requestBody?.content['application/json'];
  const inputs = [
    ...parameters.map((p) => [
      `\`${p.name}\``,
      p.in,
      typeText(p.schema),
      [p.required ? 'Required.' : '', p.description ?? ''].filter((text) => text !== '').join(' '),
    ]),
    ...(body === undefined ? [] : fieldRows(document, body.schema)),
  ];
  const scope = /`(admin(?::read)?)`\.$/.exec(description)?.[1] ?? '';
  const short = path.slice('/flm/api/v1'.length);
  const lines = [
    `### ${method} ${short}`,
    `${summary} Scope: \`${scope}\`.`,
    ...(inputs.length === 0 ? [] : [markdownTable(['field', 'in', 'type', 'meaning'], inputs)]),
    `\`\`\`console\n$ ${curlCommand(path, method, described)}\n\`\`\``,
    responseText(responses),
  ];
  const codes = Object.entries(responses)
    .filter(([status]) => Number(status) >= 400)
    .flatMap(([status, { description: text }]) =>
      [...text.matchAll(/^`([A-Z_]+)`/gm)].map(([, code = '']) => ({ status, code })),
    )
    .filter(({ code }) => !commonCodes.has(code));
  if (codes.length > 0)
    lines.push(`Errors: ${codes.map(({ status, code }) => `${status} \`${code}\``).join(', ')}.`);
  return lines.join('\n\n');
}

function responseText(responses: Described['responses']): string {
  const [status = '', response] = Object.entries(responses).find(([code]) => code.startsWith('2')) ?? [];
  const [type, content] = Object.entries(response?.content ?? {})[0] ?? [];
  if (content === undefined) return `Response: ${status}, without a body.`;
  if (type !== 'application/json')
    return `Response: ${status}, \`${type}\`. ${content.schema.description ?? ''}`.trim();
  const { properties } = content.schema;
  const fields =
    properties === undefined
      ? typeText(content.schema)
      : Object.entries(properties)
          .map(([name, schema]) => `\`${name}\` (${typeText(schema)})`)
          .join(', ');
  return `Response: ${status}, ${fields}.`;
}

function curlCommand(path: string, method: string, { parameters = [], requestBody }: Described): string {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(parameters.find((p) => p.name === name && p.in === 'path')?.example ?? name),
  );
  const body = requestBody?.content['application/json'].example;
  const data =
    body === undefined || JSON.stringify(body) === '{}'
      ? ''
      : ` \\\n    -H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`;
  const query = parameters.flatMap((p) =>
    p.in === 'query' && p.required ? [`${p.name}=${encodeURIComponent(p.example ?? '')}`] : [],
  );
  const target = query.length === 0 ? filled : `${filled}?${query.join('&')}`;
  const verb = method === 'GET' ? '' : `-X ${method} `;
  return `curl -s ${verb}-H "Authorization: Bearer $FLM_ADMIN_KEY"${data} "$FLM_URL${target}"`;
}

/** A row for each field of a body. */
function fieldRows(document: Document, schema: Schema): readonly (readonly string[])[] {
  const { properties = {}, required = [] } = resolved(document, schema);
  return Object.entries(properties).map(([name, field]) => [
    `\`${name}\``,
    'body',
    typeText(field),
    [required.includes(name) ? 'Required.' : '', field.description ?? ''].filter((t) => t !== '').join(' '),
  ]);
}

/** The named documents of responses. */
function documents(document: Document): string {
  return Object.entries(document.components.schemas)
    .filter(([name, { properties }]) => properties !== undefined && name !== 'Error')
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { properties = {}, required = [] }]) => {
      const rows = Object.entries(properties).map(([field, schema]) => [
        `\`${field}${required.includes(field) ? '' : '?'}\``,
        typeText(schema),
        schema.description ?? '',
      ]);
      return `### ${name}\n\n${markdownTable(['field', 'type', 'meaning'], rows)}`;
    })
    .join('\n\n');
}

function resolved(document: Document, schema: Schema): Schema {
  const name = nameOf(schema);
  return name === undefined ? schema : (document.components.schemas[name] ?? {});
}

function nameOf({ $ref }: Schema): string | undefined {
  return $ref?.split('/').at(-1);
}

function typeText(schema: Schema): string {
  const name = nameOf(schema);
  if (name !== undefined) return `[${name}](#${name.toLowerCase()})`;
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum !== undefined)
    return schema.enum.length > 8 ? 'text' : schema.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeText))].join(' or ');
  if (schema.items !== undefined) return `list of ${typeText(schema.items)}`;
  const types = typeof schema.type === 'string' ? [schema.type] : (schema.type ?? []);
  const words: Readonly<Record<string, string>> = {
    string: 'text',
    integer: 'whole number',
    number: 'number',
    boolean: 'true or false',
    object: 'object',
    null: 'null',
  };
  return types.map((type) => words[type] ?? type).join(' or ') || 'any value';
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
