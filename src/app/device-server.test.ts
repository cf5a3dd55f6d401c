import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serveDevices } from './device-server.ts';

const facts = { title: 'CA of lab', pem: 'PEM', der: Buffer.from('DER'), fingerprint: 'AB:CD' };

test('a device gets the page in the first of its languages that the page has, and caches keep them apart', async (t) => {
  const server = await serveDevices(facts, 0, () => {});
  t.after(() => server.close());
  const languageFor = async (accepted: string): Promise<string | undefined> => {
    const response = await fetch(`http://127.0.0.1:${server.port}/`, {
      headers: { 'accept-language': accepted },
    });
    assert.equal(response.headers.get('vary'), 'Accept-Language');
    return /<html lang="(\w+)">/.exec(await response.text())?.[1];
  };

  assert.equal(await languageFor('ja-JP,en;q=0.5'), 'ja');
  assert.equal(await languageFor('fr, ja;q=0.4, en;q=0.8'), 'en');
  assert.equal(await languageFor('fr'), 'en');
});
