import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse as parseToml } from '@decimalturn/toml-patch';
import { parse as parseJsonc } from 'jsonc-parser';
import { parse as parseYaml } from 'yaml';
import type { Settings } from '../../clients/settings-text.ts';
import { editedText, type FileFormat } from './edit.ts';
import { EditFault, meansTheSame } from './merge.ts';

const json = { model: 'flm/m', provider: { flm: { name: 'flm', list: [1, 2] } } };

/** What a line-wise difference adds and removes. */
function lines(
  before: string,
  after: string,
): { readonly gone: readonly string[]; readonly come: readonly string[] } {
  const old = before.split('\n');
  const fresh = after.split('\n');
  const gone = old.filter((line) => !fresh.includes(line));
  return { gone, come: fresh.filter((line) => !old.includes(line)) };
}

test('JSON with comments keeps them where they were, and trailing commas', async () => {
  const before = `// mine
{
    /* about a */
    "a": 1, // one
    "list": [
        1,
    ],
    "provider": {
        // none yet
        "other": { "x": 1 } // the other one
        // "old": {}
    }, // end
    "last": "//, not a comment" /* the last */, // really
    // after all
}
// the end
`;
  const after = await editedText('json', before, json);
  assert.equal(
    after,
    `// mine
{
    /* about a */
    "a": 1, // one
    "list": [
        1,
    ],
    "provider": {
        // none yet
        "other": { "x": 1 }, // the other one
        "flm": {
            "name": "flm",
            "list": [
                1,
                2
            ]
        }
        // "old": {}
    }, // end
    "last": "//, not a comment" /* the last */, // really
    "model": "flm/m",
    // after all
}
// the end
`,
  );
  assert.equal(await editedText('json', after, json), after);
});

test('JSON on one line stays on one line, and an empty table is opened', async () => {
  assert.equal(await editedText('json', '{"a":1}', { b: { c: 'x' } }), '{"a":1, "b": {"c":"x"}}');
  assert.equal(await editedText('json', '{}', { b: 1 }), '{\n  "b": 1\n}');
  assert.equal(
    await editedText('json', '{\n\t"env": {\n\t\t// none\n\t}\n}\n', { env: { A: '1' } }),
    '{\n\t"env": {\n\t\t// none\n\t\t"A": "1"\n\t}\n}\n',
  );
  const list = [{ name: 'flm', models: [{ id: 'm' }] }];
  assert.deepEqual(parseJsonc(await editedText('json', '[]', list)), list);
  assert.deepEqual(parseJsonc(await editedText('json', '[{"name":"x"}]', list)), [{ name: 'x' }, ...list]);
});

test('a value that is there is replaced in its place, and entries of a list by their name', async () => {
  const before = '[\n  { "name": "flm", "key": "old" /* k */, "mine": true },\n  { "name": "other" }\n]\n';
  assert.equal(
    await editedText('json', before, [{ name: 'flm', key: 'new' }]),
    before.replace('"old"', '"new"'),
  );
});

test('TOML keeps comments and layout; new tables stand at the end', async () => {
  const before = `# my codex
model = "gpt-5" # the best
approval_policy = 'on-request'
when = 1979-05-27T07:32:00Z
big = 9223372036854775807

[model_providers.other] # mine
name  =  'x'   # spaced

# about the profile
[profiles.a]
model = "o3"
`;
  const settings = {
    model: 'qwen3',
    model_provider: 'flm',
    model_providers: { flm: { name: 'flm', supports_websockets: false } },
  };
  const after = await editedText('toml', before, settings);

  assert.deepEqual(lines(before, after), {
    gone: ['model = "gpt-5" # the best'],
    come: [
      'model = "qwen3" # the best',
      'model_provider = "flm"',
      '[model_providers.flm]',
      'name = "flm"',
      'supports_websockets = false',
    ],
  });
  assert.ok(after.indexOf('model_provider =') < after.indexOf('[model_providers.other]'));
  assert.equal(await editedText('toml', after, settings), after);
  const moved = { ...settings, model_providers: { flm: { name: 'flm', supports_websockets: true } } };
  assert.equal(
    await editedText('toml', after, moved),
    after.replace('supports_websockets = false', 'supports_websockets = true'),
  );
});

test('TOML with inline tables and dotted names is edited so that it means the same', async () => {
  for (const before of [
    'model_providers = { other = { name = "x" } } # inline\nmodel="x"',
    'model_providers.other.name = "x"\n[a]\nb = 1\n',
    '[[list]]\nx = 1\n[model_providers]\n[model_providers.flm]\nname = "old" # n\n',
    'model_providers.flm.name = "old"\n',
  ]) {
    const after = await editedText('toml', before, { model: 'm', model_providers: { flm: { name: 'flm' } } });
    const { model_providers: providers, model } = parseToml(after) as {
      model: string;
      model_providers: { flm: { name: string }; other?: { name: string } };
    };
    assert.deepEqual(
      [model, providers.flm.name, providers.other?.name],
      ['m', 'flm', before.includes('other') ? 'x' : undefined],
    );
  }
});

test('YAML keeps comments, blank lines, quotes and indentation', async () => {
  const settings = { models: [{ name: 'm', apiKey: 'k', options: { length: 1 } }] };
  const defaults = { name: 'flm', version: '0.0.1' };
  const before = `# mine
name:   'My Assistant'   # quoted
models:
- name: "other"   # not indented

  provider:  ollama
  roles: [chat,
          edit]
# after the models

context:
    - provider: code   # wide
text: |
  a
  b
`;
  const after = await editedText('yaml', before, settings, defaults);
  assert.equal(
    after,
    before
      .replace(
        '          edit]\n',
        '          edit]\n- name: "m"\n  apiKey: "k"\n  options:\n    length: 1\n',
      )
      .replace(/$/, 'version: "0.0.1"\n'),
  );
  assert.equal(await editedText('yaml', after, settings, defaults), after);
  assert.equal(
    await editedText('yaml', after, { models: [{ name: 'm', apiKey: 'new' }] }),
    after.replace('apiKey: "k"', 'apiKey: "new"'),
  );
});

