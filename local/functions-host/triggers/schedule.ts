import { type CronExpression, CronExpressionParser } from 'cron-parser';
import { HostError } from '../errors.js';
import { parseTimeSpan } from '../timespan.js';

/** When a timer function is due. */
export interface Schedule {
  /** False for a fixed interval, as the timer extension reports it. */
  readonly adjustForDst: boolean;
  /** First due time after `afterMs` (ms since the epoch). */
  nextMs(afterMs: number): number;
}

/** Days searched for a date that fits both the day-of-month and the day-of-week field: a whole cycle of weekdays. */
const MAX_DAYS_SEARCHED = 366 * 28;

/** Signs of other cron dialects that NCRONTAB does not have. */
const FOREIGN = /[?LW#H@]/;

const DAY_NAMES = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

function invalid(text: string, why: string): HostError {
  return new HostError(
    'binding-invalid',
    `schedule "${text}" ${why}; expected six fields "second minute hour day month weekday" or a time span`,
  );
}

function parseCron(text: string, expression: string, afterMs: number, tz: string): CronExpression {
  try {
    return CronExpressionParser.parse(expression, { currentDate: afterMs, tz });
  } catch (error) {
    throw invalid(text, error instanceof Error ? `is not valid (${error.message})` : 'is not valid');
  }
}

/** Midnight that begins the day after `ms` in the time zone, found by stepping whole hours. */
function nextDay(text: string, ms: number, tz: string): number {
  return parseCron(text, '0 0 0 * * *', ms, tz).next().getTime() - 1;
}

/** In NCRONTAB a day must fit both day fields; other crons take a day that fits either. */
function bothDays(text: string, fields: string[], tz: string): Schedule {
  const byDate = [...fields.slice(0, 5), '*'].join(' ');
  const weekdays = new Set(
    parseCron(text, ['0', '0', '0', '*', '*', fields[5]].join(' '), 0, tz).fields.dayOfWeek.values.map(
      (day) => Number(day) % 7,
    ),
  );
  const weekday = new Intl.DateTimeFormat('en-US', { weekday: 'short', timeZone: tz });
  parseCron(text, byDate, 0, tz);
  return {
    adjustForDst: true,
    nextMs(afterMs) {
      let at = afterMs;
      for (let day = 0; day < MAX_DAYS_SEARCHED; day += 1) {
        const due = parseCron(text, byDate, at, tz).next().getTime();
        if (weekdays.has(DAY_NAMES.indexOf(weekday.format(due).toLowerCase()))) return due;
        at = nextDay(text, due, tz);
      }
      throw invalid(text, `never comes within ${MAX_DAYS_SEARCHED} days`);
    },
  };
}

/**
 * Reads the schedule of a timer trigger: NCRONTAB with six fields (or five, for second 0), or a TimeSpan.
 * @param tz IANA time zone of WEBSITE_TIME_ZONE
 * @throws HostError `binding-invalid`
 */
export function parseSchedule(text: string, tz = 'UTC'): Schedule {
  const trimmed = text.trim();
  const intervalMs = parseTimeSpan(trimmed);
  if (intervalMs !== undefined) {
    if (intervalMs < 1) throw invalid(text, 'is an interval of nothing');
    return { adjustForDst: false, nextMs: (afterMs) => afterMs + intervalMs };
  }
  const given = trimmed.split(/\s+/);
  const fields = given.length === 5 ? ['0', ...given] : given;
  if (fields.length !== 6) throw invalid(text, `has ${given.length} fields`);
  const names = trimmed.replace(
    /\b(jul|mar|apr|feb|jan|jun|may|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat)\w*/gi,
    '',
  );
  if (FOREIGN.test(names)) throw invalid(text, 'uses a sign NCRONTAB does not have');
  if (fields[3] !== '*' && fields[5] !== '*') return bothDays(text, fields, tz);
  const expression = fields.join(' ');
  parseCron(text, expression, 0, tz);
  return {
    adjustForDst: true,
    nextMs: (afterMs) => parseCron(text, expression, afterMs, tz).next().getTime(),
  };
}
