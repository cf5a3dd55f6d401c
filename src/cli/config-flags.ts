/**
 * The flags that configure a proxy, and the configuration values that they set. The configuration schema validates the
 * values and reports all problems at once.
 */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { ProxyConfigInput } from '../core/proxy/proxy-config.ts';
import { shellWord } from '../core/shell-word.ts';
import { t } from './i18n/texts.ts';

export interface ConfigFlags {
  readonly mode?: string;
  readonly bind?: readonly string[];
  readonly port?: string;
  readonly engine?: readonly string[];
  readonly publicHost?: readonly string[];
  readonly forwardHeader?: readonly string[];
  readonly allowInsecureBind?: boolean;
  readonly grace?: string;
  readonly heartbeat?: string;
  readonly demo?: boolean;
  readonly otlp?: string;
  readonly keyMetrics?: string;
  readonly admin?: boolean;
  readonly san?: readonly string[];
  readonly clientCa?: string;
  readonly hsts?: string;
  readonly domain?: readonly string[];
  readonly acmeEmail?: string;
  readonly acmeAcceptTerms?: boolean;
  readonly acmeDirectory?: string;
  readonly acmeCa?: string;
  readonly acmeStaging?: boolean;
  readonly acmeChallenge?: string;
  readonly acmeHttpPort?: string;
  readonly acmeDnsHook?: string;
  readonly acmeEabKid?: string;
  readonly acmeEabKeyFile?: string;
  readonly acmeEabKeyEnv?: string;
  readonly acmeProfile?: string;
}

/** The descriptions. */
const texts: Readonly<Record<keyof ConfigFlags, string>> = t.configFlags;

const flagNames = [
  'mode',
  'bind',
  'port',
  'engine',
  'publicHost',
  'forwardHeader',
  'allowInsecureBind',
  'grace',
  'heartbeat',
  'demo',
  'admin',
  'san',
  'clientCa',
  'hsts',
  'otlp',
  'keyMetrics',
  'domain',
  'acmeEmail',
  'acmeAcceptTerms',
  'acmeDirectory',
  'acmeCa',
  'acmeStaging',
  'acmeChallenge',
  'acmeHttpPort',
  'acmeDnsHook',
  'acmeEabKid',
  'acmeEabKeyFile',
  'acmeEabKeyEnv',
  'acmeProfile',
] as const satisfies readonly (keyof ConfigFlags)[];

export function addConfigFlags(command: Command): Command {
  const { options } = t.help;
  return command
    .optionsGroup(options.listening)
    .option('--mode <mode>', texts.mode)
    .option('--bind <address>', texts.bind, collect)
    .option('--port <number>', texts.port)
    .option('--public-host <name>', texts.publicHost, collect)
    .option('--allow-insecure-bind', texts.allowInsecureBind)
    .option('--admin', texts.admin)
    .optionsGroup(options.engines)
    .option('--engine <url>', texts.engine, collect)
    .option('--demo', texts.demo)
    .option('--forward-header <name>', texts.forwardHeader, collect)
    .optionsGroup(options.responses)
    .option('--grace <seconds>', texts.grace)
    .option('--heartbeat <seconds>', texts.heartbeat)
    .optionsGroup(options.observability)
    .option('--otlp <url>', texts.otlp)
    .option('--key-metrics <number>', texts.keyMetrics)
    .optionsGroup(options.https)
    .option('--san <name>', texts.san, collect)
    .option('--client-ca <file>', texts.clientCa)
    .option('--hsts <seconds>', texts.hsts)
    .optionsGroup(options.domain)
    .option('--domain <name>', texts.domain, collect)
    .option('--acme-email <address>', texts.acmeEmail)
    .option('--acme-accept-terms', texts.acmeAcceptTerms)
    .option('--acme-challenge <type>', texts.acmeChallenge)
    .option('--acme-http-port <number>', texts.acmeHttpPort)
    .option('--acme-dns-hook <command>', texts.acmeDnsHook)
    .option('--acme-staging', texts.acmeStaging)
    .option('--acme-directory <url>', texts.acmeDirectory)
    .option('--acme-ca <file>', texts.acmeCa)
    .option('--acme-eab-kid <id>', texts.acmeEabKid)
    .option('--acme-eab-key-file <file>', texts.acmeEabKeyFile)
    .option('--acme-eab-key-env <name>', texts.acmeEabKeyEnv)
    .option('--acme-profile <name>', texts.acmeProfile)
    .optionsGroup(options.others);
}

