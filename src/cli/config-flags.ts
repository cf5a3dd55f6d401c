/**
 * The flags that say what a proxy is to be, and the part of a configuration that they make. Values are judged by the
 * schema of the configuration, which tells every fault at once.
 */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { ProxyConfigInput } from '../core/proxy/proxy-config.ts';

export interface ConfigFlags {
  readonly mode?: string;
  readonly bind?: readonly string[];
  readonly port?: string;
  readonly engine?: readonly string[];
  readonly publicHost?: readonly string[];
  readonly allowInsecureBind?: boolean;
  readonly grace?: string;
  readonly heartbeat?: string;
  readonly demo?: boolean;
  readonly san?: readonly string[];
  readonly clientCa?: string;
  readonly hsts?: string;
}

export function addConfigFlags(command: Command): Command {
  return command
    .option(
      '--mode <mode>',
      'how clients reach the proxy: local-http (this machine, the default), dev-selfsigned (HTTPS on the local network)',
    )
    .option(
      '--bind <address>',
      'address to listen on (repeatable); by default both loopback addresses, with HTTPS all addresses',
      collect,
    )
    .option('--port <number>', 'port to listen on, 8484 by default, 8443 with HTTPS; 0 takes a free one')
    .option(
      '--san <name>',
      'further name or address in the certificate of dev-selfsigned (repeatable)',
      collect,
    )
    .option(
      '--client-ca <file>',
      'let in only clients with a certificate of this CA (PEM); a key they need as well',
    )
    .option('--hsts <seconds>', 'tell browsers for how long to use HTTPS only; by default they are not told')
    .option(
      '--engine <url>',
      'engine to serve (repeatable); by default the saved and the detected ones',
      collect,
    )
    .option('--public-host <name>', 'further host name that the proxy answers for (repeatable)', collect)
    .option('--allow-insecure-bind', 'let local-http listen on other than loopback addresses')
    .option('--grace <seconds>', 'how long running answers may take on at stop, 30 by default')
    .option('--heartbeat <seconds>', 'comment events while a stream is silent, off by default')
    .option('--demo', 'serve the built-in demo engine while no other engine is found');
}

export function overridesOf(flags: ConfigFlags): ProxyConfigInput {
  const { mode, bind, port, engine, publicHost, allowInsecureBind, grace, heartbeat, demo } = flags;
  const { san, clientCa, hsts } = flags;
  const given = {
    mode,
    bind,
    port: number(port),
    engines: engine?.map((url) => ({ url })),
    publicHosts: publicHost,
    allowInsecureBind,
    graceMs: milliseconds(grace),
    heartbeatMs: milliseconds(heartbeat),
    demo,
    sans: san,
    // The process that reads it has another working folder.
    clientCaFile: clientCa === undefined ? undefined : resolve(clientCa),
    hstsSeconds: number(hsts),
  };
  // Judged by the schema, which says what is wrong with each.
  return Object.fromEntries(Object.entries(given).filter(([, v]) => v !== undefined)) as ProxyConfigInput;
}

export function collect(value: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), value];
}

/** What is no number stays as it is, for the schema to name. */
export function number(text: string | undefined): number | string | undefined {
  return text !== undefined && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

function milliseconds(seconds: string | undefined): number | string | undefined {
  const value = number(seconds);
  return typeof value === 'number' ? Math.round(value * 1000) : value;
}
