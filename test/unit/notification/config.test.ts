import { describe, expect, it } from 'vitest';
import { loadConfig } from '#services/notification/config.ts';

describe('mail over smtp:', () => {
  it.each([
    { server: 'another machine', smtpUrl: 'smtp://mail.example:25', setting: undefined, isRequired: true },
    { server: 'another machine', smtpUrl: 'smtp://127.0.0.1.example:25', setting: undefined, isRequired: true },
    { server: 'another machine', smtpUrl: 'smtp://mail.example:25', setting: 'off', isRequired: false },
    { server: 'this machine', smtpUrl: 'smtp://127.0.0.1:25', setting: undefined, isRequired: false },
    { server: 'this machine', smtpUrl: 'smtp://[::1]:25', setting: undefined, isRequired: false },
    { server: 'this machine', smtpUrl: 'smtp://127.0.0.1:25', setting: 'required', isRequired: true },
  ])('to $server ($smtpUrl), SMTP_STARTTLS being $setting, requires STARTTLS: $isRequired', (row) => {
    const config = loadConfig({
      NOTIFICATION_DATABASE_URL: 'postgres://notification@127.0.0.1/notification',
      NATS_URL: 'nats://notification@127.0.0.1:4222',
      SMTP_URL: row.smtpUrl,
      ...(row.setting === undefined ? {} : { SMTP_STARTTLS: row.setting }),
    });

    expect(config.smtpStartTls).toBe(row.isRequired);
  });
});
