/**
 * Counts the work that a call does, in steps and not in time, so that a test can hold it to the size of its input on any
 * machine under any load. A step is: a function or block of JavaScript entered (V8's precise coverage), an instruction
 * of a regular expression (`regex-steps.ts`), a character or element that a native search, copy or sort looks at.
 *
 * Blocks are counted in functions that were never called before this module was loaded: import it before the measured
 * code. Only what runs within the call is counted, so what is measured must be synchronous.
 */
import assert from 'node:assert/strict';
import buffer from 'node:buffer';
import crypto from 'node:crypto';
import { Session } from 'node:inspector';
import { syncBuiltinESMExports } from 'node:module';
import { regexSteps } from './regex-steps.ts';

const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });

/** A regular expression that takes more is quadratic or worse on anything that a head can hold. */
const maxRegexSteps = 5_000_000;
const ownFiles = /\/test\/helpers\/(?:count|regex)-steps\.ts$/;

let natives = 0;
/** What the counter itself calls is not counted. */
let counting = false;

/** Steps that the call takes. It must not be asynchronous. */
export function countSteps(call: () => unknown): number {
  takeBlocks();
  natives = 0;
  const unpatch = patchNatives();
  counting = true;
  try {
    call();
  } finally {
    counting = false;
    unpatch();
  }
  return natives + takeBlocks();
}

/**
 * Holds the work to `fixed + perUnit * size` at each size. `make` prepares the input and gives the call to measure.
 */
export function assertLinear(
  what: string,
  make: (size: number) => () => unknown,
  bounds: { readonly sizes: readonly number[]; readonly fixed: number; readonly perUnit: number },
): void {
  for (const size of bounds.sizes) {
    const steps = countSteps(make(size));
    const allowed = bounds.fixed + bounds.perUnit * size;
    assert.ok(steps <= allowed, `${what} of size ${size} took ${steps} steps; ${allowed} are allowed`);
  }
}

/** Returns the number of blocks entered since the last call, without those of Node's own code. */
function takeBlocks(): number {
  let blocks = 0;
  session.post('Profiler.takePreciseCoverage', (error, { result }) => {
    if (error !== null) throw error;
    for (const { url, functions } of result) {
      if (!url.startsWith('file:') || ownFiles.test(url)) continue;
      for (const { ranges } of functions) for (const { count } of ranges) blocks += count;
    }
  });
  return blocks;
}

/** What a native routine does, in steps. */
type Cost = (self: unknown, args: readonly unknown[], result: unknown) => number;
type Routines = Readonly<Record<string, Cost>>;

const ofSelf: Cost = (self) => lengthOf(self);
const ofArgument: Cost = (_self, args) => lengthOf(args[0]);
const ofResult: Cost = (_self, _args, result) => lengthOf(result);
/** From the start of the search to the match, or to the end. */
const ofSearch: Cost = (self, args, result) =>
  Math.max(0, (Number(result) < 0 ? lengthOf(self) : Number(result)) - Number(args[1] ?? 0));

const ofText: Routines = {
  ...each(
    ['split', 'replace', 'replaceAll', 'toLowerCase', 'toUpperCase', 'trim', 'trimEnd', 'trimStart'],
    ofSelf,
  ),
  ...each(['includes', 'isWellFormed', 'normalize', 'localeCompare'], ofSelf),
  ...each(['startsWith', 'endsWith'], ofArgument),
  ...each(['repeat', 'concat'], ofResult),
  indexOf: ofSearch,
  lastIndexOf: (self, args, result) => Math.max(0, Number(args[1] ?? lengthOf(self)) - Number(result)),
};
const ofList: Routines = {
  ...each(['includes', 'lastIndexOf', 'join', 'shift', 'unshift', 'splice', 'reverse', 'fill'], ofSelf),
  ...each(['slice', 'concat', 'flat'], ofResult),
  indexOf: ofSearch,
  sort: (self) => lengthOf(self) * Math.ceil(Math.log2(lengthOf(self) + 1)),
};
const ofBytes: Routines = {
  ...each(['toString', 'utf8Slice', 'latin1Slice', 'asciiSlice'], ofResult),
  ...each(['includes', 'lastIndexOf', 'equals', 'fill', 'compare'], ofSelf),
  indexOf: ofSearch,
  copy: (_self, _args, copied) => Number(copied),
};
/** What a Buffer inherits. */
const ofTypedArray: Routines = {
  copyWithin: (self, args) => Number(args[2] ?? lengthOf(self)) - Number(args[1] ?? 0),
  set: ofArgument,
  slice: ofResult,
};

function patchNatives(): () => void {
  const undo: (() => void)[] = [];
  patch(String.prototype, ofText, undo);
  patch(Array.prototype, ofList, undo);
  patch(buffer.Buffer.prototype, ofBytes, undo);
  patch(Object.getPrototypeOf(Uint8Array.prototype), ofTypedArray, undo);
  patch(buffer.Buffer, { from: ofResult, concat: ofResult }, undo);
  patch(JSON, { parse: ofArgument, stringify: ofResult }, undo);
  patch(globalThis, { decodeURIComponent: ofArgument, encodeURIComponent: ofResult }, undo);
  patch(buffer, { isUtf8: ofArgument }, undo);
  patch(crypto, { hash: (_self, args) => lengthOf(args[1]) }, undo);
  const { exec } = RegExp.prototype;
  RegExp.prototype.exec = function (this: RegExp, text) {
    const from = this.global || this.sticky ? this.lastIndex : 0;
    const found = exec.call(this, text);
    count(() => regexSteps(this, text, from, found?.index ?? -1, maxRegexSteps));
    return found;
  };
  undo.push(() => {
    RegExp.prototype.exec = exec;
  });
  syncBuiltinESMExports();
  return () => {
    for (const back of undo.reverse()) back();
    syncBuiltinESMExports();
  };
}

function count(steps: () => number): void {
  if (!counting) return;
  counting = false;
  natives += steps();
  counting = true;
}

function patch(owner: object, routines: Routines, undo: (() => void)[]): void {
  for (const [name, cost] of Object.entries(routines)) {
    const was = Object.getOwnPropertyDescriptor(owner, name);
    if (was === undefined || typeof was.value !== 'function') continue;
    const { value: routine } = was as { value: (...args: unknown[]) => unknown };
    Object.defineProperty(owner, name, {
      ...was,
      value(this: unknown, ...args: unknown[]): unknown {
        const result = Reflect.apply(routine, this, args);
        count(() => 1 + cost(this, args, result));
        return result;
      },
    });
    undo.push(() => Object.defineProperty(owner, name, was));
  }
}

function each(names: readonly string[], cost: Cost): Routines {
  return Object.fromEntries(names.map((name) => [name, cost]));
}

function lengthOf(value: unknown): number {
  return typeof value === 'string' || (value !== null && typeof value === 'object' && 'length' in value)
    ? Number(value.length)
    : 1;
}
