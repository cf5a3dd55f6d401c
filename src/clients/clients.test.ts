import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { test } from 'node:test';
import { parse } from '@decimalturn/toml-patch';
import { parse as parseYaml } from 'yaml';
import { clients, findRecipe } from './clients.ts';
import { type ClientRecipe, snippetsOf, wholeFile } from './recipe.ts';
import type { ConnectTarget } from './snippet.ts';

const origin = 'http://127.0.0.1:8484';
/** A name that every format has to quote. */
const hostile = `it's "a" $HOME \`id\` \\ #x: [m]/q`;
const authority = { alone: "/home/o'neil/flm data/ca.crt", withPublic: "/home/o'neil/flm data/bundle.crt" };
const targets: readonly ConnectTarget[] = [
  { origin, model: 'qwen3', key: undefined },
  { origin, model: 'qwen3', key: 'flm_secret' },
  { origin, model: hostile, key: "k'ey" },
  { origin, model: hostile, key: undefined, contextTokens: 40_960, authority, clientCertificate: true },
];

function client(id: string): ClientRecipe {
  const found = clients.find((c) => c.id === id);
  assert.ok(found !== undefined, id);
  return found;
}
const first = (id: string, to: ConnectTarget): string => snippetsOf(client(id), to)[0]?.text ?? '';

/** With plain objects, which can be compared. */
const parseToml = (text: string): unknown => JSON.parse(JSON.stringify(parse(text)));

test('ids are unique and can be typed', () => {
  const ids = clients.map((c) => c.id);
  assert.equal(new Set(ids).size, ids.length);
  for (const id of ids) assert.match(id, /^[a-z][a-z0-9-]+$/);
});

/** What the shell makes of a snippet's variables; the programs that it starts do nothing. */
function variables(text: string, ...names: readonly string[]): readonly string[] {
  const quiet = ['claude', 'copilot', 'aider', 'curl']
    .map((p) => `${p}() { printf '%s\\n' "$@"; }`)
    .join('; ');
  const shown = names.map((name) => `printf '%s\\n' "$${name}"`).join('; ');
  const { stdout, status, stderr } = spawnSync('sh', ['-c', `${quiet}; ${text}\n${shown}`], {
    encoding: 'utf8',
    env: { FLM_API_KEY: 'from the variable', PATH: process.env.PATH },
  });
  assert.equal(status, 0, stderr);
  return stdout.trimEnd().split('\n');
}

test('a shell makes of the settings what was meant, whatever the model is called', () => {
  const to = { origin, model: hostile, key: undefined };

  assert.deepEqual(
    variables(first('claude-code', to), 'ANTHROPIC_BASE_URL', 'ANTHROPIC_AUTH_TOKEN', 'ANTHROPIC_MODEL'),
    ['', origin, 'from the variable', hostile],
  );
  // Otherwise a line that changes with every question stands first in the system prompt, and no engine's cache helps.
  assert.deepEqual(variables(first('claude-code', to), 'CLAUDE_CODE_ATTRIBUTION_HEADER').slice(-1), ['0']);
  assert.deepEqual(variables(first('aider', to), 'OPENAI_API_BASE').slice(0, 2), [
    '--model',
    `openai/${hostile}`,
  ]);
  assert.deepEqual(variables(first('openai', { ...to, key: "k'ey" }), 'OPENAI_API_KEY'), ["k'ey"]);
  const body = variables(first('curl', to)).at(-1) ?? '';
  assert.equal((JSON.parse(body) as { model: string }).model, hostile);
  assert.ok(variables(first('curl', to)).includes('Authorization: Bearer from the variable'));
});

test('files get what was meant, whatever the model is called', () => {
  const to = { origin, model: hostile, key: undefined };

  assert.deepEqual(parseToml(first('codex', to)), {
    model: hostile,
    model_provider: 'flm',
    web_search: 'disabled',
    model_providers: {
      flm: {
        name: 'flm',
        base_url: `${origin}/v1`,
        env_key: 'FLM_API_KEY',
        wire_api: 'responses',
        supports_websockets: false,
      },
    },
  });
  // Continue refuses a file without `name` and `version`, and knows variables as its own secrets alone.
  for (const key of ['k', undefined]) {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Continue puts the secret in itself.
    const apiKey = key ?? '${{ secrets.FLM_API_KEY }}';
    assert.deepEqual(parseYaml(first('continue', { ...to, key })), {
      name: 'flm',
      version: '0.0.1',
      schema: 'v1',
      models: [
        { name: `${hostile} (flm)`, provider: 'openai', model: hostile, apiBase: `${origin}/v1`, apiKey },
      ],
    });
  }
  assert.deepEqual(parseYaml(first('librechat', to)), {
    endpoints: {
      custom: [
        {
          name: 'flm',
          // biome-ignore lint/suspicious/noTemplateCurlyInString: LibreChat puts the variable in itself.
          apiKey: '${FLM_API_KEY}',
          baseURL: `${origin}/v1`,
          models: { default: [hostile], fetch: true },
        },
      ],
    },
  });
});

test('with a local CA every client is given its file in the way that it knows, and without one none is', () => {
  const to = { origin, model: 'm', key: 'k' };
  for (const recipe of clients) {
    const text = (target: ConnectTarget): string =>
      snippetsOf(recipe, target)
        .map((s) => s.text)
        .join('\n');
    const knows = recipe.trusts !== 'what the system trusts' && recipe.trusts !== 'public CAs alone';
    assert.equal(/flm data/.test(text({ ...to, authority })), knows, recipe.id);
    assert.doesNotMatch(text(to), /NODE_EXTRA|SSL_CERT|CA_|cacert/, recipe.id);
    assert.equal(
      /client\.pem/.test(text({ ...to, clientCertificate: true })),
      recipe.showsCertificate === true,
    );
  }
});

