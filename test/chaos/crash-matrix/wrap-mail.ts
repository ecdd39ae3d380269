// The wrapper of the mail transport. "After" a mail means: the server has accepted it.
import Mail from 'nodemailer/lib/mailer';
import type { Trigger } from './trigger.ts';

type SendMail = (this: Mail, mail: object) => Promise<unknown>;

/** Wraps every mail transport of this process. */
export function wrapMail(trigger: Trigger): void {
  const send = Mail.prototype.sendMail as SendMail;
  const wrapped: SendMail = async function (mail) {
    const operation = trigger.operation('call', 'SMTP mail');
    trigger.before(operation);
    const answer = await send.call(this, mail);
    trigger.after(operation, true);
    return answer;
  };
  Object.assign(Mail.prototype, { sendMail: wrapped });
}
