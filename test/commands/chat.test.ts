/**
 * `flm chat` as people and scripts use it: the built command, a running proxy, and an engine that answers as told.
 */
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { chatAnswer, chatDelta, chatEvent, startChatEngine } from '../helpers/chat-engine.ts';
import { makeCli, noTerminal } from '../helpers/cli.ts';
import { hold, type RawRequest, reset, type Steps, sseHead } from '../helpers/raw-engine.ts';
import { startProxy } from '../helpers/start-proxy.ts';

type Fixture = Awaited<ReturnType<typeof fixture>>;

/** A proxy before an engine with these models. */
async function fixture(
  t: Parameters<typeof makeCli>[0],
  models: readonly string[] = ['m'],
  chat: (request: RawRequest) => Steps = (request) => chatAnswer(`You said ${lastOf(request)}`),
) {
  const engine = await startChatEngine(models, chat);
  const cli = makeCli(t);
  t.after(() => engine.close());
  const { id, url } = await startProxy(cli, '--engine', engine.url);
  return { cli, engine, id, url };
}

interface Asked {
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
}
const askedOf = (request: RawRequest): Asked => JSON.parse(request.body.toString()) as Asked;
const lastOf = (request: RawRequest): string => askedOf(request).messages.at(-1)?.content ?? '';
const chatsOf = ({ engine }: Fixture): readonly Asked[] =>
  engine.requests.filter((r) => r.method === 'POST' && r.target === '/v1/chat/completions').map(askedOf);

test('one question on the command line, one answer on stdout', async (t) => {
  const { cli } = await fixture(t);

  const { stdout, stderr, code } = await cli.run('chat', '-m', 'hello');

  assert.deepEqual({ stdout, stderr, code }, { stdout: 'You said hello\n', stderr: '', code: 0 });
});

test('the question comes from standard input where there is no terminal, and goes to the model that is named', async (t) => {
  const here = await fixture(t, ['a', 'b']);

  const { stdout, code } = await here.cli.pipe('two\nlines', 'chat', 'b');

  assert.deepEqual([stdout, code], ['You said two\nlines\n', 0]);
  assert.equal(chatsOf(here)[0]?.model, 'b');
});

test('--json prints one document with text, usage and timings', async (t) => {
  const usage = { prompt_tokens: 2, completion_tokens: 4, total_tokens: 6 };
  const { cli } = await fixture(t, ['m'], () => [
    sseHead,
    chatDelta({ reasoning: 'Hm.' }),
    chatDelta({ content: 'Yes' }, 'stop'),
    chatEvent({ choices: [], usage }),
    chatEvent('[DONE]'),
    '0\r\n\r\n',
  ]);

  const ran = await cli.run('chat', 'm', '-m', 'hello', '--json');

  const { timings, requestId, ...told } = ran.json<{ timings: Record<string, number>; requestId: string }>();
  assert.deepEqual(told, {
    model: 'm',
    text: 'Yes',
    reasoning: 'Hm.',
    finishReason: 'stop',
    usage: { inputTokens: 2, outputTokens: 4 },
  });
  assert.ok((timings.firstTokenMs ?? Number.NaN) <= (timings.totalMs ?? Number.NaN));
  assert.match(requestId, /^req_/);
});

test('a model that only embeds is no choice', async (t) => {
  const here = await fixture(t, ['nomic-embed-text', 'm']);

  assert.equal((await here.cli.run('chat', '-m', 'hello')).stdout, 'You said hello\n');
  assert.equal(chatsOf(here)[0]?.model, 'm');
});

test('the key of a chat is in no list of keys', async (t) => {
  const { cli } = await fixture(t);
  await cli.run('chat', '-m', 'hello');

  assert.deepEqual((await cli.run('key', 'list', '--json')).json(), { keys: [] });
});

test('a question that cannot be sent ends with exit code 1 and a message', async (t) => {
  const { cli } = await fixture(t, ['a', 'b']);
  const told = async (input: string, ...args: readonly string[]) => {
    const { code, stdout, stderr } = await cli.pipe(input, 'chat', ...args);
    assert.deepEqual([code, stdout], [1, ''], stderr);
    return stderr;
  };

  assert.match(await told('', '-m', 'x'), /There are several models; name one of: a, b\./);
  assert.match(await told('', 'c', '-m', 'x'), /There is no model c[\s\S]*flm explain req_/);
  assert.match(await told('  \n', 'a'), /There is no question; give one with -m/);
  assert.match(await told('', 'a', '-m', 'x', '--proxy', 'nope'), /No proxy is running with .* nope/);
  const json = JSON.parse(await told('', 'c', '-m', 'x', '--json')) as { error: { code: string } };
  assert.equal(json.error.code, 'CHAT_REFUSED');
});

test('without a running proxy it says how to get one', async (t) => {
  const { code, stderr } = await makeCli(t).run('chat', '-m', 'x');
  assert.equal(code, 1);
  assert.match(stderr, /No proxy is running\.\n.*flm proxy start/);
});