test('YAML: a name without a value, flow collections, and a file without an end of line', async () => {
  const settings = { models: [{ name: 'm' }], a: { bcd: 'c' } };
  for (const [before, after] of [
    ['models: # none yet\na:\n', 'models: # none yet\n  - name: "m"\na:\n  bcd: "c"\n'],
    ['models: []\na: {x: 1}', 'models: [ {"name":"m"} ]\na: {x: 1, "bcd": "c" }'],
    ['models: null\na: {bcd: x}\n', 'models:\n  - name: "m"\na: {bcd: "c"}\n'],
    ['a:\n  x: 1', 'a:\n  x: 1\n  bcd: "c"\nmodels:\n  - name: "m"\n'],
    ['a:\n  bcd: |\n    x\n    y\nz: 1\n', 'a:\n  bcd: "c"\nz: 1\nmodels:\n  - name: "m"\n'],
  ] as const) {
    const edited = await editedText('yaml', before, settings);
    const parsed = parseYaml(edited) as typeof settings;
    assert.deepEqual([parsed.models, parsed.a.bcd], [settings.models, 'c'], edited);
    assert.equal(edited, after);
  }
});

const formats = { json: parseJsonc, toml: parseToml, yaml: parseYaml } as const;

test('an empty file and one of comments alone get the whole settings, behind the comments', async () => {
  const settings = { a: 'x', t: { b: 1 } };
  for (const format of ['json', 'toml', 'yaml'] as const) {
    for (const before of ['', '\n', '\uFEFF', format === 'json' ? '// mine\n' : '# mine']) {
      const after = await editedText(format, before, settings);
      const body = after.replace('\uFEFF', '');
      assert.ok(meansTheSame(formats[format](body), settings), after);
      assert.equal(after.startsWith('\uFEFF'), before.startsWith('\uFEFF'));
      assert.equal(body.startsWith(before.replace('\uFEFF', '').trim()), true);
    }
  }
});

test('line ends and a byte order mark stay as they are', async () => {
  const texts: Readonly<Record<FileFormat, string>> = {
    json: '{\n  "a": 1, // one\n  "t": {\n    "x": 2\n  }\n}\n',
    toml: 'a = 1 # one\n\n[t]\nx = 2\n\n[u]\n',
    yaml: 'a: 1 # one\nt:\n  x: 2\n',
  };
  for (const [format, text] of Object.entries(texts) as [FileFormat, string][]) {
    const before = `\uFEFF${text.replaceAll('\n', '\r\n')}`;
    const after = await editedText(format, before, { a: 'y', t: { z: 3 }, n: { m: { o: 'p' } } });

    assert.equal(after.startsWith('\uFEFF'), true, format);
    assert.doesNotMatch(after, /[^\r]\n|\r[^\n]/, format);
    assert.match(after, /one\r\n/);
    const parsed = formats[format](after.slice(1)) as { a: string; t: object; n: object };
    assert.ok(meansTheSame([parsed.a, parsed.t, parsed.n], ['y', { x: 2, z: 3 }, { m: { o: 'p' } }]), after);
  }
});

test('what does not parse, and what holds something else in the place of the settings, is not edited', async () => {
  const refused = async (format: FileFormat, text: string, reason: RegExp, settings: Settings = json) => {
    await assert.rejects(editedText(format, text, settings), (error) => {
      assert.ok(error instanceof EditFault, String(error));
      assert.match(error.message, reason);
      return true;
    });
  };
  await refused('json', '{\n  "a": }', /^line 2, column 8 is no JSON/);
  await refused('json', '{"a": 1', /is no JSON/);
  await refused('json', '{} {}', /is no JSON/);
  await refused('json', '{"a": 1, "a": 2}', /it has "a" twice/);
  await refused('json', '{"provider": []}', /^provider is not a table/);
  await refused('json', '{"provider": {"flm": {"list": 3}}}', /^provider\.flm\.list is not a list/);
  await refused('json', '{"model": {}}', /^model is not a single value/);
  await refused('json', '[]', /^the whole of it is not a table/);
  await refused('json', '"text"', /^the whole of it is not a table/);
  await refused('toml', 'a = ', /^line 1, column \d+ is no TOML/);
  await refused('toml', 'a = 1\na = 2\n', /is no TOML/);
  await refused('toml', 'provider = 3\n', /^provider is not a table/);
  await refused('yaml', 'a: [1', /is no YAML/);
  await refused('yaml', 'a: 1\na: 2\n', /is no YAML/);
  await refused('yaml', 'a: 1\n---\nb: 2\n', /several documents/);
  await refused('yaml', 'x: &x\n  y: 1\nprovider: *x\n', /paste them by hand|cannot edit/);
  await refused('yaml', 'just text\n', /^the whole of it is not a table/);
});

test('names that JavaScript gives a meaning are names like others', async () => {
  const settings = JSON.parse('{"__proto__": {"constructor": "x"}, "toString": "y"}') as Settings;
  for (const [format, before] of [
    ['json', '{"a": 1}'],
    ['yaml', 'a: 1\n'],
  ] as const) {
    const after = await editedText(format, before, settings);
    assert.match(after, /"__proto__": \{"constructor":"x"\}|__proto__":?:?\n? +constructor: "x"/);
    assert.match(after, /toString"?: "y"/);
  }
  assert.equal(({} as { constructor: unknown }).constructor, Object);
});
