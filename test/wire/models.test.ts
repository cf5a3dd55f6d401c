/**
 * Names on their way to engines, with the real catalogue and the real kinds of engines: which bytes of a body change,
 * who is told what about names that do not resolve, and what only a key of an administrator may do.
 */
import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { endFixtureAfterEachTest, GatewayFixture, type RealEngine } from '../helpers/gateway-fixture.ts';
import { answer, type RawEngine } from '../helpers/raw-engine.ts';
import { get, post, type WireResponse } from '../helpers/test-gateway.ts';

let fixture: GatewayFixture;
const engines: readonly RealEngine[] = [
  {
    id: 'box',
    kind: 'ollama',
    models: [
      { id: 'qwen3:latest', contextLength: 4096 },
      { id: 'llama3.2:3b' },
      { id: 'gpt-oss:120b-cloud', remote: true },
      { id: 'innocent', remote: true },
    ],
  },
  { id: 'studio', kind: 'lmstudio', models: [{ id: 'granite-4' }, { id: 'org/model-7b' }] },
  { id: 'rig', kind: 'vllm', models: [{ id: 'Qwen/Qwen3-8B' }] },
];
endFixtureAfterEachTest(() => fixture);
beforeEach(async () => {
  fixture = await GatewayFixture.openReal(engines, [
    { name: 'small', target: 'llama3.2:3b' },
    { name: 'gpt-4o', target: 'Qwen/Qwen3-8B' },
  ]);
});

const [box, studio, rig] = [0, 1, 2].map((i) => (): RawEngine => fixture.engines[i] as RawEngine) as [
  () => RawEngine,
  () => RawEngine,
  () => RawEngine,
];

async function send(
  body: string,
  path = '/v1/chat/completions',
  key = fixture.proxy.key,
): Promise<WireResponse> {
  for (const engine of fixture.engines) engine.setScript([answer('{"ok":true}')]);
  return (await fixture.send(Buffer.from(post(path, key, body)))).response();
}

function messageOf(response: WireResponse): string {
  const { error } = JSON.parse(response.body.toString());
  return typeof error === 'string' ? error : error.message;
}

describe('of a body that names a model by', () => {
  const cases: readonly (readonly [name: string, sent: string, engine: () => RawEngine, got: string])[] = [
    ['its id, nothing changes', '{"model":"granite-4"}', studio, '{"model":"granite-4"}'],
    [
      'an id that holds a slash, nothing changes',
      '{"model" : "org/model-7b"}',
      studio,
      '{"model" : "org/model-7b"}',
    ],
    [
      'a name that is its id but for the escapes, nothing is lost',
      '{"model":"granit\\u0065-4"}',
      studio,
      '{"model":"granit\\u0065-4"}',
    ],
    ["Ollama's shorthand, nothing changes", '{"model":"qwen3"}', box, '{"model":"qwen3"}'],
    [
      'an alias, only its bytes change',
      ' {"a":[1.0e2],"model"\t:"small" , "b":"é😀"}\n',
      box,
      ' {"a":[1.0e2],"model"\t:"llama3.2:3b" , "b":"é😀"}\n',
    ],
    [
      'an alias that engines have as a rule, only its bytes change',
      '{"model":"gpt-4o","x":"gpt-4o"}',
      rig,
      '{"model":"Qwen/Qwen3-8B","x":"gpt-4o"}',
    ],
    [
      'engine/model, only its bytes change',
      '{"model":"studio/granite-4","n":1}',
      studio,
      '{"model":"granite-4","n":1}',
    ],
    [
      'engine/model with a slash in the id',
      '{"n":1,"model":"studio/org/model-7b"}',
      studio,
      '{"n":1,"model":"org/model-7b"}',
    ],
    ['flm://engine/model', '{"model":"flm:\\/\\/rig/Qwen/Qwen3-8B"}', rig, '{"model":"Qwen/Qwen3-8B"}'],
  ];
  for (const [name, sent, engine, got] of cases) {
    test(name, async () => {
      const response = await send(sent);
      assert.equal(response.status, 200, response.body.toString());
      assert.equal(engine().requests.at(-1)?.body.toString(), got);
      assert.equal(engine().requests.at(-1)?.field('content-length'), String(Buffer.byteLength(got)));
      assert.equal(
        fixture.engines.reduce((sum, e) => sum + e.requests.length, 0),
        1,
      );
    });
  }

  test('an alias, in a form', async () => {
    const form = (model: string): string =>
      `--B\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nsmall\r\n--B\r\nContent-Disposition: form-data; name="model"\r\n\r\n${model}\r\n--B--\r\n`;
    for (const engine of fixture.engines) engine.setScript([answer('{}')]);
    const body = form('small');
    const wire = await fixture.send(
      post('/v1/audio/transcriptions', fixture.proxy.key, body).replace(
        'application/json',
        'multipart/form-data; boundary=B',
      ),
    );
    assert.equal((await wire.response()).status, 200);
    assert.equal(box().requests[0]?.body.toString(), form('llama3.2:3b'));
  });
});

