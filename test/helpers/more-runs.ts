/**
 * How many times as much a property test tries as in `npm test`: `FLM_TEST_RUNS=50 npm run test:only -- PATH...`.
 */
import process from 'node:process';

export const moreRuns = Math.max(1, Number(process.env.FLM_TEST_RUNS ?? 1) || 1);
