/**
 * Runs a script on the pinned Node and behaves like it: same streams, same exit code, same death by a signal. Plain
 * JavaScript for the system's Node.
 *
 * Signals: Ctrl-C in a terminal reaches the whole foreground group, so the child already has its SIGINT, and a second
 * one would mean "exit immediately". Without a terminal only this process can pass the signal on. SIGTERM and SIGHUP
 * are sent to one process (a supervisor, `kill`), so they are always passed on.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { pinnedNode } from './setup.mjs';
import { setupTexts } from './setup-texts.mjs';

export function runPinned(args, env = process.env) {
  // The set-up is done: child processes (a detached proxy, a test's CLI) need not check again.
  const child = spawn(pinnedNode, args, { stdio: 'inherit', env: { ...env, FLM_SETUP: 'off' } });
  const reachesChild = hasTerminal();
  process.on('SIGINT', () => {
    if (!reachesChild) child.kill('SIGINT');
  });
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`${setupTexts.pinnedNodeFailed(error.message)}\n`);
    process.exit(2);
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
    // This process is still running, so it ignores this signal.
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
