/**
 * No peer but a floor: a TCP relay in Node without any policy (`../relay.mjs`). It shows which part of a figure is Node itself.
 */
import { join } from 'node:path';
import process from 'node:process';
import { suites } from '../../src/gateway/tls-listener.ts';
import { freePort } from '../../test/helpers/free-ports.ts';
import { temporaryFolder } from '../processes.ts';
import { type Peer, program } from './peer.ts';

export const relay: Peer = {
  name: 'relay',
  lacks: ['keys', 'rate', 'log', 'bodies', 'tokens'],
  remark: 'passes bytes on without reading them: what Node itself costs',
  perSecond: 40_000,
  tls: true,
  version: () => process.version.slice(1),
  prepare: async ({ engines, tls }) => {
    const folder = temporaryFolder();
    const port = await freePort();
    const certificate = typeof tls === 'object' ? tls : undefined;
    const script = join(import.meta.dirname, '../relay.mjs');
    const secure = certificate === undefined ? [] : [certificate.pair, suites.join(':')];
    return {
      ...program({
        command: [process.execPath, script, String(port), String(engines[0]), ...secure],
        folder,
      }),
      address: { port, keys: ['none'], authority: certificate?.authority },
    };
  },
};
