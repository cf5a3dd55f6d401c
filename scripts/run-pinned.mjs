/**
 * Runs a script on the pinned Node and becomes it as far as a parent can: same streams, its exit code, its death by a
 * signal. Plain JavaScript for the system's Node.
 *
 * Signals: Ctrl-C in a terminal reaches the whole foreground group, so the child has its SIGINT already, and a second
 * one from here would mean "at once". Without a terminal nobody but us can pass it on. SIGTERM and SIGHUP are sent to one process
 * (a supervisor, `kill`), so they are always passed on.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { pinnedNode } from './setup.mjs';

export function runPinned(args, env = process.env) {
  // Set-up is done: descendants (a detached proxy, a test's CLI) need not look again.
  const child = spawn(pinnedNode, args, { stdio: 'inherit', env: { ...env, FLM_SETUP: 'off' } });
  const reachesChild = hasTerminal();
  process.on('SIGINT', () => {
    if (!reachesChild) child.kill('SIGINT');
  });
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`The pinned Node could not be started: ${error.message}\n`);
    process.exit(2);
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
    // Still here: the signal is one that this process ignores.
    setTimeout(() => process.exit(128 + constants.signals[signal]), 100);
  });
}

function hasTerminal() {
  if (process.platform === 'win32') return true;
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
