import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deviceAnswer } from './device-page.ts';

const facts = { title: 'CA of <lab>', pem: 'PEM', der: Buffer.from('DER'), fingerprint: 'AB:CD' };
const openSteps = (userAgent: string): readonly string[] =>
  [
    ...deviceAnswer('/', facts, userAgent)
      .body.toString()
      .matchAll(/<details open><summary>([^<]+)/g),
  ].map(([, name = '']) => name);

test('the steps for the system of the visitor are open, and for an unknown one none', () => {
  const agents = {
    'Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/130 Mobile': 'Android',
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari': 'iPhone, iPad',
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari': 'macOS',
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) Firefox/140': 'Windows',
    'Mozilla/5.0 (X11; Linux x86_64) Firefox/140': 'Linux',
  };
  for (const [agent, name] of Object.entries(agents)) assert.deepEqual(openSteps(agent), [name], agent);
  assert.deepEqual(openSteps('<script>alert(1)</script>'), []);
});

test('a visitor with a link is told to open it afterwards, and names of the CA are text', () => {
  assert.doesNotMatch(deviceAnswer('/', facts).body.toString(), /open the link/);
  assert.match(deviceAnswer('/', { ...facts, hasLink: true }).body.toString(), /open the link that you got/);
  assert.match(deviceAnswer('/', facts).body.toString(), /<h1>CA of &lt;lab&gt;<\/h1>/);
});

test('the page is in the language of the visitor, with the same files and commands in each', () => {
  const pageIn = (language: 'en' | 'ja'): string =>
    deviceAnswer('/', { ...facts, hasLink: true }, '', language).body.toString();
  const partsOf = (page: string): readonly string[] =>
    [...page.matchAll(/href="[^"]+"|<code>[^<]+<\/code>|<(?:li|details|p)>/g)].map(([part]) => part);

  assert.match(pageIn('en'), /<html lang="en">/);
  assert.match(pageIn('ja'), /<html lang="ja">/);
  assert.deepEqual(partsOf(pageIn('ja')), partsOf(pageIn('en')));
  // Names and commands are not translated; a sentence has three words in a row.
  const prose = pageIn('ja').replaceAll(/<style>.*?<\/style>|<code>.*?<\/code>|<[^>]*>/gs, '');
  assert.doesNotMatch(prose.replace('CA of', ''), /[a-z]+ [a-z]+ [a-z]+/);
});