test('an engine that breaks off leaves what it said on stdout and an error on stderr', async (t) => {
  const { cli } = await fixture(t, ['m'], () => [sseHead, chatDelta({ content: 'Ye' }), reset]);

  const { code, stdout, stderr } = await cli.run('chat', '-m', 'x');

  assert.deepEqual([code, stdout], [1, 'Ye']);
  assert.match(stderr, /^Error: The engine stopped in the middle of its response\./m);
});

const steering = '\x1b]0;owned\x07\x1b[31m\u009b2J';

test('a pipe gets the very bytes of the model, a terminal gets none that steer it', {
  skip: noTerminal,
}, async (t) => {
  const { cli } = await fixture(t, ['m'], () => chatAnswer(`${steering}end`));

  assert.equal((await cli.run('chat', '-m', 'x')).stdout, `${steering}end\n`);
  const shown = await cli.startInTerminal('chat', '-m', 'x').ended;

  assert.match(shown.stdout, /\\u001b\]0;owned\\u0007\\u001b\[31m\\u009b2Jend/);
  assert.ok(!/[\x07\x1b\u009b]/.test(shown.stdout), JSON.stringify(shown.stdout));
});

test('a conversation remembers, forgets, changes the model and ends', { skip: noTerminal }, async (t) => {
  const here = await fixture(t, ['a', 'b']);
  const chat = here.cli.startInTerminal('chat', 'a');
  const type = (text: string): void => void chat.child.stdin?.write(text);
  await chat.saw(/Talking to a\..*\r\n.*> /);

  type('one\r');
  await chat.saw(/You said one\r\n.*> /);
  type('two\r');
  await chat.saw(/You said two\r\n.*> /);
  type('/model b\r');
  await chat.saw(/The model is b\./);
  type('/clear\r');
  await chat.saw(/conversation was cleared/);
  type('three\r');
  await chat.saw(/You said three\r\n.*> /);
  type('/models\r');
  await chat.saw(/ {2}a .*\r\n\* b /);
  type('/nonsense\r');
  await chat.saw(/There is no command \/nonsense; \/help/);
  type('/help\r');
  await chat.saw(/\/exit +leave/);
  type('/exit\r');

  assert.equal((await chat.ended).code, 0);
  assert.deepEqual(
    chatsOf(here).map(({ model, messages }) => [model, ...messages.map((m) => `${m.role}: ${m.content}`)]),
    [
      ['a', 'user: one'],
      ['a', 'user: one', 'assistant: You said one', 'user: two'],
      ['b', 'user: three'],
    ],
  );
});

