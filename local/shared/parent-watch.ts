/**
 * Preload (`node --import …/parent-watch.js child.js`) that ends a child when its parent is gone.
 *
 * The parent gives the child a pipe as stdin and never writes to it. When the parent dies in any way, also by
 * SIGKILL, the kernel closes the pipe; the child then asks itself to stop, and is ended for good if it does not.
 */
const STOP_GRACE_MS = 5_000;

process.stdin.on('error', stop);
process.stdin.on('end', stop);
process.stdin.on('close', stop);
process.stdin.resume();
(process.stdin as unknown as { unref?: () => void }).unref?.();

let stopping = false;

function stop(): void {
  if (stopping) return;
  stopping = true;
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), STOP_GRACE_MS).unref();
  process.kill(process.pid, 'SIGTERM');
}
