/**
 * The OpenAPI 3.1 document of the admin API, made from the operations and the schemas that validate their requests.
 * https://spec.openapis.org/oas/v3.1.1
 */
import { z } from 'zod';
import { type ErrorCode, errorTable, errorText } from '../core/errors.ts';
import { operations } from './admin-api.ts';
import { adminBasePath } from './error-response.ts';
import { exampleBody, exampleParameter } from './examples.ts';
import type { Operation } from './operation.ts';

type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [name: string]: Json | undefined };
type JsonObject = { [name: string]: Json | undefined };
type Parameter = JsonObject & { readonly name: string };

/** Errors that every operation can answer with. */
const commonErrors: readonly ErrorCode[] = [
  'AUTH_MISSING',
  'BODY_TOO_LARGE',
  'ADMIN_PATH_UNKNOWN',
  'METHOD_NOT_ALLOWED',
  'STORE_BUSY',
  'STORE_UNUSABLE',
  'INTERNAL',
];

const tags = {
  keys: 'API keys and the use of their limits.',
  shares: 'Links that become a key when somebody opens them.',
  connect: 'Settings that connect clients.',
  chat: 'A chat with a model through a proxy.',
  policy: 'The rules for all keys and addresses.',
  engines: 'Engines: their state, the saved ones, detection and tests.',
  models: 'Models as clients see them, and their aliases.',
  requests: 'Requests that run now, and the last ones.',
  proxies: 'Running proxies: status, restart, log and warnings.',
  profiles: 'Saved settings of proxies.',
  certificates: 'The local CA and the certificates of proxies.',
  usage: 'Requests, tokens and latency over time.',
  audit: 'Who changed what.',
  caller: 'Who calls the API.',
};

export function openApiDocument(version: string): Json {
  const schemas: JsonObject = {};
  const paths: Record<string, JsonObject> = {};
  for (const operation of operations) {
    const path = `${adminBasePath}${operation.path}`;
    paths[path] ??= {};
    paths[path][operation.method.toLowerCase()] = operationObject(operation, schemas);
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'flm admin API',
      version,
      summary: 'Administers a flm gateway: keys, policy, engines, models, proxies, usage and audit.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    security: [{ bearer: [] }],
    paths,
    components: {
      schemas: { ...schemas, Error: errorSchema },
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'A key with the scope `admin` or `admin:read`.',
        },
      },
    },
  };
}

const errorSchema: Json = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message', 'hint'],
      properties: {
        code: { type: 'string', description: 'A code of the error table; docs/errors.md.' },
        message: { type: 'string' },
        hint: { type: 'string', description: 'What to do next.' },
        faults: {
          type: 'array',
          items: {
            type: 'object',
            required: ['field', 'value', 'allowed'],
            properties: {
              field: { type: 'string' },
              value: { type: 'string' },
              allowed: { type: 'string' },
              line: { type: 'integer', description: 'In a table or a file, from 1.' },
              column: { type: 'integer' },
            },
          },
        },
      },
    },
  },
};

function operationObject(operation: Operation, schemas: JsonObject): JsonObject {
  const { id, tag, summary, scope, params, query, body, status, response, events, idempotent, current } =
    operation;
  const { media = 'application/json' } = operation;
  const parameters: Json[] = [
    ...parametersOf(params, 'path', schemas).map((parameter) => withExample(parameter, id)),
    ...parametersOf(query, 'query', schemas).map((parameter) => withExample(parameter, id)),
    ...(current !== undefined && operation.method !== 'GET'
      ? [
          header(
            'If-Match',
            'The `ETag` of the document to change; the request fails if somebody changed it since.',
          ),
        ]
      : []),
    ...(idempotent === true
      ? [
          header(
            'Idempotency-Key',
            'A repeated request with this key gets the response of the first, for ten minutes.',
          ),
        ]
      : []),
  ];
  return {
    operationId: id,
    tags: [tag],
    summary,
    description: `${summary} Needs the scope \`${scope}\`.`,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: {
              'application/json': {
                schema: schemaOf(body, 'input', schemas),
                ...(exampleBody(id) === undefined ? {} : { example: exampleBody(id) as Json }),
              },
            },
          },
        }),
    responses: {
      [String(status)]: {
        description: status === 204 ? 'Done.' : 'The document.',
        ...(current === undefined || status === 204
          ? {}
          : { headers: { ETag: { description: 'Version of the document.', schema: { type: 'string' } } } }),
        ...(response === undefined
          ? {}
          : { content: { [media]: { schema: schemaOf(response, 'output', schemas) } } }),
        ...(events === undefined ? {} : { content: { 'text/event-stream': eventSchema(events, schemas) } }),
      },
      ...(current !== undefined && operation.method === 'GET'
        ? { '304': { description: 'Not changed since the version in `If-None-Match`.' } }
        : {}),
      ...errorResponses(operation),
      // The HTTP server answers before there is a request.
      '431': { description: `\`HEAD_TOO_LARGE\`: ${errorText('HEAD_TOO_LARGE', {})}` },
    },
  };
}

