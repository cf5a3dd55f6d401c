/**
 * Pebble, a real ACME server, with its own resolver, which resolves every name to this machine. Both end with the test.
 * FLM_TEST_PEBBLE is a folder with both programs; otherwise they come from PATH. If they are missing, `noPebble` says so.
 * Renewal information, profiles and addresses need a newer release than Debian's 2.4.0: `noNewPebble` says so.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { TestContext } from 'node:test';
import { freePorts } from './free-ports.ts';

/** A newer Pebble refuses requests without a user agent, as RFC 8555, section 6.1, lets it. */
const headers = { 'user-agent': 'flm-test' };
const programs = ['pebble', 'pebble-challtestsrv', 'openssl'];
const folders = [process.env.FLM_TEST_PEBBLE ?? '', ...(process.env.PATH ?? '').split(':')].filter(
  (folder) => folder !== '',
);
const pathOf = (program: string): string | undefined =>
  folders.map((folder) => join(folder, program)).find((path) => existsSync(path));

/** The `skip` of a test. */
export const noPebble = programs.every((program) => pathOf(program) !== undefined)
  ? false
  : 'pebble and openssl are not there';

/** The `skip` of a test of renewal information, which the program contains as the name of a path. */
export const noNewPebble =
  noPebble !== false
    ? noPebble
    : readFileSync(pathOf('pebble') ?? '').includes('set-renewal-info')
      ? false
      : 'this pebble has no renewal information; build a newer one (.ci/run, part acme)';

export interface PebbleOptions {
  /** Nonces that are refused, in percent. */
  readonly rejectNonces?: number;
  /** How long the CA waits before it validates; 0 by default. */
  readonly slowSeconds?: number;
  readonly lifetimeSeconds?: number;
  /** HMAC keys of accounts by their key id; without one, the CA creates no account. */
  readonly externalKeys?: Readonly<Record<string, string>>;
  /** Certificate profiles, with the lifetime of their certificates. */
  readonly profiles?: Readonly<
    Record<string, { readonly description: string; readonly validityPeriod: number }>
  >;
}

export interface Pebble {
  readonly directory: string;
  /** The CA certificate that verifies the server's own certificate. */
  readonly caFile: string;
  /** The port where it validates http-01. */
  readonly httpPort: number;
  /** The port where it validates tls-alpn-01. */
  readonly tlsPort: number;
  readonly folder: string;
  /** A file with the root of the certificates that it issues. */
  rootFile(): Promise<string>;
  /** A hook that sets its resolver's TXT records. */
  readonly dnsHook: string;
  /** Overrides the renewal information of the certificate with this PEM text. */
  setRenewalInfo(certificate: string, answer: object): Promise<void>;
  /** Its complete log output. */
  log(): string;
  /** Stops the server. */
  stop(): Promise<void>;
}

