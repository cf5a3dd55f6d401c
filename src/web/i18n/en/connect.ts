/** Texts of the page *Connect*. Warnings and further notes come from flm, in English as `flm connect --json` prints them. */
export const connect = {
  title: 'Connect',
  client: 'Client',
  proxy: 'Proxy',
  proxyName: (id: string, profile: string): string => `${profile} (${id})`,
  model: 'Model',
  baseUrl: 'Base URL',
  key: 'Key',
  addressLabel: 'Address',
  address: (origin: string, reach: string): string => `${origin} (${reach})`,
  reach: { 'this machine': 'this machine only', network: 'also from the network' },
  otherHost: 'another name or address …',
  host: 'Host name or address',
  useHost: 'Use it',
  newKey: 'Create a key and fill it in',
  keyHint: 'FLM_API_KEY in the settings stands for a key. Create one here to have it filled in.',
  keyFilled: (label: string): string =>
    `The key of ${label} is filled in below. Only this page has it: it is gone when you leave the page.`,
  forgetKey: 'Forget it',
  qr: 'QR codes for a phone',
  test: 'Test',
  testText: 'Check that the proxy answers at this address, or wait for the first request of the client.',
  checkAddress: 'Check the address',
  wait: 'Wait for a request',
  waitAgain: 'Wait for another request',
  waiting: (name: string): string =>
    `Waiting for a request of ${name} … Requests without a valid key are not shown here; \`flm tail\` shows them.`,
  answers: (origin: string, models: number): string =>
    `✓ ${origin} answers and lists ${models === 1 ? '1 model' : `${models} models`}.`,
  /** `reason` completes "The proxy ...". */
  answersNot: (origin: string, reason: string): string => `✗ ${origin}: the proxy ${reason}.`,
  refused: (method: string, path: string, status: number, code: string): string =>
    `✗ A request was refused: ${method} ${path}, status ${status} ${code}. More:`,
  arrived: (key: string, model: string, time: string): string =>
    `✓ It came through: key ${key}, model ${model}, ${time}.`,
  /** A warning or note of flm; `code` and `values` are those of its text. */
  advice: (text: string, _code: string, _values: Readonly<Record<string, string | number>>): string => text,
  noProxy: 'No proxy is running.',
  noProxyHint: 'Clients connect to a proxy. Start one:',
};
