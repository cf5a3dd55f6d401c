import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { engineKinds } from '../../core/engine/kinds.ts';
import { errorHint, errorText, ProxyError } from '../../core/errors.ts';
import { ruleTexts } from '../../core/rules.ts';
import { systemRefusal } from '../../core/system-error.ts';
import { codeForPeople, errorForPeople } from './error-texts.ts';
import { usagePhrases } from './ja/phrases/usage.ts';
import { phrases } from './ja/phrases.ts';
import { useLanguage } from './texts.ts';
import { translated } from './translated.ts';

const sources = join(import.meta.dirname, '../..');
const japanese = /[\u3040-\u30ff\u4e00-\u9fff]/;

before(() => useLanguage('ja'));
after(() => useLanguage('en'));

/** Their errors reach no person: requests over the control socket, and to the demo engine. */
const apart: ReadonlySet<string> = new Set(['process/control-server.ts', 'engines/demo-requests.ts']);

/** The code puts these together from several texts. */
const composed: readonly RegExp[] = [
  /^the (order|proof|certificate) for \{domain\}$/,
  /^(http-01|tls-alpn-01|dns-01) of \{domain\}$/,
  /\(the connection broke\)$/,
  /^Read them on its pages /,
  /, only challenges that flm does not support$/,
  /SHA256SUMS lists the file as \{name\}$/,
  /^The (response has status|engine reports an error|engine answered with status) /,
];

/** The code of some files, without comments. */
function sourceOf(wanted: (name: string) => boolean): string {
  return readdirSync(sources, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && wanted(name))
    .map((name) => readFileSync(join(sources, name), 'utf8'))
    .join('\n')
    .replaceAll(/\/\*.*?\*\//gs, '')
    .replaceAll(/^\s*\/\/.*$/gm, '');
}

test('a phrase is translated, with its values, and any other text stays', () => {
  assert.equal(translated('this user does not have permission'), 'このユーザーには権限がありません');
  assert.equal(translated(' by ollama (pid 12)'), 'ollama（pid 12）によって');
  assert.equal(translated('it was told to end (SIGTERM)'), '終了を指示されました（SIGTERM）');
  assert.equal(translated('CUDA error: out of memory'), 'CUDA error: out of memory');
  assert.equal(translated(''), '');
});

test('a value that is a phrase is translated, and a name that only looks like one is not', () => {
  assert.equal(
    translated('Key key_1 is revoked only in the memory of this proxy: the disk is full'),
    'キーkey_1の失効は、このプロキシのメモリーにだけ反映されています: ディスクに空き容量がありません',
  );
  assert.equal(
    codeForPeople('KEY_NOT_FOUND', { key: 'missing', near: '; similar names: text, a number' }).message,
    'キーmissingはありません（似た名前: text, a number）。',
  );
});

test('an optional value takes nothing from the value before it', () => {
  assert.equal(translated('There is no model qwen3.'), 'モデルqwen3はありません。');
  assert.equal(
    translated('There is no model qwen3; similar names: qwen3:8b.'),
    'モデルqwen3はありません（似た名前: qwen3:8b）。',
  );
});

test('sentences that another process joined are translated one by one', () => {
  const code = 'STORE_BUSY';
  const params = { file: '/x/flm.db' };
  assert.equal(
    translated(`The certificate was not renewed: ${errorText(code, params)} ${errorHint(code, params)}`),
    `証明書を更新できませんでした: ${codeForPeople(code, params).message}${codeForPeople(code, params).hint}`,
  );
});

test('an error of the system and the faults of a configuration are told in Japanese, under the names of the flags', () => {
  const cause = Object.assign(new Error('x'), { code: 'ENOSPC', syscall: 'write', path: '/x' });
  const refusal = systemRefusal(cause, 'to make the folder /x');
  assert.ok(refusal !== undefined);
  assert.deepEqual(errorForPeople(refusal), {
    message: 'システムが処理を拒否しました（フォルダー/xの作成）: ディスクに空き容量がありません（ENOSPC）。',
    hint: '空き容量を増やして、もう一度試してください。`df -h`で空きのないディスクを確認できます。',
  });
  const deleted = systemRefusal(Object.assign(new Error('x'), { code: 'ENOENT', syscall: 'uv_cwd' }));
  assert.ok(deleted !== undefined);
  assert.deepEqual(errorForPeople(deleted), {
    message: 'システムが処理を拒否しました（作業フォルダーの確認）: フォルダーが削除されました（ENOENT）。',
    hint: '存在するフォルダーに移動して、もう一度試してください。',
  });
  const invalid = new ProxyError('PROXY_INVALID_CONFIG', {
    faults: [
      { field: 'port', value: '70000', allowed: '65535 or less' },
      { field: '', value: 'missing', allowed: 'fields with values', line: 3, column: 5 },
    ],
    moreFaults: 2,
  });
  assert.equal(
    errorForPeople(invalid, ({ field }) => (field === 'port' ? '--port' : undefined)).message,
    [
      '設定が正しくありません: ',
      '  --portは70000です。指定できる値: 65535以下',
      '  文書全体（3行5文字目）は未指定です。指定できる値: 項目と値の組',
      '  ほか2件',
    ].join('\n'),
  );
  assert.match(invalid.message, /^The configuration is not valid: /);
});

test('every rule, and all advice about every kind of engine, has a Japanese form', () => {
  const names = new Set(['denyIps', 'allowIps', 'allowOrigins', 'content-type', 'content-encoding']);
  const values: Readonly<Record<string, string>> = { whose: "key's", span: 'day', does: 'unload the model' };
  for (const [id, form] of Object.entries(ruleTexts)) {
    const text = form.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? 'X7');
    // A setting of the policy or of the limits, or a header.
    if (names.has(text) || /^(max|min)[A-Z]\w+$/.test(text)) continue;
    assert.match(translated(text), japanese, id);
  }
  for (const { advice, name } of engineKinds) {
    assert.match(translated(advice.exposure), japanese, name);
    assert.match(translated(advice.context('qwen3:8b', 16_384)), japanese, name);
  }
});