describe('where no model is named', () => {
  test('and the key sees several, it is a 400 that lists them', async () => {
    for (const body of ['{"messages":[]}', '{"model":"","messages":[]}']) {
      const response = await send(body);
      assert.equal(response.status, 400);
      assert.match(messageOf(response), /Set model to one of: .*granite-4/);
    }
  });

  test('and the key sees one, that one is named to the engine', async () => {
    const key = fixture.addKey({ models: ['granite-4'] });
    for (const [sent, got] of [
      ['{"messages":[]}', '{"model":"granite-4","messages":[]}'],
      [' { }', ' {"model":"granite-4" }'],
      ['{"model":"","messages":[]}', '{"model":"granite-4","messages":[]}'],
      ['\n{ "a":{"model":"x"}}', '\n{"model":"granite-4", "a":{"model":"x"}}'],
    ] as const) {
      assert.equal((await send(sent, undefined, key)).status, 200);
      assert.equal(studio().requests.at(-1)?.body.toString(), got);
    }
  });

  test('in a form, and the key sees one, a part names it', async () => {
    const key = fixture.addKey({ models: ['llama3.2:3b'] });
    box().setScript([answer('{}')]);
    const body = '--B\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nRIFF\r\n--B--\r\n';
    const wire = await fixture.send(
      post('/v1/audio/transcriptions', key, body).replace(
        'application/json',
        'multipart/form-data; boundary=B',
      ),
    );
    assert.equal((await wire.response()).status, 200);
    assert.equal(
      box().requests[0]?.body.toString(),
      `--B\r\nContent-Disposition: form-data; name="model"\r\n\r\nllama3.2:3b\r\n${body}`,
    );
  });

  test('and the key may use none, it is a 403', async () => {
    const key = fixture.addKey({ models: ['none-of-these'] });
    assert.equal((await send('{}', undefined, key)).status, 403);
  });
});

describe('a model that nobody has is a 404', () => {
  test('that tells near names', async () => {
    const response = await send('{"model":"granite-3"}');
    assert.equal(response.status, 404);
    assert.equal(JSON.parse(response.body.toString()).error.code, 'model_not_found');
    assert.match(messageOf(response), /There is no model granite-3; similar: granite-4/);
  });

  test('that tells no name which the key may not use', async () => {
    const key = fixture.addKey({ models: ['Qwen/*'] });
    const response = await send('{"model":"granite-3"}', undefined, key);
    assert.equal(response.status, 404);
    assert.ok(!messageOf(response).includes('granite-4'));
  });

  test('also where it is there and the key may not use it: nobody learns that it is', async () => {
    const key = fixture.addKey({ models: ['Qwen/*'] });
    const hidden = await send('{"model":"granite-4"}', undefined, key);
    assert.equal(hidden.status, 404);
    assert.equal(studio().requests.length, 0);
  });

  test('in one line, whatever the client calls it', async () => {
    const name = `\u001b[31mx\u202e ${'y'.repeat(500)}`;
    const response = await send(JSON.stringify({ model: name.replace('\u001b', '') }));
    assert.equal(response.status, 404);
    assert.ok(messageOf(response).length < 400);
    assert.doesNotMatch(messageOf(response), /[\p{C}]/u);
  });
});

