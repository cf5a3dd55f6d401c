/**
 * `dev-selfsigned` as people meet it: the built command line, and the programs that they use as clients.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createServer } from 'node:tls';
import { systemClock } from '../../src/core/clock.ts';
import { ensureAuthority } from '../../src/tls/authority.ts';
import { CertificateStore } from '../../src/tls/certificate-store.ts';
import { assertMistake, makeCli, type TestCli } from '../helpers/cli.ts';
import { clientCertificates } from '../helpers/client-certificates.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';
import { leafFor } from '../helpers/tls-fixture.ts';

interface Started {
  readonly id: string;
  readonly url: string;
  readonly port: number;
  readonly mode: string;
  readonly addresses: readonly string[];
  readonly networkUrls: readonly string[];
  readonly certificate: { names: string[]; authorityFile: string; fingerprint: string };
}

const https = ['--mode', 'dev-selfsigned'] as const;

function startHttpsProxy(cli: TestCli, ...more: readonly string[]): Promise<Started> {
  return startProxy<Started>(cli, ...https, '--demo', ...more);
}

const ran = (command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  new Promise<{ code: number; output: string }>((resolve) => {
    const child = execFile(command, args, { env: { ...process.env, ...env } }, (error, stdout, stderr) =>
      resolve({
        code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1,
        output: stdout + stderr,
      }),
    );
    child.stdin?.end();
  });

const isThere = (program: string): boolean =>
  (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, program)));

/** Each asks for a page of `host` at a port of this machine, trusting `ca` alone or what the system trusts; 0 is yes. */
const clients: Readonly<
  Record<string, (host: string, port: number, ca: string | undefined) => Promise<number>>
> = {
  async openssl(host, port, ca) {
    const trust = ca === undefined ? [] : ['-CAfile', ca];
    const check = /^[\d.]+$|:/.test(host) ? ['-verify_ip', host] : ['-verify_hostname', host];
    const args = ['s_client', '-connect', `127.0.0.1:${port}`, '-verify_return_error', ...check, ...trust];
    return (await ran('openssl', args)).code;
  },
  async curl(host, port, ca) {
    const trust = ca === undefined ? [] : ['--cacert', ca];
    const resolve = ['--resolve', `${host}:${port}:127.0.0.1`];
    const args = ['-sS', '-m', '20', '--noproxy', '*', '-o', '/dev/null', ...resolve, ...trust];
    return (await ran('curl', [...args, `https://${host}:${port}/health`])).code;
  },
  node: (host, port, ca) => askByScript(process.execPath, host, port, ca),
  /** Its BoringSSL is that of Electron, too. */
  bun: (host, port, ca) => askByScript('bun', host, port, ca),
  async python3(host, port, ca) {
    const script = `import socket, ssl
context = ssl.create_default_context(${ca === undefined ? '' : `cafile=${JSON.stringify(ca)}`})
context.wrap_socket(socket.create_connection(('127.0.0.1', ${port})), server_hostname=${JSON.stringify(host)})`;
    return (await ran('python3', ['-c', script])).code;
  },
};

async function askByScript(
  program: string,
  host: string,
  port: number,
  ca: string | undefined,
): Promise<number> {
  const script = `require('node:tls').connect({ host: '127.0.0.1', port: ${port}, servername: ${JSON.stringify(host)} })
    .on('secureConnect', () => process.exit(0)).on('error', () => process.exit(1));`;
  return (await ran(program, ['-e', script], { NODE_EXTRA_CA_CERTS: ca })).code;
}

