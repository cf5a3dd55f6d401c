/**
 * How a user keeps an engine of this machine away from the network, as steps for the operating system and for Docker. The
 * setting of the engine itself is in the advice of its kind.
 */
import { type EngineKindName, engineKind } from '../engine/kinds.ts';

export interface OpenEngine {
  readonly kind: EngineKindName;
  readonly port: number;
  readonly platform: NodeJS.Platform;
}

/** Sentences, the most likely first. */
export function closingSteps(engine: OpenEngine): readonly string[] {
  const { kind, port } = engine;
  const system = kind === 'ollama' ? ollamaStep(engine) : systemStep(engine);
  // Docker Desktop manages the port of its own runner.
  if (kind === 'docker-model-runner') return [];
  const [inside = port] = engineKind(kind).detection?.ports ?? [];
  return [
    system,
    `In Docker: publish the port only on this machine, with \`-p 127.0.0.1:${port}:${inside}\`.`,
  ];
}

function ollamaStep({ port, platform }: OpenEngine): string {
  if (platform === 'darwin')
    return `On macOS: run \`launchctl setenv OLLAMA_HOST 127.0.0.1:${port}\` and restart Ollama; a launchd job needs the variable under EnvironmentVariables of its plist.`;
  if (platform === 'win32')
    return `On Windows: run \`setx OLLAMA_HOST 127.0.0.1:${port}\`, quit Ollama in the notification area, and start it again.`;
  return `As a systemd service: run \`sudo systemctl edit ollama\`, add the lines \`[Service]\` and \`Environment="OLLAMA_HOST=127.0.0.1:${port}"\`, then run \`sudo systemctl restart ollama\`.`;
}

function systemStep({ port, platform }: OpenEngine): string {
  if (platform === 'darwin')
    return 'As a launchd job: change the address in ProgramArguments of its plist, then run `launchctl kickstart -k gui/$(id -u)/LABEL`.';
  if (platform === 'win32')
    return `On Windows: change the address where the engine is started, or block the port with \`netsh advfirewall firewall add rule name=engine dir=in action=block protocol=TCP localport=${port}\`.`;
  return 'As a systemd service: change the address with `sudo systemctl edit --full UNIT`, then run `sudo systemctl restart UNIT`.';
}
