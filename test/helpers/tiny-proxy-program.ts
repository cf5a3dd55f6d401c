/**
 * The program that a detached controller launches in tests: the hidden command of the command line, with the tiny
 * proxy.
 */
import { tmpdir } from 'node:os';
import { systemClock } from '../../src/core/clock.ts';
import { runDetachedChild } from '../../src/process/detached-child.ts';
import { homePaths } from '../../src/process/paths.ts';
import { openStore } from '../../src/store/sqlite/open-store.ts';
import { tinyProxyFactory } from './tiny-proxy.ts';

const paths = homePaths({
  env: process.env,
  platform: process.platform,
  userHome: '/nowhere',
  temporaryFolder: tmpdir(),
  uid: process.getuid?.(),
});
const store = openStore({ home: paths.home, clock: systemClock, liveness: () => Promise.resolve(true) });
process.exitCode = await runDetachedChild(tinyProxyFactory({ paths, handles: store.proxies }));
store.close();
