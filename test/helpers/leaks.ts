/**
 * Finds leaks of a process: open descriptors, handles that keep it alive, children. A suite takes stock at its start and
 * asserts at its end that nothing was added. Closing takes turns of the event loop, so the check repeats until a deadline.
 *
 * Timers that are unref'd are not visible here; a suite can inject a clock and count its timers.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

export interface Stock {
  /** The target of each descriptor; empty on a system without /proc. */
  readonly descriptors: ReadonlyMap<string, string>;
  /** The number of handles of each kind that keep the process alive. */
  readonly handles: ReadonlyMap<string, number>;
  readonly children: ReadonlySet<string>;
}

const patienceMs = 30_000;
const lookMs = 5;

export function takeStock(): Stock {
  const handles = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) handles.set(kind, (handles.get(kind) ?? 0) + 1);
  return { descriptors: openDescriptors(), handles, children: children() };
}

export async function assertNoLeaks(before: Stock): Promise<void> {
  const untilMs = performance.now() + patienceMs;
  let leaks = leaksSince(before);
  while (leaks.length > 0 && performance.now() < untilMs) {
    await delay(lookMs);
    leaks = leaksSince(before);
  }
  assert.deepEqual(leaks, []);
}

/** Describes what was added since; does not wait for handles that are being closed. */
export function leaksSince(before: Stock): string[] {
  const now = takeStock();
  const leaks: string[] = [];
  for (const [fd, target] of now.descriptors) {
    if (before.descriptors.get(fd) !== target) leaks.push(`descriptor ${fd} ${target}`);
  }
  for (const [kind, count] of now.handles) {
    const more = count - (before.handles.get(kind) ?? 0);
    if (more > 0) leaks.push(`${more} ${kind}`);
  }
  for (const pid of now.children) if (!before.children.has(pid)) leaks.push(`child ${pid}`);
  return leaks;
}

function openDescriptors(): Map<string, string> {
  const open = new Map<string, string>();
  for (const fd of list('/proc/self/fd')) {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      // libuv opens it with its first stream, which may be made before or after the stock was taken.
      if (target !== '/dev/null') open.set(fd, target);
    } catch {
      // The descriptor of the listing itself.
    }
  }
  return open;
}

function children(): Set<string> {
  const found = new Set<string>();
  for (const thread of list('/proc/self/task')) {
    try {
      for (const pid of readFileSync(`/proc/self/task/${thread}/children`, 'utf8').split(' ')) {
        if (pid !== '') found.add(pid);
      }
    } catch {
      // The thread ended meanwhile, or the kernel does not list children.
    }
  }
  return found;
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
