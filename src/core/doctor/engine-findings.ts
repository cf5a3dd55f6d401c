/** Findings about engines: those that do not answer, have no model or little capacity, or answer others without a key. */
import ipaddr from 'ipaddr.js';
import { canProbablyChat } from '../engine/chat-models.ts';
import type { EngineStatus } from '../engine/directory.ts';
import type { EngineExposure } from '../engine/engine-discovery.ts';
import { engineKind } from '../engine/kinds.ts';
import { reachOf } from '../proxy/reach.ts';
import type { Warning } from '../proxy/warning.ts';
import { downWarning, noEngine } from '../proxy/warnings.ts';
import { closingSteps } from './closing-steps.ts';
import type { Finding } from './report.ts';

/** `isWatched`: a running proxy reported the engines, and warns of those that are down. */
export function engineFindings(engines: readonly EngineStatus[], isWatched: boolean): readonly Finding[] {
  const own = (warning: Warning, severity: Finding['severity'], subject: string | null): Finding => ({
    ...warning,
    severity,
    check: 'engines',
    subject,
  });
  const unseen = isWatched
    ? []
    : [
        ...(engines.length === 0 ? [own(noEngine, 'warning', null)] : []),
        ...engines
          .filter(({ state }) => state === 'down')
          .map((engine) => own(downWarning(engine), 'error', engine.ref.id)),
      ];
  const empty = engines
    .filter(({ state, models }) => state === 'running' && models.length === 0)
    .map(
      ({ ref }): Finding => ({
        code: 'ENGINE_NO_MODEL',
        severity: 'warning',
        check: 'engines',
        subject: ref.id,
        message: `Engine ${ref.id} answers but has no model; load one in the engine.`,
        command: `flm engine test ${ref.id}`,
      }),
    );
  return [...unseen, ...empty];
}

/** Fewer tokens than the first request of a coding client has. */
const smallContext = 16_384;

/** What an engine reports of its capacity. The demo engine has none that matters. */
export function capacityFindings(engines: readonly EngineStatus[]): readonly Finding[] {
  return engines
    .filter(({ ref, state }) => state !== 'down' && ref.kind !== 'demo')
    .flatMap(({ ref, models, slots }): readonly Finding[] => {
      const { id, kind } = ref;
      const common = {
        severity: 'notice',
        check: 'engines',
        subject: id,
        command: `flm engine test ${id}`,
      } as const;
      const small = models.find(
        ({ id: model, contextLength = smallContext }) =>
          contextLength < smallContext && canProbablyChat(model),
      );
      return [
        ...(small === undefined
          ? []
          : [
              {
                ...common,
                code: 'ENGINE_SMALL_CONTEXT' as const,
                message: `Engine ${id} gives the model ${small.id} a context of ${small.contextLength} tokens, too few for coding clients. ${engineKind(kind).advice.context(small.id, smallContext)}`,
              },
            ]),
        ...(slots === 1
          ? [
              {
                ...common,
                code: 'ENGINE_ONE_SLOT' as const,
                message: `Engine ${id} handles one request at a time, so other clients wait; raise its number of parallel requests if it has the memory.`,
              },
            ]
          : []),
      ];
    });
}

export function exposureFindings(
  { ref }: Pick<EngineStatus, 'ref'>,
  { isOwn, addresses, paths, isAnyOrigin }: EngineExposure,
  platform: NodeJS.Platform,
): readonly Finding[] {
  const { id, kind } = ref;
  const common = { check: 'exposure', subject: id, command: `flm engine test ${id}` } as const;
  const findings: Finding[] = [];
  if (addresses.length > 0) {
    const isPublic = reachOf(addresses.filter(ipaddr.isValid), []) === 'the internet';
    const seen = `${addresses.join(', ')} (${paths.join(', ')})`;
    if (isOwn)
      findings.push({
        ...common,
        code: 'ENGINE_EXPOSED',
        severity: isPublic ? 'error' : 'warning',
        message: `Engine ${id} answers without a key on ${seen}, so others can bypass flm; ${engineKind(kind).advice.exposure}.`,
        steps: closingSteps({ kind, port: ref.address.port, platform }),
      });
    else
      findings.push({
        ...common,
        code: 'ENGINE_OPEN',
        severity: isPublic ? 'error' : 'notice',
        message: `Engine ${id} answers without a key at ${seen}, so everyone who reaches this address can bypass flm; give the engine a key, or let its firewall allow only flm.`,
      });
  }
  if (isAnyOrigin)
    findings.push({
      ...common,
      code: 'ENGINE_ANY_ORIGIN',
      severity: 'notice',
      message: `Engine ${id} allows web pages of every origin (CORS), so a page in a browser that reaches it can use it; restrict its allowed origins.`,
    });
  return findings;
}
