/**
 * A Redis in this process, for simulations: runs the real Lua scripts over data in memory, at a time that the caller
 * sets. It knows only the commands that the scripts use.
 */
import { createRequire } from 'node:module';
import { type ScriptName, scriptNames, scriptText } from '../../src/valkey/scripts.ts';
import type { Argument, Reply } from '../../src/valkey/server-link.ts';

type Scalar = string | number | null;
/** What Redis returns to a script. */
type Answer = Scalar | readonly Scalar[];

/** The part of fengari that is used here; the package has no types. */
interface Fengari {
  readonly lua: Record<string, (...args: unknown[]) => unknown> & { readonly LUA_REGISTRYINDEX: number };
  readonly lauxlib: Record<string, (...args: unknown[]) => unknown>;
  readonly lualib: Record<string, (...args: unknown[]) => unknown>;
  readonly to_luastring: (text: string) => unknown;
  readonly to_jsstring: (text: unknown) => string;
}

const require = createRequire(import.meta.url);
const { lua, lauxlib, lualib, to_luastring, to_jsstring } = require('fengari') as Fengari;
const call = (f: ((...args: unknown[]) => unknown) | undefined, ...args: unknown[]): unknown => f?.(...args);

interface Entry {
  value: string | Map<string, string> | Map<string, number>;
  untilMs: number;
}

export class LuaRedis {
  /** Milliseconds since 1970. */
  nowMs = 1_700_000_000_000;
  readonly #published: (channel: string, text: string) => void;
  readonly #entries = new Map<string, Entry>();
  readonly #state: unknown;
  readonly #scripts = new Map<ScriptName, unknown>();

  constructor(published: (channel: string, text: string) => void = () => {}) {
    this.#published = published;
    const L = call(lauxlib.luaL_newstate);
    this.#state = L;
    call(lualib.luaL_openlibs, L);
    call(lua.lua_newtable, L);
    call(lua.lua_pushcfunction, L, () => {
      this.#push(this.#command(this.#arguments()));
      return 1;
    });
    call(lua.lua_setfield, L, -2, to_luastring('call'));
    call(lua.lua_setglobal, L, to_luastring('redis'));
    for (const name of scriptNames) {
      const failed = call(lauxlib.luaL_loadstring, L, to_luastring(scriptText(name)));
      if (failed !== 0) throw new Error(`${name}: ${to_jsstring(call(lua.lua_tostring, L, -1))}`);
      this.#scripts.set(name, call(lauxlib.luaL_ref, L, lua.LUA_REGISTRYINDEX));
    }
  }

