/**
 * Tests trust with a handshake: a server on a loopback port presents a certificate of the CA, and common programs
 * connect to it without any setting.
 */
import { once } from 'node:events';
import { isAbsolute } from 'node:path';
import { createServer } from 'node:tls';
import type { CertificatePair } from '../../core/proxy/certificate-provider.ts';
import type { TrustStoreTitle } from '../../core/trust-texts.ts';
import type { TrustCommand, TrustTools } from './trust-place.ts';

export interface TrustProof {
  readonly program: string;
  /** The store of a browser, where the program is one. */
  readonly store?: TrustStoreTitle;
  readonly trusts: boolean;
}

/**
 * `node` is the path of the Node that runs flm, or a name to search for if flm is a single executable. Missing programs
 * are left out.
 */
export async function proveTrust(
  tools: TrustTools,
  pair: CertificatePair,
  node: string,
  browsers: readonly { readonly title: TrustStoreTitle; readonly database: string }[],
): Promise<readonly TrustProof[]> {
  const server = createServer({ key: pair.key, cert: pair.chain }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', () =>
      socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok'),
    );
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const address = server.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    const asked = await Promise.all(
      clients(`https://127.0.0.1:${port}/`, node).map(async ([program, command]) => {
        if (!isAbsolute(command[0]) && (await tools.findProgram(command[0])) === undefined) return [];
        const { code } = await tools.run(command);
        return code === null ? [] : [{ program, trusts: code === 0 }];
      }),
    );
    return [...asked.flat(), ...(await proveBrowsers(tools, port, browsers))];
  } finally {
    server.close();
  }
}

/**
 * Performs a handshake with NSS and the store of a browser. The exit status is meaningless, so the output is checked.
 */
async function proveBrowsers(
  tools: TrustTools,
  port: number,
  browsers: readonly { readonly title: TrustStoreTitle; readonly database: string }[],
): Promise<readonly TrustProof[]> {
  if ((await tools.findProgram('vfyserv')) === undefined) return [];
  return Promise.all(
    browsers.map(async ({ title, database }) => {
      const { stdout, stderr } = await tools.run([
        'vfyserv',
        '-d',
        database,
        '-p',
        String(port),
        'localhost',
      ]);
      return {
        program: title.text,
        store: title,
        trusts: /SERVER CONFIGURED CORRECTLY/.test(stdout + stderr),
      };
    }),
  );
}

const nodeTitle = 'Node with --use-system-ca';

function clients(url: string, node: string): readonly (readonly [string, TrustCommand])[] {
  const script = `fetch(${JSON.stringify(url)}).then(() => process.exit(0), () => process.exit(1))`;
  const python = `import urllib.request as r; r.urlopen(${JSON.stringify(url)}, timeout=10)`;
  return [
    ['curl', ['curl', '-sS', '--noproxy', '*', '--max-time', '10', '-o', '/dev/null', url]],
    ['Python', ['python3', '-c', python]],
    [nodeTitle, [node, '--use-system-ca', '-e', script]],
  ];
}
