/**
 * HAProxy: a map of keys, a request rate for each key in a stick table, an access log, one thread. HAProxy hands each log
 * line over at once, by a system call of its own, and has no buffer for lines as flm and nginx have.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../test/helpers/free-ports.ts';
import { findProgram, temporaryFolder } from '../processes.ts';
import { makeKeys, type Peer, program } from './peer.ts';

export const haproxy: Peer = {
  name: 'HAProxy',
  lacks: ['bodies', 'tokens'],
  perSecond: 40_000,
  tls: true,
  manyKeys: true,
  version: () => {
    const path = findProgram('haproxy');
    if (path === undefined) return undefined;
    return /version (\d[\d.]*)/.exec(spawnSync(path, ['-v'], { encoding: 'utf8' }).stdout)?.[1];
  },
  prepare: async ({ engines, keyCount, tls }) => {
    const folder = temporaryFolder();
    const port = await freePort();
    const keys = makeKeys(keyCount);
    const certificate = typeof tls === 'object' ? tls : undefined;
    const map = join(folder.path, 'keys.map');
    const file = join(folder.path, 'haproxy.cfg');
    writeFileSync(map, keys.map((key, i) => `${key} key_${i}\n`).join(''));
    const secure =
      certificate === undefined ? '' : ` ssl crt ${certificate.pair} alpn http/1.1 ssl-min-ver TLSv1.2`;
    writeFileSync(file, config({ port, secure, map, engines }));
    return {
      ...program({ command: [findProgram('haproxy') ?? '', '-db', '-f', file], folder }),
      address: { port, keys, authority: certificate?.authority },
    };
  },
};

interface Config {
  readonly port: number;
  readonly secure: string;
  readonly map: string;
  readonly engines: readonly number[];
}

const config = ({ port, secure, map, engines }: Config): string => `
global
  nbthread 1
  maxconn 9000
  log stdout format raw local0
defaults
  mode http
  log global
  option http-no-delay
  http-reuse always
  timeout connect 5s
  timeout client 600s
  timeout server 600s
frontend clients
  bind 127.0.0.1:${port} backlog 4096${secure}
  unique-id-format %[uuid()]
  unique-id-header X-Request-Id
  log-format '{"time":"%t","id":"%ID","client":"%ci","method":"%HM","path":"%HP","status":%ST,"key":"%[var(txn.key)]","bytesIn":%U,"bytesOut":%B,"duration":%Ta,"firstByte":%Tr}'
  http-request set-var(txn.key) http_auth_bearer,map_str(${map})
  http-request return status 401 unless { var(txn.key) -m found }
  http-request track-sc0 var(txn.key) table rates
  http-request deny deny_status 429 if { sc_http_req_rate(0) gt 16000 }
  http-request del-header Authorization
  default_backend engines
backend rates
  stick-table type string len 32 size 100k expire 60s store http_req_rate(1s)
backend engines
${engines.map((engine, i) => `  server engine_${i} 127.0.0.1:${engine} pool-max-conn 1024`).join('\n')}
`;
