/**
 * The support file of `flm doctor --bundle`: one JSON text, mode 0600, with versions, the report, the configuration, the
 * status of proxies and the last lines of their logs. Nothing is sent anywhere. Every part passes the redaction; a part
 * that cannot be read says why.
 */
import { open, readdir, rm, stat } from 'node:fs/promises';
import { arch, availableParallelism, freemem, release, totalmem, uptime } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { Redaction } from '../../core/doctor/redaction.ts';
import type { DoctorReport } from '../../core/doctor/report.ts';
import type { SecretRef } from '../../core/engine/engine.ts';
import type { Environment } from '../../core/environment.ts';
import { FlmError, ProxyError } from '../../core/errors.ts';
import { profileNamePattern } from '../../core/proxy/profile-name.ts';
import type { ProxyConfigInput } from '../../core/proxy/proxy-config.ts';
import { proxyDocument } from '../../core/proxy/proxy-document.ts';
import { proxyUrl } from '../../core/proxy/proxy-handle.ts';
import { errnoOf, errnoReason } from '../../core/system-error.ts';
import { readLogPage } from '../../process/log-pages.ts';
import { type Flm, openFlm } from '../flm.ts';
import { type Machine, thisMachine } from '../machine.ts';

export interface BundleOptions {
  readonly environment: Environment;
  readonly entry: string;
  readonly report: DoctorReport;
  /** An absolute path. */
  readonly file: string;
}

const maxLines = 300;
const maxProfiles = 20;
const maxFiles = 500;

/** Variables whose value may be a secret or hold one. The values of all others are left out all the same. */
const secretVariable = /KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH|COOKIE|URL|DSN|URI/i;

/** Throws a `ProxyError` FILE_UNUSABLE if the file exists or cannot be written. */
export async function writeBundle({ environment, entry, report, file }: BundleOptions): Promise<void> {
  const machine = thisMachine(environment);
  const known = new Set(secretsOf(environment, machine));
  const parts: Record<string, unknown> = { report, files: await orReason(() => filesOf(machine.paths.home)) };
  await orReason(async () => {
    const flm = await openFlm({ environment, entry, withoutStore: true });
    try {
      parts.proxies = await orReason(() => proxiesOf(flm));
      parts.configuration = await orReason(() => configurationOf(flm, known));
      parts.logs = await logsOf(flm);
    } finally {
      await flm.close();
    }
  }).then((reason) => {
    if (reason !== undefined) parts.unread = reason;
  });
  const redaction = new Redaction([...known]);
  const text = JSON.stringify(
    {
      what: 'support file of flm, without keys, passwords and contents of requests',
      version: machine.version,
      at: new Date(machine.clock.nowMs()).toISOString(),
      system: systemOf(machine),
      // The values may be secret.
      variables: Object.keys(environment)
        .filter((name) =>
          /^(?:FLM_|NODE_|NO_COLOR$|LANG$|LC_|XDG_|HTTPS?_PROXY$|NO_PROXY$|OLLAMA_)/.test(name),
        )
        .sort(),
      // A parsed line of a log is an object already.
      ...(redaction.value(parts) as object),
    },
    null,
    1,
  );
  await save(file, `${text}\n`);
}

