/** The in-process controller keeps the guarantees of the port. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import {
  assertNothingLeft,
  type ControllerHarness,
  controllerContract,
  never,
  startOptions,
  until,
} from '../../test/contracts/controller-contract.ts';
import { assertNoLeaks, type Stock, takeStock } from '../../test/helpers/leaks.ts';
import { proxyHome } from '../../test/helpers/proxy-home.ts';
import { markerOf, tinyProxyFactory } from '../../test/helpers/tiny-proxy.ts';
import { InProcessController } from './in-process-controller.ts';

let stock: Stock;
before(() => {
  stock = takeStock();
});
after(() => assertNoLeaks(stock));

function harnessOf(t: Parameters<typeof proxyHome>[0]): ControllerHarness {
  const home = proxyHome(t, async () => {});
  const controller = new InProcessController(tinyProxyFactory({ paths: home.paths, handles: home.proxies }));
  return {
    controller,
    handles: () => home.proxies.listHandles(),
    sockets: home.sockets,
    processes: () => [],
    midway: (profile) => until(() => existsSync(markerOf(home.paths, profile))),
  };
}

controllerContract('in this process', async (t) => harnessOf(t));

test('a proxy that comes up although its start was aborted is ended again', async (t) => {
  const home = proxyHome(t, async () => {});
  const factory = tinyProxyFactory({ paths: home.paths, handles: home.proxies });
  const leaving = new AbortController();
  const reason = new Error('changed my mind');
  // A factory that ignores its signal.
  const controller = new InProcessController(async (options) => {
    const proxy = await factory(options, never);
    leaving.abort(reason);
    return proxy;
  });
  await assert.rejects(controller.start(startOptions(), leaving.signal), reason);
  await assertNothingLeft({
    ...harnessOf(t),
    handles: () => home.proxies.listHandles(),
    sockets: home.sockets,
  });
});
