import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleKey } from '../../../test/helpers/key-samples.ts';
import { PolicyError } from '../errors.ts';
import { createdKeysCsv, importedRows, keysCsv, maxImportedKeys } from './key-table.ts';

const nowMs = Date.UTC(2026, 0, 1);
const rowsOf = (csv: string) => importedRows(csv, nowMs);

function faultsOf(csv: string): readonly string[] {
  try {
    rowsOf(csv);
  } catch (error) {
    assert.ok(error instanceof PolicyError);
    assert.equal(error.code, 'KEY_TABLE_INVALID');
    return error.faults.map(({ line, field, value }) => `${line ?? '-'}: ${field}: ${value}`);
  }
  return [];
}

test('each line of a table is one key with its rules', () => {
  const [ann, bob] = rowsOf(
    'Label;Owner;Note;Models;RPM;tokens_per_day;Expires;ip\nann;Ann Lee;"PhD\nroom 4";llama*; 60;;90d;10.0.0.0/8\nbob;;;qwen, phi;;5;2027-01-31;\n',
  );
  assert.deepEqual(
    [ann?.line, ann?.request.label, ann?.request.owner, ann?.request.note, ann?.request.models],
    [2, 'ann', 'Ann Lee', 'PhD\nroom 4', ['llama*']],
  );
  assert.deepEqual(
    [ann?.request.requestsPerMinute, ann?.request.tokensPerDay, ann?.request.addresses],
    [60, null, ['10.0.0.0/8']],
  );
  assert.equal(ann?.request.expiresAtMs, nowMs + 90 * 86_400_000);
  assert.deepEqual([bob?.line, bob?.request.models, bob?.request.tokensPerDay], [4, ['qwen', 'phi'], 5]);
  assert.equal(bob?.request.expiresAtMs, Date.UTC(2027, 0, 31));
});

test('every fault of a table is reported with its line and column', () => {
  assert.deepEqual(
    faultsOf(
      'label,rpm,expires,model\nann,60,90d,x\n,1,,\nbob,many,soon,\nann,,,\neve,1,2020-01-01,,extra\nmax,0,,\n',
    ),
    [
      '3: label: missing',
      '4: rpm: "many"',
      '4: expires: "soon"',
      '6: field: "extra"',
      '6: expires: in the past',
      '7: rpm: 0',
      '5: label: "ann"',
    ],
  );
});

test('a table without its first line, with unknown columns or too many rows creates nothing', () => {
  assert.deepEqual(faultsOf(''), ['1: column label: missing']);
  assert.deepEqual(faultsOf('label\n'), ['-: keys: 0']);
  assert.deepEqual(faultsOf('ann,60\n'), ['1: column: "ann"', '1: column: "60"', '1: column label: missing']);
  assert.deepEqual(faultsOf('label,limit\nann,1\n'), ['1: column: "limit"']);
  assert.deepEqual(faultsOf('label,models,model\nann,1,2\n'), ['1: column: model twice']);
  assert.deepEqual(faultsOf('label\n"ann\n'), ['2: field: a text in quotation marks without an end']);
  const many = Array.from({ length: maxImportedKeys + 1 }, (_, i) => `k${i}`).join('\n');
  assert.deepEqual(faultsOf(`label\n${many}`), ['-: keys: 1001']);
});

test('an exported list can be imported again, and starts no formula', () => {
  const record = sampleKey({
    label: '=HYPERLINK("http://192.0.2.1")',
    owner: '+Ann',
    note: "a, b\n'-c",
    models: ['llama*', 'qwen'],
    limits: { requestsPerMinute: 5, burst: 2, tokensPerMinute: null, tokensPerDay: 7, concurrency: 3 },
    expiresAtMs: nowMs + 1_000,
  });
  const csv = keysCsv([{ record, lastUse: { atMs: nowMs, address: '192.0.2.1' } }], nowMs);
  assert.match(csv, /,"'=HYPERLINK\(""http/);
  assert.match(csv, /,'\+Ann,/);
  const [row] = rowsOf(csv);
  const { label, owner, note, models, requestsPerMinute, burst, tokensPerDay, concurrency, expiresAtMs } =
    row?.request ?? {};
  assert.deepEqual(
    { label, owner, note, models, expiresAtMs },
    {
      label: record.label,
      owner: record.owner,
      note: record.note,
      models: record.models,
      expiresAtMs: record.expiresAtMs,
    },
  );
  assert.deepEqual([requestsPerMinute, burst, tokensPerDay, concurrency], [5, 2, 7, 3]);
});

test('the table of new keys has each secret beside its label and owner', () => {
  const created = [{ record: sampleKey({ id: 'key_1', label: 'ann', owner: 'Ann' }), key: 'flm_secret' }];
  assert.equal(createdKeysCsv(created), 'label,owner,id,secret\r\nann,Ann,key_1,flm_secret\r\n');
});
