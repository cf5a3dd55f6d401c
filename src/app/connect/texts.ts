/** English texts around the settings of a client: what the reader must still do or know, and why a client could fail. */
import type { ConnectTexts } from '../../clients/advice.ts';
import { clientTexts } from '../../clients/texts.ts';
import { type EngineKindName, engineKind } from '../../core/engine/kinds.ts';

export const connectTexts: ConnectTexts = {
  clients: clientTexts,
  advice: {
    contextUnknown: ({ client, needed, engine, kind, model }) =>
      `${client} needs a context of ${needed} tokens or more; ${engine} does not report the context length of ${model}. ${larger(kind, model, needed)}`,
    keyPlaceholder: () =>
      'FLM_API_KEY stands for your key: export it, or give --key KEY or --new-key LABEL to have it filled in.',
    authorityFile: () =>
      "The file of flm's CA is on this machine: mount it into a container, and copy it to another machine or run `flm cert trust --device`.",
    clientCertificate: () => 'client.pem and client-key.pem stand for your client certificate and its key.',
    contextTooSmall: ({ client, needed, engine, kind, model, tokens }) =>
      `${client} needs a context of ${needed} tokens or more; ${model} has ${tokens} on ${engine}. ${larger(kind, model, needed)}`,
    elsewhere: ({ host, client }) =>
      `On another device, ${host} means that device: give a name or address of this machine that ${client} can reach with --host.`,
    noModel: () => 'No engine lists a model yet; replace MODEL by its name.',
    missingModel: ({ model, similar }) =>
      `No engine has the model ${model} now${similar === '' ? '' : `; similar names: ${similar}`}.`,
    route: ({ client, route, engines }) =>
      `${client} asks for ${route}, which ${engines} does not speak; flm does not translate.`,
    noKey: () => 'There is no key yet; make one with --new-key LABEL, or with `flm key create LABEL`.',
    publicHost: ({ name }) =>
      `The proxy does not answer for ${name}: stop it, and start it with --public-host ${name}.`,
    certificateNames: ({ names, flag, name }) =>
      `The certificate is for ${names}: give one of these with --host, or stop the proxy and start it with ${flag} ${name}.`,
    loopback: ({ name }) =>
      `The proxy listens only on this machine's loopback addresses; ${name} works only if it resolves to them.`,
    systemTrust: ({ client }) =>
      `${client} trusts what its system trusts: run \`flm cert trust\`, or for another machine \`flm cert trust --device\`.`,
    publicTrust: ({ client }) =>
      `${client} trusts only public CAs: start the proxy with --mode https-acme --domain NAME.`,
    namesAlone: ({ client }) =>
      `${client} accepts no address in a certificate of the local CA: give a name with --host, such as NAME.local.`,
    noClientCertificate: ({ file, client }) =>
      `The proxy accepts only clients with a certificate of ${file}; flm knows no setting of ${client} for a client certificate.`,
  },
};

function larger(kind: EngineKindName, model: string, tokens: number): string {
  return engineKind(kind).advice.context(model, tokens);
}
