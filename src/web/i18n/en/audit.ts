/** Texts of the page *Audit*. */
export const audit = {
  title: 'Audit',
  time: 'Time',
  actor: 'Who',
  action: 'Action',
  subject: 'Subject',
  filter: 'Action',
  change: 'Change',
  empty: 'Nothing was changed yet.',
  emptyHint: 'Changes of keys, policy, engines and proxies appear here.',
};