test('a route that no engine of the model speaks is a 404 that names engines that do', async () => {
  const response = await send('{"model":"granite-4"}', '/v1/rerank');
  assert.equal(response.status, 404);
  assert.match(messageOf(response), /serves \/v1\/rerank; these do: rig/);
});

test('a list shows what the key may use', async () => {
  const key = fixture.addKey({ models: ['granite-4', 'small'] });
  const wire = await fixture.send(get('/v1/models', key));
  const ids = JSON.parse((await wire.response()).body.toString()).data.map((m: { id: string }) => m.id);
  assert.deepEqual(ids, ['granite-4', 'small']);
});

// --- hazards

interface Hazardous {
  readonly name: string;
  readonly path: string;
  readonly body: string;
  readonly does: RegExp;
}

const hazards: readonly Hazardous[] = [
  {
    name: 'unloads a model',
    path: '/api/generate',
    body: '{"model":"qwen3","keep_alive":0}',
    does: /unload the model/,
  },
  {
    name: 'unloads a model by an empty chat',
    path: '/api/chat',
    body: '{"model":"qwen3","messages":[],"keep_alive":"0s"}',
    does: /unload the model/,
  },
  {
    name: 'loads a model without a question',
    path: '/api/generate',
    body: '{"model":"qwen3"}',
    does: /load the model/,
  },
  {
    name: 'pins a model',
    path: '/api/chat',
    body: '{"model":"qwen3","messages":[{}],"keep_alive":-1}',
    does: /keep the model/,
  },
  {
    name: 'loads a model again',
    path: '/api/chat',
    body: '{"model":"qwen3","messages":[{}],"options":{"num_ctx":99999}}',
    does: /with other options/,
  },
  {
    name: 'asks a cloud model',
    path: '/v1/chat/completions',
    body: '{"model":"gpt-oss:120b-cloud"}',
    does: /ollama\.com/,
  },
  {
    name: 'asks a cloud model under another name',
    path: '/v1/chat/completions',
    body: '{"model":"innocent"}',
    does: /ollama\.com/,
  },
  {
    name: 'asks a cloud model under another name, by the native API',
    path: '/engine/box/api/chat',
    body: '{"model":"innocent","messages":[{}]}',
    does: /ollama\.com/,
  },
  {
    name: 'unloads a model by the native API',
    path: '/engine/box/api/generate',
    body: '{"model":"qwen3","keep_alive":0}',
    does: /unload the model/,
  },
  {
    name: 'loads a model again by the native API',
    path: '/engine/box/api/embed',
    body: '{"model":"qwen3","input":"x","options":{"num_gpu":0}}',
    does: /with other options/,
  },
  {
    name: 'runs MCP tools',
    path: '/v1/responses',
    body: '{"model":"granite-4","tools":[{"type":"function"},{"type":"mcp"}]}',
    does: /run MCP tools/,
  },
  {
    name: 'runs MCP tools by the native API',
    path: '/engine/studio/v1/responses',
    body: '{"model":"granite-4","tools":[{"type":"mcp"}]}',
    does: /run MCP tools/,
  },
  {
    name: 'changes when a model is unloaded',
    path: '/v1/chat/completions',
    body: '{"model":"granite-4","ttl":5}',
    does: /unloaded/,
  },
  {
    name: "runs tools on the engine's machine",
    path: '/v1/responses',
    body: '{"model":"Qwen/Qwen3-8B","tools":[{"type":"code_interpreter"}]}',
    does: /run tools/,
  },
];

