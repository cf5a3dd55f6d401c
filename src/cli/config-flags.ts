/**
 * The flags that configure a proxy, and the configuration values that they set. The configuration schema validates the
 * values and reports all problems at once.
 */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { ProxyConfigInput } from '../core/proxy/proxy-config.ts';
import { shellWord } from '../core/shell-word.ts';
import { t } from './i18n/texts.ts';

const texts = t.help;

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
}

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
  'domain',
  'acmeEmail',
  'acmeAcceptTerms',
  'acmeDirectory',
  'acmeCa',
  'acmeStaging',
  'acmeChallenge',
  'acmeHttpPort',
  'acmeDnsHook',
] as const satisfies readonly (keyof ConfigFlags)[];

export function addConfigFlags(command: Command): Command {
  const { options } = texts;
  return command
    .optionsGroup(options.listening)
    .option(
      '--mode <mode>',
      'local-http (this machine, the default), dev-selfsigned (HTTPS on the local network) or https-acme (HTTPS for your own domain)',
    )
    .option(
      '--bind <address>',
      'address to listen on (repeatable); by default the loopback addresses, with HTTPS all addresses',
      collect,
    )
    .option(
      '--port <number>',
      'port to listen on; by default 8484, 8443 or 443, depending on the mode; 0 selects a free port',
    )
    .option('--public-host <name>', 'additional host name that clients may use (repeatable)', collect)
    .option('--allow-insecure-bind', 'allow local-http on addresses other than loopback, without encryption')
    .option('--admin', 'serve the admin API and the dashboard to keys with the scope admin or admin:read')
    .optionsGroup(options.engines)
    .option(
      '--engine <url>',
      'engine to serve (repeatable), such as localhost:11434; by default saved and detected engines',
      collect,
    )
    .option('--demo', 'serve the built-in demo engine until another engine is found')
    .option(
      '--forward-header <name>',
      'additional request header to forward to engines (repeatable)',
      collect,
    )
    .optionsGroup(options.responses)
    .option('--grace <seconds>', 'time for running responses to finish at a stop; 30 by default')
    .option('--heartbeat <seconds>', 'interval of comment events while a stream is silent; off by default')
    .optionsGroup(options.https)
    .option(
      '--san <name>',
      'additional name or address in the certificate of dev-selfsigned (repeatable)',
      collect,
    )
    .option(
      '--client-ca <file>',
      'mTLS: accept only clients with a certificate of this CA (PEM); clients still need a key',
    )
    .option('--hsts <seconds>', 'tell browsers to use only HTTPS for this time; off by default')
    .optionsGroup(options.domain)
    .option('--domain <name>', 'domain for https-acme (repeatable), such as llm.example.org', collect)
    .option('--acme-email <address>', 'contact address for the CA')
    .option('--acme-accept-terms', "accept the CA's terms of service; once for each CA")
    .option(
      '--acme-challenge <type>',
      'http-01, tls-alpn-01 or dns-01; by default flm selects one that works on this machine',
    )
    .option('--acme-http-port <number>', 'port for http-01, 80 by default')
    .option(
      '--acme-dns-hook <command>',
      'program that sets TXT records; called as COMMAND add|remove NAME VALUE',
    )
    .option(
      '--acme-staging',
      "test with Let's Encrypt's staging server; clients do not trust its certificates",
    )
    .option('--acme-directory <url>', "ACME server; by default Let's Encrypt")
    .option('--acme-ca <file>', 'CA certificate (PEM) to trust for the ACME server itself')
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
  const { acmeCa, acmeDnsHook } = flags;
  const given = present({
    email: flags.acmeEmail,
    acceptTerms: flags.acmeAcceptTerms,
    directory: flags.acmeDirectory,
    caFile: acmeCa === undefined ? undefined : resolve(acmeCa),
    staging: flags.acmeStaging,
    challenge: flags.acmeChallenge,
    httpPort: number(flags.acmeHttpPort),
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
