/**
 * `node scripts/run.mjs FILE [ARGS]`: sets up, then runs FILE on the pinned Node. Every npm script starts with this.
 */
import { runPinned } from './run-pinned.mjs';
import { setUp } from './setup.mjs';

try {
  setUp({ build: false });
  runPinned(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