describe('a request is refused without engine:admin, and passes with it, that', () => {
  for (const { name, path, body, does } of hazards) {
    test(name, async () => {
      const refused = await send(body, path, fixture.addKey({ scopes: ['inference', 'engine:read'] }));
      assert.equal(refused.status, 403);
      assert.match(messageOf(refused), does);
      assert.equal(
        fixture.engines.reduce((sum, e) => sum + e.requests.length, 0),
        0,
      );
      const allowed = await send(
        body,
        path,
        fixture.addKey({ scopes: ['inference', 'engine:read', 'engine:admin'] }),
      );
      assert.equal(allowed.status, 200, allowed.body.toString());
      assert.equal(fixture.engines.flatMap((e) => e.requests)[0]?.body.toString(), body);
    });
  }
});

describe("harmless requests to an engine's own API need no more than they say:", () => {
  const harmless: readonly (readonly [path: string, body: string])[] = [
    ['/engine/box/api/embed', '{"model":"qwen3","input":"x"}'],
    ['/engine/box/api/embeddings', '{"model":"qwen3","prompt":"x"}'],
    ['/engine/box/api/show', '{"model":"qwen3"}'],
    ['/engine/box/api/chat', '{"model":"qwen3","messages":[{"role":"user"}],"options":{"num_ctx":4096}}'],
    ['/engine/box/v1/chat/completions', '{"model":"qwen3","messages":[]}'],
    ['/engine/studio/v1/chat/completions', '{"model":"granite-4","messages":[]}'],
    ['/engine/rig/v1/rerank', '{"model":"Qwen/Qwen3-8B","query":"x"}'],
    ['/engine/rig/tokenize', '{"model":"Qwen/Qwen3-8B","prompt":"x"}'],
  ];
  for (const [path, body] of harmless) {
    test(path, async () => {
      const response = await send(body, path, fixture.addKey({ scopes: ['inference', 'engine:read'] }));
      assert.equal(response.status, 200, response.body.toString());
      const request = fixture.engines.flatMap((e) => e.requests)[0];
      assert.equal(request?.target, path.replace(/^\/engine\/[a-z]+/, ''));
      assert.equal(request?.body.toString(), body);
    });
  }

  test('and speak the dialect of the same endpoint at the front', async () => {
    const key = fixture.addKey({ scopes: ['inference', 'engine:read'] });
    const response = await send('{"model":"qwen3","keep_alive":0}', '/engine/box/api/generate', key);
    assert.equal(typeof JSON.parse(response.body.toString()).error, 'string');
  });
});

test("the key's model rules hold on an engine's own API", async () => {
  const key = fixture.addKey({ scopes: ['inference', 'engine:read'], models: ['granite-4'] });
  for (const [body, status] of [
    ['{"model":"granite-4"}', 200],
    ['{"model":"org/model-7b"}', 403],
    ['{}', 403],
  ] as const) {
    assert.equal((await send(body, '/engine/studio/v1/chat/completions', key)).status, status, body);
  }
  const elsewhere = fixture.addKey({ scopes: ['inference', 'engine:read'], engines: ['box'] });
  assert.equal(
    (await send('{"model":"granite-4"}', '/engine/studio/v1/chat/completions', elsewhere)).status,
    404,
  );
});

test('what an engine kind does not list needs engine:admin', async () => {
  for (const path of [
    '/engine/box/api/pull',
    '/engine/box/api/delete',
    '/engine/studio/api/v1/models/load',
    '/engine/rig/sleep',
    '/engine/rig/v1/load_lora_adapter',
  ]) {
    assert.equal(
      (await send('{"model":"x"}', path, fixture.addKey({ scopes: ['inference', 'engine:read'] }))).status,
      403,
      path,
    );
    assert.equal(
      (await send('{"model":"x"}', path, fixture.addKey({ scopes: ['engine:admin'] }))).status,
      200,
      path,
    );
  }
});
