/**
 * Holds the watched names of a JSON object as a tree of at most three levels: `name`, `name.name`, `name[].name`.
 *
 * Compares names in a body with the tree byte by byte, without building strings. The comparison follows the most
 * lenient engine: Go's encoding/json ignores case. A name is therefore watched, not watched, or a misspelling of a
 * watched name, which is a fault.
 */

/** Marks values with special rules: the names of the model and the stream flag. */
type Role = 'model' | 'name' | 'stream' | 'plain';

/** One watched name. `bit` marks it among its siblings. */
export interface PlanNode {
  readonly path: string;
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly bit: number;
  readonly role: Role;
  /** Whether the value is reported. */
  watched: boolean;
  /** Whether the places of the first elements are reported if the value is an array. */
  hasMessages: boolean;
  readonly children: Map<string, PlanNode>;
  /** The same children by the length of their names. */
  readonly byLength: (PlanNode[] | undefined)[];
  /** The node of the elements if the value is an array. */
  elements: PlanNode | undefined;
}

export type ScanPlan = PlanNode;

/** A name that an engine could read as a watched name, but that is spelt differently. */
interface Misspelling {
  readonly meant: string;
}

/** Each character of a watched name may be written as `\u0061`. A character that folds to ASCII has at most 3 bytes. */
const bytesPerCharacter = 6;
const maxSiblings = 31;

/**
 * Builds the tree. It always contains `model` and `stream`. A path that ends in `[]` is a list of messages: where its
 * first elements are is reported, and not its value.
 */
export function scanPlan(paths: readonly string[]): ScanPlan {
  const root = node('', '', 0, 'plain');
  for (const path of ['model', 'stream', ...paths]) {
    let at = root;
    const isList = path.endsWith('[]');
    for (const step of (isList ? path.slice(0, -2) : path).split('.')) {
      const array = step.endsWith('[]');
      const name = array ? step.slice(0, -2) : step;
      let child = at.children.get(name);
      if (child === undefined) {
        // The names seen in one object are the bits of one number.
        if (at.children.size >= maxSiblings) throw new RangeError(`too many watched names beside ${path}`);
        const role =
          at === root && (name === 'model' || name === 'name' || name === 'stream') ? name : 'plain';
        child = node(at === root ? name : `${at.path}.${name}`, name, 1 << at.children.size, role);
        at.children.set(name, child);
        const alike = at.byLength[name.length];
        if (alike === undefined) at.byLength[name.length] = [child];
        else alike.push(child);
      }
      if (array) child.elements ??= node(`${child.path}[]`, '', 0, 'plain');
      at = array && child.elements !== undefined ? child.elements : child;
    }
    if (isList) at.hasMessages = true;
    else at.watched = true;
  }
  return root;
}

function node(path: string, name: string, bit: number, role: Role): PlanNode {
  if (!/^[a-z0-9_]*$/.test(name)) throw new RangeError(`a watched name is in lower case: ${path}`);
  const bytes = Buffer.from(name);
  return {
    path,
    name,
    bytes,
    bit,
    role,
    watched: false,
    hasMessages: false,
    children: new Map(),
    byLength: [],
    elements: undefined,
  };
}

/** A name with more raw bytes than this, without quotes, cannot match a child. */
export function longestName(parent: PlanNode): number {
  return Math.max(0, parent.byLength.length - 1) * bytesPerCharacter;
}

/** Returns the child that the bytes [from, to) name. The bytes contain no escape. */
export function matchBytes(
  parent: PlanNode,
  buffer: Uint8Array,
  from: number,
  to: number,
): PlanNode | Misspelling | undefined {
  const alike = parent.byLength[to - from];
  if (alike !== undefined) {
    for (let i = 0; i < alike.length; i++) {
      const child = alike[i] as PlanNode;
      const same = compare(child.bytes, buffer, from);
      if (same === exact) return child;
      if (same === folded) return { meant: child.name };
    }
  }
  for (let at = from; at < to; at++) {
    if ((buffer[at] as number) >= 0x80)
      return matchText(parent, Buffer.from(buffer.subarray(from, to)).toString());
  }
  return undefined;
}

/** Returns the child that an unescaped name stands for. */
export function matchText(parent: PlanNode, name: string): PlanNode | Misspelling | undefined {
  const child = parent.children.get(name);
  if (child !== undefined) return child;
  const meant = parent.children.get(foldName(name));
  return meant === undefined ? undefined : { meant: meant.name };
}

export function isMisspelling(found: PlanNode | Misspelling): found is Misspelling {
  return 'meant' in found;
}

const different = 0;
const folded = 1;
const exact = 2;

function compare(name: Uint8Array, buffer: Uint8Array, from: number): number {
  let result = exact;
  for (let i = 0; i < name.length; i++) {
    const wanted = name[i] as number;
    const byte = buffer[from + i] as number;
    if (byte === wanted) continue;
    // Only letters have a case: `_` and DEL differ by the same bit.
    if ((byte | 0x20) !== wanted || wanted < 0x61 || wanted > 0x7a) return different;
    result = folded;
  }
  return result;
}

/**
 * The name as Go's encoding/json compares it: ASCII letters in lower case, and the two other characters whose simple
 * folding is an ASCII letter (KELVIN SIGN, LATIN SMALL LETTER LONG S).
 */
export function foldName(name: string): string {
  return name.toLowerCase().replaceAll('\u212a', 'k').replaceAll('\u017f', 's');
}
