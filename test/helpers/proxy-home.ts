/** A data folder with its paths and its store, for tests of processes. Removed after the test. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import type { ProxyRepository } from '../../src/core/proxy/ports.ts';
import { type HomePaths, homePaths, makeHomeFolders } from '../../src/process/paths.ts';
import { openStore } from '../../src/store/sqlite/open-store.ts';

export interface ProxyHome {
  readonly paths: HomePaths;
  readonly proxies: ProxyRepository;
  sockets(): readonly string[];
}

/** `beforeEnd` runs while the store is still open; the home itself lies `below` the temporary folder. */
export function proxyHome(
  t: TestContext,
  beforeEnd: (home: ProxyHome) => Promise<void>,
  below = '',
): ProxyHome {
  const folder = mkdtempSync(join(tmpdir(), 'flm-home-'));
  const paths = homePathsAt(join(folder, below));
  makeHomeFolders(paths);
  const liveness = (): Promise<boolean> => Promise.resolve(true);
  const store = openStore({ home: paths.home, clock: systemClock, liveness });
  const home: ProxyHome = {
    paths,
    proxies: store.proxies,
    sockets: () => readdirSync(paths.run),
  };
  t.after(async () => {
    await beforeEnd(home);
    store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return home;
}

export function homePathsAt(folder: string): HomePaths {
  return homePaths({
    env: { FLM_HOME: folder },
    platform: process.platform,
    userHome: '/nowhere',
    temporaryFolder: tmpdir(),
    uid: process.getuid?.(),
  });
}
