/**
 * The soak: a mixed load on two proxies of the built program, while faults are injected one after the other. Nothing that
 * was acknowledged is lost, no response that ended well lacks a byte, every error has a code, a client that behaves is not
 * disturbed, and the process that lives all the time holds no more at the end than after its warm-up.
 *
 * `npm run verify:long soak MINUTES` goes through the faults again and again; CI injects each once.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { eventually } from '../helpers/eventually.ts';
import { drawSoak } from './soak/draw-soak.ts';
import { injectedFaults } from './soak/injected-faults.ts';
import type { Load } from './soak/load.ts';
import { Samples } from './soak/samples.ts';
import { usageTokens } from './soak/scripted-engine.ts';
import { profiles, type SoakScene, startSoakScene } from './soak/soak-scene.ts';

const minutes = Number(process.env.FLM_TEST_MINUTES ?? 0) || 0;
const isLong = minutes > 0;
const paceMs = isLong ? 100 : 25;
/** Between two faults of the long form, so that the whole takes a small part of one core. */
const calmMs = isLong ? 8_000 : 300;
const sampleEveryMs = isLong ? 10_000 : 1_000;
/** How many times as long a client that behaves may wait while a fault lasts, in the median. */
const allowedSlowing = 20;

test('while faults are injected nothing acknowledged is lost and no response lacks a byte', {
  timeout: minutes * 60_000 + 900_000,
}, async (t) => {
  const folder = samplesFolder(t);
  const scene = await startSoakScene(t, {
    isLong,
    paceMs,
    during: () => samples.fault,
    violationsFile: join(folder, 'violations.txt'),
  });
  const samples: Samples = new Samples(scene, join(folder, 'samples.jsonl'));
  const { loads, violations, ledger } = scene;
  await samples.learn();
  const sampling = setInterval(() => void samples.take('now'), sampleEveryMs);
  t.after(() => clearInterval(sampling));
  for (const load of Object.values(loads)) load.start();
  const churn = everyNow(isLong ? 5_000 : 1_000, async (n) => {
    await ledger.change(isLong && n % 12 === 0 ? 'command' : 'api');
    for (const profile of profiles) {
      const sinceMs = performance.now();
      await ledger.probe(scene.targets[profile], () => loads[profile].isExcused(sinceMs));
    }
  });

  await calm(scene);
  await setTimeout(isLong ? 60_000 : 3_000);
  const untilMs = performance.now() + minutes * 60_000;
  const waits = new Waits();
  const skipped = new Set<string>();
  if (!isLong) await samples.take('rest');
  do {
    for (const fault of injectedFaults) {
      const missing = fault.missing?.(scene);
      if (missing !== undefined) {
        skipped.add(`${fault.name}: ${missing}`);
        continue;
      }
      await setTimeout(calmMs);
      waits.take('calm', loads.steady);
      samples.fault = fault.name;
      await fault.inject(scene).catch((error: unknown) => {
        scene.violation(error instanceof Error ? String(error.stack) : String(error));
      });
      waits.take(fault.name, loads.steady);
      samples.fault = null;
      samples.faults.set(fault.name, (samples.faults.get(fault.name) ?? 0) + 1);
      await scene.settled();
      await samples.learn();
      loads.steady.medians();
    }
    if (isLong) await samples.take('rest');
  } while (performance.now() < untilMs);

  await churn.stop();
  for (const load of Object.values(loads)) await load.stop();
  clearInterval(sampling);
  await assertUsage(scene);
  await samples.take('rest');
  const verdict = {
    ...drawSoak(samples.taken, folder),
    changes: { acknowledged: ledger.acknowledged, refused: ledger.refused },
    waits: waits.all(),
    skipped: [...skipped],
    violations,
  };
  writeFileSync(join(folder, 'verdict.json'), `${JSON.stringify(verdict, null, 2)}\n`);
  for (const text of skipped) t.diagnostic(`SKIPPED ${text}`);
  t.diagnostic(`${verdict.requests} requests, ${verdict.faults} faults, ${JSON.stringify(verdict.errors)}`);
  t.diagnostic(`changes ${JSON.stringify(verdict.changes)}, waits in ms ${JSON.stringify(verdict.waits)}`);
  assert.deepEqual(violations, []);
  assert.deepEqual(verdict.leaks, []);
  assert.deepEqual(waits.slowed(), []);
});

