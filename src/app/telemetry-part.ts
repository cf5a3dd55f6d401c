/**
 * Connects a proxy to an OpenTelemetry server, where its profile names one (`otlp`). The code is loaded only then, and
 * before the proxy is ready.
 */
import { telemetrySettings } from '../core/otlp/telemetry-settings.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { Start } from './proxy-parts.ts';

/** Undefined: nothing is sent. Throws PROXY_INVALID_CONFIG. */
export async function loadTelemetry({
  id,
  config,
  machine,
  logger,
  parts,
}: Start): Promise<Telemetry | undefined> {
  const settings = telemetrySettings(config.otlp, {
    environment: machine.environment,
    readText: (path) => machine.readSecret({ from: 'file', path }),
  });
  if (settings === undefined) return undefined;
  const [{ Telemetry }, { OtlpPost }, { attributesOf }, { names }] = await Promise.all([
    import('../telemetry/telemetry.ts'),
    import('../telemetry/otlp-post.ts'),
    import('../telemetry/otlp-json.ts'),
    import('../telemetry/semantic-conventions.ts'),
  ]);
  const { version, clock } = machine;
  const { endpoint, tracesUrl, metricsUrl, serviceName, resource } = settings;
  const telemetry = new Telemetry({
    settings,
    sender: {
      version,
      resource: attributesOf({
        ...Object.fromEntries(resource),
        [names.serviceName]: serviceName,
        [names.serviceVersion]: version,
        [names.serviceInstance]: id,
      }),
    },
    scheme: config.mode === 'local-http' ? 'http' : 'https',
    clock,
    post: new OtlpPost({ ...settings, userAgent: `flm/${version}` }),
    noMetrics: () =>
      logger.event('info', 'the telemetry server takes no metrics; only traces are sent', { endpoint }),
    changed(problem) {
      if (problem === undefined) logger.event('info', 'telemetry arrives again', { endpoint });
      else
        logger.event('warn', 'telemetry cannot be sent; requests are served as always', {
          endpoint,
          problem,
        });
    },
  });
  parts.defer(() => telemetry.close());
  logger.event('info', 'telemetry is sent to another server, without prompts, answers, keys and addresses', {
    endpoint,
    traces: tracesUrl !== undefined,
    metrics: metricsUrl !== undefined,
  });
  return telemetry;
}
