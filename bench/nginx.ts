/**
 * The peer: nginx, configured as similar to flm as possible. A map of keys, a request rate for each key, an access log,
 * unbuffered responses, keep-alive connections to the engine, one worker. Undefined if nginx is not installed.
 *
 * Its log is buffered, like flm's. nginx forwards the client's headers unchanged, parses no body, and counts no usage.
 */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { suites } from '../src/gateway/tls-listener.ts';
import { core, pinned } from './machine.ts';
import { end, type Running, temporaryFolder } from './processes.ts';

export function nginxVersion(): string | undefined {
  const asked = spawnSync('nginx', ['-v'], { encoding: 'utf8' });
  return /nginx\/(\S+)/.exec(asked.stderr ?? '')?.[1];
}

/** `pair`: a file with key and certificate, PEM; with it nginx serves only HTTPS. */
export async function startNginx(
  enginePort: number,
  keys: readonly string[],
  pair?: string,
): Promise<Running> {
  const folder = temporaryFolder();
  const port = await freePort();
  const file = join(folder.path, 'nginx.conf');
  writeFileSync(file, config({ folder: folder.path, port, enginePort, keys, pair }));
  const [command = '', ...args] = pinned(core.proxy, [
    'nginx',
    '-p',
    folder.path,
    '-c',
    file,
    '-e',
    'stderr',
  ]);
  const master = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const masterPid = master.pid ?? 0;
  const pid = await workerOf(masterPid);
  await listening(port);
  return {
    name: 'nginx',
    pid,
    port,
    stop: async () => {
      await end(master);
      folder.remove();
    },
  };
}

async function workerOf(masterPid: number): Promise<number> {
  for (let tries = 0; tries < 500; tries++) {
    const children = readFileSync(`/proc/${masterPid}/task/${masterPid}/children`, 'latin1').trim();
    if (children !== '') return Number(children.split(' ')[0]);
    await sleep(10);
  }
  throw new Error('nginx has no worker');
}

/** nginx cannot report a port that the system chose. */
async function freePort(): Promise<number> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = address !== null && typeof address === 'object' ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** Resolves when a process accepts connections on the port. */
async function listening(port: number): Promise<void> {
  for (let tries = 0; tries < 1000; tries++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (open) return;
    await sleep(5);
  }
  throw new Error(`nobody listens on port ${port}`);
}

interface Config {
  readonly folder: string;
  readonly port: number;
  readonly enginePort: number;
  readonly keys: readonly string[];
  readonly pair: string | undefined;
}

/** The same settings as flm: cipher suites in the same order, session tickets, HTTP/1.1. */
const tls = (pair: string): string => `
    ssl_certificate ${pair};
    ssl_certificate_key ${pair};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ciphers ${suites.filter((suite) => !suite.startsWith('TLS_')).join(':')};
    ssl_conf_command Ciphersuites ${suites.filter((suite) => suite.startsWith('TLS_')).join(':')};
    ssl_prefer_server_ciphers on;
    ssl_session_tickets on;`;

function config({ folder, port, enginePort, keys, pair }: Config): string {
  return `
worker_processes 1;
daemon off;
pid ${folder}/nginx.pid;
events { worker_connections 8192; }
http {
  map_hash_bucket_size 256;
  map_hash_max_size 32768;
  map $http_authorization $key_id {
    default "";
${keys.map((key, i) => `    "Bearer ${key}" key_${i};`).join('\n')}
  }
  limit_req_zone $key_id zone=keys:10m rate=16000r/s;
  log_format line escape=json '{"time":"$time_iso8601","id":"$request_id","client":"$remote_addr",'
    '"method":"$request_method","path":"$uri","status":$status,"key":"$key_id","bytesIn":$request_length,'
    '"bytesOut":$body_bytes_sent,"duration":$request_time,"firstByte":"$upstream_header_time"}';
  access_log ${folder}/access.log line buffer=64k flush=1s;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  keepalive_requests 100000000;
  upstream engine { server 127.0.0.1:${enginePort}; keepalive 1024; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port} ${pair === undefined ? '' : 'ssl '}backlog=1024;${pair === undefined ? '' : tls(pair)}
    location / {
      if ($key_id = "") { return 401; }
      limit_req zone=keys burst=16000 nodelay;
      proxy_pass http://engine;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Authorization "";
      proxy_set_header X-Request-Id $request_id;
      proxy_buffering off;
    }
  }
}
`;
}
