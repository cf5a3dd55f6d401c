/**
 * Olla, which FLM_BENCH_OLLA or PATH names. It checks no keys and limits requests for each address. Its configuration is
 * written from its documentation: no registry that the authors reach has the program.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../test/helpers/free-ports.ts';
import { findProgram, temporaryFolder } from '../processes.ts';
import { makeKeys, type Peer, program } from './peer.ts';

export const olla: Peer = {
  name: 'Olla',
  lacks: ['keys', 'rate'],
  perSecond: 2_500,
  streams: 100,
  version: () => {
    const path = findProgram('olla');
    if (path === undefined) return undefined;
    return /v?(\d+\.\d\S*)/.exec(spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout)?.[1] ?? '?';
  },
  prepare: async ({ engines, keyCount }) => {
    const folder = temporaryFolder();
    const port = await freePort();
    const endpoints = engines.map((engine, i) => ({
      url: `http://127.0.0.1:${engine}`,
      name: `engine-${i}`,
      type: 'openai-compatible',
      priority: 100,
      model_url: '/v1/models',
      health_check_url: '/v1/models',
      check_interval: '30s',
      check_timeout: '1s',
    }));
    const config = {
      server: { host: '127.0.0.1', port, request_logging: true },
      proxy: { engine: 'olla', load_balancer: 'priority', response_timeout: '600s', read_timeout: '600s' },
      discovery: { type: 'static', static: { endpoints } },
      logging: { level: 'info', format: 'json' },
    };
    // YAML contains JSON.
    writeFileSync(join(folder.path, 'config.yaml'), JSON.stringify(config));
    return {
      ...program({
        command: [findProgram('olla') ?? '', '--config', join(folder.path, 'config.yaml')],
        folder,
      }),
      address: { port, keys: makeKeys(keyCount), path: '/olla/openai/v1/chat/completions' },
    };
  },
};
