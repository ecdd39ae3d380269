// The reader of a command's output may end before the command does: `make order | head -1`.

/** Ends the program, without a word, when what reads its output has ended. */
export function endWithReader(): void {
  process.stdout.on('error', () => process.exit(1));
}
