/**
 * Counts the steps of a backtracking engine that matches a regular expression, because V8's own engine reports no such
 * number. The pattern is compiled to a small program (after Thompson and Pike) and run with a stack of alternatives; each
 * instruction is a step. Captures are not kept, so back references are refused, like all other syntax that no pattern
 * of flm uses.
 */

type Instruction =
  | { readonly does: 'char'; readonly takes: (unit: number) => boolean }
  | { readonly does: 'split'; first: number; second: number }
  | { readonly does: 'jump'; to: number }
  | { readonly does: 'assert'; readonly holds: (text: string, at: number) => boolean }
  | { readonly does: 'look'; readonly program: readonly Instruction[]; readonly wanted: boolean }
  | { readonly does: 'match' };

const exec = RegExp.prototype.exec;
const programs = new Map<string, readonly Instruction[]>();

/** Steps of one call of `exec` on the text; `found` is what the real call gave. Stops counting above `limit`. */
export function regexSteps(regex: RegExp, text: string, from: number, found: number, limit: number): number {
  const id = `${regex.flags}/${regex.source}`;
  let program = programs.get(id);
  if (program === undefined) {
    program = new Compiler(regex.source, regex.flags).compile();
    programs.set(id, program);
  }
  // An engine tries each position until the first that matches; a sticky pattern tries one.
  const last = regex.sticky ? from : found >= 0 ? found : text.length;
  const count = { steps: 0, limit };
  let matched = false;
  for (let at = from; at <= last && !matched && count.steps <= limit; at++)
    matched = run(program, text, at, count);
  if (matched !== found >= 0 && count.steps <= limit)
    throw new Error(`the step counter reads this pattern in another way than V8: ${regex.source}`);
  return count.steps;
}

function run(
  program: readonly Instruction[],
  text: string,
  from: number,
  count: { steps: number; readonly limit: number },
): boolean {
  const pcs = [0];
  const positions = [from];
  while (pcs.length > 0) {
    let pc = pcs.pop() as number;
    let at = positions.pop() as number;
    for (;;) {
      if (++count.steps > count.limit) return false;
      const step = program[pc] as Instruction;
      if (step.does === 'match') return true;
      if (step.does === 'char') {
        if (at >= text.length || !step.takes(text.charCodeAt(at))) break;
        at += 1;
        pc += 1;
      } else if (step.does === 'split') {
        pcs.push(step.second);
        positions.push(at);
        pc = step.first;
      } else if (step.does === 'jump') pc = step.to;
      else if (step.does === 'assert') {
        if (!step.holds(text, at)) break;
        pc += 1;
      } else {
        if (run(step.program, text, at, count) !== step.wanted) break;
        pc += 1;
      }
    }
  }
  return false;
}

/** Recursive descent over the grammar of ECMA-262, section 22.2.1; that the pattern is well formed is known. */
class Compiler {
  readonly #source: string;
  readonly #flags: string;
  #at = 0;

  constructor(source: string, flags: string) {
    this.#source = source;
    this.#flags = flags.replaceAll(/[gyd]/g, '');
  }

