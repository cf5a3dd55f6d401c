import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { moreRuns } from '../../test/helpers/more-runs.ts';
import { type ClientAddress, parseAddress } from '../core/security/address-rules.ts';
import { type ConnectionEntry, ConnectionTable } from './connection-table.ts';

function address(text: string): ClientAddress {
  const parsed = parseAddress(text);
  assert.ok(parsed !== undefined);
  return parsed;
}

/** A table whose connections have names, and the names of those that were closed for others. */
function tableOf(maxConnections: number, maxConnectionsPerAddress = 1000) {
  const table = new ConnectionTable({
    maxConnections,
    maxConnectionsPerAddress,
    isExempt: (a) => a.loopback,
  });
  const closed: string[] = [];
  const add = (name: string, from = '192.0.2.1'): ConnectionEntry | undefined => {
    const entry = table.add(address(from));
    if (entry !== undefined) entry.close = () => closed.push(name);
    return entry;
  };
  const known = (name: string, from?: string): ConnectionEntry => {
    const entry = add(name, from);
    assert.ok(entry !== undefined);
    table.begin(entry);
    table.authenticated(entry);
    return entry;
  };
  const idle = (name: string, from?: string): ConnectionEntry => {
    const entry = known(name, from);
    table.rest(entry);
    return entry;
  };
  return { table, closed, add, known, idle };
}

test('who never showed a key goes first, the oldest first', () => {
  const { closed, add, idle } = tableOf(4);
  idle('with a key');
  for (const name of ['a', 'b', 'c', 'd', 'e']) add(name);
  assert.deepEqual(closed, ['a', 'b']);
});

test('then those that are idle go, the longest idle first', () => {
  const { table, closed, add, idle } = tableOf(3);
  const first = idle('first');
  idle('second');
  idle('third');
  table.begin(first);
  table.rest(first);
  add('new');
  assert.deepEqual(closed, ['second']);
  add('newer');
  assert.deepEqual(closed, ['second', 'new'], 'who has no key yet goes before all others');
});

test('a connection with a request under way is never closed, and a new one is refused', () => {
  const { table, closed, add, known } = tableOf(2);
  const [first] = [known('first'), known('second')];
  assert.equal(add('new'), undefined);
  table.rest(first);
  assert.ok(add('newer') !== undefined);
  assert.deepEqual(closed, ['first']);
});

test('a connection whose answer is still being written is not idle', () => {
  const { closed, add, idle } = tableOf(2);
  const slow = idle('slow');
  slow.isWriting = () => true;
  idle('quick');
  add('new');
  assert.deepEqual(closed, ['quick']);
  const { add: addMore, idle: more } = tableOf(1);
  more('slow').isWriting = () => true;
  assert.equal(addMore('new'), undefined);
});

test('an address at its limit closes its own connections, and those of others stay', () => {
  const { closed, add, known } = tableOf(10, 2);
  add('other', '192.0.2.2');
  for (const name of ['a', 'b', 'c']) add(name);
  assert.deepEqual(closed, ['a']);
  known('d');
  known('e');
  assert.deepEqual(closed, ['a', 'b', 'c']);
  assert.equal(add('f'), undefined);
  for (let i = 0; i < 5; i++) assert.ok(add(`local ${i}`, '127.0.0.1') !== undefined);
  assert.deepEqual(closed, ['a', 'b', 'c']);
});

test('the last connection of an address may be the one that goes for its next one', () => {
  const { table, closed, add } = tableOf(1, 1);
  add('a');
  add('b');
  assert.deepEqual(closed, ['a']);
  assert.deepEqual([table.size, table.addresses], [1, 1]);
});

test('a connection that closed twice counted once', () => {
  const { table, add } = tableOf(5);
  const entry = add('a');
  assert.ok(entry !== undefined);
  table.remove(entry);
  table.remove(entry);
  table.rest(entry);
  assert.deepEqual([table.size, table.addresses], [0, 0]);
});

test('whatever comes and goes, the table closes what a plain list of all would', () => {
  interface Plain {
    readonly name: number;
    readonly from: string;
    state: 'unknown' | 'idle' | 'busy';
    restedAt: number;
  }
  const step = fc.record({
    do: fc.constantFrom('add', 'add', 'add', 'authenticated', 'begin', 'rest', 'remove'),
    from: fc.nat(3),
    which: fc.nat(30),
  });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 200 }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 6 }),
      (steps, max, maxNear) => {
        const { table, closed, add } = tableOf(max, maxNear);
        const entries = new Map<number, ConnectionEntry>();
        let plain: Plain[] = [];
        const gone: string[] = [];
        let time = 0;
        const closeOne = (among: readonly Plain[]): boolean => {
          const idle = among.filter((p) => p.state === 'idle').toSorted((a, b) => a.restedAt - b.restedAt);
          const victim = among.find((p) => p.state === 'unknown') ?? idle[0];
          if (victim === undefined) return false;
          gone.push(String(victim.name));
          plain = plain.filter((p) => p !== victim);
          return true;
        };
        for (const s of steps) {
          time += 1;
          const one = plain[s.which % Math.max(1, plain.length)];
          const entry = one === undefined ? undefined : entries.get(one.name);
          if (s.do === 'add') {
            const from = s.from === 0 ? '127.0.0.1' : `192.0.2.${s.from}`;
            const near = plain.filter((p) => p.from === from);
            const admitted =
              (s.from === 0 || near.length < maxNear || closeOne(near)) &&
              (plain.length < max || closeOne(plain));
            const added = add(String(time), from);
            assert.equal(added !== undefined, admitted);
            if (added !== undefined) {
              entries.set(time, added);
              plain.push({ name: time, from, state: 'unknown', restedAt: 0 });
            }
          } else if (one !== undefined && entry !== undefined) {
            if (s.do === 'authenticated') {
              table.authenticated(entry);
              if (one.state === 'unknown') one.state = 'busy';
            } else if (s.do === 'begin') {
              table.begin(entry);
              if (one.state === 'idle') one.state = 'busy';
            } else if (s.do === 'rest') {
              table.rest(entry);
              if (one.state === 'busy') Object.assign(one, { state: 'idle', restedAt: time });
            } else {
              table.remove(entry);
              plain = plain.filter((p) => p !== one);
            }
          }
          assert.deepEqual(closed, gone);
          assert.equal(table.size, plain.length);
          assert.equal(table.addresses, new Set(plain.map((p) => p.from)).size);
        }
      },
    ),
    { numRuns: 300 * moreRuns },
  );
});
