// A clock and timers for `Engine.load` that only move when told to.

export class VirtualTime {
  #now = 0n;
  #timers = new Map();
  #given = 0;

  clock = () => this.#now;

  timers = {
    setTimeout: (ring, ms) => {
      this.#given += 1;
      this.#timers.set(this.#given, { at: this.#now + BigInt(ms) * 1_000_000n, ring });
      return this.#given;
    },
    clearTimeout: (timer) => this.#timers.delete(timer),
  };

  get armed() {
    return this.#timers.size;
  }

  /** Let `ms` pass, ringing what is due in its order. */
  async pass(ms) {
    const end = this.#now + BigInt(ms) * 1_000_000n;
    for (;;) {
      await this.settle();
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort(([a, one], [b, two]) => Number(one.at - two.at) || a - b)[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      if (due[1].at > this.#now) this.#now = due[1].at;
      due[1].ring();
    }
    this.#now = end;
    await this.settle();
  }

  /** Let everything happen that needs no time. */
  async settle() {
    for (let i = 0; i < 3; i += 1) await new Promise((resolve) => setImmediate(resolve));
  }
}
