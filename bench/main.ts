/**
 * `npm run bench` compares flm with other proxies and gateways: docs/performance.md says what the figures mean.
 *
 *   --only=PART,...   only these parts: json, bodies, burst, spread, wait, tls, latency, memory, start, first, keys, engines,
 *                     models, limits (only when named; needs Redis or Valkey)
 *   --peers=NAME,...  only these peers, and flm and nginx
 *   --into=NAME       the file bench/results/NAME.json takes the figures; `first` by default
 *   --dry             prints the figures and keeps none
 *   --report          measures nothing: writes page and charts from the files of results
 *   --smoke           flm and nginx in less than three minutes. Fails if a JSON request costs 35 % more than in the committed
 *                     results, as a ratio to nginx; warns about events. Exit status 77 if nginx is not installed.
 */
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { core, describeMachine, loadAverage, pinSelf } from './machine.ts';
import { allMeasures } from './measures/all.ts';
import { allPeers } from './peers/all.ts';
import { writeReport } from './report/page.ts';
import { printFigures } from './report/table.ts';
import { mergeResults, type Run } from './results.ts';
import { Session } from './session.ts';
import { smoke } from './smoke.ts';

const option = (name: string): string | undefined =>
  process.argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
const has = (name: string): boolean => process.argv.includes(`--${name}`);

/** The installed peers that are asked for. Names the others in one line. */
function choosePeers(asked: string | undefined) {
  const versions: Record<string, string> = {};
  for (const peer of allPeers) {
    const version = peer.version();
    if (version !== undefined) versions[peer.name] = version;
  }
  const missing = allPeers.filter(({ name }) => versions[name] === undefined).map(({ name }) => name);
  if (missing.length > 0) console.log(`not installed: ${missing.join(', ')}`);
  const wanted = asked?.toLowerCase().split(',');
  const isWanted = (name: string): boolean =>
    wanted === undefined || ['flm', 'nginx', ...wanted].includes(name.toLowerCase());
  return { versions, peers: allPeers.filter(({ name }) => versions[name] !== undefined && isWanted(name)) };
}

/** Waits until the load average is below 1, at most three minutes: the end of an earlier run raises it too. */
async function waitForIdleMachine(): Promise<void> {
  const latestMs = performance.now() + 180_000;
  if (loadAverage() >= 1) console.log(`load average ${loadAverage()}: waiting until it is below 1`);
  while (loadAverage() >= 1 && performance.now() < latestMs) await sleep(2_000);
}

async function run(): Promise<void> {
  if (!has('dry')) await waitForIdleMachine();
  const load = loadAverage();
  const only = option('only')?.split(',');
  const unknown = only?.filter((name) => allMeasures.every((measure) => measure.name !== name)) ?? [];
  if (unknown.length > 0) throw new Error(`no such part: ${unknown.join(', ')}`);
  const parts = allMeasures.filter(({ name, named }) => (only === undefined ? !named : only.includes(name)));
  const { versions, peers } = choosePeers(option('peers'));
  const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).stdout.trim();
  const about: Run = { at: new Date().toISOString(), load, machine: describeMachine(), commit, versions };
  console.log(
    `${about.machine}, load ${load}\n${peers.map(({ name }) => `${name} ${versions[name]}`).join(', ')}`,
  );
  const session = await Session.open(peers);
  try {
    for (const part of parts) {
      const begunMs = performance.now();
      const figures = await part.run(session);
      console.log(`\n${part.name} (${((performance.now() - begunMs) / 1000).toFixed(0)} s)`);
      printFigures(figures);
      if (!has('dry')) mergeResults(option('into') ?? 'first', about, figures);
    }
  } finally {
    await session.close();
  }
}

pinSelf(core.rest);
if (has('report')) writeReport();
else if (has('smoke')) process.exitCode = await smoke();
else await run();
