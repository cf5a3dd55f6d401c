/**
 * Settings of a proxy in environment variables: `FLM_PROXY_` and the path of the field in capitals, such as
 * `FLM_PROXY_GRACE_MS` and `FLM_PROXY_LIMITS_MAX_BODY_BYTES`. With `_FILE` at its end, a variable names a file that holds
 * the value, as secrets of containers do. The names follow from the schema of the configuration.
 *
 * An unknown name is an error: a misspelled setting must not be ignored. The values are not validated here.
 */
import { z } from 'zod';
import { nearNames } from '../engine/name-suggestions.ts';
import type { Environment } from '../environment.ts';
import { type Fault, ProxyError } from '../errors.ts';
import { type ProxyConfigInput, proxyConfigSchema } from './proxy-config.ts';

export interface EnvironmentSettings {
  readonly config: ProxyConfigInput;
  /** The variable of each field that is set, by the path of the field. */
  readonly variables: ReadonlyMap<string, string>;
}

export const noEnvironmentSettings: EnvironmentSettings = { config: {}, variables: new Map() };

const prefix = 'FLM_PROXY_';

/**
 * Kubernetes and Docker set variables for each service of a network. A service named `flm-proxy` gets
 * `FLM_PROXY_SERVICE_HOST`, `FLM_PROXY_PORT=tcp://10.0.0.1:80`, `FLM_PROXY_PORT_80_TCP_ADDR`, ...
 * https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
 */
const serviceName =
  /_(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$/;
const serviceUrl = /^(?:tcp|udp|sctp):\/\//;

/** The parts of a JSON Schema that decide how a value is read. */
interface FieldSchema {
  readonly type?: string;
  readonly items?: FieldSchema;
  readonly anyOf?: readonly FieldSchema[];
  readonly properties?: Readonly<Record<string, FieldSchema>>;
}

export interface SettingVariable {
  readonly name: string;
  /** The path of the field: `limits.maxBodyBytes`. */
  readonly field: string;
  readonly schema: FieldSchema;
}

/** Every variable, in the order of the fields. */
export function settingVariables(): readonly SettingVariable[] {
  // A JSON Schema has these properties, which the type of the library leaves open.
  const root = z.toJSONSchema(proxyConfigSchema, { io: 'input' }) as FieldSchema;
  return [...fieldsOf(root, [])];
}

function* fieldsOf(schema: FieldSchema, path: readonly string[]): Generator<SettingVariable> {
  for (const [field, part] of Object.entries(schema.properties ?? {})) {
    const inner = [...path, field];
    if (part.properties !== undefined) yield* fieldsOf(part, inner);
    else yield { name: prefix + inner.map(inCapitals).join('_'), field: inner.join('.'), schema: part };
  }
}

/** `graceMs` becomes `GRACE_MS`. */
function inCapitals(field: string): string {
  return field.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

/**
 * `readFile` returns undefined for a file that cannot be read. Throws a `ProxyError` PROXY_INVALID_CONFIG with every
 * unknown variable and every unreadable file. An empty variable is not set.
 */
export function environmentSettings(
  environment: Environment,
  readFile: (path: string) => string | undefined,
): EnvironmentSettings {
  const given = Object.entries(environment).filter(
    ([name, value]) =>
      name.startsWith(prefix) && value !== undefined && value !== '' && !isOfService(name, value),
  );
  if (given.length === 0) return noEnvironmentSettings;
  const known = new Map(settingVariables().map((setting) => [setting.name, setting]));
  // Each field is one of the schema; the schema validates the values.
  const config: ProxyConfigInput & Record<string, unknown> = {};
  const variables = new Map<string, string>();
  const faults: Fault[] = [];
  for (const [name, value = ''] of given.sort(([a], [b]) => (a < b ? -1 : 1))) {
    const direct = known.get(name);
    const setting = direct ?? known.get(name.replace(/_FILE$/, ''));
    const text = direct === undefined && setting !== undefined ? readFile(value)?.trim() : value;
    if (setting === undefined) faults.push(unknownVariable(name, [...known.keys()]));
    else if (text === undefined)
      faults.push({ field: name, value: JSON.stringify(value), allowed: 'a file that flm can read' });
    else if (variables.has(setting.field))
      faults.push({
        field: name,
        value: 'set twice',
        allowed: `either this or ${variables.get(setting.field)}`,
      });
    else {
      variables.set(setting.field, name);
      setField(config, setting.field.split('.'), readValue(text.trim(), setting.schema));
    }
  }
  if (faults.length > 0) throw new ProxyError('PROXY_INVALID_CONFIG', { faults });
  return { config, variables };
}

/**
 * Returns the faults of a configuration with the names of the variables that their values came from. A field that
 * `overrides` sets has another value than the variable.
 */
export function withVariableNames(
  faults: readonly Fault[],
  variables: ReadonlyMap<string, string>,
  overrides: ProxyConfigInput,
): readonly Fault[] {
  return faults.map((fault) => {
    const path = fault.field.split('.');
    for (let length = path.length; length > 0; length--) {
      const variable = variables.get(path.slice(0, length).join('.'));
      if (variable !== undefined && fieldOf(overrides, path.slice(0, length)) === undefined)
        return { ...fault, field: variable };
    }
    return fault;
  });
}

function isOfService(name: string, value: string): boolean {
  return serviceName.test(name) || (name.endsWith('_PORT') && serviceUrl.test(value));
}

function unknownVariable(name: string, known: readonly string[]): Fault {
  const ends = known.map((one) => one.slice(prefix.length));
  const near = nearNames(name.slice(prefix.length), ends).map((end) => prefix + end);
  const allowed = near.length > 0 ? near.join(', ') : 'only the variables in docs/configuration.md';
  return { field: name, value: 'an unknown variable', allowed };
}

/** Text that is not of the type of the field stays text, so that the schema reports it with the allowed values. */
function readValue(text: string, schema: FieldSchema): unknown {
  if (schema.anyOf !== undefined && text === 'null') return null;
  const { type, items } = schema.anyOf?.find((choice) => choice.type !== 'null') ?? schema;
  switch (type) {
    case 'integer':
      return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
    case 'boolean':
      return /^true$/i.test(text) ? true : /^false$/i.test(text) ? false : text;
    case 'array':
      return listOf(text, items);
    default:
      return text;
  }
}

/** JSON, or values with commas between them. An engine is given by its address alone, or in JSON. */
function listOf(text: string, items: FieldSchema | undefined): unknown {
  if (text.startsWith('[')) {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      return text;
    }
  }
  const values = text
    .split(',')
    .map((value) => value.trim())
    .filter((value) => value !== '');
  return items?.properties?.url === undefined ? values : values.map((url) => ({ url }));
}

function setField(config: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [field = '', ...rest] = path;
  if (rest.length === 0) {
    config[field] = value;
    return;
  }
  // Only this function fills the nested mappings.
  const inner = (config[field] ?? {}) as Record<string, unknown>;
  config[field] = inner;
  setField(inner, rest, value);
}

function fieldOf(config: object, path: readonly string[]): unknown {
  let value: unknown = config;
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = new Map<string, unknown>(Object.entries(value)).get(step);
  }
  return value;
}
