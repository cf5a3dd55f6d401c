/**
 * Caddy: a map of keys and an access log. The common build has no rate limit for each key; it is a plugin.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../test/helpers/free-ports.ts';
import { findProgram, temporaryFolder } from '../processes.ts';
import { makeKeys, type Peer, program } from './peer.ts';

export const caddy: Peer = {
  name: 'Caddy',
  lacks: ['rate', 'bodies', 'tokens'],
  remark: 'a plugin has a rate limit',
  perSecond: 7_000,
  tls: true,
  version: () => {
    const path = findProgram('caddy');
    if (path === undefined) return undefined;
    return /v?(\d\S*)/.exec(spawnSync(path, ['version'], { encoding: 'utf8' }).stdout)?.[1];
  },
  prepare: async ({ engines, keyCount, tls }) => {
    const folder = temporaryFolder();
    const port = await freePort();
    const keys = makeKeys(keyCount);
    const certificate = typeof tls === 'object' ? tls : undefined;
    const file = join(folder.path, 'Caddyfile');
    const upstreams = engines.map((engine) => `127.0.0.1:${engine}`).join(' ');
    writeFileSync(
      file,
      `{
  admin off
  auto_https off
  servers {
    protocols h1
  }
}
${certificate === undefined ? 'http' : 'https'}://:${port} {
  bind 127.0.0.1
  ${certificate === undefined ? '' : `tls ${certificate.pair} ${certificate.pair}`}
  log {
    output file ${join(folder.path, 'access.log')}
  }
  map {header.Authorization} {key_id} {
${keys.map((key, i) => `    "Bearer ${key}" key_${i}`).join('\n')}
    default ""
  }
  @unknown expression \`{key_id} == ""\`
  respond @unknown 401
  reverse_proxy ${upstreams} {
    flush_interval -1
    header_up -Authorization
    header_up X-Request-Id {http.request.uuid}
    transport http {
      keepalive_idle_conns_per_host 1024
    }
  }
}
`,
    );
    return {
      ...program({
        command: [findProgram('caddy') ?? '', 'run', '--config', file, '--adapter', 'caddyfile'],
        folder,
        env: { XDG_CONFIG_HOME: folder.path, XDG_DATA_HOME: folder.path },
      }),
      address: { port, keys, authority: certificate?.authority },
    };
  },
};