for (const [client, ask] of Object.entries(clients)) {
  const skip = client !== 'node' && !isThere(client) ? `${client} is not there` : false;

  test(`${client} accepts the certificate with the CA, by name and by private name, and not without it`, {
    skip,
  }, async (t) => {
    const cli = makeCli(t);
    const { port, certificate } = await startHttpsProxy(cli, '--san', 'llm.lan');

    assert.equal(await ask('localhost', port, certificate.authorityFile), 0);
    assert.equal(await ask('llm.lan', port, certificate.authorityFile), 0);
    assert.notEqual(await ask('localhost', port, undefined), 0);
    assert.notEqual(await ask('other.lan', port, certificate.authorityFile), 0);
  });

  test(`${client} refuses a name outside the constraints, though the CA has signed it`, {
    skip,
  }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'flm-outside-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const store = new CertificateStore(join(folder, 'tls'), systemClock);
    const signal = new AbortController().signal;
    const authority = await ensureAuthority({ store, clock: systemClock, hostNames: ['box'], signal });
    const inside = await serve(t, await leafFor(authority, ['bank.lan']));
    const outside = await serve(t, await leafFor(authority, ['bank.example.com']));
    const mixed = await serve(t, await leafFor(authority, ['bank.lan', '8.8.8.8']));

    assert.equal(await ask('bank.lan', inside, authority.file), 0);
    assert.notEqual(await ask('bank.example.com', outside, authority.file), 0);
    // One name outside makes the whole certificate invalid.
    assert.notEqual(await ask('bank.lan', mixed, authority.file), 0);
  });
}

