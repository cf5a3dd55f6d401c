/**
 * Searches text of JSON strings for a byte that ends the text or may not stand in it: a quote, a backslash, a control
 * character. WebAssembly compares 16 bytes at once. JavaScript has no such instruction, and a regular expression needs the
 * text as a string first, which costs as much again.
 *
 * The module has one page of memory, to which the text is copied, and one function. These are its instructions, written
 * below in the binary format of WebAssembly (Core 2.0, chapter 5). `special` stands for eight of them: compare the 16 bytes
 * at an offset from `$at`.
 *
 *   (func (export "f") (param $at i32) (param $to i32) (result i32) (local $bytes $quote $slash $control v128)
 *     (local.set $quote (i8x16.splat 0x22)) (local.set $slash (i8x16.splat 0x5c)) (local.set $control (i8x16.splat 0x1f))
 *     (loop $next
 *       (if (i32.lt_u (local.get $at) (local.get $to)) (then
 *         (if (i32.eqz (v128.any_true (v128.or (v128.or (v128.or (special 0) (special 16)) (special 32)) (special 48))))
 *           (then (local.set $at (i32.add (local.get $at) (i32.const 64))) (br $next))))))
 *     (loop $next
 *       (if (i32.lt_u (local.get $at) (local.get $to)) (then
 *         (if (i32.eqz (v128.any_true (special 0)))
 *           (then (local.set $at (i32.add (local.get $at) (i32.const 16))) (br $next))))))
 *     (local.get $at))
 *
 *   special: (local.set $bytes (v128.load offset=... (local.get $at)))
 *     (v128.or (v128.or
 *       (i8x16.eq (local.get $bytes) (local.get $quote))
 *       (i8x16.eq (local.get $bytes) (local.get $slash)))
 *       (i8x16.eq (local.get $bytes) (i8x16.min_u (local.get $bytes) (local.get $control))))
 */

/** The most bytes of one search. */
export const longestSearch = 32 * 1024;
/** The bytes of a vector. Behind the text are zeros, which are special. */
const step = 16;

type Code = readonly number[];
const [i32, v128] = [0x7f, 0x7b];
const [at, to, bytes, quote, slash, control] = [0, 1, 2, 3, 4, 5];
const get = (local: number): Code => [0x20, local];
const set = (local: number): Code => [0x21, local];
const simd = (...code: Code): Code => [0xfd, ...code];
const splat = (byte: number): Code => simd(0x0c, ...Array<number>(step).fill(byte));
const load = (offset: number): Code => simd(0x00, 0, offset);
const [equal, smaller, or, anyTrue] = [simd(0x23), simd(0x77), simd(0x50), simd(0x53)];
const [loop, when, noResult, end, branch] = [0x03, 0x04, 0x40, 0x0b, 0x0c];
const [lessThan, isZero, add] = [0x49, 0x45, 0x6a];
/** As a signed LEB128 number of two bytes. */
const constant = (bytes: number): Code => [0x41, (bytes & 127) | 128, bytes >> 7];

const special = (offset: number): Code => [
  ...[...get(at), ...load(offset), ...set(bytes)],
  ...[...get(bytes), ...get(quote), ...equal],
  ...[...get(bytes), ...get(slash), ...equal, ...or],
  ...[...get(bytes), ...get(bytes), ...get(control), ...smaller, ...equal, ...or],
];

/** Goes on by so many bytes until `found` finds a special byte among them, or the text ends. */
const skipWhileClean = (found: Code, skipped: number): Code => [
  ...[loop, noResult, ...get(at), ...get(to), lessThan, when, noResult],
  ...[...found, ...anyTrue, isZero, when, noResult],
  ...[...get(at), ...constant(skipped), add, ...set(at), branch, 2, end, end, end],
];

const four: Code = [
  ...[...special(0), ...special(step), ...or],
  ...[...special(2 * step), ...or, ...special(3 * step), ...or],
];
const search: Code = [
  ...[...splat(0x22), ...set(quote), ...splat(0x5c), ...set(slash), ...splat(0x1f), ...set(control)],
  ...[...skipWhileClean(four, 4 * step), ...skipWhileClean(special(0), step), ...get(at), end],
];

/** A part that begins with its length: a number of at most two bytes here. */
const sized = (...part: Code): Code =>
  part.length < 128 ? [part.length, ...part] : [(part.length & 127) | 128, part.length >> 7, ...part];

const binary = Uint8Array.from([
  // The magic number and the version. Then sections: types, functions, memories, exports "f" and "m", code.
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, ...sized(1, 0x60, 2, i32, i32, 1, i32)],
  ...[3, ...sized(1, 0)],
  ...[5, ...sized(1, 1, 1, 1)],
  ...[7, ...sized(2, 1, 0x66, 0, 0, 1, 0x6d, 2, 0)],
  ...[10, ...sized(1, ...sized(1, 4, v128, ...search))],
]);

/** The types of Node have no WebAssembly. */
declare const WebAssembly: {
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (
    module: object,
  ) => {
    readonly exports: { readonly f: Search['find']; readonly m: { readonly buffer: ArrayBuffer } };
  };
};

interface Search {
  readonly memory: Uint8Array;
  readonly find: (at: number, to: number) => number;
}

let made: Search | 'impossible' | undefined;

function make(): Search | 'impossible' {
  // Node may run without it (`--jitless`).
  if (typeof WebAssembly === 'undefined') return 'impossible';
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(binary));
  return { memory: new Uint8Array(exports.m.buffer), find: exports.f };
}

/**
 * Returns a position in [from, to] before which no byte is special. It is less than 16 bytes before the first special byte, or
 * before `to`; it is `from` where Node has no WebAssembly. Searches at most `longestSearch` bytes.
 */
export function cleanUntil(buffer: Buffer, from: number, to: number): number {
  made ??= make();
  if (made === 'impossible') return from;
  const { memory, find } = made;
  buffer.copy(memory, 0, from, to);
  const found = find(0, to - from);
  // No prompt stays in memory.
  memory.fill(0, 0, to - from);
  return Math.min(to, from + found);
}
