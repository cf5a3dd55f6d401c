/**
 * The entry of the program. The process of a proxy loads neither the commands nor their texts, which saves memory and
 * time; everything else is the command line.
 */
import process from 'node:process';
import { environment } from './environment.ts';

const [group, command, flag, ...more] = process.argv.slice(2);
// As `flm proxy start` and a proxy that is restarted call it.
if (group === 'proxy' && command === 'run' && flag === '--launched' && more.length === 0) {
  const { runLaunched } = await import('../app/launched.ts');
  process.exitCode = await runLaunched(environment);
} else await import('./command-line.ts');
