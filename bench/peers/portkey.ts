/**
 * Portkey's gateway from npm. It checks no keys: the client's headers name the engine. FLM_BENCH_PORTKEY is the path of its
 * command `gateway`. Version 1.15.2 streams only with these overrides in package.json:
 * `{"@hono/node-server": "1.13.8", "hono": "4.9.7"}`.
 */
import { readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { freePort } from '../../test/helpers/free-ports.ts';
import { findProgram, temporaryFolder } from '../processes.ts';
import { makeKeys, type Peer, program } from './peer.ts';

export const portkey: Peer = {
  name: 'Portkey',
  lacks: ['keys', 'rate', 'log'],
  perSecond: 1_800,
  streams: 80,
  openStreams: 1_000,
  version: () => {
    const path = findProgram('portkey');
    if (path === undefined) return undefined;
    const manifest: unknown = JSON.parse(
      readFileSync(join(dirname(realpathSync(path)), '../package.json'), 'utf8'),
    );
    return (manifest as { readonly version: string }).version;
  },
  prepare: async ({ engines, keyCount }) => {
    const folder = temporaryFolder();
    const port = await freePort();
    const script = realpathSync(findProgram('portkey') ?? '');
    return {
      ...program({
        command: [process.execPath, script, `--port=${port}`, '--headless'],
        folder,
        env: { NODE_ENV: 'production' },
      }),
      address: {
        port,
        keys: makeKeys(keyCount),
        headers: {
          'x-portkey-provider': 'openai',
          'x-portkey-custom-host': `http://127.0.0.1:${engines[0]}/v1`,
        },
      },
    };
  },
};
