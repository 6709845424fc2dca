/**
 * Disturbs a running fleet at random moments. Several disturbances go on at the same time: a process may be killed while
 * it is stopped, while another one is stopped, and while another one starts again.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";

/** The processes of a fleet, by kind. */
export type MemberKind = "allocator" | "relay" | "server";

/** What can happen to a fleet. */
export type Disturbance =
  | `kill-${MemberKind}`
  | `pause-${MemberKind}`
  /** The machine's clock is set, by up to ten years. */
  | "set-clock";

/** One process of the fleet. */
export interface Member {
  readonly kind: MemberKind;
  /** Kills it with SIGKILL, sees it dead, and starts it again. Resolves when its replacement has served. */
  readonly kill: () => Promise<void>;
  /** Stops it with SIGSTOP. Returns a function that continues it, unless it was killed in between. */
  readonly pause: () => () => void;
}

/** The parts of a fleet. */
export interface DisturbedFleet {
  readonly members: readonly Member[];
  /** Sets the clock that the processes see this many seconds ahead of the machine's. */
  readonly setClock?: ((seconds: number) => Promise<void>) | undefined;
}

/** When and how to disturb. */
export interface ChaosOptions {
  /** Disturbances at the same time. */
  readonly hands: number;
  /** Longest time between two disturbances of one hand, in milliseconds. The shortest is 0. */
  readonly calmMsMax: number;
  /** Longest time for which a process is stopped, in milliseconds. */
  readonly pauseMsMax: number;
  /** Returns a number from 0 to 1, as `Math.random` does. */
  readonly random: () => number;
}

/** How often something happened. */
export interface ChaosCounts {
  readonly disturbances: Readonly<Partial<Record<Disturbance, number>>>;
  /** Kills of a process that was stopped. */
  readonly killsOfPaused: number;
  /** Kills of a process while another one was stopped. */
  readonly killsWhilePaused: number;
  /** Kills of a process while another one was dead or starting again. */
  readonly killsWhileRestarting: number;
  /** Milliseconds from each kill until the replacement had served. */
  readonly restartsMs: Readonly<Record<MemberKind, readonly number[]>>;
}

/** Steps of a clock, in seconds: two hours and ten years, either way, and back to the right time. */
const clockSteps = [7200, -7200, 315_360_000, -315_360_000, 0];

/** How often a kind is chosen, compared with the others. */
const weights: Readonly<Record<Disturbance, number>> = {
  "kill-allocator": 4,
  "kill-relay": 2,
  "kill-server": 2,
  "pause-allocator": 1,
  "pause-relay": 1,
  "pause-server": 1,
  "set-clock": 1,
};

/** Disturbs a fleet. */
export class Chaos {
  readonly #fleet: DisturbedFleet;
  readonly #options: ChaosOptions;
  readonly #disturbances: Partial<Record<Disturbance, number>> = {};
  readonly #overlaps = { killsOfPaused: 0, killsWhilePaused: 0, killsWhileRestarting: 0 };
  readonly #restartsMs: Record<MemberKind, number[]> = { allocator: [], relay: [], server: [] };
  /** Processes that are dead, or whose replacement has not served yet. */
  readonly #down = new Set<Member>();
  readonly #pauses = new Set<{ readonly member: Member }>();
  /** Kinds that have begun at least once. */
  readonly #begun = new Set<Disturbance>();
  #killsLeft = 0;

  constructor(fleet: DisturbedFleet, options: ChaosOptions) {
    this.#fleet = fleet;
    this.#options = options;
  }

  get counts(): ChaosCounts {
    return { disturbances: { ...this.#disturbances }, ...this.#overlaps, restartsMs: this.#restartsMs };
  }

  /**
   * Kills this many processes, and disturbs the fleet in other ways meanwhile. The first run goes on until every kind
   * has happened. Resolves when all processes serve again.
   */
  async run(kills: number): Promise<void> {
    this.#killsLeft = kills;
    await Promise.all(Array.from({ length: this.#options.hands }, () => this.#runHand()));
  }

  async #runHand(): Promise<void> {
    const { calmMsMax, random } = this.#options;
    while (this.#hasWork()) {
      await delay(calmMsMax * random());
      const kind = this.#draw();
      if (kind !== undefined) await this.#disturb(kind);
    }
  }

  #hasWork(): boolean {
    return (
      this.#killsLeft > 0 || kindsOf(this.#fleet).some((kind) => !isKill(kind) && !this.#begun.has(kind))
    );
  }

  /** Draws one of the kinds that are possible now. Those that never happened come first, so a short run has them. */
  #draw(): Disturbance | undefined {
    const possible = kindsOf(this.#fleet).filter((kind) =>
      isKill(kind)
        ? this.#killsLeft > 0 && this.#victims(kind).length > 0
        : (this.#killsLeft > 0 || !this.#begun.has(kind)) &&
          (kind === "set-clock" || this.#victims(kind).length > 0),
    );
    const fresh = possible.filter((kind) => !this.#begun.has(kind));
    return this.#choose(
      (fresh.length > 0 ? fresh : possible).flatMap((kind) =>
        new Array<typeof kind>(weights[kind]).fill(kind),
      ),
    );
  }

  /** Processes that can be killed or stopped. If there are several, at least one of them always runs. */
  #victims(kind: Disturbance): readonly Member[] {
    const all = this.#fleet.members.filter((member) => kind.endsWith(`-${member.kind}`));
    const up = all.filter((member) => !this.#down.has(member));
    if (isKill(kind)) return all.length > 1 && up.length === 1 ? [] : up;
    const paused = [...this.#pauses].map(({ member }) => member);
    return up.filter((member) => !paused.includes(member));
  }

  #choose<T>(all: readonly T[]): T | undefined {
    return all[Math.floor(this.#options.random() * all.length)];
  }

  async #disturb(kind: Disturbance): Promise<void> {
    this.#begun.add(kind);
    if (kind === "set-clock") await this.#fleet.setClock!(this.#choose(clockSteps)!);
    else if (isKill(kind)) await this.#kill(this.#choose(this.#victims(kind))!);
    else await this.#pause(this.#choose(this.#victims(kind))!);
    this.#disturbances[kind] = (this.#disturbances[kind] ?? 0) + 1;
  }

  async #kill(member: Member): Promise<void> {
    this.#killsLeft--;
    for (const pause of this.#pauses) {
      if (pause.member !== member) continue;
      this.#pauses.delete(pause);
      this.#overlaps.killsOfPaused++;
    }
    if (this.#pauses.size > 0) this.#overlaps.killsWhilePaused++;
    if (this.#down.size > 0) this.#overlaps.killsWhileRestarting++;
    this.#down.add(member);
    const startMs = performance.now();
    await member.kill();
    this.#restartsMs[member.kind].push(performance.now() - startMs);
    this.#down.delete(member);
  }

  async #pause(member: Member): Promise<void> {
    const resume = member.pause();
    const pause = { member };
    this.#pauses.add(pause);
    await delay(this.#options.pauseMsMax * this.#options.random());
    this.#pauses.delete(pause);
    resume();
  }
}

const isKill = (kind: Disturbance): boolean => kind.startsWith("kill-");

function kindsOf({ members, setClock }: DisturbedFleet): Disturbance[] {
  const kinds = new Set(members.map(({ kind }) => kind));
  const all: Disturbance[] = [...kinds].flatMap((kind) => [
    `kill-${kind}` as const,
    `pause-${kind}` as const,
  ]);
  return setClock === undefined ? all : [...all, "set-clock"];
}