/** OpenAPI 3.1 has no words for the data of events, so the schemas are named in the text. */
function eventSchema(events: Readonly<Record<string, z.ZodType>>, schemas: JsonObject): JsonObject {
  const names = Object.entries(events).map(([name, schema]) => {
    const { $ref } = schemaOf(schema, 'output', schemas);
    return `The data of the event \`${name}\` is JSON with the schema \`${String($ref).split('/').at(-1)}\`.`;
  });
  const description = `Server-sent events. ${names.join(' ')} Comments keep the connection open.`;
  return { schema: { type: 'string', description } };
}

function errorResponses({ errors = [], body, current, idempotent, method }: Operation): JsonObject {
  const codes = new Set<ErrorCode>([...commonErrors, ...errors]);
  codes.add('ADMIN_INPUT_INVALID');
  if (body !== undefined || method !== 'GET')
    for (const code of ['BODY_INVALID', 'BODY_TYPE_UNSUPPORTED'] as const) codes.add(code);
  if (current !== undefined && method !== 'GET') codes.add('ADMIN_CHANGED_MEANWHILE');
  if (idempotent === true)
    for (const code of ['IDEMPOTENCY_KEY_REUSED', 'HEADER_INVALID'] as const) codes.add(code);
  const byStatus = Map.groupBy(codes, (code) => errorTable[code].status);
  return Object.fromEntries(
    [...byStatus]
      .sort(([a], [b]) => a - b)
      .map(([status, group]) => [
        String(status),
        {
          description: group.map((code) => `\`${code}\`: ${errorText(code, {})}`).join('\n'),
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
        },
      ]),
  );
}

function header(name: string, description: string): Json {
  return { name, in: 'header', description, required: false, schema: { type: 'string' } };
}

function parametersOf(
  schema: z.ZodObject | undefined,
  place: 'path' | 'query',
  schemas: JsonObject,
): readonly Parameter[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(schema, 'input', schemas) as {
    readonly properties?: Readonly<Record<string, JsonObject>>;
    readonly required?: readonly string[];
  };
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }));
}

function withExample(parameter: Parameter, operation: string): Parameter {
  const example = parameter.required === true ? exampleParameter(operation, parameter.name) : undefined;
  return example === undefined ? parameter : { ...parameter, example };
}

/** Named schemas go to `schemas`, with references to them. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output', schemas: JsonObject): JsonObject {
  const converted = z.toJSONSchema(schema, { io, target: 'draft-2020-12', unrepresentable: 'any' });
  const text = JSON.stringify(converted).replaceAll('"#/$defs/', '"#/components/schemas/');
  const { $defs = {}, $schema: _, id: __, ...own } = JSON.parse(text) as JsonObject & { $defs?: JsonObject };
  for (const [name, definition] of Object.entries($defs)) schemas[name] = withoutId(definition);
  const name = schema.meta()?.id;
  if (name === undefined) return own;
  // Since its second use zod refers to a named schema in `$defs`, which are copied above.
  if (own.$ref === undefined) schemas[name] = own;
  return { $ref: `#/components/schemas/${name}` };
}

/** zod keeps the name of a schema in `id`, which JSON Schema no longer knows. */
function withoutId(definition: Json | undefined): Json | undefined {
  if (typeof definition !== 'object' || definition === null || Array.isArray(definition)) return definition;
  const { id: _, ...rest } = definition as JsonObject;
  return rest;
}