  run(script: ScriptName, args: readonly Argument[]): Reply {
    const L = this.#state;
    call(lua.lua_newtable, L);
    for (const [i, arg] of args.entries()) {
      call(lua.lua_pushstring, L, to_luastring(String(arg)));
      call(lua.lua_rawseti, L, -2, i + 1);
    }
    call(lua.lua_setglobal, L, to_luastring('ARGV'));
    call(lua.lua_rawgeti, L, lua.LUA_REGISTRYINDEX, this.#scripts.get(script));
    if (call(lua.lua_pcall, L, 0, 1, 0) !== 0)
      throw new Error(`${script}: ${to_jsstring(call(lua.lua_tostring, L, -1))}`);
    const reply: Scalar[] = [];
    for (let i = 1; ; i++) {
      call(lua.lua_rawgeti, L, -1, i);
      const value = this.#scalar(-1);
      call(lua.lua_settop, L, -2);
      if (value === null) break;
      // As Redis does with numbers.
      reply.push(typeof value === 'number' ? Math.trunc(value) : value);
    }
    call(lua.lua_settop, L, 0);
    return reply;
  }

  flush(): void {
    this.#entries.clear();
  }

  /** The sum of a hash over the members whose lease lasts. */
  total(key: string): number {
    const members = this.#sorted('{flm}:members');
    let sum = 0;
    for (const [member, count] of this.#hash(key))
      if ((members.get(member) ?? 0) > this.nowMs) sum += Number(count);
    return sum;
  }

  // --- between Lua and this program

  #scalar(index: number): Scalar {
    const L = this.#state;
    const type = call(lua.lua_type, L, index);
    if (type === lua.LUA_TNUMBER) return Number(call(lua.lua_tonumber, L, index));
    if (type === lua.LUA_TSTRING) return to_jsstring(call(lua.lua_tostring, L, index));
    return null;
  }

  #arguments(): string[] {
    const count = Number(call(lua.lua_gettop, this.#state));
    return Array.from({ length: count }, (_, i) => String(this.#scalar(i + 1)));
  }

  #push(answer: Answer): void {
    const L = this.#state;
    if (answer === null) call(lua.lua_pushboolean, L, false);
    else if (typeof answer === 'number') call(lua.lua_pushinteger, L, answer);
    else if (typeof answer === 'string') call(lua.lua_pushstring, L, to_luastring(answer));
    else {
      call(lua.lua_newtable, L);
      for (const [i, each] of answer.entries()) {
        this.#push(each);
        call(lua.lua_rawseti, L, -2, i + 1);
      }
    }
  }

  // --- commands

  #command([name = '', key = '', ...rest]: string[]): Answer {
    const [a = '', b = ''] = rest;
    switch (name) {
      case 'TIME': {
        const seconds = Math.floor(this.nowMs / 1_000);
        return [String(seconds), String(Math.round((this.nowMs - seconds * 1_000) * 1_000))];
      }
      case 'GET':
        return this.#text(key);
      case 'SET':
        if (rest.includes('NX') && this.#text(key) !== null) return null;
        this.#entries.set(key, {
          value: a,
          untilMs: rest[1] === 'PX' ? this.nowMs + Number(rest[2]) : Infinity,
        });
        return 'OK';
      case 'DEL':
        return Number(this.#entries.delete(key));
      case 'INCR':
        return Number(this.#add(key, 1));
      case 'INCRBYFLOAT':
        return this.#add(key, Number(a));
      case 'PEXPIRE': {
        const entry = this.#entry(key);
        if (entry !== undefined) entry.untilMs = this.nowMs + Number(a);
        return Number(entry !== undefined);
      }
      case 'HGET':
        return this.#hash(key).get(a) ?? null;
      case 'HSET':
        this.#hash(key, true).set(a, b);
        return 1;
      case 'HDEL':
        return Number(this.#hash(key).delete(a));
      case 'HINCRBY': {
        const sum = Number(this.#hash(key).get(a) ?? 0) + Number(b);
        this.#hash(key, true).set(a, String(sum));
        return sum;
      }
      case 'HGETALL':
        return [...this.#hash(key)].flat();
      case 'ZADD': {
        const [score, member] = rest.slice(-2) as [string, string];
        const set = this.#sorted(key, true);
        if (rest.includes('NX') && set.has(member)) return 0;
        const isNew = !set.has(member);
        set.set(member, Number(score));
        return Number(isNew);
      }
      case 'ZREM':
        return Number(this.#sorted(key).delete(a));
      case 'ZSCORE': {
        const score = this.#sorted(key).get(a);
        return score === undefined ? null : String(score);
      }
      case 'ZCARD':
        return this.#sorted(key).size;
      case 'ZRANGE': {
        const sorted = this.#inOrder(key);
        return sorted.slice(Number(a), Number(b) + 1 || undefined).map(([member]) => member);
      }
      case 'ZRANGEBYSCORE':
        return this.#between(key, a, b);
      case 'ZCOUNT':
        return this.#between(key, a, b).length;
      case 'PUBLISH':
        this.#published(key, a);
        return 1;
      default:
        throw new Error(`the simulated server has no ${name}`);
    }
  }

  #entry(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.untilMs > this.nowMs) return entry;
    this.#entries.delete(key);
    return undefined;
  }

  #text(key: string): string | null {
    const value = this.#entry(key)?.value;
    return typeof value === 'string' ? value : null;
  }

  #add(key: string, n: number): string {
    const sum = String(Number(this.#text(key) ?? 0) + n);
    this.#entries.set(key, { value: sum, untilMs: this.#entry(key)?.untilMs ?? Infinity });
    return sum;
  }

  #hash(key: string, make = false): Map<string, string> {
    return this.#map(key, make) as Map<string, string>;
  }

  #sorted(key: string, make = false): Map<string, number> {
    return this.#map(key, make) as Map<string, number>;
  }

  #map(key: string, make: boolean): Map<string, unknown> {
    const found = this.#entry(key)?.value;
    if (found instanceof Map) return found;
    const map = new Map<string, string>();
    if (make) this.#entries.set(key, { value: map, untilMs: Infinity });
    return map;
  }

  #inOrder(key: string): (readonly [string, number])[] {
    return [...this.#sorted(key)].sort(([m, x], [n, y]) => x - y || (m < n ? -1 : 1));
  }

  #between(key: string, from: string, to: string): string[] {
    const bound = (text: string): number =>
      text === '-inf' ? -Infinity : text === '+inf' ? Infinity : Number(text);
    return this.#inOrder(key)
      .filter(([, score]) => score >= bound(from) && score <= bound(to))
      .map(([member]) => member);
  }
}
