/**
 * llama-swap, which FLM_BENCH_LLAMA_SWAP or PATH names. It starts the program of a model by itself: here a process that waits,
 * while the model's address is the engine's. Its configuration is written from its documentation: no registry that the authors
 * reach has the program.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../test/helpers/free-ports.ts';
import { findProgram, temporaryFolder } from '../processes.ts';
import { makeKeys, type Peer, program } from './peer.ts';

export const llamaSwap: Peer = {
  name: 'llama-swap',
  lacks: ['rate'],
  perSecond: 2_500,
  streams: 100,
  version: () => {
    const path = findProgram('llama-swap');
    if (path === undefined) return undefined;
    return /version:? v?(\S+)/.exec(spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout)?.[1] ?? '?';
  },
  prepare: async ({ engines, keyCount }) => {
    const folder = temporaryFolder();
    const port = await freePort();
    const keys = makeKeys(keyCount);
    const file = join(folder.path, 'config.yaml');
    const model = { cmd: 'sleep 1000000', proxy: `http://127.0.0.1:${engines[0]}`, checkEndpoint: 'none' };
    // YAML contains JSON.
    writeFileSync(file, JSON.stringify({ apiKeys: keys, models: { bench: model } }));
    return {
      ...program({
        command: [findProgram('llama-swap') ?? '', '--config', file, '--listen', `127.0.0.1:${port}`],
        folder,
      }),
      address: { port, keys },
    };
  },
};
