/**
 * The entry of the program. The process of a proxy loads neither the commands nor their texts, which saves memory and
 * time; everything else is the command line.
 */
import process from 'node:process';
import { environment } from './environment.ts';

const [entry = '', group, command, ...words] = process.argv.slice(1);
// As `flm proxy start` and a proxy that is restarted call it.
if (group === 'proxy' && command === 'run' && words[0] === '--launched' && words.length === 1) {
  const { runLaunched } = await import('../app/launched.ts');
  process.exitCode = await runLaunched(environment);
} else {
  const ofUp = process.argv.slice(3);
  const isUp = group === 'up' && ofUp.some((word) => word === '--detach' || word === '-d');
  if (isUp || (group === 'proxy' && command === 'start')) {
    const { launchEarly } = await import('../app/early-launch.ts');
    launchEarly(environment, entry, { words: isUp ? ofUp : words, unlessOneRuns: isUp });
  }
  await import('./command-line.ts');
}