async function save(file: string, text: string): Promise<void> {
  let isMade = false;
  try {
    const handle = await open(file, 'wx', 0o600);
    isMade = true;
    try {
      await handle.writeFile(text);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    // A part of the file would keep the next attempt from writing it.
    if (isMade) await rm(file, { force: true });
    const reason = errnoOf(cause) === 'EEXIST' ? 'the file exists' : errnoReason(cause);
    throw new ProxyError('FILE_UNUSABLE', { params: { file, done: 'written', reason }, cause });
  }
}

/** Values that must not be in the file: of variables, and of the files that variables name. */
function secretsOf(environment: Environment, machine: Machine): readonly string[] {
  return Object.entries(environment).flatMap(([name, value = '']) => {
    if (!secretVariable.test(name)) return [];
    if (name.endsWith('_FILE')) return [machine.readSecret({ from: 'file', path: value }) ?? ''];
    return [...passwordsIn(value), ...(/^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? [] : [value])];
  });
}

function passwordsIn(text: string): readonly string[] {
  if (!URL.canParse(text)) return [];
  const { password, searchParams } = new URL(text);
  return [password, decoded(password), ...searchParams.values()];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function systemOf({ addresses, descriptorLimit }: Machine): object {
  return {
    platform: process.platform,
    release: release(),
    arch: arch(),
    node: process.version,
    processors: availableParallelism(),
    memoryMb: Math.round(totalmem() / 1e6),
    freeMemoryMb: Math.round(freemem() / 1e6),
    uptimeSeconds: Math.round(uptime()),
    descriptorLimit,
    addresses: addresses(),
  };
}

async function proxiesOf({ proxies }: Flm): Promise<readonly object[]> {
  return (await proxies.status()).map((view) => ({
    ...proxyDocument(view, 'status' in view ? view.status.url : proxyUrl(view.handle)),
    ...('status' in view
      ? {
          config: view.status.config,
          overrides: view.status.overrides,
          engines: view.status.engines.map(({ ref, ...status }) => ({
            ...status,
            ...{
              id: ref.id,
              kind: ref.kind,
              url: ref.url,
              origin: ref.origin,
            },
          })),
        }
      : {}),
  }));
}

/** `known` receives the secrets that the configuration refers to. */
async function configurationOf(flm: Flm, known: Set<string>): Promise<object> {
  const records = await flm.engines.list();
  for (const { apiKey, url } of records) {
    if (apiKey !== undefined) addSecret(flm, apiKey, known);
    for (const password of passwordsIn(url)) known.add(password);
  }
  const { keys, profiles, ...rest } = (await (await flm.configuration()).export()) as {
    readonly keys?: readonly object[];
    readonly profiles?: Readonly<Record<string, ProxyConfigInput>>;
  };
  for (const { acme, engines = [] } of Object.values(profiles ?? {})) {
    for (const { apiKey } of engines) if (apiKey !== undefined) addSecret(flm, apiKey, known);
    if (acme?.eabKeyFile !== undefined) addSecret(flm, { from: 'file', path: acme.eabKeyFile }, known);
    if (acme?.eabKeyEnv !== undefined) addSecret(flm, { from: 'env', name: acme.eabKeyEnv }, known);
  }
  return { ...rest, profiles, keys: keys?.map((key) => ({ ...key, digest: undefined, prefix: undefined })) };
}

function addSecret({ machine }: Flm, secret: SecretRef, known: Set<string>): void {
  const value = machine.readSecret(secret);
  if (value !== undefined) known.add(value);
}

async function logsOf({ machine }: Flm): Promise<object> {
  const files = await readdir(machine.paths.logs).catch(() => []);
  const profiles = files
    .filter((name) => name.endsWith('.log'))
    .map((name) => name.slice(0, -'.log'.length))
    .filter((name) => profileNamePattern.test(name))
    .slice(0, maxProfiles);
  const pages = await Promise.all(
    profiles.map(async (profile) => [
      profile,
      await orReason(async () => {
        const page = await readLogPage(machine.paths.logFile(profile), {
          limit: maxLines,
          matches: () => true,
        });
        return page.lines.toReversed().map(parsed);
      }),
    ]),
  );
  return Object.fromEntries(pages) as object;
}

/** Only names, sizes and rights. */
async function filesOf(home: string): Promise<readonly object[]> {
  const names = (await readdir(home, { recursive: true })).slice(0, maxFiles);
  return Promise.all(
    names.map(async (name) => {
      const facts = await stat(join(home, name)).catch(() => undefined);
      return {
        name,
        bytes: facts?.size,
        mode: facts === undefined ? undefined : (facts.mode & 0o7777).toString(8),
      };
    }),
  );
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return line;
  }
}

/** What `f` returns, or why it could not. */
async function orReason<T>(f: () => Promise<T>): Promise<T | { readonly unread: string }> {
  try {
    return await f();
  } catch (error) {
    return { unread: error instanceof FlmError ? `${error.code}: ${error.message}` : 'an internal error' };
  }
}