test('a file that takes the place of the CAs that a program has holds these, too', () => {
  const to = { origin, model: 'm', key: 'k', authority };

  assert.deepEqual(variables(first('openai', to), 'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE'), [
    authority.alone,
    authority.withPublic,
  ]);
  assert.deepEqual(variables(first('claude-code', to), 'NODE_EXTRA_CA_CERTS').slice(-1), [authority.alone]);
  assert.deepEqual(variables(snippetsOf(client('codex'), to)[1]?.text ?? '', 'CODEX_CA_CERTIFICATE'), [
    authority.alone,
  ]);
  const python = snippetsOf(client('python'), to);
  assert.deepEqual(
    python.map((s) => s.format),
    ['python', 'sh'],
  );
  assert.deepEqual(variables(python[1]?.text ?? '', 'SSL_CERT_FILE'), [authority.withPublic]);
});

test('curl and Continue are given CA and client certificate in their own words', () => {
  const to = { origin, model: 'm', key: 'k', authority, clientCertificate: true };
  const args = variables(first('curl', to));

  assert.deepEqual(args.slice(args.indexOf('--cacert'), args.indexOf('-H')), [
    '--cacert',
    authority.alone,
    '--cert',
    'client.pem',
    '--key',
    'client-key.pem',
  ]);
  const settings = parseYaml(first('continue', to)) as { models: { requestOptions: unknown }[] };
  assert.deepEqual(settings.models[0]?.requestOptions, {
    caBundlePath: authority.alone,
    clientCertificate: { cert: 'client.pem', key: 'client-key.pem' },
  });
});

test('every client is found by its id, its name and its aliases, however they are written', () => {
  for (const recipe of clients) {
    for (const name of [recipe.id, recipe.name, ...(recipe.aliases ?? [])]) {
      assert.equal(findRecipe(name), recipe, name);
      assert.equal(findRecipe(name.toUpperCase().replaceAll('-', '_')), recipe, name);
      assert.equal(findRecipe(` ${name.replaceAll('-', ' ')} `), recipe, name);
    }
  }
  for (const [name, id] of [
    ['claude', 'claude-code'],
    ['openwebui', 'open-webui'],
    ['open_webui', 'open-webui'],
    ['Claude Code', 'claude-code'],
    ['VSCode', 'vscode'],
    ['opencod', 'opencode'],
    ['langchain4j', 'java'],
  ] as const)
    assert.equal(findRecipe(name), client(id), name);
});

test('no name means two clients', () => {
  const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  const names = clients.flatMap((c) => [...new Set([c.id, c.name, ...(c.aliases ?? [])].map(plain))]);
  assert.deepEqual([...names].sort(), [...new Set(names)].sort());
});

test('a name that may mean several, or is mistyped, finds those it may mean, and nonsense finds none', () => {
  const ids = (name: string): readonly string[] => {
    const found = findRecipe(name);
    assert.ok('length' in found, name);
    return found.map((c) => c.id);
  };
  assert.deepEqual([...ids('open')].sort(), ['codex', 'open-webui', 'openai', 'opencode', 'python']);
  assert.ok(ids('cloude').includes('claude-code'));
  assert.ok(ids('libre-caht').includes('librechat'));
  for (const nonsense of ['', ' ', '-', '???', '\u0000', 'x'.repeat(10_000), '__proto__', 'constructor'])
    assert.deepEqual(ids(nonsense), [], nonsense);
});

test('each client gets the context size in its own setting', () => {
  const to = { origin, model: 'm', key: undefined, contextTokens: 40_960 };

  assert.deepEqual(
    variables(
      first('claude-code', to),
      'CLAUDE_CODE_AUTO_COMPACT_WINDOW',
      'CLAUDE_CODE_MAX_OUTPUT_TOKENS',
    ).slice(-2),
    ['40960', '10240'],
  );
  assert.equal(
    (parseToml(first('codex', to)) as { model_context_window: unknown }).model_context_window,
    40_960,
  );
  assert.match(first('opencode', to), /"context": 40960,\s+"output": 8192/);
  assert.match(first('zed', to), /"max_tokens": 40960/);
  assert.match(first('vscode', to), /"maxInputTokens": 32768,\s+"maxOutputTokens": 8192/);
  assert.match(first('continue', to), /contextLength: 40960/);
  assert.match(first('goose', to), /GOOSE_CONTEXT_LIMIT=40960/);
  assert.match(first('cline', to), /Context Window Size: 40960/);
  // Claude Code knows what to do with its own default.
  assert.doesNotMatch(first('claude-code', { ...to, contextTokens: 200_000 }), /COMPACT/);
});

test('a whole file parses to the settings and the defaults, in each format', () => {
  for (const { id, file } of clients) {
    if (file === undefined) continue;
    for (const to of targets) {
      const text = wholeFile(file, to);
      const parsed: unknown =
        file.format === 'json'
          ? JSON.parse(text)
          : file.format === 'toml'
            ? parseToml(text)
            : parseYaml(text);
      const own = file.settings(to);
      assert.deepEqual(parsed, Array.isArray(own) ? own : { ...file.defaults, ...own }, id);
    }
  }
});

test('a trust store of Java is a copy of that of the JDK with the CA of flm in it', () => {
  const java = snippetsOf(client('java'), { origin, model: 'm', key: 'k', authority })[1]?.text ?? '';
  assert.match(java, /keytool -importcert -noprompt -alias flm -file '\/home\/o'\\''neil/);
  assert.match(java, /trustStore='\$STORE'/);
});