  compile(): readonly Instruction[] {
    const program = this.#alternatives(0);
    if (this.#at < this.#source.length) throw this.#unknown();
    return [...program, { does: 'match' }];
  }

  #alternatives(base: number): Instruction[] {
    const first = this.#sequence(base + 1);
    // Room was left for a split.
    if (this.#source[this.#at] !== '|') return shifted(first, -1);
    this.#at += 1;
    const second = this.#alternatives(base + first.length + 2);
    return [
      { does: 'split', first: base + 1, second: base + first.length + 2 },
      ...first,
      { does: 'jump', to: base + first.length + 2 + second.length },
      ...second,
    ];
  }

  #sequence(base: number): Instruction[] {
    const all: Instruction[] = [];
    while (this.#at < this.#source.length && !'|)'.includes(this.#source[this.#at] as string))
      all.push(...this.#term(base + all.length));
    return all;
  }

  #term(base: number): Instruction[] {
    const atom = this.#atom();
    const { least, most, lazy } = this.#quantifier();
    const all: Instruction[] = [];
    const add = (): void => {
      all.push(...shifted(atom, base + all.length));
    };
    for (let i = 0; i < least; i++) add();
    if (most === Number.POSITIVE_INFINITY) {
      const split = base + all.length;
      const behind = split + atom.length + 2;
      all.push(branch(split + 1, behind, lazy));
      add();
      all.push({ does: 'jump', to: split });
    } else {
      const behind = base + all.length + (most - least) * (atom.length + 1);
      for (let i = least; i < most; i++) {
        all.push(branch(base + all.length + 1, behind, lazy));
        add();
      }
    }
    return all;
  }

  /** One atom, as a program that begins at 0. */
  #atom(): Instruction[] {
    const source = this.#source;
    const begun = this.#at;
    const first = source[this.#at++] as string;
    if (first === '^') return [{ does: 'assert', holds: (_text, at) => at === 0 }];
    if (first === '$') return [{ does: 'assert', holds: (text, at) => at === text.length }];
    if (first === '(') return this.#group();
    if (first === '[') {
      while (source[this.#at] !== ']') this.#at += source[this.#at] === '\\' ? 2 : 1;
      this.#at += 1;
    } else if (first === '\\') {
      const kind = source[this.#at++] as string;
      if (kind === 'b' || kind === 'B')
        return [{ does: 'assert', holds: (text, at) => isEventEnd(text, at) === (kind === 'b') }];
      if (/[1-9k]/.test(kind)) throw this.#unknown();
      if (kind === 'x') this.#at += 2;
      else if (kind === 'u' && source[this.#at] !== '{') this.#at += 4;
      else if (source[this.#at] === '{' && 'upP'.includes(kind)) this.#at = source.indexOf('}', this.#at) + 1;
    }
    return [{ does: 'char', takes: this.#taker(source.slice(begun, this.#at)) }];
  }

  #group(): Instruction[] {
    const source = this.#source;
    const kind = /^\?(?:[:=!]|<[=!]|<[A-Za-z]\w*>)/.exec(source.slice(this.#at))?.[0] ?? '';
    this.#at += kind.length;
    const begun = this.#at;
    const body = this.#alternatives(0);
    const text = source.slice(begun, this.#at);
    this.#at += 1;
    if (kind === '?=' || kind === '?!')
      return [{ does: 'look', program: [...body, { does: 'match' }], wanted: kind === '?=' }];
    if (kind === '?<=' || kind === '?<!') {
      if (body.length !== 1) throw this.#unknown();
      const takes = this.#taker(text);
      const wanted = kind === '?<=';
      return [{ does: 'assert', holds: (all, at) => (at > 0 && takes(all.charCodeAt(at - 1))) === wanted }];
    }
    return body;
  }

  #quantifier(): { readonly least: number; readonly most: number; readonly lazy: boolean } {
    const found = /^(?:([*+?])|\{(\d+)(,(\d*))?\})(\??)/.exec(this.#source.slice(this.#at));
    if (found === null) return { least: 1, most: 1, lazy: false };
    this.#at += found[0].length;
    const lazy = found[5] === '?';
    if (found[1] !== undefined)
      return {
        least: found[1] === '+' ? 1 : 0,
        most: found[1] === '?' ? 1 : Number.POSITIVE_INFINITY,
        lazy,
      };
    const least = Number(found[2]);
    const most =
      found[3] === undefined ? least : found[4] === '' ? Number.POSITIVE_INFINITY : Number(found[4]);
    return { least, most, lazy };
  }

  /** Which characters an atom takes: asked of the real engine, once for each. */
  #taker(atom: string): (unit: number) => boolean {
    const regex = new RegExp(`^${atom}$`, this.#flags);
    const known = new Map<number, boolean>();
    return (unit) => {
      let takes = known.get(unit);
      if (takes === undefined) {
        takes = exec.call(regex, String.fromCharCode(unit)) !== null;
        known.set(unit, takes);
      }
      return takes;
    };
  }

  #unknown(): Error {
    return new Error(`the step counter does not know this pattern (at ${this.#at}): ${this.#source}`);
  }
}

function branch(inside: number, behind: number, lazy: boolean): Instruction {
  return { does: 'split', first: lazy ? behind : inside, second: lazy ? inside : behind };
}

/** A copy that begins so many instructions later. */
function shifted(program: readonly Instruction[], by: number): Instruction[] {
  return program.map((step): Instruction => {
    if (step.does === 'jump') return { does: 'jump', to: step.to + by };
    if (step.does === 'split') return { does: 'split', first: step.first + by, second: step.second + by };
    return step;
  });
}

function isEventEnd(text: string, at: number): boolean {
  const isWord = (i: number): boolean => exec.call(/\w/, text[i] ?? '') !== null;
  return isWord(at - 1) !== isWord(at);
}