async function serve(
  t: TestContext,
  pair: { readonly key: string; readonly chain: string },
): Promise<number> {
  const server = createServer({ key: pair.key, cert: pair.chain }, (socket) => {
    socket.on('error', () => {});
    socket.once('data', () =>
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n'),
    );
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  return address !== null && typeof address === 'object' ? address.port : 0;
}

test('a start prints endpoints that work, never the address of all addresses', async (t) => {
  const cli = makeCli(t);
  const started = await startHttpsProxy(cli);

  assert.equal(started.mode, 'dev-selfsigned');
  assert.equal(started.url, `https://localhost:${started.port}`);
  assert.ok(started.addresses.includes('0.0.0.0'));
  const shown = await cli.run('proxy', 'status');
  assert.doesNotMatch(shown.stdout, /0\.0\.0\.0|\[::\]/);
  const detail = await cli.run('proxy', 'status', 'default');
  assert.doesNotMatch(detail.stdout, /0\.0\.0\.0|\[::\]/);
  assert.match(detail.stdout, /clients must trust its CA/);
  for (const url of started.networkUrls) {
    const name = new URL(url).hostname.replaceAll(/[[\]]/g, '');
    assert.ok(started.certificate.names.includes(name), `${name} is in the certificate`);
  }
});

test('the next start shows the same certificate, of the same CA for every profile', async (t) => {
  const cli = makeCli(t);
  const first = await startHttpsProxy(cli);
  await cli.run('profile', 'save', 'lab', '--mode', 'dev-selfsigned');
  await cli.run('proxy', 'stop', '--all');
  const second = await startHttpsProxy(cli);
  const authority = readFileSync(first.certificate.authorityFile);

  assert.equal(second.certificate.fingerprint, first.certificate.fingerprint);
  assert.deepEqual(readFileSync(second.certificate.authorityFile), authority);
});

test('keys of certificates are for this user alone', async (t) => {
  const cli = makeCli(t);
  await startHttpsProxy(cli);
  const folder = join(cli.home, 'tls');

  assert.equal(statSync(folder).mode & 0o777, 0o700);
  for (const name of readdirSync(folder).filter((n) => !n.endsWith('.crt')))
    assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
});

test('a name that the CA may not vouch for is refused with the command that lets it, which a running proxy follows', async (t) => {
  const cli = makeCli(t);
  const before = await startHttpsProxy(cli);
  await cli.run('proxy', 'stop');
  const refused = await cli.run('proxy', 'start', ...https, '--port', '0', '--san', 'llm.example.org');
  assert.equal(refused.code, 1);
  assert.match(
    refused.stderr,
    /No usable certificate: The local CA may not sign certificates for llm\.example\.org/,
  );
  assert.match(refused.stderr, /flm cert authority renew --permit llm\.example\.org/);
  assert.deepEqual((await cli.run('proxy', 'status', '--json')).json(), { proxies: [] });

  await startHttpsProxy(cli);
  const renewed = await cli.run(
    'cert',
    'authority',
    'renew',
    '--permit',
    'llm.example.org',
    '--yes',
    '--json',
  );
  const status = await cli.run('proxy', 'status', '--json');

  assert.equal(renewed.code, 0, renewed.stderr);
  const [now] = status.json<{ proxies: Started[] }>().proxies;
  assert.notEqual(now?.certificate.fingerprint, before.certificate.fingerprint);
  assert.equal(await clients.node?.('localhost', now?.port ?? 0, now?.certificate.authorityFile), 0);
  await cli.run('proxy', 'stop');
  assert.ok(
    (await startHttpsProxy(cli, '--san', 'llm.example.org')).certificate.names.includes('llm.example.org'),
  );
});

test('a renewal of the CA asks, and changes nothing where nobody answers', async (t) => {
  const cli = makeCli(t);
  const before = (await cli.run('cert', 'export')).stdout;

  const asked = await cli.run('cert', 'authority', 'renew');

  assert.equal(asked.code, 1);
  assert.match(asked.stderr, /--yes/);
  assert.equal((await cli.run('cert', 'export')).stdout, before);
});

test('a file that the CA cannot be saved as is named with the reason', async (t) => {
  const cli = makeCli(t);

  assertMistake(
    await cli.run('cert', 'export', join(cli.folder, 'no/ca.pem')),
    /no\/ca\.pem: a part of the path does not exist/,
  );
});

test('the CA is exported without a running proxy, as PEM that openssl reads', {
  skip: isThere('openssl') ? false : 'openssl is not there',
}, async (t) => {
  const cli = makeCli(t);
  const file = join(cli.folder, 'ca.pem');

  const saved = await cli.run('cert', 'export', file);
  const { output } = await ran('openssl', ['x509', '-in', file, '-noout', '-text']);

  assert.equal(saved.code, 0, saved.stderr);
  assert.match(output, /Name Constraints: critical/);
  assert.match(output, /CA:TRUE, pathlen:0/);
  assert.doesNotMatch(readFileSync(file, 'utf8'), /PRIVATE/);
  assert.equal((await cli.run('cert', 'export', join(cli.folder, 'no/such/folder'))).code, 1);
});

test('a client CA that cannot be used is refused at the start, and never without HTTPS', async (t) => {
  const cli = makeCli(t);
  const file = join(cli.folder, 'client-ca.pem');
  writeFileSync(file, 'rubbish');

  const rubbish = await cli.run('proxy', 'start', ...https, '--port', '0', '--client-ca', file);
  const absent = await cli.run('proxy', 'start', ...https, '--port', '0', '--client-ca', 'absent.pem');
  const plain = await cli.run('proxy', 'start', '--port', '0', '--client-ca', file);

  assert.match(rubbish.stderr, /client CA .*client-ca\.pem cannot be used: it holds no certificate/);
  assert.match(absent.stderr, /cannot be read \(ENOENT\)/);
  assert.match(plain.stderr, /clientCaFile.*client certificates need HTTPS/);
});

test('the page for devices gives the CA in three forms, shows its fingerprint, and takes no key', async (t) => {
  const cli = makeCli(t);
  const pem = (await cli.run('cert', 'export')).stdout;
  const running = cli.start('cert', 'trust', '--device', '--json');
  const { urls, fingerprint } = JSON.parse((await running.saw(/\{.*\}/))[0]) as {
    urls: string[];
    fingerprint: string;
  };
  const base = `http://127.0.0.1:${new URL(urls[0] ?? '').port}`;
  const get = (path: string, init: RequestInit = {}) => fetch(`${base}${path}`, init);

  const page = await (await get('/')).text();
  assert.ok(page.includes(fingerprint));
  assert.doesNotMatch(page, /<script|PRIVATE/);
  assert.equal(await (await get('/flm-ca.pem')).text(), pem);
  const der = Buffer.from(await (await get('/flm-ca.crt')).arrayBuffer()).toString('base64');
  assert.equal(pem.replaceAll(/-----.*-----|\s/g, ''), der);
  assert.ok((await (await get('/flm-ca.mobileconfig')).text()).includes(der));
  assert.equal((await get('/../flm.db')).status, 404);
  assert.equal((await get('/', { headers: { authorization: 'Bearer flm_x' } })).status, 403);
  assert.equal((await get('/', { method: 'POST', body: 'flm_x' })).status, 405);
  const withBody = request(base, { headers: { 'content-length': 5 } }).end('flm_x');
  const [answered] = (await once(withBody, 'response')) as [IncomingMessage];
  assert.equal(answered.resume().statusCode, 405);

  running.child.kill('SIGINT');
  assert.equal((await running.ended).code, 0);
  await assert.rejects(get('/'));
});

test('trust is never changed without a yes, and nothing is taken away where there is none', async (t) => {
  const cli = makeCli(t);
  const shown = await cli.run('cert', 'show', '--json');
  const removed = await cli.run('cert', 'trust', '--remove');
  const asked = await cli.run('cert', 'trust', '--json');
  const made = (await cli.run('cert', 'show', '--json')).json<{ authority: { fingerprint: string } }>();

  assert.deepEqual(shown.json(), { authority: null, certificates: [] });
  assert.match(removed.stderr, /No changes are needed/);
  // Where the machine has no store that can be changed, there is nothing to ask.
  assert.match(asked.stderr, /Run the command again with --yes|No changes are needed/);
  // Other tests may change the machine's trust in CAs of their own meanwhile.
  const own = made.authority.fingerprint.replaceAll(':', '').slice(0, 16).toLowerCase();
  for (const folder of ['/usr/local/share/ca-certificates', '/etc/pki/ca-trust/source/anchors'])
    if (existsSync(folder)) assert.ok(!readdirSync(folder).some((file) => file.includes(own)), folder);
});

test('the commands that talk to a proxy trust its CA by themselves', async (t) => {
  const cli = makeCli(t);
  await startHttpsProxy(cli);
  await cli.run('key', 'create', 'laptop');

  const said = await cli.run('chat', '-m', 'hello');
  const up = await cli.run('up');
  const connect = await cli.run('connect', 'python', '--host', 'host.docker.internal');

  assert.equal(said.code, 0, said.stderr);
  assert.notEqual(said.stdout.trim(), '');
  assert.match(up.stdout, /models +flm-demo/);
  assert.match(up.stdout, /curl --cacert '.*authority\.crt' https:\/\/localhost:/);
  assert.match(connect.stdout, /SSL_CERT_FILE=.*bundle\.crt/);
  assert.doesNotMatch(connect.stderr, /!/);
});

test('settings as pasted let curl, JavaScript and Python in, each by what it knows of CAs', async (t) => {
  const cli = makeCli(t);
  await startHttpsProxy(cli);
  const { key } = await createKey(cli, 'laptop');
  const settings = async (client: string): Promise<readonly string[]> => {
    const told = await cli.run('connect', client, '--key', key, '--json');
    const { snippets, warnings } = told.json<{ snippets: { text: string }[]; warnings: string[] }>();
    assert.deepEqual(warnings, [], client);
    return snippets.map((s) => s.text);
  };
  // What this machine says of CAs does not count.
  const bare = { NODE_EXTRA_CA_CERTS: undefined, SSL_CERT_FILE: undefined, SSL_CERT_DIR: cli.folder };
  const pasted = async (exports: string, program: string, ...args: readonly string[]): Promise<string> => {
    const { code, output } = await ran('sh', ['-c', `${exports}\nexec "$@"`, 'sh', program, ...args], bare);
    assert.equal(code, 0, output);
    return output;
  };

  const [javascript = '', nodeExports = ''] = await settings('vercel-ai');
  const js = ['--input-type=module', '-e', javascript];
  assert.match(await pasted(nodeExports, process.execPath, ...js), /demo engine/);
  assert.notEqual((await ran(process.execPath, js, bare)).code, 0, 'not without the variable');

  if (isThere('curl')) assert.match(await pasted('', 'sh', '-c', ...(await settings('curl'))), /demo engine/);

  if (isThere('python3')) {
    const [openai = '', exports = ''] = await settings('python');
    const url = /base_url="([^"]+)"/.exec(openai)?.[1];
    const python = `import urllib.request as r
request = r.Request(${JSON.stringify(`${url}/models`)}, headers={"Authorization": ${JSON.stringify(`Bearer ${key}`)}})
print(r.urlopen(request, timeout=20).read())`;
    assert.match(await pasted(exports, 'python3', '-c', python), /flm-demo/);
    assert.notEqual((await ran('python3', ['-c', python], bare)).code, 0, 'not without the variable');
    const held = `import ssl; print(len(ssl.create_default_context(cafile=ssl.get_default_verify_paths().cafile).get_ca_certs()))`;
    assert.ok(Number(await pasted(exports, 'python3', '-c', held)) > 50, 'public CAs are trusted as before');
  }
});