export function overridesOf(flags: ConfigFlags): ProxyConfigInput {
  const { mode, bind, port, engine, publicHost, allowInsecureBind, grace, heartbeat, demo, admin } = flags;
  const { san, clientCa, hsts } = flags;
  const given = {
    mode,
    bind,
    port: number(port),
    engines: engine?.map((url) => ({ url })),
    publicHosts: publicHost,
    forwardHeaders: flags.forwardHeader,
    allowInsecureBind,
    graceMs: milliseconds(grace),
    heartbeatMs: milliseconds(heartbeat),
    demo,
    admin,
    sans: san,
    // The process that reads the file has another working directory.
    clientCaFile: clientCa === undefined ? undefined : resolve(clientCa),
    hstsSeconds: number(hsts),
    otlp: flags.otlp,
    keyMetrics: number(flags.keyMetrics),
    domains: flags.domain,
    acme: acmeOf(flags),
  };
  // The schema validates each value and reports what is wrong.
  return present(given);
}

/** Returns the flags as the user would type them: `--port 9000 --bind 0.0.0.0`. */
export function configFlagsText(flags: ConfigFlags): string {
  return configFlagWords(flags).map(shellWord).join(' ');
}

/** Returns the flags as words of a command line. */
export function configFlagWords(flags: ConfigFlags): readonly string[] {
  const words: string[] = [];
  for (const name of flagNames) {
    const value: ConfigFlags[typeof name] = flags[name];
    const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    if (value === true) words.push(flag);
    else if (typeof value === 'string') words.push(flag, value);
    else if (typeof value === 'object') for (const one of value) words.push(flag, one);
  }
  return words;
}

function acmeOf(flags: ConfigFlags): object | undefined {
  const { acmeCa, acmeDnsHook, acmeEabKeyFile } = flags;
  const given = present({
    email: flags.acmeEmail,
    acceptTerms: flags.acmeAcceptTerms,
    directory: flags.acmeDirectory,
    caFile: acmeCa === undefined ? undefined : resolve(acmeCa),
    staging: flags.acmeStaging,
    challenge: flags.acmeChallenge,
    httpPort: number(flags.acmeHttpPort),
    eabKid: flags.acmeEabKid,
    eabKeyFile: acmeEabKeyFile === undefined ? undefined : resolve(acmeEabKeyFile),
    eabKeyEnv: flags.acmeEabKeyEnv,
    profile: flags.acmeProfile,
    // The process that runs the program has another working directory; a bare name is searched in PATH.
    dnsHook: acmeDnsHook?.replace(/^\s*[^\s"']*\/[^\s"']*/, (path) => resolve(path.trim())),
  });
  return Object.keys(given).length === 0 ? undefined : given;
}

function present(values: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(values).filter(([, v]) => v !== undefined));
}

/** Appends to one list in place: copying it for each flag would take quadratic time for thousands of flags. */
export function collect(value: string, earlier: string[] | undefined): string[] {
  const values = earlier ?? [];
  values.push(value);
  return values;
}

/** Parses a number. Any other text is returned unchanged, so that the schema can report it. */
export function number(text: string | undefined): number | string | undefined {
  return text !== undefined && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

function milliseconds(seconds: string | undefined): number | string | undefined {
  const value = number(seconds);
  return typeof value === 'number' ? Math.round(value * 1000) : value;
}
