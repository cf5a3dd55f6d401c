/**
 * The costs over TLS: a JSON request, an event of a burst, a full and a resumed handshake (TLS 1.3, P-256, the same
 * certificate). A handshake is the cost of a connection that closes right after it.
 */
import { measure, type Plan } from '../rounds.ts';
import type { Session, Subject } from '../session.ts';
import { streamPlan } from './events.ts';
import { costFigures, type Measure } from './measure.ts';
import { jsonPlan } from './requests.ts';

export const tls: Measure = {
  name: 'tls',
  run: async (session) => {
    const subjects = await startAll(session);
    const figures = [
      ...costFigures('tls', 'JSON 1 KB', await measure(subjects, jsonPlan(9, 0.7))),
      ...costFigures(
        'tls',
        'event, burst',
        await measure(subjects, streamPlan(7, { events: 200, pace: 'burst' })),
      ),
      ...costFigures('tls', 'full handshake', await measure(subjects, handshakePlan(7, 2_000, false))),
      ...costFigures('tls', 'resumed handshake', await measure(subjects, handshakePlan(7, 2_500, true))),
    ];
    for (const subject of subjects) await subject.stop();
    return figures;
  },
};

/** flm comes first and lends its certificate. */
async function startAll(session: Session): Promise<readonly Subject[]> {
  const [flm, ...others] = session.peers;
  if (flm === undefined) return [];
  const prepared = await flm.prepare({
    engines: [session.engine.port],
    keyCount: 64,
    tls: 'own',
  });
  const subjects = [await session.launch(flm, prepared)];
  const certificate = prepared.certificate?.();
  if (certificate === undefined) return subjects;
  for (const peer of others)
    if (peer.tls === true) subjects.push(await session.start(peer, { tls: certificate }));
  return subjects;
}

function handshakePlan(rounds: number, handshakes: number, resumed: boolean): Plan {
  return {
    clients: () => 1,
    rounds,
    units: () => handshakes,
    run: (clients) => clients.handshakes(handshakes, resumed),
    warmUp: (clients) => clients.handshakes(3_000, resumed),
  };
}
