/** Texts of `flm usage` and `flm retention`. */
import type { CliCatalogue } from '../catalogue.ts';

const steps: Readonly<Record<string, string>> = { hour: '1時間', day: '1日', month: '1か月' };

export const usage: CliCatalogue['usage'] = {
  columns: {
    key: 'キー',
    model: 'モデル',
    engine: 'エンジン',
    ending: '結果',
    hour: '日時',
    day: '日付',
    month: '月',
    requests: 'リクエスト',
    input: '入力トークン',
    output: '出力トークン',
    tokens: 'トークン',
    cached: 'キャッシュ',
    trend: '推移',
  },
  total: '合計',
  other: 'その他',
  chat: 'flm chat',
  keyName: (label, id) => (label === null ? `${id}（削除済み）` : `${label}（${id}）`),
  unnamed: '-',
  none: (from, zone) => `${from}（${zone}）以降の使用量はありません。`,
  since: (from, to, zone) =>
    to === undefined
      ? `${from}以降の使用量です（タイムゾーン: ${zone}）。`
      : `${from}から${to}までの使用量です（タイムゾーン: ${zone}）。`,
  estimated:
    '~は推定値です。エンジンがトークン数を報告しなかったか、クライアントが途中で切断したリクエストがあります。',
  sinceAndTrend: (since, trend) => `${since}${trend}`,
  trend: (step) => `推移は${steps[step] ?? step}ごとです。`,
  help: 'リクエスト数とトークン数の推移を、キー、モデル、エンジン、結果ごとに表示します',
  options: {
    by: (groupings) => `グループ化の単位: ${groupings}。key,dayのように複数指定できます（既定ではkey）`,
    hours: '現在の1時間を含む時間数。--by hourでは既定で24',
    days: '今日を含む日数。既定では30',
    from: '2026-11-01などの最初の日、または日時',
    to: '最後の日、または日時。既定では現在',
    key: 'このキーだけを表示します。ローテーションの前後を含みます（複数指定可）',
    model: 'このモデルだけを表示します（複数指定可）',
    engine: 'このエンジンだけを表示します（複数指定可）',
    ending: (endings) => `この結果のリクエストだけを表示します: ${endings}（複数指定可）`,
    top: '上位のグループだけを表示し、ほかは1つにまとめます',
    timeZone: '時刻、日付、月のタイムゾーン。既定ではこのマシンのタイムゾーン',
    csv: '表計算ソフト用の表を出力します',
  },
  problems: {
    oneTime: (times) =>
      `--byに指定できるのは、hour、day、monthのうち1つだけです（指定値: ${times.join('、')}）。`,
    by: (groupings, given) =>
      `--byには、${groupings}のいずれか（複数可）を指定してください（指定値: ${given}）。`,
    timeZone: (given) =>
      `--time-zoneには、Asia/TokyoなどのIANAタイムゾーン名を指定してください（指定値: ${given}）。`,
    ending: (endings, given) =>
      `--endingには、次のいずれかを指定してください: ${endings}（指定値: ${given}）`,
    emptyRange: '期間が空です。--fromには、--toより前の日時を指定してください。',
    tooManyHours: (days) => `--by hourで表示できるのは${days}日間までです。--by dayを使ってください。`,
    daysOrFrom: '--daysと--fromは同時に指定できません。',
    oneStart: '--hours、--days、--fromのうち1つだけを指定してください。',
    moment: (flag) =>
      `${flag}には、2026-11-01などの日付、または2026-11-01T14:00Zなどの日時を指定してください。`,
    count: (flag) =>
      `${flag}には、1以上の${{ '--hours': '時間数', '--days': '日数', '--top': 'グループ数' }[flag]}を指定してください。`,
  },
};

export const retention: CliCatalogue['retention'] = {
  about: '使用量と監査ログの保存日数を表示または変更します',
  options: {
    hourly: '使用量を1時間単位で保存する日数。その後は1日単位で保存',
    daily: '使用量を1日単位で保存する日数',
    audit: '監査ログを保存する日数',
  },
  notWhole: (text) => `日数には整数を指定してください（指定された値: ${text}）。`,
  kept: '対象',
  days: '日数',
  hourly: '1時間ごとの使用量',
  daily: '1日ごとの使用量',
  audit: '監査ログ',
  changed: '保存期間を過ぎた記録は、1時間以内に削除されます。',
};
