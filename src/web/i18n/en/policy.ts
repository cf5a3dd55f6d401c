/** Texts of the page *Policy*. */
export const policy = {
  title: 'Policy',
  intro: 'Rules for all keys and addresses. One entry in each line.',
  fields: {
    allowIps: 'Allowed addresses (empty: all)',
    denyIps: 'Denied addresses',
    trustedProxies: 'Trusted proxies (their X-Forwarded-For is believed)',
    allowOrigins: 'Allowed browser origins',
    requestsPerMinute: 'Requests a minute, all keys together',
    requestsPerMinutePerKey: 'Requests a minute for each key without a rate of its own',
    requestsPerMinutePerAddress: 'Requests a minute for each address',
  },
  saved: 'Saved. Running proxies use the new policy.',
  confirmTitle: 'Save this policy?',
  confirm: 'Save anyway',
};
