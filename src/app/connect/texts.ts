/** English texts around the settings of a client: what the reader must still do or know, and why a client could fail. */
import { clientTexts } from '../../clients/texts.ts';
import { engineKind } from '../../core/engine/kinds.ts';
import type { ModelContext } from './model-context.ts';

export const connectTexts = {
  clients: clientTexts,
  context: {
    tooSmall: (client: string, needed: number, found: ModelContext): string =>
      `${client} needs a context of ${needed} tokens or more; ${found.model} has ${found.tokens} on ${found.engine}. ${larger(found, needed)}`,
    unknown: (client: string, needed: number, found: ModelContext): string =>
      `${client} needs a context of ${needed} tokens or more; ${found.engine} does not report the context length of ${found.model}. ${larger(found, needed)}`,
  },
  keyPlaceholder:
    'FLM_API_KEY stands for your key: export it, or give --key KEY or --new-key LABEL to have it filled in.',
  authorityFile:
    "The file of flm's CA is on this machine: mount it into a container, and copy it to another machine or run `flm cert trust --device`.",
  clientCertificate: 'client.pem and client-key.pem stand for your client certificate and its key.',
  warnings: {
    elsewhere: (host: string, client: string): string =>
      `On another device, ${host} means that device: give a name or address of this machine that ${client} can reach with --host.`,
    noModel: 'No engine lists a model yet; replace MODEL by its name.',
    missingModel: (model: string, similar: string): string =>
      `No engine has the model ${model} now${similar === '' ? '' : `; similar names: ${similar}`}.`,
    route: (client: string, route: string, engines: string): string =>
      `${client} asks for ${route}, which ${engines} does not speak; flm does not translate.`,
    noKey: 'There is no key yet; make one with --new-key LABEL, or with `flm key create LABEL`.',
    publicHost: (name: string): string =>
      `The proxy does not answer for ${name}: stop it, and start it with --public-host ${name}.`,
    certificateNames: (names: string, flag: string, name: string): string =>
      `The certificate is for ${names}: give one of these with --host, or stop the proxy and start it with ${flag} ${name}.`,
    loopback: (name: string): string =>
      `The proxy listens only on this machine's loopback addresses; ${name} works only if it resolves to them.`,
    systemTrust: (client: string): string =>
      `${client} trusts what its system trusts: run \`flm cert trust\`, or for another machine \`flm cert trust --device\`.`,
    publicTrust: (client: string): string =>
      `${client} trusts only public CAs: start the proxy with --mode https-acme --domain NAME.`,
    namesAlone: (client: string): string =>
      `${client} accepts no address in a certificate of the local CA: give a name with --host, such as NAME.local.`,
    clientCertificate: (file: string | undefined, client: string): string =>
      `The proxy accepts only clients with a certificate of ${file}; flm knows no setting of ${client} for a client certificate.`,
  },
};

export type ConnectTexts = typeof connectTexts;

function larger({ kind, model }: ModelContext, tokens: number): string {
  return engineKind(kind).advice.context(model, tokens);
}
