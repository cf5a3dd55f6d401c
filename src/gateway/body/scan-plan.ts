/**
 * Which fields of a JSON body the rules look at, as a tree: at most three levels, `name`, `name.name`, `name[].name`.
 */

/** One watched name. `bit` marks it among its siblings. */
export interface PlanNode {
  readonly path: string;
  readonly bit: number;
  /** Its value is reported. */
  watched: boolean;
  readonly children: Map<string, PlanNode>;
  /** What the elements are, where the value is an array. */
  elements: PlanNode | undefined;
}

export type ScanPlan = PlanNode;

/** `model` and `stream` are always in it. */
export function scanPlan(paths: readonly string[]): ScanPlan {
  const root = node('', 0);
  for (const path of ['model', 'stream', ...paths]) {
    let at = root;
    for (const step of path.split('.')) {
      const array = step.endsWith('[]');
      const name = array ? step.slice(0, -2) : step;
      let child = at.children.get(name);
      if (child === undefined) {
        // The set of names seen in one object is one number.
        if (at.children.size >= 31) throw new RangeError(`too many watched names beside ${path}`);
        child = node(at.path === '' ? name : `${at.path}.${name}`, 1 << at.children.size);
        at.children.set(name, child);
      }
      if (array) child.elements ??= node(`${child.path}[]`, 0);
      at = array ? (child.elements as PlanNode) : child;
    }
    at.watched = true;
  }
  return root;
}

function node(path: string, bit: number): PlanNode {
  return { path, bit, watched: false, children: new Map(), elements: undefined };
}

/**
 * The name that Go's encoding/json would take this one for: ASCII letters without case, and the two other characters
 * whose simple folding is an ASCII letter (KELVIN SIGN, LATIN SMALL LETTER LONG S).
 */
export function foldName(name: string): string {
  return name.toLowerCase().replaceAll('\u212a', 'k').replaceAll('\u017f', 's');
}