test('where the certificate is not for a host, or a client cannot check an address, connect says so', async (t) => {
  const cli = makeCli(t);
  await startHttpsProxy(cli, '--san', 'llm.lan');
  const warnings = async (client: string, host: string): Promise<string> =>
    (await cli.run('connect', client, '--host', host, '--key', 'k', '--json'))
      .json<{ warnings: string[] }>()
      .warnings.join('\n');

  assert.equal(await warnings('curl', 'llm.lan'), '');
  assert.equal(await warnings('curl', '127.0.0.1'), '');
  assert.match(await warnings('curl', 'other.lan'), /certificate is for localhost, .*--san other\.lan/);
  assert.match(await warnings('cline', '127.0.0.1'), /Cline accepts no address .* NAME\.local/);
  assert.match(await warnings('zed', 'llm.lan'), /run `flm cert trust`/);
  assert.match(await warnings('cursor', 'llm.lan'), /--mode https-acme/);
});

test('where client certificates are asked for, chat shows one, and up says what it did not try', async (t) => {
  const cli = makeCli(t);
  const { ca, good, expired } = await clientCertificates();
  const stranger = (await clientCertificates()).good;
  const file = (name: string, text: string): string => {
    const path = join(cli.folder, name);
    writeFileSync(path, text);
    return path;
  };
  const clientCa = file('client-ca.pem', ca);
  const cert = file('client.pem', good.cert);
  const key = file('client-key.pem', good.key);
  const start = ['--mode', 'dev-selfsigned', '--port', '0', '--client-ca', clientCa];

  const up = await cli.run('up', '--detach', ...start);
  assert.equal(up.code, 0, up.stderr);
  assert.match(up.stderr, /^! Only clients with a certificate of .*client-ca\.pem can connect/);
  assert.match(up.stdout, /models +flm-demo/);
  const curl = /curl [\s\S]*?}'$/m.exec(up.stdout)?.[0] ?? '';
  assert.match(curl, / --cert client\.pem --key client-key\.pem /);
  if (isThere('curl')) {
    const secret = /export FLM_API_KEY=\S+/.exec(up.stdout)?.[0] ?? '';
    const { output } = await ran('sh', ['-c', `cd '${cli.folder}' && ${secret} && ${curl}`]);
    assert.match(output, /demo engine/);
  }

  const chat = (...flags: readonly string[]) => cli.run('chat', '-m', 'hello', ...flags);
  const said = await chat('--client-cert', cert, '--client-key', key);
  assert.match(said.stdout, /demo engine/, said.stderr);
  const oneFile = await chat('--client-cert', file('both.pem', good.key + good.cert));
  assert.match(oneFile.stdout, /demo engine/, oneFile.stderr);

  const refusals: readonly [readonly string[], RegExp][] = [
    [
      [],
      /requires a client certificate issued by .*client-ca\.pem\.\n.*--client-cert FILE --client-key FILE/,
    ],
    [['--client-key', key], /--client-key needs --client-cert/],
    [['--client-cert', cert], /client\.pem cannot be used: it does not hold a key/],
    [['--client-cert', join(cli.folder, 'no.pem')], /no\.pem cannot be read: ENOENT/],
    [['--client-cert', cert, '--client-key', file('other.pem', stranger.key)], /does not belong to its key/],
    [['--client-cert', file('old.pem', expired.key + expired.cert)], /its certificate has expired/],
    [
      ['--client-cert', file('stranger.pem', stranger.key + stranger.cert)],
      /did not accept the client certificate/,
    ],
  ];
  for (const [flags, wanted] of refusals) {
    const refused = await chat(...flags);
    assert.deepEqual([refused.code, refused.stdout], [1, '']);
    assert.match(refused.stderr, wanted);
  }
});