async function calm(scene: SoakScene): Promise<void> {
  await eventually(
    () => Math.min(scene.loads.steady.requests, scene.loads.changing.requests),
    (least) => least > 20,
  );
}

function samplesFolder(t: TestContext): string {
  const named = process.env.FLM_TEST_SAMPLES;
  if (named !== undefined) {
    mkdirSync(named, { recursive: true });
    return named;
  }
  const folder = mkdtempSync(join(tmpdir(), 'flm-samples-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function everyNow(everyMs: number, work: (n: number) => Promise<void>): { stop(): Promise<void> } {
  let isOver = false;
  const over = (async () => {
    for (let n = 1; !isOver; n++) {
      await work(n);
      await setTimeout(everyMs);
    }
  })();
  return {
    stop: async () => {
      isOver = true;
      await over;
    },
  };
}

/** Medians of the waiting of a client that behaves, by what was injected meanwhile. */
class Waits {
  readonly #taken = new Map<string, { flm: number; engine: number }[]>();

  take(name: string, load: Load): void {
    const medians = load.medians();
    if (medians === undefined) return;
    const list = this.#taken.get(name) ?? [];
    list.push(medians);
    this.#taken.set(name, list);
  }

  /**
   * The faults that slowed a client more than flm itself in calm times, both compared with requests that go to the engine
   * at the same moment. So a busy machine slows both sides.
   */
  slowed(): readonly string[] {
    const { calm, ...others } = this.all();
    if (calm === undefined) return ['nothing was measured in calm times'];
    return Object.entries(others).flatMap(([name, { flmMs, engineMs }]) => {
      const allowedMs = allowedSlowing * calm.flmMs * Math.max(1, engineMs / calm.engineMs);
      return flmMs > allowedMs ? [`${name}: ${flmMs} ms, and ${calm.flmMs} ms in calm times`] : [];
    });
  }

  all(): Readonly<Record<string, { readonly flmMs: number; readonly engineMs: number }>> {
    const middle = (numbers: readonly number[]): number =>
      Math.round(([...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0) * 100) / 100;
    return Object.fromEntries(
      [...this.#taken].map(([name, list]) => [
        name,
        { flmMs: middle(list.map((m) => m.flm)), engineMs: middle(list.map((m) => m.engine)) },
      ]),
    );
  }
}

/** Every response that ended well is counted, once; what a kill took in its last seconds may be. */
async function assertUsage(scene: SoakScene): Promise<void> {
  for (const profile of profiles) {
    const { certain, uncertain } = scene.loads[profile];
    // What was counted while the clock was ahead lies in an hour that has not come yet.
    const to = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
    const args = ['usage', '--to', to, '--key', scene.countedIds[profile], '--ending', 'done', '--json'];
    const used = async () =>
      (await scene.cli.run(...args)).json<{
        total: { requests: number; inputTokens: number; outputTokens: number };
      }>().total;
    const total = await eventually(used, ({ requests }) => requests >= certain, 1_000).catch(() => used());
    const fits = total.requests >= certain && total.requests <= certain + uncertain;
    if (!fits)
      scene.violation(
        `${profile}: ${total.requests} requests are stored, ${certain} ended well and ${uncertain} may have`,
      );
    if (total.inputTokens !== usageTokens.input * total.requests)
      scene.violation(`${profile}: ${total.inputTokens} tokens of ${total.requests} requests`);
  }
}
