/**
 * nginx, configured as similar to flm as possible. A map of keys, a request rate for each key, an access log, unbuffered
 * responses, keep-alive connections to the engine, one worker.
 *
 * Its log is buffered, like flm's. nginx forwards the client's headers unchanged, parses no body, and counts no usage.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { suites } from '../../src/gateway/tls-listener.ts';
import { freePort } from '../../test/helpers/free-ports.ts';
import { findProgram, temporaryFolder } from '../processes.ts';
import { type Certificate, makeKeys, type Peer, program } from './peer.ts';

export const nginx: Peer = {
  name: 'nginx',
  lacks: ['bodies', 'tokens'],
  remark: 'writes bodies above 16 KB to a file first (its default)',
  perSecond: 40_000,
  tls: true,
  manyKeys: true,
  version: () => {
    const path = findProgram('nginx');
    if (path === undefined) return undefined;
    return /nginx\/(\S+)/.exec(spawnSync(path, ['-v'], { encoding: 'utf8' }).stderr)?.[1];
  },
  prepare: async ({ engines, keyCount, tls }) => {
    const folder = temporaryFolder();
    const port = await freePort();
    const keys = makeKeys(keyCount);
    const file = join(folder.path, 'nginx.conf');
    const certificate = typeof tls === 'object' ? tls : undefined;
    writeFileSync(file, config({ folder: folder.path, port, engines, keys, certificate }));
    return {
      ...program({
        command: [findProgram('nginx') ?? '', '-p', folder.path, '-c', file, '-e', 'stderr'],
        folder,
        worker: true,
      }),
      address: { port, keys, authority: certificate?.authority },
    };
  },
};

// A worker that root starts is another user, which cannot write into the folder of root.
const user = userInfo().uid === 0 ? 'user root;' : '';

interface Config {
  readonly folder: string;
  readonly port: number;
  readonly engines: readonly number[];
  readonly keys: readonly string[];
  readonly certificate: Certificate | undefined;
}

/** The same settings as flm: cipher suites in the same order, session tickets, HTTP/1.1. */
const tlsLines = (pair: string): string => `
    ssl_certificate ${pair};
    ssl_certificate_key ${pair};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ciphers ${suites.filter((suite) => !suite.startsWith('TLS_')).join(':')};
    ssl_conf_command Ciphersuites ${suites.filter((suite) => suite.startsWith('TLS_')).join(':')};
    ssl_prefer_server_ciphers on;
    ssl_session_tickets on;`;

function config({ folder, port, engines, keys, certificate }: Config): string {
  return `
${user}
worker_processes 1;
worker_rlimit_nofile 20000;
daemon off;
pid ${folder}/nginx.pid;
events { worker_connections 16384; }
http {
  map_hash_bucket_size 256;
  map_hash_max_size ${Math.max(32_768, keys.length * 4)};
  map $http_authorization $key_id {
    default "";
${keys.map((key, i) => `    "Bearer ${key}" key_${i};`).join('\n')}
  }
  limit_req_zone $key_id zone=keys:10m rate=16000r/s;
  log_format line escape=json '{"time":"$time_iso8601","id":"$request_id","client":"$remote_addr",'
    '"method":"$request_method","path":"$uri","status":$status,"key":"$key_id","bytesIn":$request_length,'
    '"bytesOut":$body_bytes_sent,"duration":$request_time,"firstByte":"$upstream_header_time"}';
  access_log ${folder}/access.log line buffer=64k flush=1s;
  client_max_body_size 64m;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  keepalive_requests 100000000;
  upstream engine {
${engines.map((engine) => `    server 127.0.0.1:${engine};`).join('\n')}
    keepalive 1024;
    keepalive_requests 100000000;
  }
  server {
    listen 127.0.0.1:${port} ${certificate === undefined ? '' : 'ssl '}backlog=4096;${certificate === undefined ? '' : tlsLines(certificate.pair)}
    location / {
      if ($key_id = "") { return 401; }
      limit_req zone=keys burst=16000 nodelay;
      proxy_pass http://engine;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Authorization "";
      proxy_set_header X-Request-Id $request_id;
      proxy_buffering off;
      proxy_read_timeout 600s;
    }
  }
}
`;
}
