/** A thread that fuzzes a function with a fault that chance alone would hardly find: two bytes must fit. */
import { parentPort } from 'node:worker_threads';
import { BlockCoverage } from './block-coverage.ts';
import { fuzz } from './fuzzer.ts';

const coverage = new BlockCoverage([import.meta.filename]);

function check(input: Buffer): void {
  if (input[0] !== 0x66) return;
  if (input[1] === 0x6c) throw new Error('the planted fault');
}

const { finding, runs } = await fuzz({
  target: { name: 'planted', about: '', sources: [], tokens: [], seeds: ['abcdefgh'], check },
  coverage,
  stored: [],
  seed: 1,
  milliseconds: 120_000,
});
parentPort?.postMessage({ input: finding?.input.toString('latin1'), runs });
