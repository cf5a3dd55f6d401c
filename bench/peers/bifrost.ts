/**
 * Bifrost's HTTP gateway, which FLM_BENCH_BIFROST_HTTP or PATH names. Its configuration is written from its documentation:
 * the authors could not get the program. npm's `@maximhq/bifrost` only downloads it from the vendor's server.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../test/helpers/free-ports.ts';
import { findProgram, temporaryFolder } from '../processes.ts';
import { makeKeys, type Peer, program } from './peer.ts';

export const bifrost: Peer = {
  name: 'Bifrost',
  lacks: ['keys', 'rate', 'log'],
  remark: 'what it lacks here needs its database',
  perSecond: 2_500,
  streams: 100,
  version: () => (findProgram('bifrost-http') === undefined ? undefined : '?'),
  prepare: async ({ engines, keyCount }) => {
    const folder = temporaryFolder();
    const port = await freePort();
    const openai = {
      network_config: { base_url: `http://127.0.0.1:${engines[0]}` },
      keys: [{ name: 'engine', value: 'none', models: ['bench'], weight: 1 }],
    };
    writeFileSync(join(folder.path, 'config.json'), JSON.stringify({ providers: { openai } }));
    const listening = ['-host', '127.0.0.1', '-port', String(port)];
    return {
      ...program({
        command: [findProgram('bifrost-http') ?? '', ...listening, '-app-dir', folder.path],
        folder,
      }),
      address: { port, keys: makeKeys(keyCount), model: 'openai/bench' },
    };
  },
};