test('a conversation has a system message, images and several lines, tells its speed, and can be saved', {
  skip: noTerminal,
}, async (t) => {
  const usage = { prompt_tokens: 2, completion_tokens: 4, total_tokens: 6 };
  const here = await fixture(t, ['m'], () => [
    sseHead,
    chatDelta({ content: 'It is **big**.' }, 'stop'),
    chatEvent({ choices: [], usage }),
    chatEvent('[DONE]'),
    '0\r\n\r\n',
  ]);
  const { folder } = here.cli;
  const png = Buffer.from('89504e470d0a1a0a00', 'hex');
  writeFileSync(join(folder, 'cat.png'), png);
  writeFileSync(join(folder, 'no.png'), 'text');
  const chat = here.cli.startInTerminal('chat');
  const type = (text: string): void => void chat.child.stdin?.write(text);
  await chat.saw(/> /);

  type('/system Be brief.\r');
  await chat.saw(/The system message is: Be brief\./);
  type('/save early.md\r');
  await chat.saw(/nothing to save/);
  type('/image no.png\r');
  await chat.saw(/no\.png is no PNG/);
  type('/image cat.png\r');
  await chat.saw(/cat\.png \(1 KB\) goes with/);
  type('What is\\\r');
  await chat.saw(/\.\.\. /);
  type('this?\r');
  await chat.saw(/It is \x1b\[1mbig\x1b\[22m\.\r\n.*4 tokens.*\r\n.*> /);
  type('"""\r');
  await chat.saw(/"""[\r\n]+.*\.\.\. /);
  type('And\r');
  await chat.saw(/And[\r\n]+.*\.\.\. /);
  type('that?"""\r');
  await chat.saw(/4 tokens,[\s\S]*4 tokens,.*\r\n.*> /);
  type('/save talk.md\r');
  await chat.saw(/Saved 5 messages to talk\.md/);
  type('/save talk.md\r');
  await chat.saw(/talk\.md exists/);
  type('/save talk.json\r');
  await chat.saw(/Saved 5 messages to talk\.json/);
  type('\x04');

  assert.equal((await chat.ended).code, 0);
  const image = { type: 'image_url', image_url: { url: `data:image/png;base64,${png.toString('base64')}` } };
  const [first, second] = chatsOf(here).map(({ messages }) => messages as readonly object[]);
  const asked = { role: 'user', content: [{ type: 'text', text: 'What is\nthis?' }, image] };
  const answered = { role: 'assistant', content: 'It is **big**.' };
  assert.deepEqual(first, [{ role: 'system', content: 'Be brief.' }, asked]);
  assert.deepEqual(second?.slice(1), [asked, answered, { role: 'user', content: 'And\nthat?' }]);
  const saved = readFileSync(join(folder, 'talk.md'), 'utf8');
  assert.match(
    saved,
    /^# m\n\n## System\n\nBe brief\.\n\n## You\n\n\[1 image\]\n\nWhat is\nthis\?\n\n## Model\n\nIt is/,
  );
  assert.equal(statSync(join(folder, 'talk.md')).mode & 0o777, 0o600);
  const { messages } = JSON.parse(readFileSync(join(folder, 'talk.json'), 'utf8')) as { messages: object[] };
  assert.deepEqual(messages.slice(0, 2), first);
});

test('a file or a pipe of a shell on standard input follows the message', async (t) => {
  const { cli } = await fixture(t);
  const question = join(cli.folder, 'question.txt');
  writeFileSync(question, 'one\ntwo\n');

  const { stdout } = await cli.runFrom(question, 'chat', '-m', 'Summarize this:');

  assert.equal(stdout, 'You said Summarize this:\n\none\ntwo\n');
});

test('lines that are pasted together are one question', { skip: noTerminal }, async (t) => {
  const here = await fixture(t);
  const chat = here.cli.startInTerminal('chat');
  await chat.saw(/> /);

  chat.child.stdin?.write('one\rtwo\r');
  await chat.saw(/You said one\r?\ntwo/);
  chat.child.stdin?.write('\x04');

  assert.equal((await chat.ended).code, 0);
  assert.equal(chatsOf(here)[0]?.messages[0]?.content, 'one\ntwo');
});

test('Ctrl-C stops the answer, what was said of it stays; a second one leaves', {
  skip: noTerminal,
}, async (t) => {
  let round = 0;
  const here = await fixture(t, ['m'], () => {
    round += 1;
    return round === 1
      ? [sseHead, chatDelta({ content: 'It begins' }), hold(new Promise(() => {}))]
      : chatAnswer('done');
  });
  const chat = here.cli.startInTerminal('chat');
  const type = (text: string): void => void chat.child.stdin?.write(text);
  await chat.saw(/> /);
  type('one\r');
  await chat.saw(/It begins/);

  type('\x03');
  await chat.saw(/It begins\r\nStopped\.\r\n.*> /);
  type('two\r');
  await chat.saw(/done\r\n.*> /);
  type('\x03');

  assert.equal((await chat.ended).code, 0);
  assert.deepEqual(
    chatsOf(here)[1]?.messages.map((m) => m.content),
    ['one', 'It begins', 'two'],
  );
});

test('a refusal is printed and the conversation continues without the question', {
  skip: noTerminal,
}, async (t) => {
  const here = await fixture(t, ['m']);
  const chat = here.cli.startInTerminal('chat', 'none');
  const type = (text: string): void => void chat.child.stdin?.write(text);
  await chat.saw(/> /);

  type('one\r');
  await chat.saw(/There is no model none[\s\S]*> /);
  type('/model m\r');
  await chat.saw(/The model is m/);
  type('two\r');
  await chat.saw(/You said two/);
  type('\x04');

  await chat.ended;
  assert.deepEqual(chatsOf(here)[0]?.messages, [{ role: 'user', content: 'two' }]);
});

test('with several models a person picks one of the list', { skip: noTerminal }, async (t) => {
  const here = await fixture(t, ['a', 'b']);
  const chat = here.cli.startInTerminal('chat');
  await chat.saw(/1 {2}a .*\r\n2 {2}b .*\r\n.*Which one\?/);

  chat.child.stdin?.write('2\r');
  await chat.saw(/Talking to b/);
  chat.child.stdin?.write('\x04');

  assert.equal((await chat.ended).code, 0);
});

test('a conversation goes on after the proxy was restarted, with a new key', {
  skip: noTerminal,
}, async (t) => {
  const { cli } = await fixture(t);
  const chat = cli.startInTerminal('chat');
  await chat.saw(/> /);
  chat.child.stdin?.write('one\r');
  await chat.saw(/You said one\r\n.*> /);

  assert.equal((await cli.run('proxy', 'restart')).code, 0);
  chat.child.stdin?.write('two\r');
  await chat.saw(/You said two/);
  chat.child.stdin?.write('\x04');

  assert.equal((await chat.ended).code, 0);
});

test('while the first token is awaited a terminal says so, and takes it back', {
  skip: noTerminal,
}, async (t) => {
  let answer = (): void => {};
  const waits = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const { cli } = await fixture(t, ['m'], () => [hold(waits), ...chatAnswer('done')]);
  const chat = cli.startInTerminal('chat', '-m', 'x');

  await chat.saw(/waiting for the first token/);
  answer();

  assert.match((await chat.ended).stdout, /waiting for the first token[\s\S]*\r\x1b\[Kdone\r\n$/);
});
