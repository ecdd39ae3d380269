// Loaded by Node before each program of the local stack. The program's stdin is a pipe that its supervisor holds open: when the supervisor
// has ended, even together with its watchdog, the program is asked to stop, and killed if it does not.
import { Socket } from 'node:net';
import process from 'node:process';

const STDIN = 0;
const GRACE_MS = 10_000;

const supervisor = new Socket({ fd: STDIN, readable: true, writable: false });
supervisor.on('error', () => undefined); // 'close' follows.
supervisor.once('close', () => {
  process.kill(process.pid, 'SIGTERM');
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), GRACE_MS).unref();
});
supervisor.resume();
supervisor.unref();
