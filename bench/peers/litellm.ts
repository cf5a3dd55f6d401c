/**
 * LiteLLM's proxy with one worker: keys are checked by a function of its configuration, because its stored keys need
 * PostgreSQL. `pip install 'litellm[proxy]'`, then FLM_BENCH_LITELLM=VENV/bin/litellm.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { freePort } from '../../test/helpers/free-ports.ts';
import { findProgram, temporaryFolder } from '../processes.ts';
import { makeKeys, type Peer, program } from './peer.ts';

/** Nothing is fetched from other machines. */
const env = {
  LITELLM_LOCAL_MODEL_COST_MAP: 'True',
  LITELLM_TELEMETRY: 'False',
  NO_PROXY: '127.0.0.1',
  // It ends streams that repeat an event 100 times.
  REPEATED_STREAMING_CHUNK_LIMIT: '1000000000',
};

export const litellm: Peer = {
  name: 'LiteLLM',
  lacks: ['storedKeys'],
  remark: 'keys are in a table of its configuration; it counts tokens as flm does',
  perSecond: 180,
  streams: 8,
  openStreams: 200,
  version: () => {
    const path = findProgram('litellm');
    if (path === undefined) return undefined;
    const python = join(dirname(path), 'python');
    const asked = 'import importlib.metadata as m; print(m.version("litellm"))';
    return spawnSync(python, ['-c', asked], { encoding: 'utf8' }).stdout?.trim() || undefined;
  },
  prepare: async ({ engines, keyCount }) => {
    const folder = temporaryFolder();
    const port = await freePort();
    const keys = makeKeys(keyCount);
    writeFileSync(join(folder.path, 'keys.txt'), keys.join('\n'));
    writeFileSync(
      join(folder.path, 'bench_auth.py'),
      `from pathlib import Path
from fastapi import HTTPException
from litellm.proxy._types import UserAPIKeyAuth

keys = frozenset(Path(__file__).with_name("keys.txt").read_text().split())

async def user_api_key_auth(request, api_key: str) -> UserAPIKeyAuth:
    if api_key not in keys:
        raise HTTPException(status_code=401)
    return UserAPIKeyAuth(api_key=api_key, rpm_limit=1000000)
`,
    );
    writeFileSync(
      join(folder.path, 'config.yaml'),
      `model_list:
${engines.map((engine) => `  - {model_name: bench, litellm_params: {model: openai/bench, api_base: "http://127.0.0.1:${engine}/v1", api_key: none}}`).join('\n')}
litellm_settings: {num_retries: 0, request_timeout: 600}
general_settings: {custom_auth: bench_auth.user_api_key_auth, master_key: sk-${keys[0]}}
`,
    );
    const litellmPath = findProgram('litellm') ?? '';
    return {
      ...program({
        command: [
          litellmPath,
          '--config',
          'config.yaml',
          '--host',
          '127.0.0.1',
          '--port',
          String(port),
          '--keepalive_timeout',
          '600',
        ],
        folder,
        env,
      }),
      address: { port, keys },
    };
  },
};