export async function startPebble(t: TestContext, options: PebbleOptions = {}): Promise<Pebble> {
  const folder = mkdtempSync(join(tmpdir(), 'flm-pebble-'));
  const children: ChildProcess[] = [];
  const ended = new Set<ChildProcess>();
  t.after(async () => {
    await Promise.all(children.map(end));
    rmSync(folder, { recursive: true, force: true });
  });
  const caFile = join(folder, 'cert.pem');
  const ssl = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
  ];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  execFileSync('openssl', [...ssl, ...names, '-keyout', join(folder, 'key.pem'), '-out', caFile], {
    stdio: 'ignore',
  });
  const [port, managementPort, httpPort, tlsPort, dnsPort, testPort] = (await freePorts(6)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  writeFileSync(
    join(folder, 'pebble.json'),
    JSON.stringify({
      pebble: {
        listenAddress: `127.0.0.1:${port}`,
        managementListenAddress: `127.0.0.1:${managementPort}`,
        certificate: caFile,
        privateKey: join(folder, 'key.pem'),
        httpPort,
        tlsPort,
        // Debian's 2.4.0 reads the first, newer ones the second.
        ...(options.lifetimeSeconds === undefined
          ? {}
          : {
              certificateValidityPeriod: options.lifetimeSeconds,
              profiles: { default: { description: 'set', validityPeriod: options.lifetimeSeconds } },
            }),
        ...(options.externalKeys === undefined
          ? {}
          : { externalAccountBindingRequired: true, externalAccountMACKeys: options.externalKeys }),
        ...(options.profiles === undefined ? {} : { profiles: options.profiles }),
      },
    }),
  );
  let text = '';
  const start = (program: string, args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess => {
    const child = spawn(pathOf(program) ?? program, args, {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: 'pipe',
    });
    children.push(child);
    // Its output is complete by then.
    child.once('close', () => ended.add(child));
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    return child;
  };
  const dns = `127.0.0.1:${dnsPort}`;
  const off = [
    '-http01',
    '',
    '-https01',
    '',
    '-tlsalpn01',
    '',
    '-defaultIPv6',
    '',
    '-defaultIPv4',
    '127.0.0.1',
  ];
  // Debian's 2.4.0 has another name for the flag, and no DNS over HTTPS.
  const listen = noNewPebble === false ? ['-doh', '', '-dnsserver', dns] : ['-dns01', dns];
  const resolver = start(
    'pebble-challtestsrv',
    [...off, ...listen, '-management', `127.0.0.1:${testPort}`],
    {},
  );
  const slow = options.slowSeconds ?? 0;
  const pebble = start('pebble', ['-config', join(folder, 'pebble.json'), '-dnsserver', dns], {
    PEBBLE_WFE_NONCEREJECT: String(options.rejectNonces ?? 0),
    ...(slow === 0 ? { PEBBLE_VA_NOSLEEP: '1' } : { PEBBLE_VA_SLEEPTIME: String(slow) }),
  });
  const directory = `https://localhost:${port}/dir`;
  const until = async (child: ChildProcess, done: () => Promise<boolean>): Promise<void> => {
    const untilMs = performance.now() + 120_000;
    while (!(await done())) {
      const isStarting = !ended.has(child) && performance.now() < untilMs;
      assert.ok(isStarting, `${child.spawnfile} does not start:\n${text}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  await until(pebble, () => answers(directory));
  await until(resolver, () =>
    fetch(`http://127.0.0.1:${testPort}/`).then(
      () => true,
      () => false,
    ),
  );
  const hook = join(folder, 'hook.mjs');
  writeFileSync(
    hook,
    `const [how, name, value] = process.argv.slice(2);
console.log('hook', how, name);
const call = how === 'add' ? 'set-txt' : 'clear-txt';
await fetch('http://127.0.0.1:${testPort}/' + call, { method: 'POST', body: JSON.stringify({ host: name + '.', value }) });
`,
  );
  return {
    directory,
    caFile,
    httpPort,
    tlsPort,
    folder,
    dnsHook: `"${process.execPath}" "${hook}"`,
    async rootFile() {
      const file = join(folder, 'root.pem');
      writeFileSync(file, await textOf(`https://localhost:${managementPort}/roots/0`));
      return file;
    },
    async setRenewalInfo(certificate, answer) {
      const body = JSON.stringify({ Certificate: certificate, ARIResponse: JSON.stringify(answer) });
      const url = `https://localhost:${managementPort}/set-renewal-info/`;
      const sent = request(url, { method: 'POST', rejectUnauthorized: false, agent: false, headers });
      sent.end(body);
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      response.resume();
      assert.equal(response.statusCode, 200);
    },
    log: () => text,
    stop: () => end(pebble),
  };
}

function answers(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const sent = request(url, { rejectUnauthorized: false, agent: false, headers }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    sent.on('error', () => resolve(false));
    sent.end();
  });
}

function textOf(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { rejectUnauthorized: false, agent: false, headers }, (response) => {
      response.setEncoding('utf8');
      response.toArray().then((chunks) => resolve(chunks.join('')), reject);
    }).on('error', reject);
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}