test('a phrase occurs once, has values that its English form has, and an English form that the code still writes', () => {
  const source = sourceOf((name) => !/^(web|cli\/i18n)\//.test(name))
    .replaceAll("\\'", "'")
    .replaceAll('\\`', '`');
  const seen = new Set<string>();
  const stale: string[] = [];
  for (const [english, translation] of phrases) {
    assert.ok(!seen.has(english), `twice: ${english}`);
    seen.add(english);
    const named = (form: string): readonly string[] => form.match(/\{\w+\}/g) ?? [];
    for (const name of named(translation)) assert.ok(named(english).includes(name), english);
    // commander writes these.
    if (usagePhrases.some(([usage]) => usage === english)) continue;
    if (composed.some((form) => form.test(english))) continue;
    for (const part of english.split(/[\s();:,]*\{\w+\}[\s();:,]*/).map((text) => text.replace(/\)$/, '')))
      if (!source.includes(part)) stale.push(`${part} of ${english}`);
  }
  assert.deepEqual(stale, []);
});

test('every reason, allowed value and advice that the code writes into an error has a Japanese form', () => {
  const text = `('(?:[^'\\\\\\n]|\\\\.)*'|\`(?:[^\`\\\\]|\\\\.)*\`|"[^"\\n]*")`;
  const places = new RegExp(
    `(?:\\b(?:reason|allowed|advice|fix|does|note|exposure|detail|instead|holder|near)(?::|\\s=)|\\{ error:|\\b(?:unfit|folderUnfit|notSigned|wrongFile|differs|unusable|down)\\((?:[^'\`"()]*|'\\w+'), )\\s*${text}`,
    'g',
  );
  const source = sourceOf((name) => !/^(web|cli)\//.test(name) && !apart.has(name));
  const missing = [...source.matchAll(places)]
    .map(([, literal = '']) =>
      literal
        .slice(1, -1)
        .replaceAll(/\\(.)/g, '$1')
        .replaceAll(/\$\{(?:[^{}]|\{[^{}]*\})*\}/g, '7'),
    )
    // The rest of a text that holds another one is no text.
    .filter((form) => / [a-z]{2}/.test(form) && !form.includes('${') && !japanese.test(translated(form)));
  assert.deepEqual([...new Set(missing)], []);
});
